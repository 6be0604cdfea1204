"""Interest periods as a loan agreement means them: tenors, month ends, stubs, and who moves on a day off."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loanfund.calculation.calendars import EVERY_DAY, WEEKENDS_ONLY, BusinessDayConvention, Calendar
from loanfund.calculation.periods import (
    InterestPeriod,
    Rule,
    Stub,
    Tenor,
    add_tenor,
    interest_periods,
    is_month_end,
    month_end,
    schedule_dates,
)

FOLLOWING = BusinessDayConvention.FOLLOWING
MODIFIED_FOLLOWING = BusinessDayConvention.MODIFIED_FOLLOWING
PRECEDING = BusinessDayConvention.PRECEDING
UNADJUSTED = BusinessDayConvention.UNADJUSTED

MONTHLY, QUARTERLY, HALF_YEARLY, DAILY, WEEKLY = (
    Tenor.parse(text) for text in ("1M", "3M", "6M", "1D", "1W")
)

DATES = st.dates(date(2000, 1, 1), date(2060, 12, 31))
TENORS = st.builds(Tenor, st.integers(1, 18), st.sampled_from("DWMY"))


def days(*texts: str) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)


def ends(periods: tuple[InterestPeriod, ...]) -> tuple[date, ...]:
    return tuple(period.end for period in periods)


# Tenors


def test_a_tenor_is_read_and_written() -> None:
    assert Tenor.parse("3M") == Tenor(3, "M")
    assert str(Tenor.parse("10Y")) == "10Y"
    assert (Tenor(2, "Y").months, Tenor(2, "W").days, Tenor(2, "W").months, Tenor(2, "Y").days) == (
        24,
        14,
        0,
        0,
    )


@pytest.mark.parametrize("text", ["", "3", "M", "3m", "-3M", "1.5M", "3M ", "3B", "٣M", "999999D"])
def test_what_is_no_tenor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="A tenor is"):
        Tenor.parse(text)


@pytest.mark.parametrize(("n", "unit"), [(-1, "M"), (1, "B")])
def test_a_tenor_that_cannot_be_is_refused(n: int, unit: str) -> None:
    with pytest.raises(ValueError, match="A tenor is"):
        Tenor(n, unit)


@pytest.mark.parametrize(
    ("start", "tenor", "times", "end_of_month", "end"),
    [
        ("2026-01-31", "1M", 1, False, "2026-02-28"),
        ("2026-01-31", "1M", 2, False, "2026-03-31"),
        ("2026-02-28", "1M", 1, False, "2026-03-28"),
        ("2026-02-28", "1M", 1, True, "2026-03-31"),
        ("2024-02-29", "1Y", 1, False, "2025-02-28"),
        ("2024-02-29", "1Y", 4, False, "2028-02-29"),
        ("2024-02-28", "1Y", 1, True, "2025-02-28"),
        ("2025-02-28", "1Y", -1, True, "2024-02-29"),
        ("2026-01-31", "2W", 1, True, "2026-02-14"),
        ("2026-01-01", "1D", -1, False, "2025-12-31"),
        ("2026-01-15", "3M", -5, False, "2024-10-15"),
    ],
)
def test_a_tenor_is_added_to_a_date(start: str, tenor: str, times: int, end_of_month: bool, end: str) -> None:
    moved = add_tenor(date.fromisoformat(start), Tenor.parse(tenor), times=times, end_of_month=end_of_month)
    assert moved == date.fromisoformat(end)


def test_the_end_of_month_rule_is_asked_for_and_not_assumed() -> None:
    assert add_tenor(date(2026, 2, 28), MONTHLY) == date(2026, 3, 28)


@given(DATES)
def test_a_month_end_is_the_day_before_the_first(day: date) -> None:
    last = month_end(day)
    assert is_month_end(last)
    assert date.fromordinal(last.toordinal() + 1).day == 1
    assert (last.year, last.month) == (day.year, day.month)


# Dates


def test_dates_counted_from_the_start_leave_the_stub_at_the_end() -> None:
    dates = schedule_dates(date(2026, 1, 15), date(2026, 9, 1), QUARTERLY, rule=Rule.FORWARD)
    assert dates == days("2026-01-15", "2026-04-15", "2026-07-15", "2026-09-01")


def test_dates_counted_from_the_end_leave_the_stub_at_the_start() -> None:
    dates = schedule_dates(date(2026, 1, 15), date(2026, 9, 1), QUARTERLY, rule=Rule.BACKWARD)
    assert dates == days("2026-01-15", "2026-03-01", "2026-06-01", "2026-09-01")


@pytest.mark.parametrize("how", [{"rule": Rule.ZERO, "tenor": QUARTERLY}, {"tenor": Tenor(0, "M")}])
def test_without_a_tenor_there_are_two_dates(how: dict) -> None:
    assert schedule_dates(date(2026, 1, 15), date(2026, 9, 1), **how) == days("2026-01-15", "2026-09-01")


def test_both_stubs_can_be_named() -> None:
    dates = schedule_dates(
        date(2026, 1, 10),
        date(2027, 1, 20),
        QUARTERLY,
        rule=Rule.FORWARD,
        first=date(2026, 3, 15),
        penultimate=date(2026, 12, 15),
    )
    assert dates == days("2026-01-10", "2026-03-15", "2026-06-15", "2026-09-15", "2026-12-15", "2027-01-20")


def test_month_ends_stay_month_ends_from_a_short_february() -> None:
    dates = schedule_dates(
        date(2026, 2, 28), date(2026, 8, 31), MONTHLY, rule=Rule.FORWARD, end_of_month=True
    )
    assert dates == days(
        "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31", "2026-08-31"
    )
    plain = schedule_dates(date(2026, 2, 28), date(2026, 4, 28), MONTHLY, rule=Rule.FORWARD)
    assert plain == days("2026-02-28", "2026-03-28", "2026-04-28")


def test_the_last_business_day_of_a_month_is_month_end_enough() -> None:
    friday = date(2026, 2, 27)
    dates = schedule_dates(
        friday,
        date(2026, 5, 29),
        MONTHLY,
        rule=Rule.FORWARD,
        end_of_month=True,
        convention=PRECEDING,
        calendar=WEEKENDS_ONLY,
    )
    assert dates == days("2026-02-27", "2026-03-31", "2026-04-30", "2026-05-29")


def test_daily_dates_over_a_weekend_are_given_once() -> None:
    friday, tuesday = date(2026, 3, 6), date(2026, 3, 10)
    dates = schedule_dates(
        friday, tuesday, DAILY, rule=Rule.FORWARD, convention=FOLLOWING, calendar=WEEKENDS_ONLY
    )
    assert dates == days("2026-03-06", "2026-03-09", "2026-03-10")


def test_the_last_date_has_a_convention_of_its_own() -> None:
    saturday = date(2026, 8, 15)

    def last(convention: BusinessDayConvention | None) -> date:
        return schedule_dates(
            date(2026, 5, 15),
            saturday,
            MONTHLY,
            convention=MODIFIED_FOLLOWING,
            termination_convention=convention,
            calendar=WEEKENDS_ONLY,
        )[-1]

    assert (last(None), last(UNADJUSTED), last(PRECEDING)) == days("2026-08-17", "2026-08-15", "2026-08-14")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"end": date(2026, 1, 15)}, "run forward"),
        ({"end": date(2026, 1, 14)}, "run forward"),
        ({"first": date(2026, 1, 14)}, "first date"),
        ({"penultimate": date(2027, 1, 16)}, "penultimate date"),
        ({"first": date(2026, 2, 1), "rule": Rule.ZERO}, "no first date"),
        ({"penultimate": date(2026, 2, 1), "tenor": Tenor(0, "D")}, "no penultimate date"),
    ],
)
def test_dates_that_cannot_be_are_refused(how: dict, message: str) -> None:
    asked = {"start": date(2026, 1, 15), "end": date(2027, 1, 15), "tenor": QUARTERLY, **how}
    with pytest.raises(ValueError, match=message):
        schedule_dates(**asked)


def test_a_span_without_a_business_day_is_refused() -> None:
    with pytest.raises(ValueError, match="Only 2026-03-09 is left"):
        schedule_dates(
            date(2026, 3, 7), date(2026, 3, 8), DAILY, convention=FOLLOWING, calendar=WEEKENDS_ONLY
        )


# Periods of a loan


def test_a_floating_loan_ends_its_periods_on_business_days() -> None:
    periods = interest_periods(
        date(2026, 1, 30),
        date(2026, 10, 30),
        QUARTERLY,
        rule=Rule.FORWARD,
        end_of_month=True,
        adjust_periods=True,
        convention=MODIFIED_FOLLOWING,
        calendar=Calendar("New York", frozenset({date(2026, 7, 3)})),
    )
    assert periods[1] == InterestPeriod(
        *days("2026-04-30", "2026-07-30", "2026-07-30", "2026-04-30", "2026-07-30")
    )
    floating = interest_periods(
        date(2026, 1, 31),
        date(2026, 7, 31),
        QUARTERLY,
        rule=Rule.FORWARD,
        adjust_periods=True,
        convention=MODIFIED_FOLLOWING,
        calendar=Calendar("closed on 30 April", frozenset({date(2026, 4, 30)})),
    )
    assert floating == (
        InterestPeriod(*days("2026-01-31", "2026-04-29", "2026-04-29", "2026-01-31", "2026-04-30")),
        InterestPeriod(*days("2026-04-29", "2026-07-31", "2026-07-31", "2026-04-30", "2026-07-31")),
    )


def test_a_fixed_loan_moves_the_payment_and_not_the_interest() -> None:
    periods = interest_periods(
        date(2026, 1, 15),
        date(2026, 3, 15),
        MONTHLY,
        adjust_periods=False,
        convention=FOLLOWING,
        calendar=WEEKENDS_ONLY,
    )
    assert periods == (
        InterestPeriod(*days("2026-01-15", "2026-02-15", "2026-02-16", "2026-01-15", "2026-02-15")),
        InterestPeriod(*days("2026-02-15", "2026-03-15", "2026-03-16", "2026-02-15", "2026-03-15")),
    )


def test_the_day_on_which_money_went_out_is_never_moved() -> None:
    saturday = date(2026, 1, 31)
    periods = interest_periods(
        saturday,
        date(2026, 7, 31),
        QUARTERLY,
        adjust_periods=True,
        convention=FOLLOWING,
        calendar=WEEKENDS_ONLY,
    )
    assert periods[0].start == saturday


@pytest.mark.parametrize(
    ("rule", "stub", "expected"),
    [
        (Rule.BACKWARD, Stub.SHORT, days("2026-02-20", "2026-05-20", "2026-08-20")),
        (Rule.BACKWARD, Stub.LONG, days("2026-05-20", "2026-08-20")),
        (Rule.FORWARD, Stub.SHORT, days("2026-04-10", "2026-07-10", "2026-08-20")),
        (Rule.FORWARD, Stub.LONG, days("2026-04-10", "2026-08-20")),
    ],
)
def test_a_stub_is_a_period_of_its_own_or_joins_its_neighbour(
    rule: Rule, stub: Stub, expected: tuple[date, ...]
) -> None:
    periods = interest_periods(
        date(2026, 1, 10),
        date(2026, 8, 20),
        QUARTERLY,
        rule=rule,
        stub=stub,
        adjust_periods=False,
        convention=UNADJUSTED,
        calendar=EVERY_DAY,
    )
    assert ends(periods) == expected


@pytest.mark.parametrize("rule", [Rule.BACKWARD, Rule.FORWARD])
def test_a_long_stub_takes_nothing_from_a_loan_of_whole_periods(rule: Rule) -> None:
    periods = interest_periods(
        date(2026, 2, 28),
        date(2026, 11, 30),
        QUARTERLY,
        rule=rule,
        stub=Stub.LONG,
        end_of_month=True,
        adjust_periods=False,
        convention=UNADJUSTED,
        calendar=EVERY_DAY,
    )
    assert ends(periods) == days("2026-05-31", "2026-08-31", "2026-11-30")


def test_a_loan_rolls_on_its_own_day_unless_month_ends_are_agreed() -> None:
    periods = interest_periods(
        date(2026, 2, 28),
        date(2026, 8, 28),
        QUARTERLY,
        rule=Rule.FORWARD,
        adjust_periods=False,
        convention=UNADJUSTED,
        calendar=EVERY_DAY,
    )
    assert ends(periods) == days("2026-05-28", "2026-08-28")


def test_a_named_first_date_outranks_a_long_stub() -> None:
    periods = interest_periods(
        date(2026, 1, 10),
        date(2026, 8, 20),
        QUARTERLY,
        first=date(2026, 2, 20),
        stub=Stub.LONG,
        adjust_periods=False,
        convention=UNADJUSTED,
        calendar=EVERY_DAY,
    )
    assert ends(periods) == days("2026-02-20", "2026-05-20", "2026-08-20")


def test_a_loan_shorter_than_its_tenor_has_one_period() -> None:
    for stub in Stub:
        periods = interest_periods(
            date(2026, 1, 10),
            date(2026, 1, 20),
            QUARTERLY,
            stub=stub,
            adjust_periods=True,
            convention=FOLLOWING,
            calendar=WEEKENDS_ONLY,
        )
        assert periods == (
            InterestPeriod(*days("2026-01-10", "2026-01-20", "2026-01-20", "2026-01-10", "2026-01-20")),
        )


def test_a_period_left_without_a_day_is_dropped() -> None:
    closed_for_a_week = Calendar("closed", frozenset(date(2026, 3, d) for d in range(9, 14)))
    periods = interest_periods(
        date(2026, 3, 2),
        date(2026, 3, 30),
        WEEKLY,
        adjust_periods=True,
        convention=FOLLOWING,
        calendar=closed_for_a_week,
    )
    assert ends(periods) == days("2026-03-16", "2026-03-23", "2026-03-30")
    assert periods[0].unadjusted_end == date(2026, 3, 9)
    assert periods[1].unadjusted_start == date(2026, 3, 9)


def test_a_loan_whose_maturity_moves_before_its_start_is_refused() -> None:
    saturday, sunday = date(2026, 3, 7), date(2026, 3, 8)
    with pytest.raises(ValueError, match="is not after the start"):
        interest_periods(
            saturday, sunday, MONTHLY, adjust_periods=True, convention=PRECEDING, calendar=WEEKENDS_ONLY
        )


@given(
    DATES,
    st.integers(1, 4000),
    TENORS,
    st.sampled_from(list(Rule)),
    st.sampled_from(list(Stub)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(list(BusinessDayConvention)),
)
def test_periods_follow_one_another_from_drawdown_to_maturity(
    start: date,
    length: int,
    tenor: Tenor,
    rule: Rule,
    stub: Stub,
    end_of_month: bool,
    adjust_periods: bool,
    convention: BusinessDayConvention,
) -> None:
    maturity = date.fromordinal(start.toordinal() + length)
    assume(WEEKENDS_ONLY.adjust(maturity, convention) > start)
    periods = interest_periods(
        start,
        maturity,
        tenor,
        rule=rule,
        stub=stub,
        end_of_month=end_of_month,
        adjust_periods=adjust_periods,
        convention=convention,
        calendar=WEEKENDS_ONLY,
    )
    assert periods[0].start == periods[0].unadjusted_start == start
    assert periods[-1].unadjusted_end == maturity
    for before, after in pairwise(periods):
        assert before.end == after.start
        assert before.unadjusted_end == after.unadjusted_start
        assert before.payment_date <= after.payment_date
    for period in periods:
        assert period.start < period.end
        if adjust_periods:
            assert (
                period.payment_date == period.end == WEEKENDS_ONLY.adjust(period.unadjusted_end, convention)
            )
        else:
            assert (period.start, period.end) == (period.unadjusted_start, period.unadjusted_end)
            assert period.payment_date == WEEKENDS_ONLY.adjust(period.end, convention)
