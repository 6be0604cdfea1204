"""The drawdown desk: what is asked for, what speaks for and against it, and the three steps of three people."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import conditions_standing, fund_position
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import DayField, ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import CREDIT, DESK, MAKERS_AND_CHECKERS, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.models import SettlementAccount
from loanfund.parties.selectors import kyb_in_date
from loanfund.parties.templatetags.money import money
from loanfund.servicing import services
from loanfund.servicing.models import Drawdown
from loanfund.servicing.selectors import available_commitment, dues

State = Drawdown.State
WAITING = (State.REQUESTED, State.APPROVED, State.RELEASED)
NEXT_STEP = {
    State.REQUESTED: "to approve",
    State.APPROVED: "to release",
    State.RELEASED: "to settle",
    State.SETTLED: "settled",
    State.REJECTED: "rejected",
    State.CANCELLED: "withdrawn",
}
TONES = {State.REQUESTED: "warn", State.APPROVED: "info", State.RELEASED: "brand", State.SETTLED: "ok"}
CHOICES = [
    ("waiting", "Waiting", Q(state__in=WAITING)),
    *[(state.value, NEXT_STEP[state].capitalize(), Q(state=state)) for state in WAITING],
    ("settled", "Settled", Q(state=State.SETTLED)),
    ("ended", "Rejected or withdrawn", Q(state__in=[State.REJECTED, State.CANCELLED])),
    ("all", "All", Q()),
]
SEARCHED = ("number", "facility__number", "facility__partner__legal_name", "reference")


@page("drawdowns/", name="drawdowns", readers=(*DESK, *CREDIT), menu="Drawdowns", section="Operations")
def drawdowns(request: HttpRequest) -> HttpResponse:
    """Every drawdown, those that wait for somebody first."""
    seat = take_seat(request)
    rows = Drawdown.objects.filter(facility__fund=seat.fund).select_related(
        "facility__partner", "requested_by"
    )
    listing = listed(request, rows.order_by("wanted_on", "id"), choices=CHOICES, search=SEARCHED)
    for row in listing.page:
        row.step, row.tone = NEXT_STEP[State(row.state)], TONES.get(State(row.state), "")
        row.late = row.state in WAITING and row.wanted_on < seat.on
    return show(request, "office/operations/drawdowns.html", {"listing": listing}, title="Drawdowns")


class SettleForm(forms.Form):
    """What proves that the money arrived, and from which day it counts."""

    reference = forms.CharField(
        label="Bank reference or transaction hash",
        max_length=140,
        help_text="As it stands on the bank's or the chain's own record; each settles one drawdown.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    value_date = DayField(label="Value date", help_text="Interest starts on this day.")


class FailForm(ReasonForm):
    """Why a payment came back, and whether the request ends with it."""

    cancel = forms.BooleanField(
        label="End the request",
        required=False,
        help_text="Otherwise the amount stays earmarked for a new release.",
    )


@dataclass(frozen=True)
class Check:
    """One thing that must hold before money moves: whether it does, and what there is to know."""

    label: str
    text: str
    holds: bool
    href: str = ""


@page("drawdowns/<str:number>/", name="drawdown", readers=(*DESK, *CREDIT), actors=MAKERS_AND_CHECKERS)
def drawdown(request: HttpRequest, number: str) -> HttpResponse:
    """One drawdown: the facts for the decision, who has acted, and what is left to do."""
    seat = take_seat(request)
    related = (
        "facility__partner", "facility__fund", "settlement_account", "requested_by", "approved_by", "released_by",
        "settled_by", "loan",
    )  # fmt: skip
    one = get_object_or_404(
        Drawdown.objects.select_related(*related), facility__fund=seat.fund, number=number
    )
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    state = State(one.state)
    context = {
        "drawdown": one,
        "desk": desk,
        "checks": list(_checks(seat, one)) if state in WAITING else [],
        "steps": _steps(one),
        "waits": _waits(seat, one),
        "step": NEXT_STEP[state],
        "tone": TONES.get(state, "bad"),
        "history": timeline(one),
        "trail": [("Drawdowns", reverse("admin:drawdowns"))],
    }
    title = f"{one.number}, {one.facility.partner.legal_name}"
    return show(request, "office/operations/drawdown.html", context, title=title, status=desk.status)


def _checks(seat: Seat, one: Drawdown) -> Iterator[Check]:
    facility, partner = one.facility, one.facility.partner
    left = available_commitment(facility)
    yield Check("Left to draw after this one", money(left, one.currency), left >= 0)
    standing = conditions_standing(facility, one.number)
    missing = [row.condition.text for row in standing if not row.met]
    met = f"{len(standing) - len(missing)} of {len(standing)} met"
    yield Check(
        "Conditions precedent",
        f"{met}; open: {missing[0]}" if missing else met,
        not missing,
        reverse("admin:conditions", args=[facility.number]),
    )
    until = partner.kyb_valid_until
    in_date = kyb_in_date(partner, seat.on)
    yield Check(
        "Checks on the company",
        f"approved, good until {until:%d %b %Y}" if in_date and until else "not approved or run out",
        in_date,
    )
    yield _account(seat, one.settlement_account)
    default = facility.event_of_default
    yield Check("Event of default", "continues" if default else "none", not default)
    late = [due for due in dues(facility, on=seat.on) if due.days_past_due > 0]
    owed = sum((due.outstanding for due in late), start=left - left)
    yield Check("Arrears", f"{money(owed, one.currency)} late" if late else "nothing late", not late)
    available = facility.state == Facility.State.AVAILABLE
    until_day = f"drawdowns until {facility.availability_end:%d %b %Y}"
    yield Check("Facility", until_day if available else facility.get_state_display(), available)
    if one.state != State.RELEASED:
        cash = fund_position(seat.fund).cash
        yield Check("Cash of the fund", money(cash, one.currency), cash >= one.amount)


def _account(seat: Seat, account: SettlementAccount | None) -> Check:
    label = "Settlement account"
    if account is None:
        return Check(label, "none named in the request", holds=False)
    words = f"{account.label}, {account.institution}, {account.address}"
    if account.state != SettlementAccount.State.CONFIRMED or account.usable_from is None:
        return Check(label, f"{words} ({account.get_state_display()})", holds=False)
    if account.usable_from > seat.on:
        return Check(label, f"{words}: usable from {account.usable_from:%d %b %Y}", holds=False)
    return Check(label, words, holds=True)


def _steps(one: Drawdown) -> list[dict[str, str]]:
    names = (("Requested", State.REQUESTED), ("Approved", State.APPROVED), ("Released", State.RELEASED))
    order = [State.REQUESTED, State.APPROVED, State.RELEASED, State.SETTLED]
    ended = one.state in {State.REJECTED, State.CANCELLED}
    reached = order.index(State(one.state)) if not ended else 0
    found = [
        {"label": label, "state": "done" if order.index(state) <= reached else "todo"}
        for label, state in names
    ]
    if ended:
        return [found[0], {"label": NEXT_STEP[State(one.state)].capitalize(), "state": "current"}]
    found.append({"label": "Settled", "state": "done" if one.state == State.SETTLED else "todo"})
    for step in found:
        if step["state"] == "todo":
            step["state"] = "current"
            break
    return found


def _waits(seat: Seat, one: Drawdown) -> str:
    """Why somebody with the role cannot take the next step: it needs another person than those who acted."""
    requester, approver = one.requested_by, one.approved_by
    if seat.barred("approve_drawdown", one):
        return f"Requested by {requester}: another person has to approve it."
    if seat.barred("release_drawdown", one):
        return f"Requested by {requester}, approved by {approver}: a third person has to release it."
    return ""


def _acts(seat: Seat, one: Drawdown) -> Iterator[Act]:
    yield Act(
        "approve",
        "Approve",
        partial(_approve, seat, one),
        **seat.gate("approve_drawdown", one),
        title="Approve",
        says="Every condition is checked once more. Another person then releases the money.",
    )
    yield Act(
        "release",
        f"Release {money(one.amount, one.currency)}",
        partial(_release, seat, one),
        **seat.gate("release_drawdown", one),
        title="Release",
        says="This is the authority to pay. The money counts as in transit until it is settled.",
    )
    yield Act(
        "settle",
        "Record the settlement",
        partial(_settle, seat, one),
        **seat.gate("settle_drawdown", one),
        form=SettleForm,
        title="The money arrived",
        arguments={"initial": {"value_date": seat.on}},
    )
    yield Act(
        "fail",
        "Record the failed payment",
        partial(_fail, seat, one),
        **seat.gate("fail_drawdown", one),
        form=FailForm,
        danger=True,
        title="The money came back",
    )
    yield Act(
        "reject",
        "Reject",
        partial(_reject, seat, one),
        **seat.gate("reject_drawdown", one),
        form=ReasonForm,
        danger=True,
        title="Reject",
        says="The amount can be drawn again. The partner reads the reason.",
    )
    yield Act(
        "cancel",
        "Withdraw the request",
        partial(_cancel, seat, one),
        **seat.gate("cancel_drawdown", one),
        form=ReasonForm,
        danger=True,
        title="Withdraw for the partner",
        says="When the partner has asked for it. The amount can be drawn again.",
    )


def _approve(seat: Seat, one: Drawdown, entries: Entries) -> Done:
    services.approve_drawdown(drawdown=one, actor=seat.user, on=seat.on)
    return Done(f"{one.number} is approved. Another person releases it.")


def _release(seat: Seat, one: Drawdown, entries: Entries) -> Done:
    services.release_drawdown(drawdown=one, actor=seat.user, on=seat.on)
    return Done(
        f"{one.number} is released: pay {money(one.amount, one.currency)}, then record the settlement."
    )


def _settle(seat: Seat, one: Drawdown, entries: Entries) -> Done:
    loan = services.settle_drawdown(
        drawdown=one,
        reference=entries["reference"],
        value_date=entries["value_date"],
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"{one.number} is settled. {loan.number} bears interest from {loan.disbursed_on:%d %B %Y}.")


def _fail(seat: Seat, one: Drawdown, entries: Entries) -> Done:
    services.fail_drawdown(
        drawdown=one, reason=entries["reason"], cancel=entries["cancel"], actor=seat.user, on=seat.on
    )
    if entries["cancel"]:
        return Done(f"The payment of {one.number} failed and the request is ended.")
    return Done(f"The payment of {one.number} failed. It can be released again.")


def _reject(seat: Seat, one: Drawdown, entries: Entries) -> Done:
    services.reject_drawdown(drawdown=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is rejected.")


def _cancel(seat: Seat, one: Drawdown, entries: Entries) -> Done:
    services.cancel_drawdown(drawdown=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is withdrawn.")
