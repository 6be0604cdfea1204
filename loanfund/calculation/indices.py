"""A published compounded index, and its averages, from the daily fixings alone.

As the Federal Reserve Bank of New York publishes the SOFR Index and the 30, 90 and 180-day SOFR averages: every
business day compounds over the calendar days to the next one, on ACT/360. The index carries full precision from day to
day and is rounded only when it is published. An average starts exactly so many calendar days back; a start that is no
business day takes the fixing before it for the days up to the next business day.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from loanfund.calculation.money import Rounding, rounded_quotient
from loanfund.calculation.rates import FACTOR_UNITS, round30_product


@dataclass(frozen=True, slots=True)
class CompoundedIndex:
    """The index on each of ``days`` in units of 1e-30, from ``fixings`` (fractions a year) on the same days but the last.

    The index is 1 on the first day. A business day is a day with a fixing, or the day after the last one's run.
    """

    days: tuple[date, ...]
    fixings: tuple[Decimal, ...]
    factors: tuple[int, ...]
    year: int = 360

    def value(self, day: date, decimals: int = 8) -> Decimal:
        """The index as published on a business day, 1.00000000 on the first; ValueError for any other day."""
        place = bisect_left(self.days, day)
        if place == len(self.days) or self.days[place] != day:
            raise ValueError(
                f"There is no index on {day}: it is no business day, or its fixings are not known."
            )
        return _published(Fraction(self.factors[place], FACTOR_UNITS), decimals)

    def average(self, day: date, calendar_days: int, decimals: int = 5) -> Decimal:
        """The compounded average over the calendar days up to a business day, in per cent a year as published.

        ValueError when the first day of it lies before the fixings begin, or the day has no index.
        """
        start = day - timedelta(days=calendar_days)
        self.value(day)
        if start < self.days[0]:
            raise ValueError(f"An average of {calendar_days} days to {day} begins before the fixings do.")
        following = bisect_left(self.days, start)
        grown = Fraction(self.factors[bisect_left(self.days, day)], self.factors[following])
        if self.days[following] != start:
            held = Fraction(self.fixings[bisect_right(self.days, start) - 1])
            grown *= 1 + held * (self.days[following] - start).days / self.year
        return _published((grown - 1) * self.year * 100 / calendar_days, decimals)


def compounded_index(fixings: Mapping[date, Decimal], through: date, *, year: int = 360) -> CompoundedIndex:
    """The index from the first fixing's day to ``through``, the business day after the last fixing that is used.

    ``fixings`` are fractions a year by business day. ValueError when none of them lies before ``through``.
    """
    known = sorted(day for day in fixings if day < through)
    if not known:
        raise ValueError(f"No fixing is known for a day before {through}.")
    days = (*known, through)
    factors = [FACTOR_UNITS]
    for day, following in pairwise(days):
        numerator, denominator = fixings[day].as_integer_ratio()
        growth = round30_product(factors[-1], numerator * (following - day).days, denominator * year)
        factors.append(factors[-1] + growth)
    return CompoundedIndex(days, tuple(fixings[day] for day in known), tuple(factors), year)


def _published(value: Fraction, decimals: int) -> Decimal:
    units = rounded_quotient(value.numerator * 10**decimals, value.denominator, Rounding.HALF_UP)
    return Decimal(units).scaleb(-decimals)
