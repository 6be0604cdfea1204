"""Money sent back: proposed by one person, approved by another, recorded when paid."""

from collections.abc import Iterator
from functools import partial

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import DayField, ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.templatetags.money import money
from loanfund.servicing import services
from loanfund.servicing.models import Refund

State = Refund.State
TONES = {
    State.PROPOSED: "warn",
    State.APPROVED: "info",
    State.PAID: "ok",
    State.REFUSED: "bad",
    State.FAILED: "bad",
}
CHOICES = [
    ("waiting", "Waiting", Q(state__in=[State.PROPOSED, State.APPROVED])),
    ("paid", "Paid", Q(state=State.PAID)),
    ("refused", "Refused or not paid", Q(state__in=[State.REFUSED, State.FAILED])),
    ("all", "All", Q()),
]


class PaidForm(forms.Form):
    """What proves that the refund left."""

    reference = forms.CharField(label="Bank reference or transaction hash", max_length=140)
    value_date = DayField(label="Value date", help_text="The day on which it left the account.")


@page("refunds/", name="refunds", readers=DESK, menu="Refunds", section="Operations")
def refunds(request: HttpRequest) -> HttpResponse:
    """Every refund, those that wait first."""
    seat = take_seat(request)
    rows = Refund.objects.filter(fund=seat.fund).select_related("facility__partner", "receipt", "maker")
    listing = listed(
        request,
        rows.order_by("-id"),
        choices=CHOICES,
        search=("number", "facility__number", "receipt__number", "reference"),
    )
    for row in listing.page:
        row.tone = TONES[State(row.state)]
    return show(request, "office/operations/refunds.html", {"listing": listing}, title="Refunds")


@page("refunds/<str:number>/", name="refund", readers=DESK, actors=DESK)
def refund(request: HttpRequest, number: str) -> HttpResponse:
    """One refund: who proposed it, and what is left to do."""
    seat = take_seat(request)
    related = ("facility__partner", "receipt", "fund", "maker", "checker")
    one = get_object_or_404(Refund.objects.select_related(*related), fund=seat.fund, number=number)
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    context = {
        "refund": one,
        "desk": desk,
        "tone": TONES[State(one.state)],
        "waits": one.state == State.PROPOSED and seat.barred("approve_refund", one),
        "history": timeline(one),
        "trail": [("Refunds", reverse("admin:refunds"))],
    }
    return show(request, "office/operations/refund.html", context, title=one.number, status=desk.status)


def _acts(seat: Seat, one: Refund) -> Iterator[Act]:
    yield Act(
        "approve",
        f"Approve {money(one.amount, one.currency)}",
        partial(_approve, seat, one),
        **seat.gate("approve_refund", one),
        title="Approve",
        says=f"Proposed by {one.maker}. The money counts as on its way from here.",
    )
    yield Act(
        "pay",
        "Record the payment",
        partial(_pay, seat, one),
        **seat.gate("pay_refund", one),
        form=PaidForm,
        arguments={"initial": {"value_date": seat.on}},
        title="It was paid",
    )
    yield Act(
        "fail",
        "It is not paid",
        partial(_fail, seat, one),
        **seat.gate("fail_refund", one),
        form=ReasonForm,
        danger=True,
        title="It cannot be paid",
        says="The money is held again, as if it had never been on its way.",
    )
    yield Act(
        "refuse",
        "Refuse",
        partial(_refuse, seat, one),
        **seat.gate("refuse_refund", one),
        form=ReasonForm,
        danger=True,
        title="Refuse",
        says="The money stays held.",
    )


def _approve(seat: Seat, one: Refund, entries: Entries) -> Done:
    services.approve_refund(refund=one, actor=seat.user, on=seat.on)
    return Done(f"{one.number} is approved: pay it, then record the reference.")


def _pay(seat: Seat, one: Refund, entries: Entries) -> Done:
    services.pay_refund(
        refund=one,
        reference=entries["reference"],
        value_date=entries["value_date"],
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"{one.number} is paid.")


def _fail(seat: Seat, one: Refund, entries: Entries) -> Done:
    services.fail_refund(refund=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is not paid: the money is held again.")


def _refuse(seat: Seat, one: Refund, entries: Entries) -> Done:
    services.refuse_refund(refund=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is refused.")
