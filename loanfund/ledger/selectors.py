"""Reads of the book: kept balances, never sums over postings.

Balances are Decimals in whole currency units, on the account's normal side, with the currency's own decimals.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet, Sum

from loanfund.ledger.chart import AccountRef, normal_side
from loanfund.ledger.models import Account, AccountingPeriod, AccountKind, Balance, DayMovement, Posting


def _exact(amount: Decimal, decimals: int) -> Decimal:
    """An amount with its currency's decimals; they hold it exactly, the book refuses finer ones."""
    return amount.quantize(Decimal(1).scaleb(-decimals))


def balance(ref: AccountRef, *, book_id: int) -> Decimal:
    """The kept balance of an account; zero when it was never opened. Costs the same at ten legs and at ten million."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_balance_of(%s, %s, %s, %s)", [book_id, ref.kind, ref.owner, ref.currency]
        )
        (held,) = cursor.fetchone()
    return Decimal(0) if held is None else held


def balances(*, book_id: int, owner: str) -> dict[AccountRef, Decimal]:
    """The kept balances of every account of one owner in a book, zero ones included."""
    rows = Balance.objects.filter(account__book_id=book_id, account__owner=owner).select_related("account")
    return {
        _ref(row.account): _signed(row.account, row.debit, row.credit)
        for row in rows.order_by("account__kind")
    }


def balance_as_of(ref: AccountRef, *, book_id: int, booking_date: date) -> Decimal:
    """The balance at the end of a booking date, from the kept movements of the days up to it."""
    days = DayMovement.objects.filter(
        account__book_id=book_id,
        account__kind=ref.kind,
        account__owner=ref.owner,
        account__currency=ref.currency,
        booking_date__lte=booking_date,
    ).values_list("account__decimals")
    summed = days.annotate(debits=Sum("debit"), credits=Sum("credit"))
    row = summed.order_by("account__decimals").first()
    if row is None:
        return Decimal(0)
    decimals, debits, credits_ = row
    net = debits - credits_ if normal_side(ref.kind) == "D" else credits_ - debits
    return _exact(net, decimals)


def moved_by(ref: AccountRef, *, book_id: int, key: str) -> Decimal:
    """By how much the entry of this key changed an account's balance; zero when there is none, or it is not in it."""
    legs = account_postings(ref, book_id=book_id).filter(entry__book_id=book_id, entry__key=key)
    debit = sum((leg.amount for leg in legs if leg.side == "D"), Decimal(0))
    credit = sum((leg.amount for leg in legs if leg.side == "C"), Decimal(0))
    return debit - credit if normal_side(ref.kind) == "D" else credit - debit


@dataclass(frozen=True)
class TrialLine:
    """One account of a trial balance: all debits, all credits, and the balance on its normal side."""

    ref: AccountRef
    debit: Decimal
    credit: Decimal
    balance: Decimal


def trial_balance(*, book_id: int, as_of: date | None = None) -> list[TrialLine]:
    """Every account of a book by kind and owner; from kept balances, or as of the end of a booking date."""
    if as_of is None:
        rows = Balance.objects.filter(account__book_id=book_id).select_related("account")
        sums: list[tuple[Account, Decimal, Decimal]] = [(row.account, row.debit, row.credit) for row in rows]
    else:
        grouped = (
            DayMovement.objects.filter(account__book_id=book_id, booking_date__lte=as_of)
            .values("account_id")
            .annotate(debits=Sum("debit"), credits=Sum("credit"))
        )
        accounts = Account.objects.in_bulk([row["account_id"] for row in grouped])
        sums = [(accounts[row["account_id"]], row["debits"], row["credits"]) for row in grouped]
    lines = [
        TrialLine(
            _ref(account),
            _exact(debit, account.decimals),
            _exact(credit, account.decimals),
            _signed(account, debit, credit),
        )
        for account, debit, credit in sums
    ]
    return sorted(lines, key=lambda line: (line.ref.kind, line.ref.owner, line.ref.currency))


def account_postings(ref: AccountRef, *, book_id: int) -> QuerySet[Posting]:
    """Every leg on an account with its entry, in the order it was booked."""
    return (
        Posting.objects.filter(
            account__book_id=book_id,
            account__kind=ref.kind,
            account__owner=ref.owner,
            account__currency=ref.currency,
        )
        .select_related("entry", "account")
        .order_by("id")
    )


def closed_through(*, book_id: int) -> date | None:
    """The last day of the last closed period, or None when none is closed."""
    found: dict[str, Any] = AccountingPeriod.objects.filter(book_id=book_id).aggregate(last=Max("ends_on"))
    return found["last"]


def _ref(account: Account) -> AccountRef:
    return AccountRef(AccountKind(account.kind), account.currency, account.owner)


def _signed(account: Account, debit: Decimal, credit: Decimal) -> Decimal:
    net = debit - credit if account.normal_side == "D" else credit - debit
    return _exact(net, account.decimals)
