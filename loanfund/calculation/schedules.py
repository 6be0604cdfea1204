"""Repayment schedules: terms in, rows of instalments out, exact to the minor unit.

Interest of a period is the sum over its pieces of constant principal and rate of principal x rate x fraction, every
fraction measured from the period's start, each piece rounded once to 12 decimals and the sum once to the minor unit.
The last instalment absorbs what roundings have left, and says so in ``Schedule.residual``.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from loanfund.calculation.daycount import DayCount
from loanfund.calculation.money import Currency, Rounding, decimal_to_minor, minor_to_decimal
from loanfund.calculation.profiles import PrepaymentEffect, ProfileKind
from loanfund.calculation.rates import FixedRate, SteppedRate, ZeroUntil


class InterestBasis(StrEnum):
    """PERIOD: every whole period bears the rate over the periods a year. DAYS: the rate times the day count fraction."""

    PERIOD = "period"
    DAYS = "days"


class LevelOn(StrEnum):
    """Which periods a level instalment is worked out on: each as long as it is, or all as long as the first."""

    EACH_PERIOD = "each_period"
    FIRST_PERIOD = "first_period"


class Reprice(StrEnum):
    """When an instalment is worked out anew on what is left: only when rate or principal changed, or every period."""

    ON_CHANGE = "on_change"
    EACH_PERIOD = "each_period"


class InterestGrace(StrEnum):
    """What becomes of interest in its grace periods: due with the next instalment, or added to the principal."""

    DEFER = "defer"
    CAPITALISE = "capitalise"


class RowKind(StrEnum):
    """What a row of a schedule is."""

    INSTALMENT = "instalment"
    DRAWDOWN = "drawdown"
    PREPAYMENT = "prepayment"


@dataclass(frozen=True, slots=True)
class Draw:
    """A further drawdown, in major units; the day earns interest."""

    on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Prepayment:
    """An early repayment of principal, in major units. Interest on it falls due with it."""

    on: date
    amount: Decimal
    effect: PrepaymentEffect = PrepaymentEffect.INSTALMENT


@dataclass(frozen=True, slots=True)
class ScheduleTerms:
    """What a schedule is worked out from; amounts in major units, rates as fractions a year.

    ``principal`` is drawn at the start of the first period. ``periods_per_year`` (basis PERIOD) may be a ratio such as
    (365, 15). ``balloon`` is left for the last instalment of a level or equal-principal profile. ``table`` (CUSTOM)
    gives the principal paid at each period's end, negative where more is lent. ``amount_multiple`` and
    ``instalment_multiple`` round interest and instalments to multiples of an amount instead of to the minor unit.
    Raises ValueError, naming the field.
    """

    principal: Decimal
    currency: Currency
    rate: FixedRate | SteppedRate | ZeroUntil
    profile: ProfileKind
    basis: InterestBasis = InterestBasis.DAYS
    day_count: DayCount = DayCount.ACT_360
    periods_per_year: tuple[int, int] = (12, 1)
    level_on: LevelOn = LevelOn.EACH_PERIOD
    reprice: Reprice = Reprice.ON_CHANGE
    principal_grace: int = 0
    interest_grace: int = 0
    interest_grace_is: InterestGrace = InterestGrace.DEFER
    balloon: Decimal = Decimal(0)
    table: tuple[Decimal, ...] = ()
    rounding: Rounding = Rounding.HALF_UP
    amount_multiple: Decimal | None = None
    instalment_multiple: Decimal | None = None
    draws: tuple[Draw, ...] = ()
    prepayments: tuple[Prepayment, ...] = ()

    def __post_init__(self) -> None:
        for name in ("principal", "balloon", "amount_multiple", "instalment_multiple"):
            value = getattr(self, name)
            if value is None:
                continue
            if _minor(name, value, self.currency) < 0 or (value == 0 and name != "balloon"):
                raise ValueError(f"{name}: {value} is not an amount above zero.")
        if self.balloon > self.principal + sum(draw.amount for draw in self.draws):
            raise ValueError(f"balloon: {self.balloon} is more than is ever drawn.")
        if (self.profile is ProfileKind.CUSTOM) != bool(self.table):
            raise ValueError("table: a custom profile has one, and no other has.")
        if min(self.principal_grace, self.interest_grace) < 0:
            raise ValueError("principal_grace, interest_grace: a number of periods, 0 or more.")
        if min(self.periods_per_year) < 1:
            raise ValueError("periods_per_year: above zero.")
        events: tuple[Draw | Prepayment, ...] = (*self.draws, *self.prepayments)
        for event in events:
            if _minor("amount", event.amount, self.currency) <= 0:
                raise ValueError(f"amount: {event.amount} on {event.on} is not above zero.")


def _minor(name: str, amount: Decimal, currency: Currency) -> int:
    try:
        return decimal_to_minor(amount, currency)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


class Row(NamedTuple):
    """One line of a schedule; amounts in minor units of the schedule's currency.

    ``number`` counts instalments from 1 (a drawdown or prepayment bears the number of the period it lies in). ``days`` are
    calendar days from ``start`` to ``end``. ``payment`` = ``principal`` + ``interest``, negative for a drawdown.
    ``balance`` is the principal afterwards, with ``capitalised`` interest; ``deferred`` the interest still to be collected.
    """

    number: int
    kind: RowKind
    start: date
    end: date
    payment_date: date
    days: int
    principal: int
    interest: int
    payment: int
    balance: int
    deferred: int = 0
    capitalised: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rows of a schedule and what they add up to, in minor units of ``currency``.

    ``instalment`` is the level instalment, or the regular principal, that was worked out first; None without one.
    ``residual`` is how much more (less, if negative) the last instalment pays than a regular one would, a balloon aside:
    what roundings, and cuts of the last instalment, have left for it. ``sooner`` is how many instalments fewer there are
    than planned.
    """

    rows: tuple[Row, ...]
    currency: Currency
    instalment: int | None
    residual: int
    sooner: int
    drawn: int

    def amount(self, minor: int) -> Decimal:
        """Minor units of a row or total as major units."""
        return minor_to_decimal(minor, self.currency)

    @property
    def principal(self) -> int:
        """All principal paid, capitalised interest included."""
        return sum(row.principal for row in self.rows if row.kind is not RowKind.DRAWDOWN)

    @property
    def interest(self) -> int:
        """All interest paid as such."""
        return sum(row.interest for row in self.rows)

    @property
    def capitalised(self) -> int:
        """All interest that became principal."""
        return sum(row.capitalised for row in self.rows)

    @property
    def paid(self) -> int:
        """All that the borrower pays."""
        return self.principal + self.interest

    @property
    def note(self) -> str:
        """What a reader should be told of the last instalment, in a sentence; empty when there is nothing to tell."""
        said = []
        if self.residual:
            more = "more" if self.residual > 0 else "less"
            said.append(
                f"The last instalment is {self.amount(abs(self.residual))} {self.currency} {more} than the "
                "regular one: it absorbs what is left."
            )
        if self.sooner:
            said.append(f"The plan ends {self.sooner} instalment{'s' * (self.sooner > 1)} sooner.")
        return " ".join(said)

    def cash_flows(self) -> tuple[tuple[date, int], ...]:
        """The lender's flows in minor units by payment date: what is lent negative, what is paid positive."""
        first = self.rows[0]
        return ((first.start, -self.drawn), *((row.payment_date, row.payment) for row in self.rows))
