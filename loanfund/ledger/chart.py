"""The chart of accounts as rules: each kind's family, normal side and limits; and the values entries are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from loanfund.ledger.models import AccountKind, Family

K = AccountKind

CREDIT_NORMAL = frozenset({
    K.BANK_OVERDRAFT, K.UNAPPLIED, K.REFUNDS_IN_TRANSIT, K.LOSS_ALLOWANCE, K.INTEREST_SUSPENSE, K.INTEREST_INCOME,
    K.DEFAULT_INTEREST_INCOME, K.COMMITMENT_FEE_INCOME, K.ARRANGEMENT_FEE_INCOME,
    K.PREPAYMENT_FEE_INCOME, K.LATE_FEE_INCOME, K.RECOVERY_INCOME, K.COSTS_RECHARGED, K.FUND_CAPITAL,
    K.M_SIZE, K.M_OVER_LIMIT, K.M_LIMIT, K.M_OVER_HEADROOM,
})  # fmt: skip
HEADROOM_KINDS = frozenset({K.M_LIMIT, K.M_HEADROOM, K.M_PROMISED, K.M_OVER_HEADROOM})

NEVER_NEGATIVE = frozenset({
    K.CASH, K.LOAN_PRINCIPAL, K.CAPITALISED_INTEREST, K.UNAPPLIED, K.DISBURSEMENTS_IN_TRANSIT, K.REFUNDS_IN_TRANSIT,
    K.M_AVAILABLE, K.M_RESERVED, K.M_UNDRAWN, K.M_EARMARKED, K.M_DRAWN, K.M_REPAID, K.M_WRITTEN_OFF,
    K.M_HEADROOM, K.M_PROMISED,
})  # fmt: skip
"""Kinds whose balance the database holds at zero or above."""

OVER_LIMIT = {
    K.CASH: K.BANK_OVERDRAFT,
    K.UNAPPLIED: K.OVER_LIMIT,
    K.M_AVAILABLE: K.M_OVER_LIMIT,
    K.M_UNDRAWN: K.M_OVER_LIMIT,
    K.M_HEADROOM: K.M_OVER_HEADROOM,
}
"""Limits bind promises, never facts: what a fact takes below zero goes to the account named here, of the same owner,
and whatever comes in later fills that hole first. At most one kind per owner leads to each."""


def family(kind: AccountKind) -> Family:
    """Which of the three sets of accounts a kind belongs to."""
    if not kind.startswith("M_"):
        return Family.MONEY
    return Family.HEADROOM if kind in HEADROOM_KINDS else Family.FUND


def normal_side(kind: AccountKind) -> Literal["D", "C"]:
    """The side on which a balance of this kind grows."""
    return "C" if kind in CREDIT_NORMAL else "D"


def minimum(kind: AccountKind) -> Decimal | None:
    """The least a balance may be on its normal side; None is no limit."""
    return Decimal(0) if kind in NEVER_NEGATIVE else None


def over_limit(kind: AccountKind) -> AccountKind | None:
    """Where a fact's amount goes that the account of this kind has no room for; None where facts never exceed it."""
    return OVER_LIMIT.get(kind)


@dataclass(frozen=True)
class AccountRef:
    """An account by what it is: opened in the entry's book when first posted to."""

    kind: AccountKind
    currency: str
    owner: str = ""


@dataclass(frozen=True)
class Leg:
    """One leg of an entry: `side` is "D" or "C", `amount` is positive, in whole currency units (12.34 dollars).

    `fact=True` marks something that happened whatever the limit says: what the account has no room for goes to the
    over-limit account of the same owner. A promise (False) past a limit is refused.
    """

    account: AccountRef
    side: Literal["D", "C"]
    amount: Decimal
    fact: bool = False


@dataclass(frozen=True)
class EntryDraft:
    """An entry to post. `key` names the business event; the same key with the same book, kind, value date and legs is
    posted once, with others it is refused."""

    key: str
    kind: str
    book_id: int
    booking_date: date
    value_date: date
    legs: tuple[Leg, ...]
    memo: str = ""
    cause: str = ""


def debit(
    kind: AccountKind, currency: str, owner: str, amount: Decimal, *, fact: bool = False
) -> tuple[Leg, ...]:
    """A debit leg, or none for zero; a negative amount is the credit of its size."""
    return _leg(kind, currency, owner, "D", amount, fact)


def credit(
    kind: AccountKind, currency: str, owner: str, amount: Decimal, *, fact: bool = False
) -> tuple[Leg, ...]:
    """A credit leg, or none for zero; a negative amount is the debit of its size."""
    return _leg(kind, currency, owner, "C", amount, fact)


def _leg(
    kind: AccountKind, currency: str, owner: str, side: Literal["D", "C"], amount: Decimal, fact: bool
) -> tuple[Leg, ...]:
    if amount == 0:
        return ()
    if amount < 0:
        side, amount = ("C" if side == "D" else "D"), -amount
    return (Leg(AccountRef(kind, currency, owner), side, amount, fact),)


def reversed_legs(legs: Iterable[Leg], *, fact: bool = True) -> tuple[Leg, ...]:
    """The same legs with their sides exchanged: what undoes an entry. A reversal is a fact unless said otherwise."""
    return tuple(Leg(leg.account, "C" if leg.side == "D" else "D", leg.amount, fact) for leg in legs)
