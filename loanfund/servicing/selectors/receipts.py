"""Reads of money held."""

from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balance
from loanfund.servicing.models import Receipt, ReceiptShare, Refund

ZERO = Decimal(0)


def unapplied(facility: Facility) -> Decimal:
    """What is held for a facility and not applied to any due, in its currency."""
    ref = AccountRef(AccountKind.UNAPPLIED, facility.currency, facility_owner(facility.pk))
    return balance(ref, book_id=facility.fund.book_id)


def with_placed(receipts: QuerySet[Receipt]) -> QuerySet[Receipt]:
    """Receipts with what of each is placed for good, as `placed`: the shares booked and the refunds paid."""
    shares = ReceiptShare.objects.filter(receipt=OuterRef("pk"), state=ReceiptShare.State.BOOKED)
    refunds = Refund.objects.filter(receipt=OuterRef("pk"), state=Refund.State.PAID)
    return receipts.annotate(placed=_sum_of(shares, "receipt") + _sum_of(refunds, "receipt"))


def _sum_of(rows: QuerySet[Any], by: str) -> Coalesce:
    total = rows.order_by().values(by).annotate(total=Sum("amount")).values("total")
    return Coalesce(Subquery(total), ZERO, output_field=DecimalField(max_digits=38, decimal_places=12))


BELONGS_TO_NOBODY = Q(state=Receipt.State.BOOKED, facility__isnull=True, placed__lt=F("amount"))
"""Of `with_placed`: money that is booked, was matched to nobody, and is not wholly placed yet."""


def unassigned(receipt: Receipt, *, but: Refund | None = None) -> Decimal:
    """What of a booked receipt is neither shared out, proposed to be, nor refunded (`but` one refund left aside). Nothing
    of one that is not booked yet, or that the bank took back."""
    if receipt.state != Receipt.State.BOOKED:
        return ZERO
    shared = receipt.shares.exclude(state="refused").aggregate(total=Sum("amount"))["total"] or ZERO
    refunds = receipt.refunds.exclude(state__in=[Refund.State.REFUSED, Refund.State.FAILED])
    if but is not None:
        refunds = refunds.exclude(pk=but.pk)
    returned = refunds.aggregate(total=Sum("amount"))["total"] or ZERO
    return receipt.amount - shared - returned


def refunded(receipt: Receipt) -> Decimal:
    """What of an unmatched receipt was sent back, or is on its way."""
    back = receipt.refunds.filter(state__in=[Refund.State.APPROVED, Refund.State.PAID])
    return back.aggregate(total=Sum("amount"))["total"] or ZERO


def receipt_owner(receipt: Receipt) -> str:
    """The owner under which stands what is to be had back from the sender of a receipt that nobody was known for."""
    return f"receipt:{receipt.pk}"
