"""Growth: what one unit of principal earns from the start of an interest period to a day, exactly.

A growth is a pair of whole numbers, numerator over denominator. Interest of a piece of constant principal and rate is
principal x [growth at its end - growth at its start], rounded once. Loans with the same rate, convention and period
share one growth, which is why a day's factor is worked out once, however many loans there are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from loanfund.calculation.daycount import DayCount, ReferencePeriod, fraction_ints
from loanfund.calculation.rates import (
    FACTOR_UNITS,
    BasicRate,
    FixedRate,
    Fixings,
    FloatingRate,
    FloorOn,
    Method,
    OvernightRate,
    round30,
    round30_product,
)

Pair = tuple[int, int]
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class GrowthKey:
    """What a growth depends on; loans with equal keys share their factors."""

    rate: BasicRate
    day_count: DayCount
    start: date
    end: date
    reference: ReferencePeriod


class Growth:
    """The growth of one interest period, by day, worked out once and remembered.

    ``at(day)`` may be asked for any day from the start on, past the period's end too (late principal bears interest on).
    ``estimated_from`` is the first night that rests on a fixing that is not due yet.
    """

    __slots__ = ("_at", "_grow", "estimated_from", "fixings", "key")

    def __init__(self, key: GrowthKey, fixings: Fixings) -> None:
        self.key = key
        self.fixings = fixings
        self._at: list[Pair] = [(0, 1)]
        self.estimated_from: date | None = None
        self._grow: Callable[[date], Pair] = self._grower()

    def at(self, day: date) -> Pair:
        """Growth from the period's start to the start of ``day`` (the end of the night before it)."""
        known = self._at
        offset = day.toordinal() - self.key.start.toordinal()
        if offset < 0:
            raise ValueError(f"{day} lies before the interest period that begins on {self.key.start}.")
        while len(known) <= offset:
            known.append(self._grow(self.key.start + timedelta(days=len(known))))
        return known[offset]

    def between(self, start: date, end: date) -> Pair:
        """Growth from one day to a later one."""
        n0, d0 = self.at(start)
        n1, d1 = self.at(end)
        if d0 == d1:
            return n1 - n0, d1
        return n1 * d0 - n0 * d1, d0 * d1

    def fraction(self, day: date) -> Pair:
        """The day count fraction from the period's start to a day."""
        return fraction_ints(self.key.start, day, self.key.day_count, self.key.reference)

    def all_in(self, night: date) -> Fraction:
        """The annual rate of one night: its growth over its fraction; 0 for a night the convention does not count."""
        f1, g1 = self.fraction(night + _ONE_DAY)
        f0, g0 = self.fraction(night)
        length = Fraction(f1, g1) - Fraction(f0, g0)
        if isinstance(self.key.rate, FixedRate):
            return Fraction(self.key.rate.rate)
        return Fraction(*self.between(night, night + _ONE_DAY)) / length if length else Fraction(0)

    def estimated(self, night: date) -> bool:
        """Whether the interest of a night rests on an estimated fixing."""
        self.at(night + _ONE_DAY)
        return self.estimated_from is not None and night >= self.estimated_from

    def _grower(self) -> Callable[[date], Pair]:
        rate = self.key.rate
        if isinstance(rate, FixedRate):
            return self._simple(Fraction(rate.rate))
        if isinstance(rate, FloatingRate):
            return self._simple(self._term_rate(rate))
        return _Overnight(self, rate, self.fixings).grow

    def _simple(self, rate: Fraction) -> Callable[[date], Pair]:
        numerator, denominator = rate.numerator, rate.denominator

        def grow(day: date) -> Pair:
            n, d = self.fraction(day)
            return n * numerator, d * denominator

        return grow

    def _term_rate(self, rate: FloatingRate) -> Fraction:
        day = rate.publication_calendar.add_business_days(self.key.start, -rate.reset_days)
        if not rate.publication_calendar.is_business_day(day):
            day = rate.publication_calendar.add_business_days(day, -1)
        value, guessed = self.fixings.value(
            rate.reference, day, rate.publication_calendar, rate.publication_lag
        )
        if guessed:
            self.estimated_from = self.key.start
        return Fraction(bounded(value, rate.floor, rate.cap)) + Fraction(rate.margin)


def bounded(value: Decimal, floor: Decimal | None, cap: Decimal | None) -> Decimal:
    """A rate no lower than its floor and no higher than its cap."""
    if floor is not None and value < floor:
        value = floor
    return cap if cap is not None and value > cap else value


