"""One loan: where it stands, its schedule past and to come, and each night's interest explained."""

from datetime import date, timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.office.operations.facilities import statement_link
from loanfund.office.operations.fields import DayField
from loanfund.office.operations.seat import CREDIT, DESK, take_seat
from loanfund.office.pages import page, show
from loanfund.servicing.models import Loan
from loanfund.servicing.selectors import (
    Explanation,
    ScheduleRow,
    explain_interest,
    payoff,
    principal,
    schedule_of,
)

MOST_NIGHTS = 400
TONES = {"paid": "ok", "overdue": "bad", "due": "warn"}


class NightsForm(forms.Form):
    """The nights to explain."""

    first_day = DayField(label="First night")
    last_day = DayField(label="Last night")


@page("loans/<str:number>/", name="loan", readers=(*DESK, *CREDIT))
def loan(request: HttpRequest, number: str) -> HttpResponse:
    """A loan's standing, schedule and nights; the nights of the last month that is booked unless others are asked for."""
    seat = take_seat(request)
    one = get_object_or_404(
        Loan.objects.select_related("facility__partner", "facility__fund", "drawdown"),
        facility__fund=seat.fund,
        number=number,
    )
    last = seat.on - timedelta(days=1)
    usual = {"first_day": max(one.disbursed_on, last.replace(day=1)), "last_day": last}
    form = NightsForm(request.GET if "first_day" in request.GET else None, initial=usual)
    explained = _explained(one, form, usual)
    rows, problem = _schedule(one)
    context = {
        "loan": one,
        "principal": principal(one),
        "payoff": payoff(one, seat.on) if not problem else None,
        "rows": rows,
        "problem": problem,
        "form": form,
        "explained": explained,
        "statement_href": statement_link(number, seat.on),
        "trail": [
            ("Facilities", reverse("admin:facilities")),
            (one.facility.number, reverse("admin:facility", args=[one.facility.number])),
        ],
    }
    title = f"{number}, {one.facility.partner.legal_name}"
    return show(
        request, "office/operations/loan.html", context, title=title, status=422 if form.errors else 200
    )


def _schedule(one: Loan) -> tuple[list[tuple[ScheduleRow, str]], str]:
    """The rows with their tones, or the sentence that says why there are none."""
    try:
        return [(row, TONES.get(str(row.status), "")) for row in schedule_of(one)], ""
    except Refused as refused:
        return [], refused.sentence


def _explained(one: Loan, form: NightsForm, usual: dict[str, date]) -> Explanation | None:
    """The nights asked for; None when the form says what is wrong with them."""
    if form.is_bound and not form.is_valid():
        return None
    days = form.cleaned_data if form.is_bound else usual
    first, last = days["first_day"], days["last_day"]
    if (last - first).days > MOST_NIGHTS:
        form.add_error("last_day", f"Ask for {MOST_NIGHTS} nights at most; the accruals report has them all.")
        return None
    return explain_interest(one, first, last)
