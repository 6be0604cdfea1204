"""All partners' statements of a month: asked for with one button, made by the workers, taken out as one ZIP."""

from functools import partial
from typing import Any

from django import forms
from django.db.models import Count, Q
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.office.finance.month_end import MonthForm
from loanfund.office.finance.statements import last_month
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.reporting.models import MonthItem, MonthRun
from loanfund.reporting.selectors import TieOut, tie_out_of
from loanfund.reporting.services import FORMATS, ask_month, open_month

READERS = (roles.FINANCE,)
State = MonthRun.State


class AskForm(MonthForm):
    """The month, and the files for each partner."""

    formats = forms.MultipleChoiceField(
        label="Files for each partner",
        choices=[(name, name.upper()) for name in FORMATS],
        widget=forms.CheckboxSelectMultiple,
    )


@page(
    "month-statements/",
    name="month_runs",
    readers=READERS,
    actors=READERS,
    menu="Month's statements",
    section="Finance",
)
def month_runs(request: HttpRequest) -> HttpResponse:
    """Ask for a month's statements, and the runs of before."""
    seat = take_seat(request)
    act = Act(
        "ask",
        "Make the statements",
        partial(_ask, seat),
        right=seat.holds(roles.FINANCE),
        form=AskForm,
        title="All partners for a month",
        says="One ZIP: every partner's files, the books beneath them, a manifest of digests and a sheet that ties it out.",
        arguments={"initial": {"month": last_month(seat.on)[0], "formats": ["pdf", "xlsx", "csv"]}},
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    runs = MonthRun.objects.filter(fund=seat.fund).select_related("asked_by").order_by("-id")
    context = {"desk": desk, "listing": listed(request, runs.annotate(**_counts()), per_page=20)}
    return show(
        request, "office/finance/month_runs.html", context, title="Month's statements", status=desk.status
    )


def _counts() -> dict[str, Any]:
    failed = Count("items", filter=Q(items__state=MonthItem.State.FAILED))
    return {
        "whole": Count("items"),
        "ready": Count("items", filter=~Q(items__state=MonthItem.State.OPEN)),
        "failed": failed,
    }


def _ask(seat: Seat, entries: Entries) -> Done:
    run = ask_month(
        fund=seat.fund, month=entries["month"], formats=entries["formats"], actor=seat.user, on=seat.on
    )
    return Done(
        f"The statements of {run.first_day:%B %Y} are being made.", reverse("admin:month_run", args=[run.pk])
    )


@page("month-statements/<int:key>/", name="month_run", readers=READERS, actors=(*READERS, roles.AUDITOR))
def month_run(request: HttpRequest, key: int) -> HttpResponseBase:
    """One run: how far it is, what could not be made and why, and its ZIP."""
    seat = take_seat(request)
    run = _run(seat, key)
    problem = ""
    if request.method == "POST":
        try:
            opened = open_month(run=run, actor=seat.user, on=seat.on)
        except Refused as refused:
            problem = refused.sentence
        else:
            name = f"statements-{run.first_day:%Y-%m}.zip"
            answer = FileResponse(opened, as_attachment=True, filename=name, content_type="application/zip")
            answer.headers["X-Content-Type-Options"] = "nosniff"
            answer.headers["Cache-Control"] = "private, no-store"
            return answer
    tie_out: TieOut | None = None
    try:
        tie_out = tie_out_of(run) if run.path else None
    except Refused as refused:
        problem = problem or refused.sentence
    failed = run.items.filter(state=MonthItem.State.FAILED).select_related("partner")
    context = {
        "run": run,
        "problem": problem,
        "tie_out": tie_out,
        "failed_items": failed,
        "trail": [("Month's statements", reverse("admin:month_runs"))],
    }
    title = f"Statements of {run.first_day:%B %Y}"
    return show(
        request, "office/finance/month_run.html", context, title=title, status=422 if problem else 200
    )


@page("month-statements/<int:key>/progress/", name="month_run_progress", readers=READERS)
def month_run_progress(request: HttpRequest, key: int) -> HttpResponse:
    """How far a run is: what its page asks for every second. When it ends, the page loads anew."""
    run = _run(take_seat(request), key)
    answer = render(request, "office/finance/parts/month_progress.html", {"run": run})
    if run.state != State.ASKED:
        answer["HX-Refresh"] = "true"
    return answer


def _run(seat: Seat, key: int) -> MonthRun:
    runs = MonthRun.objects.filter(fund=seat.fund).select_related("asked_by").annotate(**_counts())
    found: MonthRun = get_object_or_404(runs, pk=key)
    return found
