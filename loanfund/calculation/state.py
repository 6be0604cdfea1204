"""Where a facility stands during a day: what the fold carries from one day to the next.

All money is in whole minor units, all accrued interest in units of 1e-12. A state holds only what the next day needs: open
interest periods, open dues, unapplied money and running totals, however long the history behind it.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.growth import Growth
from loanfund.calculation.periods import InterestPeriod
from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.calculation.rates import BasicRate, Rate
from loanfund.calculation.terms import Component, FacilityTerms


@dataclass(slots=True)
class Piece:
    """From ``start`` on, so much principal bears interest at one rate; it ends where the next piece starts.

    ``growth`` is only remembered: it follows from the rest and the fixings.
    """

    start: date
    principal: int
    rate: BasicRate
    growth: Growth | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class OpenPeriod:
    """An interest period that has begun and is not billed: its pieces, what it has earned, and what of that was posted
    and billed ahead (with a prepayment, by capitalising). ``principal`` is the instalment fixed when it ended.

    The day count and its reference are those of the terms as it began: an amendment lets it run out as it was. Interest
    before ``settled_until`` has been capitalised, so that no part of it falls due with a prepayment.
    """

    index: int
    period: InterestPeriod
    pieces: list[Piece]
    day_count: DayCount
    reference: ReferencePeriod
    settled_until: date
    units: int = 0
    posted: int = 0
    billed: int = 0
    ended: bool = False
    principal: int = 0

    def copy(self) -> "OpenPeriod":
        return replace(self, pieces=[replace(piece) for piece in self.pieces])


@dataclass(slots=True)
class LoanState:
    """One loan: cash principal and capitalised interest outstanding, its periods, and the plan of its principal.

    ``resting`` is principal whose instalment ended with its period and is payable a few days later: it bears nothing.
    ``undue`` principal is what has not fallen due.
    """

    name: str
    start: date
    maturity: date
    periods: tuple[InterestPeriod, ...]
    lent: int
    capitalised: int = 0
    resting: int = 0
    overdue: int = 0
    plan: list[int] = field(default_factory=list)
    instalment: int | None = None
    open: list[OpenPeriod] = field(default_factory=list)
    holiday_until: date | None = None
    holiday_capitalises: bool = False
    accelerated: bool = False
    done: bool = False
    latest: InterestPeriod | None = None

    @property
    def principal(self) -> int:
        """Everything outstanding that bears, or bore, interest as principal."""
        return self.lent + self.capitalised

    @property
    def undue(self) -> int:
        return self.lent + self.capitalised - self.overdue - self.resting

    def copy(self) -> "LoanState":
        return replace(self, plan=list(self.plan), open=[one.copy() for one in self.open])


@dataclass(slots=True)
class LatePiece:
    """From ``start`` on, so much of a late sum bears default interest at one rate a year.

    ``waiting`` is what will bear it from here on too, unless it is paid within its days of grace.
    """

    start: date
    amount: int
    rate: Fraction
    waiting: int = 0


@dataclass(slots=True)
class DueState:
    """A sum that fell due. ``tranches`` are parts that a later correction added, each late only from its own day."""

    key: str
    component: Component
    loan: str
    due_date: date
    amount: int
    outstanding: int
    day_count: DayCount
    reference: ReferencePeriod
    tranches: tuple[tuple[int, date], ...] = ()
    late: list[LatePiece] = field(default_factory=list)
    units: int = 0
    posted: int = 0
    billed: int = 0
    fee_charged: bool = False

    def parts(self) -> list[tuple[int, date]]:
        """(amount, first day from which it can be late): what was due first, then what corrections added."""
        first = self.amount - sum(amount for amount, _ in self.tranches)
        return [(first, self.due_date), *self.tranches]

    def unpaid_before(self, last: date) -> int:
        """What is unpaid of the parts that were payable by a day. Money pays what was payable first."""
        later = sum(amount for amount, payable in self.parts() if payable > last)
        return max(self.outstanding - later, 0)

    def payable_from(self) -> date:
        """The first day from which any of it can be late."""
        later = sum(amount for amount, _ in self.tranches)
        return self.due_date if later < self.amount or not self.tranches else self.tranches[0][1]

    def copy(self) -> "DueState":
        return replace(self, late=[replace(piece) for piece in self.late])


@dataclass(slots=True)
class FeeState:
    """The commitment fee of the fee period that began on ``start``; pieces are (day, amount, rate a year)."""

    start: date
    ends: date
    day_count: DayCount
    pieces: list[tuple[date, int, Fraction]] = field(default_factory=list)
    units: int = 0
    posted: int = 0
    billed: int = 0

    def copy(self) -> "FeeState":
        return replace(self, pieces=list(self.pieces))


@dataclass(slots=True)
class Notice:
    """A prepayment that was announced: so much principal is still to be repaid early."""

    id: str
    loan: str
    left: int
    effect: PrepaymentEffect


@dataclass(slots=True)
class Money:
    """Unapplied money and the event that brought it."""

    source: str
    left: int


@dataclass(slots=True)
class State:
    """A facility during the day ``day``: its start of day and the events so far are in, its night is not."""

    terms: FacilityTerms
    rate: Rate
    day: date
    loans: dict[str, LoanState] = field(default_factory=dict)
    dues: dict[str, DueState] = field(default_factory=dict)
    fee: FeeState | None = None
    money: list[Money] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    cancelled: int = 0
    ever_lent: int = 0
    suspended: bool = False
    accelerated: bool = False
    control: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    totals: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def unapplied(self) -> int:
        return sum(one.left for one in self.money)

    @property
    def drawn(self) -> int:
        """Cash principal outstanding."""
        return sum(loan.lent for loan in self.loans.values())

    def copy(self) -> "State":
        """An independent state; values that never change are shared."""
        return replace(
            self,
            loans={name: loan.copy() for name, loan in self.loans.items()},
            dues={key: due.copy() for key, due in self.dues.items()},
            fee=None if self.fee is None else self.fee.copy(),
            money=[replace(one) for one in self.money],
            notices=[replace(one) for one in self.notices],
            control=defaultdict(int, self.control),
            totals=defaultdict(int, self.totals),
        )
