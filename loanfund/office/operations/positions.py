"""Where facilities and their loans stand, read for a whole page at once from the kept balances."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.ledger.models import AccountKind, Balance
from loanfund.servicing.models import Loan

ZERO = Decimal(0)
PRINCIPAL = (AccountKind.LOAN_PRINCIPAL, AccountKind.CAPITALISED_INTEREST)
OWED = (
    AccountKind.INTEREST_DUE,
    AccountKind.DEFAULT_INTEREST_DUE,
    AccountKind.FEES_DUE,
    AccountKind.COSTS_DUE,
)


def held(book_id: int, owners: Iterable[str]) -> dict[str, dict[str, Decimal]]:
    """For each owner ("facility:7", "loan:12") its balances by kind of account, on the account's normal side, in whole
    currency units. One query."""
    found: dict[str, dict[str, Decimal]] = {}
    rows = Balance.objects.filter(account__book_id=book_id, account__owner__in=list(owners)).values_list(
        "account__owner", "account__kind", "account__normal_side", "debit", "credit"
    )
    for owner, kind, side, debit, credit in rows:
        sums = found.setdefault(owner, {})
        sums[kind] = sums.get(kind, ZERO) + (debit - credit if side == "D" else credit - debit)
    return found


@dataclass(frozen=True)
class Position:
    """One facility, in its currency: what is left to draw, asked for, lent, and held unapplied."""

    undrawn: Decimal
    earmarked: Decimal
    drawn: Decimal
    unapplied: Decimal


def positions(book_id: int, facilities: Iterable[Facility]) -> dict[int, Position]:
    """The position of each facility by its key."""
    keys = [facility.pk for facility in facilities]
    sums = held(book_id, [facility_owner(key) for key in keys])
    found = {}
    for key in keys:
        own = sums.get(facility_owner(key), {})
        found[key] = Position(
            undrawn=own.get(AccountKind.M_UNDRAWN, ZERO),
            earmarked=own.get(AccountKind.M_EARMARKED, ZERO),
            drawn=own.get(AccountKind.M_DRAWN, ZERO),
            unapplied=own.get(AccountKind.UNAPPLIED, ZERO),
        )
    return found


def principals(book_id: int, loans: Iterable[Loan]) -> dict[int, Decimal]:
    """What is owed in principal on each loan by its key, capitalised interest included."""
    keys = [loan.pk for loan in loans]
    sums = held(book_id, [loan_owner(key) for key in keys])
    return {
        key: sum((sums.get(loan_owner(key), {}).get(kind, ZERO) for kind in PRINCIPAL), ZERO) for key in keys
    }