class _Overnight:
    """Compounds or averages an overnight rate night by night; the factor is kept at the start of each business run.

    The rate of a night that is no business day is that of the business day before it, and grows simply within the run:
    that makes the day's rate the non-cumulative compounded one.
    """

    __slots__ = ("fixings", "frozen_after", "growth", "inside", "observed", "rate", "run", "units", "year")

    def __init__(self, growth: Growth, rate: OvernightRate, fixings: Fixings) -> None:
        self.growth, self.rate, self.fixings = growth, rate, fixings
        self.units = FACTOR_UNITS  # the factor at the start of the run: 1 when the period begins
        self.run: tuple[date, date, Pair, int] | None = None
        self.observed = 0  # days observed before this run, for the observation shift
        self.year = 365 if growth.key.day_count in (DayCount.ACT_365F, DayCount.ACT_365L) else 360
        self.inside = Fraction(rate.margin) if rate.margin_inside else Fraction(0)
        calendar = rate.publication_calendar
        self.frozen_after = (
            calendar.add_business_days(growth.key.end, -rate.lockout_days - 1)
            if rate.lockout_days
            else date.max
        )

    def grow(self, day: date) -> Pair:
        """Growth to ``day``; called once for each day, in order."""
        night = day - _ONE_DAY
        if self.run is None or night >= self.run[1]:
            self._next_run(night)
        assert self.run is not None
        begun, _, daily, weight = self.run
        # Shifted, a rate is weighed by its own days from its first night on: the observation is over before interest is.
        nights = weight if self.rate.observation_shift else day.toordinal() - begun.toordinal()
        step_num, step_den = daily[0] * nights, daily[1] * self.year
        if self.rate.method is Method.COMPOUNDED:
            units = self.units + round30_product(self.units, step_num, step_den)
        else:
            units = self.units + round30(step_num, step_den)
        return self._with_margin(units - FACTOR_UNITS, day, self.observed + nights)

    def _next_run(self, night: date) -> None:
        calendar = self.rate.publication_calendar
        if self.run is not None:
            begun, ends, daily, weight = self.run
            days = weight if self.rate.observation_shift else ends.toordinal() - begun.toordinal()
            numerator, denominator = daily[0] * days, daily[1] * self.year
            if self.rate.method is Method.COMPOUNDED:
                self.units += round30_product(self.units, numerator, denominator)
            else:
                self.units += round30(numerator, denominator)
            self.observed += days
        business = night if calendar.is_business_day(night) else calendar.add_business_days(night, -1)
        ends = calendar.add_business_days(night, 1)
        seen = min(business, self.frozen_after)
        observed = calendar.add_business_days(seen, -self.rate.lookback_days)
        value, guessed = self.fixings.value(
            self.rate.reference, observed, calendar, self.rate.publication_lag
        )
        if guessed and self.growth.estimated_from is None:
            self.growth.estimated_from = night
        if self.rate.floor_on is FloorOn.DAILY:
            value = bounded(value, self.rate.floor, self.rate.cap)
        weight = ends.toordinal() - night.toordinal()
        if self.rate.observation_shift:
            # A locked rate stands for its own night's weight: the weights are never locked.
            weighed = calendar.add_business_days(business, -self.rate.lookback_days)
            weight = calendar.add_business_days(weighed, 1).toordinal() - weighed.toordinal()
        daily = value.as_integer_ratio()
        if self.inside:
            daily = (Fraction(*daily) + self.inside).as_integer_ratio()
        self.run = (night, ends, daily, weight)

    def _with_margin(self, earned: int, day: date, observed_days: int) -> Pair:
        n, d = self.growth.fraction(day)
        num, den = earned, FACTOR_UNITS
        if self.rate.observation_shift and observed_days:
            # The rate of the observation period, applied to the days of the interest period.
            num, den = num * n * self.year, den * d * observed_days
        if self.rate.floor_on is FloorOn.RESULT and n:
            result = bounded_fraction(Fraction(num * d, den * n), self.rate.floor, self.rate.cap)
            num, den = result.numerator * n, result.denominator * d
        if self.rate.margin_inside or not self.rate.margin:
            return num, den
        margin_num, margin_den = self.rate.margin.as_integer_ratio()
        return num * margin_den * d + margin_num * n * den, den * margin_den * d


def bounded_fraction(value: Fraction, floor: Decimal | None, cap: Decimal | None) -> Fraction:
    """An annualised result no lower than its floor and no higher than its cap."""
    if floor is not None and value < Fraction(floor):
        value = Fraction(floor)
    return Fraction(cap) if cap is not None and value > Fraction(cap) else value


class Factors:
    """All growths that one reading of the fixings needs, each worked out once."""

    __slots__ = ("_growths", "fixings")

    def __init__(self, fixings: Fixings) -> None:
        self.fixings = fixings
        self._growths: dict[GrowthKey, Growth] = {}

    def growth(self, key: GrowthKey) -> Growth:
        """The growth of a key, shared by whoever asks for it."""
        found = self._growths.get(key)
        if found is None:
            found = self._growths[key] = Growth(key, self.fixings)
        return found
