"""When the instalments of a loan fall: the boundaries of its periods and the days on which they are paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from loanfund.calculation.calendars import EVERY_DAY, BusinessDayConvention, Calendar
from loanfund.calculation.daycount import ReferencePeriod
from loanfund.calculation.periods import InterestPeriod, Tenor, add_tenor


@dataclass(frozen=True, slots=True)
class Timetable:
    """The periods of a loan, without a gap: ``dates`` bound them, one more than there are ``payment_dates``.

    ``unadjusted`` are the boundaries before any business-day convention; ``tenor`` is the regular period.
    Raises ValueError when there is no period, when dates do not run forward or do not match the payment dates.
    """

    dates: tuple[date, ...]
    payment_dates: tuple[date, ...]
    tenor: Tenor | None = None
    unadjusted: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if len(self.dates) < 2 or len(self.payment_dates) != len(self.dates) - 1:
            raise ValueError("A timetable needs a payment date for each of its periods, and at least one.")
        for start, end in pairwise(self.dates):
            if end <= start:
                raise ValueError(f"The periods of a loan run forward, not from {start} to {end}.")

    @property
    def count(self) -> int:
        """The number of periods."""
        return len(self.payment_dates)

    @property
    def periods_per_year(self) -> int:
        """Regular periods a year, for conventions that need a frequency; 0 when there is no whole number of them."""
        if self.tenor is None or self.tenor.n == 0:
            return 0
        for length, year in ((self.tenor.months, 12), (self.tenor.days, 364)):
            if length and year % length == 0:
                return year // length
        return 0

    def reference(self, i: int) -> ReferencePeriod:
        """What a day count may want to know of the i-th period, counted from 0."""
        bounds = self.unadjusted or self.dates
        return ReferencePeriod(
            bounds[i], bounds[i + 1], self.periods_per_year or None, bounds[-1], end_of_month=None
        )

    @classmethod
    def of(cls, periods: Sequence[InterestPeriod], tenor: Tenor | None = None) -> "Timetable":
        """The timetable of interest periods as ``periods.interest_periods`` makes them."""
        if not periods:
            raise ValueError("A timetable needs at least one period.")
        return cls(
            dates=(periods[0].start, *(p.end for p in periods)),
            payment_dates=tuple(p.payment_date for p in periods),
            tenor=tenor,
            unadjusted=(periods[0].unadjusted_start, *(p.unadjusted_end for p in periods)),
        )

    @classmethod
    def regular(
        cls,
        start: date,
        tenor: Tenor,
        count: int,
        *,
        end_of_month: bool = False,
        calendar: Calendar = EVERY_DAY,
        convention: BusinessDayConvention = BusinessDayConvention.UNADJUSTED,
    ) -> "Timetable":
        """``count`` periods one tenor apart, counted from the start; only payments move, so interest never changes."""
        if count < 1 or tenor.n < 1:
            raise ValueError(f"A loan has at least one period of at least a day, not {count} of {tenor}.")
        dates = _regular_dates(start, tenor, count, end_of_month)
        payments = dates[1:]
        if convention is not BusinessDayConvention.UNADJUSTED:
            payments = [calendar.adjust(d, convention) for d in payments]
        return cls(tuple(dates), tuple(payments), tenor)


def _regular_dates(start: date, tenor: Tenor, count: int, end_of_month: bool) -> list[date]:
    if start.day > 28 or end_of_month or not tenor.months:
        return [add_tenor(start, tenor, times=n, end_of_month=end_of_month) for n in range(count + 1)]
    # Every month has such a day, so nothing needs clamping: thousands of timetables are made in what-ifs.
    first, day, step = start.year * 12 + start.month - 1, start.day, tenor.months
    return [date(m // 12, m % 12 + 1, day) for m in range(first, first + count * step + 1, step)]
