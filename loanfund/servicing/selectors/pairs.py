"""What people paired by hand: lines of statements with movements of cash, as it stands now."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Case, F, Sum, When

from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind, Posting
from loanfund.servicing.models import CashPair, CashPairSide

HELD = (AccountKind.CASH, AccountKind.BANK_OVERDRAFT)
"""The accounts that a statement of the bank or the chain speaks of."""


@dataclass(frozen=True)
class HandPair:
    """A pair that is proposed or confirmed: the amount of each line by its key, and of each movement by its entry's."""

    number: str
    confirmed: bool
    why: str
    lines: dict[int, Decimal]
    entries: dict[int, Decimal]


def hand_pairs(fund: Fund) -> list[HandPair]:
    """Every pair of the fund that is proposed or confirmed, in the order in which they were put forward. Two queries."""
    found: dict[int, HandPair] = {}
    sides = CashPairSide.objects.filter(pair__fund=fund, live=True).select_related(
        "pair__maker", "pair__checker"
    )
    for side in sides.order_by("pair_id", "id"):
        one = found.setdefault(side.pair_id, _pair(side.pair))
        if side.line_id is not None:
            one.lines[side.line_id] = side.amount
        elif side.entry_id is not None:
            one.entries[side.entry_id] = side.amount
    return list(found.values())


def _pair(pair: CashPair) -> HandPair:
    confirmed = pair.state == CashPair.State.CONFIRMED
    people = f"{pair.maker} and {pair.checker}" if confirmed else str(pair.maker)
    return HandPair(pair.number, confirmed, f"{pair.number}, by {people}: {pair.reason}", {}, {})


def cash_moved(fund: Fund, entries: Iterable[int]) -> dict[int, Decimal]:
    """How much cash each entry moved, below zero for money out; what moved none is left out. One query."""
    signed = Case(When(side="D", then=F("amount")), default=-F("amount"))
    rows = (
        Posting.objects.filter(entry_id__in=list(entries), account__book=fund.book_id, account__kind__in=HELD)
        .values("entry_id")
        .annotate(moved=Sum(signed))
    )
    return {row["entry_id"]: row["moved"] for row in rows if row["moved"]}
