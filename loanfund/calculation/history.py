"""What the fold tells: every night, due, share and period of a facility, and its balances.

Rows hold whole minor units and units of 1e-12, and give Decimals by property. Their order is that of the days.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from loanfund.calculation.growth import Growth
from loanfund.calculation.money import from_units12, minor_to_decimal, rounded_quotient
from loanfund.calculation.periods import InterestPeriod
from loanfund.calculation.state import State
from loanfund.calculation.terms import Component

_ONE_DAY = timedelta(days=1)


class How(StrEnum):
    """What became of a due, or of principal: who settled it and how."""

    PAID = "paid"
    WAIVED = "waived"
    WRITTEN_OFF = "written_off"


@dataclass(frozen=True, slots=True)
class Night:
    """One loan's night: interest on ``principal`` (minor units) in the night that follows day ``on``.

    ``units`` is the exact interest of the night, ``posted`` what of it reached the books: a difference of two rounded
    totals. ``period_units`` is what the interest period has earned by the end of the night; ``base_units`` what its
    earlier pieces earned, and ``piece_start`` when the present piece began: A = base + q12(principal x growth since).
    """

    loan: str
    on: date
    principal: int
    units: int
    posted: int
    period_units: int
    base_units: int
    piece_start: date
    growth: Growth
    estimated: bool
    suspended: bool

    @property
    def rate(self) -> Fraction:
        """The all-in rate a year of this night."""
        return self.growth.all_in(self.on)

    @property
    def fraction(self) -> Fraction:
        """The night's share of a year: the difference of two fractions measured from the period's start."""
        return Fraction(*self.growth.fraction(self.on + _ONE_DAY)) - Fraction(*self.growth.fraction(self.on))


@dataclass(frozen=True, slots=True)
class FacilityNight:
    """One night of default interest on a late sum (``subject`` is its key), or of the commitment fee (no subject)."""

    kind: str
    subject: str
    on: date
    on_amount: int
    rate: Fraction
    units: int
    posted: int
    suspended: bool


@dataclass(slots=True)
class DueRow:
    """A sum that fell due, as it stands at the end of the history."""

    key: str
    component: Component
    loan: str
    due_date: date
    payable_from: date
    amount: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class Share:
    """So much went from one source (an event's id) to one due, or to principal ahead of its day."""

    source: str
    due_key: str
    component: Component
    how: How
    value_date: date
    loan: str
    amount: int
    capitalised: int = 0


@dataclass(slots=True)
class Record:
    """Where the fold writes; ``nights`` may be switched off when only the end counts."""

    nights: list[Night] = field(default_factory=list)
    facility_nights: list[FacilityNight] = field(default_factory=list)
    dues: dict[str, DueRow] = field(default_factory=dict)
    shares: list[Share] = field(default_factory=list)
    periods: list[tuple[str, InterestPeriod]] = field(default_factory=list)
    notes: list[tuple[date, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class History:
    """The whole history of a facility up to, and during, the day ``state.day``."""

    state: State
    nights: tuple[Night, ...]
    facility_nights: tuple[FacilityNight, ...]
    dues: tuple[DueRow, ...]
    shares: tuple[Share, ...]
    periods: tuple[tuple[str, InterestPeriod], ...]
    notes: tuple[tuple[date, str], ...]

    @property
    def estimated(self) -> bool:
        """Whether any figure rests on an estimated fixing."""
        return any(night.estimated for night in self.nights)

    def owned(self) -> dict[tuple[str, str], Decimal]:
        """Balances that stand per loan or facility, by (kind, loan name or ""), on their normal side, zeros left out."""
        state, found = self.state, dict[tuple[str, str], int]()

        def add(kind: str, owner: str, amount: int) -> None:
            if amount:
                found[kind, owner] = found.get((kind, owner), 0) + amount

        for loan in state.loans.values():
            add("LOAN_PRINCIPAL", loan.name, loan.lent)
            add("CAPITALISED_INTEREST", loan.name, loan.capitalised)
        for due in state.dues.values():
            if due.component is not Component.PRINCIPAL:
                kind = DUE_ACCOUNTS[due.component]
                per_loan = due.component in (Component.INTEREST, Component.DEFAULT_INTEREST)
                add(kind, due.loan if per_loan else "", due.outstanding)
        add("UNAPPLIED", "", state.unapplied)
        return {place: self._money(amount) for place, amount in found.items()}

    def control(self) -> dict[str, Decimal]:
        """The facility's part of the fund's control accounts, each on its normal side."""
        return {kind: self._money(amount) for kind, amount in self.state.control.items() if amount}

    def conservation(self) -> tuple[Decimal, Decimal]:
        """(lent + charged, allocated + waived + written off + owed): always equal."""
        totals = self.state.totals
        settled = totals["paid"] + totals["waived"] + totals["written_off"]
        return self._money(totals["lent"] + totals["charged"]), self._money(settled + self.owed_minor())

    def owed_minor(self) -> int:
        """What is owed in all, unapplied money not deducted: principal, dues and what has accrued, in minor units."""
        state = self.state
        dues = sum(d.outstanding for d in state.dues.values() if d.component is not Component.PRINCIPAL)
        accrued = sum(state.control[kind] for kind in ACCRUED)
        return sum(loan.principal for loan in state.loans.values()) + dues + accrued

    def _money(self, amount: int) -> Decimal:
        return minor_to_decimal(amount, self.state.terms.currency)

    def to_document(self) -> dict[str, Any]:
        """The history as plain values: numbers are strings in major units, fractions are "n/d"."""
        accrued_left, accrued_right = self.conservation()
        return {
            "day": self.state.day.isoformat(),
            "currency": self.state.terms.currency.code,
            "nights": [self._night(night) for night in self.nights],
            "facility_nights": [self._facility_night(night) for night in self.facility_nights],
            "dues": [self._due(due) for due in self.dues],
            "allocations": [self._share(share) for share in self.shares],
            "periods": [
                {
                    "loan": loan,
                    "start": period.start.isoformat(),
                    "end": period.end.isoformat(),
                    "payment_date": period.payment_date.isoformat(),
                }
                for loan, period in self.periods
            ],
            "balances": [
                {"account": kind, "loan": loan, "amount": str(amount)}
                for (kind, loan), amount in sorted(self.owned().items())
            ]
            + [
                {"account": kind, "loan": "", "amount": str(amount)}
                for kind, amount in sorted(self.control().items())
            ],
            "conservation": {
                "lent_and_charged": str(accrued_left),
                "settled_and_owed": str(accrued_right),
            },
            "notes": [{"on": day.isoformat(), "note": note} for day, note in self.notes],
        }

    def _night(self, night: Night) -> dict[str, Any]:
        fraction = night.fraction
        return {
            "loan": night.loan,
            "on": night.on.isoformat(),
            "principal": str(self._money(night.principal)),
            "rate": rate_text(night.rate),
            "fraction": f"{fraction.numerator}/{fraction.denominator}",
            "interest": str(from_units12(night.units)),
            "posted": str(self._money(night.posted)),
            "estimated": night.estimated,
        }

    def _facility_night(self, night: FacilityNight) -> dict[str, Any]:
        return {
            "kind": night.kind,
            "subject": night.subject,
            "on": night.on.isoformat(),
            "amount": str(self._money(night.on_amount)),
            "rate": rate_text(night.rate),
            "interest": str(from_units12(night.units)),
            "posted": str(self._money(night.posted)),
        }

    def _due(self, due: DueRow) -> dict[str, Any]:
        return {
            "key": due.key,
            "component": due.component.value,
            "loan": due.loan,
            "due_date": due.due_date.isoformat(),
            "payable_from": due.payable_from.isoformat(),
            "amount": str(self._money(due.amount)),
            "outstanding": str(self._money(due.outstanding)),
        }

    def _share(self, share: Share) -> dict[str, Any]:
        return {
            "source": share.source,
            "due": share.due_key,
            "component": share.component.value,
            "how": share.how.value,
            "value_date": share.value_date.isoformat(),
            "loan": share.loan,
            "amount": str(self._money(share.amount)),
        }


DUE_ACCOUNTS = {
    Component.COSTS: "COSTS_DUE",
    Component.FEES: "FEES_DUE",
    Component.DEFAULT_INTEREST: "DEFAULT_INTEREST_DUE",
    Component.INTEREST: "INTEREST_DUE",
}
ACCRUED = ("ACCRUED_INTEREST", "ACCRUED_DEFAULT_INTEREST", "ACCRUED_COMMITMENT_FEE")


def rate_text(rate: Fraction) -> str:
    """A rate a year with 12 decimals, for the reader; figures are computed from the exact one."""
    return str(from_units12(rounded_quotient(rate.numerator * 10**12, rate.denominator)))


def history_of(state: State, record: Record) -> History:
    """The history that a record and the state at its end make up."""
    for key, due in state.dues.items():
        record.dues[key].outstanding = due.outstanding
    return History(
        state,
        tuple(record.nights),
        tuple(record.facility_nights),
        tuple(record.dues.values()),
        tuple(record.shares),
        tuple(record.periods),
        tuple(record.notes),
    )


def interest_between(nights: Iterable[Night], first: date, last: date) -> int:
    """The posted interest, in minor units, of the nights from first to last, both included."""
    return sum(night.posted for night in nights if first <= night.on <= last)
