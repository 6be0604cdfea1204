"""Rates: what a year of interest costs, as terms, and the published fixings that floating ones rest on.

A rate is a fraction a year (``Decimal("0.03")`` is 3 %). Overnight rates follow the conventions of the Alternative
Reference Rates Committee (ARRC) and the Loan Market Association: the rate is compounded, not the balance, so that the
non-cumulative compounded rate of a day is known on that day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from loanfund.calculation.calendars import WEEKENDS_ONLY, Calendar
from loanfund.calculation.money import rounded_quotient

FACTOR_UNITS = 10**30
"""A compounded factor is carried at exactly 30 decimals, as a whole number of these."""


class FixingMissing(ValueError):
    """A fixing that is due to be published is absent, or nothing was ever published before the day."""

    def __init__(self, reference: str, day: date) -> None:
        super().__init__(f"The fixing of {reference} for {day.isoformat()} is due and was not found.")
        self.reference = reference
        self.day = day


class Method(StrEnum):
    """How an overnight rate makes a period's rate: ARRC, in arrears."""

    COMPOUNDED = "compounded"
    AVERAGED = "averaged"


class FloorOn(StrEnum):
    """What a floor or a cap binds: each day's published rate, or the period's result."""

    DAILY = "daily"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class FixedRate:
    """One rate a year, such as Decimal("0.03")."""

    rate: Decimal

    def on(self, day: date) -> "BasicRate":
        """The rate that holds for the night of ``day``."""
        return self


@dataclass(frozen=True, slots=True)
class SteppedRate:
    """Rates by the day each begins to hold; before the first step its own rate holds."""

    steps: tuple[tuple[date, Decimal], ...]

    def __post_init__(self) -> None:
        days = [day for day, _ in self.steps]
        if not days or days != sorted(set(days)):
            raise ValueError("Steps of a rate need at least one day, each later than the one before.")

    def on(self, day: date) -> "BasicRate":
        """The rate that holds for the night of ``day``."""
        held = self.steps[0][1]
        for begins, rate in self.steps:
            if begins > day:
                break
            held = rate
        return FixedRate(held)


@dataclass(frozen=True, slots=True)
class FloatingRate:
    """A term rate fixed once for each interest period: the fixing, floored and capped, plus the margin.

    The fixing is that of ``reset_days`` business days of the publication calendar before the period's start, or the last
    one published before that day.
    """

    reference: str
    margin: Decimal = Decimal(0)
    floor: Decimal | None = None
    cap: Decimal | None = None
    reset_days: int = 2
    publication_calendar: Calendar = WEEKENDS_ONLY
    publication_lag: int = 0

    def on(self, day: date) -> "BasicRate":
        """The rate that holds for the night of ``day``."""
        return self


@dataclass(frozen=True, slots=True)
class OvernightRate:
    """An overnight rate compounded or averaged in arrears over the interest period.

    ``lookback_days`` business days back, with or without observation shift; during the last ``lockout_days`` business
    days before the period's end the rate of the day before them stands. The floor and cap bind each day's rate before
    compounding (``floor_on`` DAILY) or the period's annualised result. The margin is added outside the compounding
    unless ``margin_inside``. A fixing is due ``publication_lag`` business days after its day.
    """

    reference: str
    method: Method = Method.COMPOUNDED
    lookback_days: int = 5
    observation_shift: bool = False
    lockout_days: int = 0
    floor: Decimal | None = None
    cap: Decimal | None = None
    floor_on: FloorOn = FloorOn.DAILY
    margin: Decimal = Decimal(0)
    margin_inside: bool = False
    publication_calendar: Calendar = WEEKENDS_ONLY
    publication_lag: int = 1

    def on(self, day: date) -> "BasicRate":
        """The rate that holds for the night of ``day``."""
        return self


BasicRate = FixedRate | FloatingRate | OvernightRate


@dataclass(frozen=True, slots=True)
class ZeroUntil:
    """No interest for nights before ``until``; from then on another rate."""

    until: date
    then: "FixedRate | SteppedRate | FloatingRate | OvernightRate"

    def on(self, day: date) -> BasicRate:
        """The rate that holds for the night of ``day``."""
        return _ZERO if day < self.until else self.then.on(day)


Rate = FixedRate | SteppedRate | FloatingRate | OvernightRate | ZeroUntil
_ZERO = FixedRate(Decimal(0))


@dataclass(frozen=True, slots=True)
class Fixings:
    """Published values of reference rates: ``values["SOFR"][day]`` is a fraction a year.

    ``as_of`` is the day whose knowledge this is, and ``end_of_day`` whether that day is over: together they say which
    absent fixing is merely not due yet (estimated by the last one published) and which is missing.
    """

    values: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)
    as_of: date = date.max
    end_of_day: bool = True

    def at(self, day: date, *, end_of_day: bool) -> "Fixings":
        """The same values, judged by the knowledge of another day."""
        return Fixings(self.values, day, end_of_day)

    def value(self, reference: str, day: date, calendar: Calendar, lag: int) -> tuple[Decimal, bool]:
        """(rate, estimated) of a business day; FixingMissing when it is due and absent, or nothing came before it."""
        known = self.values.get(reference, {})
        found = known.get(day)
        if found is not None:
            return found, False
        if self._due(day, calendar, lag):
            raise FixingMissing(reference, day)
        return self._last_before(reference, day), True

    def _due(self, day: date, calendar: Calendar, lag: int) -> bool:
        if self.as_of == date.max:
            return True
        due_on = calendar.add_business_days(day, lag)
        return due_on <= self.as_of if self.end_of_day else due_on < self.as_of

    def _last_before(self, reference: str, day: date) -> Decimal:
        known = self.values.get(reference, {})
        for back in range(1, 31):
            earlier = known.get(date.fromordinal(day.toordinal() - back))
            if earlier is not None:
                return earlier
        raise FixingMissing(reference, day)

    @classmethod
    def from_document(cls, document: Mapping[str, Mapping[str, str]], **known: Any) -> "Fixings":
        """From {"SOFR": {"2026-01-02": "0.0363"}}."""
        values = {
            code: {date.fromisoformat(day): Decimal(value) for day, value in days.items()}
            for code, days in document.items()
        }
        return cls(values, **known)


def published(values: Iterable[tuple[date, Decimal]], reference: str = "SOFR") -> Fixings:
    """Fixings of one reference rate, all of them known."""
    return Fixings({reference: dict(values)})


def round30(numerator: int, denominator: int) -> int:
    """A rational number rounded once to 30 decimals, half-up, as a whole number of 1e-30."""
    return rounded_quotient(numerator * FACTOR_UNITS, denominator)


def round30_product(units: int, numerator: int, denominator: int) -> int:
    """units x numerator / denominator, rounded once, half-up: one step of a factor that has 30 decimals."""
    product = units * numerator
    if product >= 0:
        return (2 * product + denominator) // (2 * denominator)
    return -((denominator - 2 * product) // (2 * denominator))
