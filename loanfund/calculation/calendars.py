"""Business days: weekends and dated holidays, and how a date that is no business day is moved.

A calendar is a value. Its holidays are rows that somebody reviewed, so that a past close can be repeated; nothing here
works out when Easter is.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

SATURDAY_AND_SUNDAY = frozenset({5, 6})


class BusinessDayConvention(StrEnum):
    """Where a date that is no business day goes; 2006 ISDA Definitions, section 4.12.

    The modified conventions turn round rather than leave the month.
    """

    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"
    MODIFIED_PRECEDING = "modified_preceding"
    UNADJUSTED = "unadjusted"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The business days of a place: all but its weekend (0 is Monday) and its holidays.

    Raises ValueError when the weekend holds what is no day of the week, or leaves no working day.
    """

    name: str
    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = SATURDAY_AND_SUNDAY

    def __post_init__(self) -> None:
        if not self.weekend < frozenset(range(7)):
            raise ValueError(f"{self.name}: a weekend is some of the days 0 (Monday) to 6, not all of them.")

    def is_business_day(self, d: date) -> bool:
        """Whether business is done on that day."""
        return d.weekday() not in self.weekend and d not in self.holidays

    def adjust(self, d: date, convention: BusinessDayConvention) -> date:
        """The date itself on a business day, else the business day that the convention names."""
        if convention is BusinessDayConvention.UNADJUSTED or self.is_business_day(d):
            return d
        forward = convention in _FORWARD
        moved = self.add_business_days(d, 1 if forward else -1)
        if moved.month != d.month and convention in _MODIFIED:
            return self.add_business_days(d, -1 if forward else 1)
        return moved

    def add_business_days(self, d: date, n: int) -> date:
        """The n-th business day after the date, before it when n is negative; the date itself when n is 0.

        A date that is no business day counts for nothing: one business day after a Saturday is the Monday.
        """
        step = 1 if n > 0 else -1
        ordinal = d.toordinal()
        left = abs(n)
        while left:
            ordinal += step
            d = date.fromordinal(ordinal)
            if d.weekday() not in self.weekend and d not in self.holidays:
                left -= 1
        return d

    def business_days_between(self, start: date, end: date) -> int:
        """How many business days there are from start (included) to end (excluded); 0 when end is not after."""
        days = map(date.fromordinal, range(start.toordinal(), end.toordinal()))
        return sum(self.is_business_day(d) for d in days)


_FORWARD = frozenset({BusinessDayConvention.FOLLOWING, BusinessDayConvention.MODIFIED_FOLLOWING})
_MODIFIED = frozenset({BusinessDayConvention.MODIFIED_FOLLOWING, BusinessDayConvention.MODIFIED_PRECEDING})

WEEKENDS_ONLY = Calendar("weekends only")
"""Monday to Friday, without a holiday."""

EVERY_DAY = Calendar("every day", weekend=frozenset())
"""Every day is a business day: for terms that move nothing."""


def joined(*calendars: Calendar) -> Calendar:
    """The calendar whose business days are business days of all the given ones; ``EVERY_DAY`` of none."""
    if not calendars:
        return EVERY_DAY
    if len(calendars) == 1:
        return calendars[0]
    return Calendar(
        name=" + ".join(c.name for c in calendars),
        holidays=frozenset().union(*(c.holidays for c in calendars)),
        weekend=frozenset().union(*(c.weekend for c in calendars)),
    )
