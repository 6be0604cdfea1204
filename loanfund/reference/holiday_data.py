"""Where the holiday rows come from: one generator a calendar, run when calendars are loaded and never at accrual time.

The days are those of the `holidays` package, except where the market is known to differ; the exceptions stand here with
their evidence. Weekends are left out, since a calendar states its own. A package that changes its mind about a day that
was already loaded changes nothing: rows are added, never taken away, so a past close can be repeated.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import holidays

FIRST_YEAR = 2015
LAST_YEAR = 2070
"""The years loaded by default: from before any loan can start to after the last can be repaid."""


@dataclass(frozen=True, slots=True)
class HolidayRow:
    """One weekday on which one calendar is closed, why, and by whose word."""

    calendar: str
    date: date
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class _Source:
    """What a calendar is, the first year that its source knows, and how its days are found."""

    title: str
    first_year: int
    find: Callable[[range], Mapping[date, str]]
    origin: str


def _market(code: str) -> Callable[[range], Mapping[date, str]]:
    def find(years: range) -> Mapping[date, str]:
        return holidays.financial_holidays(code, years=years)

    return find


def _sofr(years: range) -> Mapping[date, str]:
    """SIFMA's days for US government securities, and every Good Friday since SOFR began in 2018.

    In 2021, 2023 and 2026 the market opened for some hours on Good Friday, when employment figures came out, and the
    Federal Reserve Bank of New York published no SOFR for the day.
    """
    days = dict(holidays.financial_holidays("XSIF", years=years))
    for day, name in holidays.financial_holidays("XNYS", years=years).items():
        if name == "Good Friday" and day.year >= 2018:
            days.setdefault(day, name)
    return days


def _japan(years: range) -> Mapping[date, str]:
    """National holidays and the bank holidays of the turn of the year."""
    return holidays.country_holidays("JP", years=years, categories=("public", "bank"))


def _england(years: range) -> Mapping[date, str]:
    return holidays.country_holidays("GB", subdiv="ENG", years=years)


def _south_africa(years: range) -> Mapping[date, str]:
    """Statutory holidays, and the days proclaimed for elections and by decree."""
    return holidays.country_holidays("ZA", years=years)


_SOURCES: Mapping[str, _Source] = {
    "US-SOFR": _Source(
        "US government securities, as SOFR is published", 1996, _sofr, "XSIF, Good Fridays of XNYS"
    ),
    "US-FED": _Source("Federal Reserve Banks: dollar payments", 1999, _market("XFED"), "XFED"),
    "US-NYSE": _Source("New York Stock Exchange", 1900, _market("XNYS"), "XNYS"),
    "TARGET": _Source("TARGET: euro payments", 1999, _market("XECB"), "XECB"),
    "UK": _Source("Banks in England and Wales", 1971, _england, "GB-ENG"),
    "JAPAN": _Source("Banks in Japan", 1985, _japan, "JP, public and bank"),
    "SOUTH-AFRICA": _Source("South Africa", 1995, _south_africa, "ZA"),
}

CALENDARS: Mapping[str, str] = {name: source.title for name, source in _SOURCES.items()}
"""Each calendar's name and what it is."""


def holidays_of(
    calendar: str, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR
) -> tuple[HolidayRow, ...]:
    """The weekdays on which a calendar is closed, both years included, by date.

    Raises ValueError for an unknown calendar and for years that its source does not know, rather than finding them
    without a holiday.
    """
    source = _SOURCES.get(calendar)
    if source is None:
        raise ValueError(f"There is no calendar {calendar!r}; there are {', '.join(_SOURCES)}.")
    if not source.first_year <= first_year <= last_year <= 2099:
        raise ValueError(
            f"{calendar} is known from {source.first_year} to 2099, not {first_year} to {last_year}."
        )
    found = source.find(range(first_year, last_year + 1))
    origin = f"holidays {holidays.__version__}: {source.origin}"
    return tuple(
        HolidayRow(calendar, day, found[day], origin)
        for day in sorted(found)
        if day.weekday() < 5 and first_year <= day.year <= last_year
    )


def holiday_rows(
    calendars: Iterable[str] = tuple(_SOURCES), first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR
) -> tuple[HolidayRow, ...]:
    """The rows of several calendars, of all when none is named; errors as in ``holidays_of``."""
    return tuple(row for name in calendars for row in holidays_of(name, first_year, last_year))
