"""Looking the answers over, handing the application in, its receipt, and taking it back."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.audit.selectors import history_of
from loanfund.origination.models.states import FINAL, State
from loanfund.origination.rights import SIGNS
from loanfund.origination.selectors import latest, preview_terms
from loanfund.origination.services import submit_application, weigh_impact, withdraw_application
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.applying.evidence import records_of
from loanfund.portal.applying.forms import ReasonForm
from loanfund.portal.applying.papers import paper_lines
from loanfund.portal.applying.standing import application_at, tasks_of, wanted_papers
from loanfund.portal.company.sending import changed_by, send
from loanfund.portal.keeping import typed_before


@partner_page
@changed_by(*SIGNS)
def check(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """Every answer once more, what is missing, and the button that hands it in."""
    found = application_at(visit, application)
    at = [visit.partner.number, found.number]
    receipt_at = reverse("portal:application_receipt", args=at)
    form = forms.Form(request.POST if request.method == "POST" else None)

    def act(_: dict[str, Any]) -> tuple[str, str]:
        submit_application(application=found, actor=visit.user, on=visit.on)
        return f"{found.number} is handed in.", receipt_at

    answer = send(request, form, act, back=receipt_at) if request.method == "POST" else None
    if answer is not None:
        return answer
    if found.state != State.DRAFT and not form.is_bound:
        return redirect(reverse("portal:application", args=at))
    wanted = wanted_papers(visit, found)
    tasks = tasks_of(visit, found, wanted)
    # Net assets may stay unknown: the assessment says so, and the committee reads it.
    missing = [task for task in tasks if task.state == "to do" and "purpose" not in task.href]
    context = {
        "application": found,
        "form": form,
        "missing": missing,
        "papers": paper_lines(visit, found),
        "records": records_of(found),
        "lines": weigh_impact(application=found, on=visit.on),
        "preview": _preview(visit, found),
        "may_sign": visit.may(*SIGNS),
    }
    return show(request, visit, "portal/applying/check.html", context, status=422 if form.is_bound else 200)


def _preview(visit: Visit, found: Any) -> Any:
    """What the request would cost at the policy's prices; None when these terms do not work yet."""
    try:
        return preview_terms(
            fund=visit.fund,
            amount=found.amount,
            tenor_months=found.tenor_months,
            profile=found.profile,
            on=visit.on,
            changes={"interest_only_months": found.interest_only_months},
        )
    except Refused:
        return None


@partner_page
def receipt(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """What was handed in, when and by whom: a page to print and keep."""
    found = application_at(visit, application)
    if found.submitted_on is None:
        raise Http404("This application was not handed in.")
    handed_in = [event for event in history_of(found) if event.action == "application.submit"]
    context = {
        "application": found,
        "event": handed_in[-1] if handed_in else None,
        "papers": [line for line in paper_lines(visit, found) if line["newest"]],
        "upload": found.uploads.first(),
        "assessment": latest(found).assessment,
    }
    return show(request, visit, "portal/applying/receipt.html", context)


@partner_page
@changed_by(*SIGNS)
def withdraw(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """Take the application back, with a reason."""
    found = application_at(visit, application)
    back = reverse("portal:application", args=[visit.partner.number, found.number])
    form = ReasonForm(request.POST or None, initial=typed_before(request))

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        withdraw_application(application=found, reason=entries["reason"], actor=visit.user, on=visit.on)
        return f"{found.number} is withdrawn.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    if answer is None and found.state in FINAL and not form.is_bound:
        return redirect(back)
    context = {"application": found, "form": form, "back": back, "may_sign": visit.may(*SIGNS)}
    return answer or show(
        request, visit, "portal/applying/withdraw.html", context, status=422 if form.is_bound else 200
    )
