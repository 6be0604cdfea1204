"""Settlement accounts of partners: named by the partner, confirmed here by operations after a call back."""

from collections.abc import Iterator
from functools import partial

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.models import SettlementAccount
from loanfund.parties.services import confirm_settlement_account

State = SettlementAccount.State
TONES = {State.PROPOSED: "warn", State.CONFIRMED: "ok", State.REFUSED: "bad", State.RETIRED: ""}
CHOICES = [
    ("waiting", "To confirm", Q(state=State.PROPOSED)),
    ("confirmed", "Confirmed", Q(state=State.CONFIRMED)),
    ("ended", "Refused or retired", Q(state__in=[State.REFUSED, State.RETIRED])),
    ("all", "All", Q()),
]
USUAL_COOLING_DAYS = 2


class ConfirmForm(forms.Form):
    """How many days pass before the account may be paid to."""

    cooling_days = forms.IntegerField(
        label="Usable after, days",
        min_value=0,
        max_value=30,
        initial=USUAL_COOLING_DAYS,
        help_text="Time to notice an account that a thief put in.",
    )


@page(
    "settlement-accounts/",
    name="accounts",
    readers=DESK,
    actors=(roles.OPERATIONS_CHECKER,),
    menu="Settlement accounts",
    section="Operations",
)
def accounts(request: HttpRequest) -> HttpResponse:
    """Every settlement account, those to confirm first."""
    seat = take_seat(request)
    rows = SettlementAccount.objects.select_related("partner", "maker", "checker").order_by("-id")
    listing = listed(
        request, rows, choices=CHOICES, search=("partner__legal_name", "partner__number", "address", "label")
    )
    shown = list(listing.page)
    desk = Desk(request, [act for row in shown for act in _acts(seat, row)])
    if (answer := desk.answer()) is not None:
        return answer
    pairs = [
        (row, TONES[State(row.state)], desk.offer(f"confirm-{row.pk}"), desk.offer(f"refuse-{row.pk}"))
        for row in shown
    ]
    context = {"listing": listing, "rows": pairs}
    title = "Settlement accounts"
    return show(request, "office/operations/accounts.html", context, title=title, status=desk.status)


def _acts(seat: Seat, row: SettlementAccount) -> Iterator[Act]:
    right = seat.holds(roles.OPERATIONS_CHECKER)
    ready = row.state == State.PROPOSED and seat.second(row.maker_id)
    yield Act(
        f"confirm-{row.pk}",
        "Confirm",
        partial(_confirm, seat, row),
        right=right,
        ready=ready,
        form=ConfirmForm,
        title=f"Confirm {row.label}",
    )
    yield Act(
        f"refuse-{row.pk}",
        "Refuse",
        partial(_refuse, seat, row),
        right=right,
        ready=ready,
        form=ReasonForm,
        danger=True,
        title=f"Refuse {row.label}",
    )


def _confirm(seat: Seat, row: SettlementAccount, entries: Entries) -> Done:
    account = confirm_settlement_account(
        account=row,
        accept=True,
        cooling_days=entries["cooling_days"],
        actor=seat.user,
        on=seat.on,
        now=timezone.now(),
    )
    return Done(f"{account.label} is confirmed and may be paid to from {account.usable_from:%d %B %Y}.")


def _refuse(seat: Seat, row: SettlementAccount, entries: Entries) -> Done:
    confirm_settlement_account(
        account=row,
        accept=False,
        cooling_days=0,
        reason=entries["reason"],
        actor=seat.user,
        on=seat.on,
        now=timezone.now(),
    )
    return Done(f"{row.label} is refused.")
