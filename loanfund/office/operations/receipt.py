"""One receipt: what it will pay, who decides on it, and where held money goes."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.allocation import foreseen, suggestions
from loanfund.office.operations.fields import AmountField, ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.receipts import TONES, facility_numbered
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.templatetags.money import amount as written
from loanfund.parties.templatetags.money import money
from loanfund.reporting.models import MonthLock
from loanfund.reporting.selectors.arrivals import locked_month
from loanfund.servicing import rights, services
from loanfund.servicing.models import Allocation, Receipt, ReceiptShare
from loanfund.servicing.selectors import likely_reports, unassigned

State = Receipt.State
PARTS = 4


class BookForm(forms.Form):
    """The digest of what the checker was shown, so that nothing else is booked."""

    seen = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class SplitForm(ReasonForm):
    """Up to four facilities and what of the money belongs to each."""

    field_order = [
        f"{name}_{number}" for number in range(1, PARTS + 1) for name in ("facility", "amount")
    ] + ["reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, PARTS + 1):
            first = number == 1
            self.fields[f"facility_{number}"] = forms.CharField(
                label=f"Facility {number}", max_length=20, required=first
            )
            self.fields[f"amount_{number}"] = AmountField(label=f"Amount {number}", required=first)
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        entries = super().clean() or self.cleaned_data
        for number in range(1, PARTS + 1):
            facility, amount = entries.get(f"facility_{number}"), entries.get(f"amount_{number}")
            if bool(facility) != (amount is not None) and f"amount_{number}" not in self.errors:
                self.add_error(f"amount_{number}", "Give the facility and its amount, or neither.")
        return entries


class RefundForm(ReasonForm):
    """How much goes back, and why."""

    amount = AmountField(label="Amount")
    field_order = ["amount", "reason"]


@page("receipts/<str:number>/", name="receipt", readers=DESK, actors=DESK)
def receipt(request: HttpRequest, number: str) -> HttpResponse:
    """One receipt from entry to the dues it paid."""
    seat = take_seat(request)
    related = ("facility__partner", "facility__fund", "fund", "maker", "checker", "import_row__bank_import")
    one = get_object_or_404(Receipt.objects.select_related(*related), fund=seat.fund, number=number)
    shares = list(one.shares.select_related("facility__partner", "maker", "checker", "event"))
    held = one.state == State.BOOKED and one.facility_id is None
    left = unassigned(one) if held else Decimal(0)
    desk = Desk(
        request, [*_acts(seat, one, left), *(act for share in shares for act in _share_acts(seat, share))]
    )
    if (answer := desk.answer()) is not None:
        return answer
    allocated, problem = _foreseen(seat, one)
    context = {
        "receipt": one,
        "desk": desk,
        "tone": TONES[State(one.state)],
        "allocated": allocated,
        "problem": problem,
        "paid": _paid(shares),
        "shares": [
            (share, desk.offer(f"share-book-{share.pk}"), desk.offer(f"share-refuse-{share.pk}"))
            for share in shares
        ],
        "held": held,
        "left": left,
        "suggestions": suggestions(one, left=left) if left else [],
        "reports": likely_reports(one),
        "refunds": one.refunds.select_related("maker"),
        "locked": _locked(one),
        "waits": one.state == State.ENTERED and seat.barred("book_receipt", one),
        "history": timeline(one),
        "trail": [("Receipts", reverse("admin:receipts"))],
    }
    return show(request, "office/operations/receipt.html", context, title=one.number, status=desk.status)


def _locked(one: Receipt) -> MonthLock | None:
    """The locked month that the money counts from, when it is booked after it or is still to be."""
    lock = locked_month(one.fund, one.value_date) if one.state != State.REJECTED else None
    return lock if lock and (one.booked_on is None or one.booked_on > lock.last_day) else None


def _foreseen(seat: Seat, one: Receipt) -> tuple[Any, str]:
    """What the waterfall would do with an entered receipt, or the sentence that says why it cannot."""
    if one.state != State.ENTERED or one.facility is None:
        return None, ""
    try:
        return foreseen(one.facility, amount=one.amount, value_date=one.value_date, on=seat.on), ""
    except Refused as refused:
        return None, refused.sentence


def _paid(shares: list[ReceiptShare]) -> list[Allocation]:
    """What the booked shares have paid, newest corrections included. One query."""
    sources = {share.event.key: share.facility_id for share in shares if share.event is not None}
    rows = Allocation.objects.filter(source__in=sources, facility__in=sources.values())
    return list(rows.select_related("loan", "facility").order_by("facility", "id"))


def _acts(seat: Seat, one: Receipt, left: Decimal) -> Iterator[Act]:
    where = one.facility.number if one.facility else "nobody yet: the money is held"
    yield Act(
        "book",
        f"Book {money(one.amount, one.currency)}",
        partial(_book, seat, one),
        **seat.gate("book_receipt", one),
        form=BookForm,
        title="Book",
        says=f"Entered by {one.maker} for {where}.",
        arguments={"initial": {"seen": one.proposed_digest}},
    )
    yield Act(
        "reject",
        "Reject the entry",
        partial(_reject, seat, one),
        **seat.gate("reject_receipt", one),
        form=ReasonForm,
        danger=True,
        title="Reject",
        says="It never reaches the books, and the same payment may be entered again.",
    )
    gate = seat.gate("propose_split", one)
    yield Act(
        "split",
        "Propose",
        partial(_split, seat, one),
        right=gate["right"],
        ready=gate["ready"] and left > 0,
        form=SplitForm,
        title="Say where it belongs",
        says="One facility or several; another person books each share.",
    )
    yield Act(
        "refund",
        "Propose the refund",
        partial(_refund, seat, one),
        right=seat.may(rights.PROPOSE_REFUND),
        ready=left > 0,
        form=RefundForm,
        danger=True,
        title="Send it back",
        arguments={"initial": {"amount": written(left, one.currency)}},
    )
    yield Act(
        "reverse",
        "Reverse the receipt",
        partial(_reverse, seat, one),
        **seat.gate("reverse_receipt", one),
        form=ReasonForm,
        danger=True,
        title="The bank took it back",
        says="Everything it paid is owed again from its own due date.",
    )


def _share_acts(seat: Seat, share: ReceiptShare) -> Iterator[Act]:
    yield Act(
        f"share-book-{share.pk}",
        "Book",
        partial(_book_share, seat, share),
        **seat.gate("book_share", share),
        inline=True,
    )
    yield Act(
        f"share-refuse-{share.pk}",
        "Refuse",
        partial(_refuse_share, seat, share),
        **seat.gate("refuse_share", share),
        form=ReasonForm,
        danger=True,
        inline=True,
    )


def _book(seat: Seat, one: Receipt, entries: Entries) -> Done:
    services.book_receipt(receipt=one, seen_digest=entries["seen"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is booked.")


def _reject(seat: Seat, one: Receipt, entries: Entries) -> Done:
    services.reject_receipt(receipt=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is rejected.")


def _split(seat: Seat, one: Receipt, entries: Entries) -> Done:
    parts = [
        (
            facility_numbered(seat, entries[f"facility_{number}"], f"facility_{number}"),
            entries[f"amount_{number}"],
        )
        for number in range(1, PARTS + 1)
        if entries[f"facility_{number}"]
    ]
    services.propose_split(receipt=one, parts=parts, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The split is proposed. Another person books each share.")


def _refund(seat: Seat, one: Receipt, entries: Entries) -> Done:
    refund = services.propose_refund(
        amount=entries["amount"], reason=entries["reason"], receipt=one, actor=seat.user, on=seat.on
    )
    return Done(f"{refund.number} is proposed.", reverse("admin:refund", args=[refund.number]))


def _reverse(seat: Seat, one: Receipt, entries: Entries) -> Done:
    services.reverse_receipt(receipt=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is reversed. What it had paid is owed again.")


def _book_share(seat: Seat, share: ReceiptShare, entries: Entries) -> Done:
    services.book_share(share=share, actor=seat.user, on=seat.on)
    return Done(f"{money(share.amount, share.receipt.currency)} is booked to {share.facility.number}.")


def _refuse_share(seat: Seat, share: ReceiptShare, entries: Entries) -> Done:
    services.refuse_share(share=share, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The share is refused; the money stays held.")
