"""Business days, the conventions that move a date, and the reviewed holidays against what markets published."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it
from hypothesis import given
from hypothesis import strategies as st

from loanfund.calculation.calendars import EVERY_DAY, WEEKENDS_ONLY, BusinessDayConvention, Calendar, joined
from loanfund.reference.holiday_data import CALENDARS, FIRST_YEAR, LAST_YEAR, holiday_rows, holidays_of

RATES = Path(os.environ.get("RATES") or Path(__file__).parents[1] / "data" / "rates")

FOLLOWING = BusinessDayConvention.FOLLOWING
MODIFIED_FOLLOWING = BusinessDayConvention.MODIFIED_FOLLOWING
PRECEDING = BusinessDayConvention.PRECEDING
MODIFIED_PRECEDING = BusinessDayConvention.MODIFIED_PRECEDING
UNADJUSTED = BusinessDayConvention.UNADJUSTED

EASTER = Calendar("Easter", frozenset({date(2024, 3, 29), date(2024, 4, 1)}))
FRIDAY_AND_SATURDAY = Calendar("Friday and Saturday", weekend=frozenset({4, 5}))

DATES = st.dates(date(1990, 1, 1), date(2090, 12, 31))
SOME_CALENDARS = st.sampled_from(
    [WEEKENDS_ONLY, EVERY_DAY, EASTER, FRIDAY_AND_SATURDAY, joined(EASTER, FRIDAY_AND_SATURDAY)]
)


def reviewed(name: str, first_year: int, last_year: int) -> Calendar:
    return Calendar(name, frozenset(row.date for row in holidays_of(name, first_year, last_year)))


def days_of(first_year: int, last_year: int) -> list[date]:
    first, after = date(first_year, 1, 1), date(last_year + 1, 1, 1)
    return [first + timedelta(n) for n in range((after - first).days)]


# Conventions


@pytest.mark.parametrize(
    ("convention", "good_friday", "easter_monday", "saturday_31_august"),
    [
        (FOLLOWING, date(2024, 4, 2), date(2024, 4, 2), date(2024, 9, 2)),
        (MODIFIED_FOLLOWING, date(2024, 3, 28), date(2024, 4, 2), date(2024, 8, 30)),
        (PRECEDING, date(2024, 3, 28), date(2024, 3, 28), date(2024, 8, 30)),
        (MODIFIED_PRECEDING, date(2024, 3, 28), date(2024, 4, 2), date(2024, 8, 30)),
        (UNADJUSTED, date(2024, 3, 29), date(2024, 4, 1), date(2024, 8, 31)),
    ],
)
def test_each_convention_moves_easter_and_a_month_end_its_own_way(
    convention: BusinessDayConvention, good_friday: date, easter_monday: date, saturday_31_august: date
) -> None:
    assert EASTER.adjust(date(2024, 3, 29), convention) == good_friday
    assert EASTER.adjust(date(2024, 4, 1), convention) == easter_monday
    assert EASTER.adjust(date(2024, 8, 31), convention) == saturday_31_august


@pytest.mark.parametrize("convention", list(BusinessDayConvention))
def test_a_business_day_is_never_moved(convention: BusinessDayConvention) -> None:
    assert EASTER.adjust(date(2024, 3, 28), convention) == date(2024, 3, 28)


@given(DATES, SOME_CALENDARS, st.sampled_from(list(BusinessDayConvention)))
def test_an_adjusted_date_is_a_business_day_and_a_modified_one_stays_in_its_month(
    day: date, calendar: Calendar, convention: BusinessDayConvention
) -> None:
    moved = calendar.adjust(day, convention)
    if convention is UNADJUSTED:
        assert moved == day
        return
    assert calendar.is_business_day(moved)
    assert calendar.adjust(moved, convention) == moved
    if convention in (MODIFIED_FOLLOWING, MODIFIED_PRECEDING):
        assert (moved.year, moved.month) == (day.year, day.month)
    else:
        assert (moved - day).days * (1 if convention is FOLLOWING else -1) >= 0


# Adding business days


def test_business_days_are_counted_over_weekends_and_holidays() -> None:
    thursday = date(2024, 3, 28)
    assert EASTER.add_business_days(thursday, 1) == date(2024, 4, 2)
    assert EASTER.add_business_days(date(2024, 4, 2), -1) == thursday
    assert EASTER.add_business_days(date(2024, 4, 5), -5) == date(2024, 3, 27)


def test_a_day_off_counts_for_nothing_when_days_are_added() -> None:
    saturday = date(2024, 3, 30)
    assert EASTER.add_business_days(saturday, 1) == date(2024, 4, 2)
    assert EASTER.add_business_days(saturday, -1) == date(2024, 3, 28)
    assert EASTER.add_business_days(saturday, 0) == saturday


def test_business_days_between_leave_out_the_end() -> None:
    assert EASTER.business_days_between(date(2024, 3, 28), date(2024, 4, 2)) == 1
    assert EASTER.business_days_between(date(2024, 4, 2), date(2024, 4, 2)) == 0
    assert EASTER.business_days_between(date(2024, 4, 3), date(2024, 4, 2)) == 0


@given(DATES, SOME_CALENDARS, st.integers(-300, 300))
def test_business_days_added_are_business_days_in_between(day: date, calendar: Calendar, n: int) -> None:
    start = calendar.adjust(day, FOLLOWING)
    end = calendar.add_business_days(start, n)
    assert calendar.is_business_day(end)
    assert calendar.business_days_between(min(start, end), max(start, end)) == abs(n)
    assert calendar.add_business_days(end, -n) == start


# Joining


def test_joined_calendars_are_open_when_all_of_them_are() -> None:
    both = joined(EASTER, FRIDAY_AND_SATURDAY)
    assert both.name == "Easter + Friday and Saturday"
    open_days = [d for d in days_of(2024, 2024) if both.is_business_day(d)]
    assert open_days == [
        d for d in days_of(2024, 2024) if EASTER.is_business_day(d) and FRIDAY_AND_SATURDAY.is_business_day(d)
    ]
    assert date(2024, 4, 1) not in open_days


def test_joining_one_calendar_is_that_calendar_and_joining_none_closes_nothing() -> None:
    assert joined(EASTER) is EASTER
    assert joined() is EVERY_DAY
    assert all(EVERY_DAY.is_business_day(d) for d in days_of(2024, 2024))


@pytest.mark.parametrize("weekend", [frozenset(range(7)), frozenset({7}), frozenset({-1, 5})])
def test_a_weekend_must_be_some_days_of_the_week(weekend: frozenset[int]) -> None:
    with pytest.raises(ValueError, match="a weekend is some of the days"):
        Calendar("never", weekend=weekend)


# The reviewed holidays


def test_us_government_securities_agree_with_every_day_on_which_sofr_was_or_was_not_published() -> None:
    published = {
        date.fromisoformat(line) for line in (RATES / "sofr_non_business_weekdays.txt").read_text().split()
    }
    calendar = reviewed("US-SOFR", 2018, 2026)
    days = [d for d in days_of(2018, 2026) if date(2018, 4, 1) <= d <= date(2026, 8, 31)]
    assert len(days) == 3075
    assert [d for d in days if calendar.is_business_day(d) == (d.weekday() > 4 or d in published)] == []


SECOND_OPINIONS = {
    "US-SOFR": (1996, ql.UnitedStates(ql.UnitedStates.GovernmentBond)),
    "US-FED": (1999, ql.UnitedStates(ql.UnitedStates.FederalReserve)),
    "US-NYSE": (1996, ql.UnitedStates(ql.UnitedStates.NYSE)),
    "TARGET": (1999, ql.TARGET()),
    "UK": (1996, ql.UnitedKingdom()),
    "JAPAN": (1996, ql.Japan()),
    "SOUTH-AFRICA": (1996, ql.SouthAfrica()),
}

EXPLAINED = {
    # SIFMA closed the market on Good Friday 1996 and on the day after the attacks of September 2001; no SOFR was
    # published on the Good Fridays of the three later years although the market opened for some hours.
    "US-SOFR": {"1996-04-05", "2001-09-12", "2021-04-02", "2023-04-07", "2026-04-03"},
    # The equinoxes as the National Astronomical Observatory fixed them, with the substitute Monday where one fell on a
    # Sunday; and the substitute for a holiday that is not itself the day after a Sunday only came with the law of 2007.
    "JAPAN": {
        *("1997-03-19", "1997-03-20", "1997-09-22", "1997-09-23", "1998-03-20", "1998-09-22", "1998-09-23"),
        *("1999-03-22", "1999-09-22", "1999-09-23"),
        *("1997-05-06", "1998-05-06", "2003-05-06"),
    },
    # Election days and days proclaimed by the President, in the Government Gazette but not in QuantLib.
    "SOUTH-AFRICA": {
        *("1999-06-02", "1999-12-31", "2000-01-03", "2006-03-01", "2008-05-02", "2011-05-18", "2011-12-27"),
        *("2014-05-07", "2016-12-27", "2019-05-08"),
    },
}


@pytest.mark.parametrize("name", list(SECOND_OPINIONS))
def test_every_day_on_which_quantlib_disagrees_is_explained(name: str) -> None:
    first_year, second_opinion = SECOND_OPINIONS[name]
    calendar = reviewed(name, first_year, 2030)
    disagreed = {
        day.isoformat()
        for day in days_of(first_year, 2030)
        if calendar.is_business_day(day) != second_opinion.isBusinessDay(ql.Date.from_date(day))
    }
    assert disagreed == EXPLAINED.get(name, set())


def test_every_calendar_has_a_second_opinion_and_a_title() -> None:
    assert set(CALENDARS) == set(SECOND_OPINIONS)
    assert all(CALENDARS.values())


def test_rows_are_weekdays_named_sourced_and_once_each() -> None:
    rows = holiday_rows()
    assert len({(row.calendar, row.date) for row in rows}) == len(rows)
    assert {row.calendar for row in rows} == set(CALENDARS)
    assert {row.date.year for row in rows} == set(range(FIRST_YEAR, LAST_YEAR + 1))
    assert all(row.date.weekday() < 5 and row.name and row.source for row in rows)
    assert max(len(row.name) for row in rows) <= 120
    assert max(len(row.calendar) for row in rows) <= 40


def test_an_unknown_calendar_or_year_is_refused_rather_than_found_without_holidays() -> None:
    with pytest.raises(ValueError, match="no calendar 'MARS'"):
        holidays_of("MARS")
    with pytest.raises(ValueError, match="known from 1999"):
        holidays_of("TARGET", 1998, 2030)
    with pytest.raises(ValueError, match="to 2099"):
        holidays_of("TARGET", 2000, 2100)
