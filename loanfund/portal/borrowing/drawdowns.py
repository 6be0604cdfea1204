"""Asking for money under a facility, and following it until it has arrived."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.calculation.calendars import BusinessDayConvention
from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import conditions_standing, open_conditions, policy_in_force
from loanfund.parties.selectors import kyb_in_date, usable_accounts
from loanfund.parties.services.settlement import SIGNERS
from loanfund.parties.serving import request_key
from loanfund.parties.templatetags.money import amount
from loanfund.portal.access import Visit, partner_page, second_factor_first, show
from loanfund.portal.borrowing.finding import drawdown_of, facility_of
from loanfund.portal.borrowing.forms import DrawdownForm, ReasonForm
from loanfund.portal.company.sending import changed_by, send
from loanfund.portal.confirming import confirmed, with_code
from loanfund.reference.selectors import calendar
from loanfund.servicing.models import Drawdown
from loanfund.servicing.selectors import allowed_on_drawdown, available_commitment
from loanfund.servicing.services import cancel_drawdown, request_drawdown

State = Drawdown.State


@partner_page
@changed_by(*SIGNERS)
@confirmed
def drawdown_new(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """Ask for a drawdown: first what holds it up, else the form with what is available and from which day."""
    found = facility_of(visit, facility)
    policy = policy_in_force(visit.fund, visit.on)
    days = calendar(visit.fund.calendar)
    noticed = days.add_business_days(visit.on, policy.drawdown_notice_days)
    earliest = days.adjust(max(noticed, found.availability_start), BusinessDayConvention.FOLLOWING)
    accounts = list(usable_accounts(visit.partner, found.currency, visit.on))
    available = available_commitment(found)
    # Less than the smallest drawdown can only be drawn whole.
    rest = {"amount": amount(available, found.currency)} if 0 < available < policy.drawdown_minimum else {}
    form = DrawdownForm(
        request.POST or None,
        code=found.currency,
        accounts=accounts,
        initial={"wanted_on": earliest, **rest},
    )
    form = with_code(request, visit, form)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        made = request_drawdown(
            facility=found, request_key=request_key(request), actor=visit.user, on=visit.on, **entries
        )
        to = reverse("portal:drawdown", args=[visit.partner.number, made.number])
        return f"{made.number} is asked for. You can follow it here.", to

    back = reverse("portal:facility", args=[visit.partner.number, found.number])
    answer = send(request, form, act, back=back) if request.method == "POST" else None
    context = {
        "facility": found,
        "form": form,
        "available": available,
        "policy": policy,
        "earliest": earliest,
        "obstacles": [] if form.is_bound else _obstacles(visit, found, bool(accounts)),
        "may_ask": visit.may(*SIGNERS),
    }
    return answer or show(
        request, visit, "portal/borrowing/drawdown_new.html", context, status=422 if form.is_bound else 200
    )


def _obstacles(visit: Visit, facility: Facility, has_account: bool) -> list[tuple[str, str, str]]:
    """What would refuse any request today: a sentence, the words of a link, and where it leads (both may be empty)."""
    number, found = visit.partner.number, []
    if facility.state != Facility.State.AVAILABLE:
        found.append((f"{facility.number} is {facility.get_state_display()}: nothing can be drawn.", "", ""))
    elif visit.on > facility.availability_end:
        found.append(("The availability period is over.", "", ""))
    elif not available_commitment(facility):
        found.append(("Everything is drawn or asked for.", "", ""))
    if facility.event_of_default:
        found.append(("An event of default continues: nothing can be drawn until it is cured.", "", ""))
    if not kyb_in_date(visit.partner, visit.on):
        to = reverse("portal:papers", args=[number])
        found.append(("The check of your company is not in date.", "Renew its papers", to))
    if missing := open_conditions(facility):
        noun = "condition precedent is" if len(missing) == 1 else "conditions precedent are"
        to = reverse("portal:conditions", args=[number, facility.number])
        found.append((f"{len(missing)} {noun} open.", "Show what is missing", to))
    if not has_account:
        to = reverse("portal:accounts", args=[number])
        found.append(
            (f"No confirmed {facility.currency} account can be paid to yet.", "See the accounts", to)
        )
    return found


@partner_page
def drawdown(request: HttpRequest, visit: Visit, drawdown: str) -> HttpResponse:
    """One drawdown: how far it is, what it waits for, and what proves that it was paid."""
    found = drawdown_of(visit, drawdown)
    waits = found.state in {State.REQUESTED, State.APPROVED}
    missing = [
        one
        for one in conditions_standing(found.facility, found.number)
        if waits and not one.met and one.condition.scope == "each"
    ]
    context = {
        "drawdown": found,
        "loan": getattr(found, "loan", None),
        "missing": missing,
        "steps": _steps(found),
        "may_cancel": "cancel_drawdown" in allowed_on_drawdown(found, visit.user),
    }
    return show(request, visit, "portal/borrowing/drawdown.html", context)


def _steps(drawdown: Drawdown) -> list[dict[str, str]]:
    order = [State.REQUESTED, State.APPROVED, State.RELEASED, State.SETTLED]
    labels = ["Asked for", "Approved", "Released", "Paid"]
    if drawdown.state not in order:
        return [
            {"label": "Asked for", "state": "done"},
            {"label": "Withdrawn" if drawdown.state == State.CANCELLED else "Rejected", "state": "current"},
        ]
    at = order.index(State(drawdown.state))
    return [
        {"label": label, "state": "done" if n <= at else "current" if n == at + 1 else "todo"}
        for n, label in enumerate(labels)
    ]


@partner_page
@changed_by(*SIGNERS)
@second_factor_first
def cancel(request: HttpRequest, visit: Visit, drawdown: str) -> HttpResponse:
    """Withdraw a drawdown whose money has not left."""
    found = drawdown_of(visit, drawdown)
    back = reverse("portal:drawdown", args=[visit.partner.number, found.number])
    form = ReasonForm(request.POST or None)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        cancel_drawdown(drawdown=found, reason=entries["reason"], actor=visit.user, on=visit.on)
        return f"{found.number} is withdrawn. The amount is available again.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    can = "cancel_drawdown" in allowed_on_drawdown(found, visit.user)
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": f"Withdraw {found.number}",
            "lead": "The amount becomes available to draw again.",
            "form": form,
            "submit": "Withdraw it",
            "danger": True,
            "back": back,
            "back_words": found.number,
            "barred": "" if can else "It cannot be withdrawn by you, or not any more.",
        },
        status=422 if form.is_bound else 200,
    )
