"""An interest statement as a value: what the three renderings (CSV, XLSX, PDF) are made from.

A statement is by booking date, with the value date beside it, so that it ties to the ledger; a later
correction is a line of its own. All amounts are Decimals in the statement's one currency; a debit raises
what the partner owes, a credit lowers it, and both are non-negative.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

ZERO = Decimal(0)
LAYOUT = 4
"""The version of a statement's content: raised when a field is added or read another way, which changes digests."""


class LineKind(StrEnum):
    """What a statement line records; the value is the word that is printed."""

    DRAWDOWN = "Drawdown"
    INTEREST = "Interest"
    DEFAULT_INTEREST = "Default interest"
    COMMITMENT_FEE = "Commitment fee"
    FEE = "Fee"
    RECEIPT = "Receipt"
    REFUND = "Refund"
    WAIVER = "Waiver"
    WRITE_OFF = "Write-off"
    CORRECTION = "Correction"


@dataclass(frozen=True, slots=True)
class Balances:
    """What is owed at the end of a booking date, by component; `unapplied` is held in the partner's favour."""

    principal: Decimal = ZERO
    capitalised_interest: Decimal = ZERO
    accrued_interest: Decimal = ZERO
    interest_due: Decimal = ZERO
    default_interest: Decimal = ZERO
    fees: Decimal = ZERO
    unapplied: Decimal = ZERO

    @property
    def owed(self) -> Decimal:
        """The sum of every component less the unapplied receipts held."""
        owed = sum((getattr(self, field.name) for field in fields(self) if field.name != "unapplied"), ZERO)
        return owed - self.unapplied


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of what is owed. `balance` is the total owed after it."""

    booking_date: date
    value_date: date
    facility: str
    loan: str
    kind: LineKind
    text: str
    debit: Decimal
    credit: Decimal
    balance: Decimal
    reference: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class InterestLine:
    """Interest of a run of days on one principal at one rate, as posted in the statement's period.

    `rate` is a fraction a year (0.03 is 3 %), `numerator` / `denominator` the day count fraction of the run,
    `interest` the posted amount in the currency's minor unit. `correction` marks days that an earlier
    booking date had posted otherwise. `period_start` is the first day of the interest period that the run lies in.
    """

    facility: str
    loan: str
    first_day: date
    last_day: date
    days: int
    principal: Decimal
    rate: Decimal
    basis: str
    numerator: int
    denominator: int
    interest_exact: Decimal
    interest: Decimal
    estimated: bool = False
    correction: bool = False
    period_start: date | None = None


@dataclass(frozen=True, slots=True)
class AllocationLine:
    """What one part of a receipt paid."""

    receipt: str
    value_date: date
    component: str
    loan: str
    due_date: date | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class DueLine:
    """A sum that is due, or will be: `days_past_due` is 0 on the due date and before it. `estimated` marks one ahead that
    rests on a rate not published yet."""

    due_date: date
    facility: str
    loan: str
    component: str
    amount: Decimal
    days_past_due: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """An interest statement of one partner, over booking dates `first_day` to `last_day`, both included.

    `dues` had fallen due by the last day and were open; `ahead` will fall due in the twelve months after it if each is paid
    on its day.
    """

    fund: str
    partner_number: str
    partner_name: str
    scope: str
    currency: str
    decimals: int
    first_day: date
    last_day: date
    business_date: date
    opening: Balances
    closing: Balances
    lines: tuple[Line, ...]
    interest: tuple[InterestLine, ...]
    allocations: tuple[AllocationLine, ...]
    dues: tuple[DueLine, ...]
    ahead: tuple[DueLine, ...] = ()

    @property
    def debits(self) -> Decimal:
        """The sum of the debit column."""
        return sum((line.debit for line in self.lines), ZERO)

    @property
    def credits(self) -> Decimal:
        """The sum of the credit column."""
        return sum((line.credit for line in self.lines), ZERO)

    @property
    def interest_total(self) -> Decimal:
        """Contract interest posted in the period, the sum of the interest lines."""
        return sum((line.interest for line in self.interest), ZERO)

    @property
    def estimated(self) -> bool:
        """Whether any figure posted rests on an estimated fixing."""
        return any(line.estimated for line in self.interest)

    def problems(self) -> list[str]:
        """Sentences on each sum that does not tie within the statement; empty when it is sound."""
        found = []
        moved = self.opening.owed + self.debits - self.credits
        if moved != self.closing.owed:
            found.append(
                f"Opening {self.opening.owed} and lines {self.debits - self.credits} make {moved}, "
                f"but the closing balance is {self.closing.owed}."
            )
        running = self.opening.owed
        for line in self.lines:
            running += line.debit - line.credit
            if running != line.balance:
                found.append(
                    f"The balance after {line.text} of {line.booking_date} is {line.balance}, not {running}."
                )
        return found

    def document(self) -> dict[str, Any]:
        """The statement as plain strings, numbers included: canonical, and what the digest is taken over."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=_plain, sort_keys=True))
        return plain

    def digest(self) -> str:
        """SHA-256 of the canonical document, in hexadecimal: the same statement has the same digest for ever."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def file_stem(self) -> str:
        """A file name without its ending, safe on every system."""
        return file_stem(self.scope, self.first_day, self.last_day)


def file_stem(scope: str, first_day: date, last_day: date) -> str:
    """How the file of a statement is called, without its ending."""
    return f"statement-{scope}-{first_day}-{last_day}".replace(" ", "-").lower()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a statement")
