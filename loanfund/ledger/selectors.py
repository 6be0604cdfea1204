"""Reads of the book: kept balances, never sums over postings."""

from decimal import Decimal

from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import Balance


def balance(ref: AccountRef, *, book_id: int) -> Decimal:
    """The kept balance of an account on its normal side; zero when it was never opened."""
    row = (
        Balance.objects.filter(
            account__book_id=book_id, account__kind=ref.kind, account__owner=ref.owner, account__currency=ref.currency
        )
        .values_list("debit", "credit", "account__normal_side")
        .first()
    )
    if row is None:
        return Decimal(0)
    debit, credit, side = row
    return debit - credit if side == "D" else credit - debit
