"""Reads of money held."""

from decimal import Decimal

from django.db.models import Sum

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balance
from loanfund.servicing.models import Receipt, Refund

ZERO = Decimal(0)


def unapplied(facility: Facility) -> Decimal:
    """What is held for a facility and not applied to any due, in its currency."""
    ref = AccountRef(AccountKind.UNAPPLIED, facility.currency, facility_owner(facility.pk))
    return balance(ref, book_id=facility.fund.book_id)


def unassigned(receipt: Receipt, *, but: Refund | None = None) -> Decimal:
    """What of a booked receipt is neither shared out, proposed to be, nor refunded (`but` one refund left aside)."""
    shared = receipt.shares.exclude(state="refused").aggregate(total=Sum("amount"))["total"] or ZERO
    refunds = receipt.refunds.exclude(state=Refund.State.REFUSED)
    if but is not None:
        refunds = refunds.exclude(pk=but.pk)
    returned = refunds.aggregate(total=Sum("amount"))["total"] or ZERO
    return receipt.amount - shared - returned
