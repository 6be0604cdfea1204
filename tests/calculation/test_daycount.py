"""Day counts: one table that every convention goes through, then what single clauses say."""

from datetime import date
from fractions import Fraction as F  # noqa: N817 - the table is read as fractions
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loanfund.calculation.daycount import DayCount, ReferencePeriod, days, fraction_ints, year_fraction
from loanfund.calculation.periods import Tenor, add_tenor

WINTER = date(2011, 12, 28), date(2012, 2, 28)  # 62 days, 4 of them in 2011; no 29 February
LEAP_DAY = date(2012, 2, 29), date(2013, 2, 28)  # 365 days, both the last of a February
MONTH_ENDS = date(2011, 1, 31), date(2011, 3, 31)  # 59 days
FOUR_YEARS = date(2004, 2, 28), date(2008, 2, 29)  # 1462 days, two leap days passed

TABLE: dict[DayCount, tuple[F, F, F, F]] = {
    DayCount.ACT_360: (F(62, 360), F(365, 360), F(59, 360), F(1462, 360)),
    DayCount.ACT_364: (F(62, 364), F(365, 364), F(59, 364), F(1462, 364)),
    DayCount.ACT_365F: (F(62, 365), F(365, 365), F(59, 365), F(1462, 365)),
    DayCount.ACT_365_25: (F(248, 1461), F(1460, 1461), F(236, 1461), F(5848, 1461)),
    DayCount.ACT_365_ACTUAL: (F(62, 365), F(365, 365), F(59, 365), F(1462, 366)),
    DayCount.ACT_ACT_ISDA: (
        F(4, 365) + F(58, 366),
        F(307, 366) + F(58, 365),
        F(59, 365),
        F(308, 366) + 3 + F(59, 366),
    ),
    DayCount.ACT_ACT_AFB: (F(62, 365), F(365, 366), F(59, 365), 4 + F(1, 365)),
    DayCount.ACT_ACT_YEAR: (F(62, 366), F(365, 365), F(59, 365), 4 + F(1, 366)),
    DayCount.EXCEL_ACT_ACT: (F(62, 365), F(365, 366), F(59, 365), F(1462 * 5, 1827)),
    DayCount.NL_360: (F(62, 360), F(365, 360), F(59, 360), F(1460, 360)),
    DayCount.NL_365: (F(62, 365), F(365, 365), F(59, 365), F(1460, 365)),
    DayCount.THIRTY_360: (F(60, 360), F(359, 360), F(60, 360), F(1441, 360)),
    DayCount.THIRTY_U_360: (F(60, 360), F(360, 360), F(60, 360), F(1441, 360)),
    DayCount.THIRTY_360_PSA: (F(60, 360), F(358, 360), F(60, 360), F(1441, 360)),
    DayCount.THIRTY_E_360: (F(60, 360), F(359, 360), F(60, 360), F(1441, 360)),
    DayCount.THIRTY_E_PLUS_360: (F(60, 360), F(359, 360), F(61, 360), F(1441, 360)),
    DayCount.THIRTY_E_360_ISDA: (F(60, 360), F(360, 360), F(60, 360), F(1442, 360)),
    DayCount.THIRTY_E_365: (F(60, 365), F(360, 365), F(60, 365), F(1442, 365)),
    DayCount.THIRTY_365: (F(60, 365), F(359, 365), F(60, 365), F(1441, 365)),
}

NEED_A_PERIOD = {DayCount.ACT_ACT_ICMA, DayCount.ACT_365L}


@pytest.mark.parametrize("convention", list(TABLE))
def test_every_convention_measures_the_table_as_its_clause_says(convention: DayCount) -> None:
    pairs = (WINTER, LEAP_DAY, MONTH_ENDS, FOUR_YEARS)
    assert tuple(year_fraction(start, end, convention) for start, end in pairs) == TABLE[convention]


def test_no_convention_is_left_out_of_the_table() -> None:
    assert set(TABLE) | NEED_A_PERIOD == set(DayCount)
    assert len(DayCount) == 21


@pytest.mark.parametrize("convention", list(DayCount))
def test_every_convention_names_its_clause_and_is_found_by_its_market_name(convention: DayCount) -> None:
    assert len(convention.clause) > 5
    assert DayCount(str(convention)) is convention


@pytest.mark.parametrize("convention", list(DayCount))
def test_nothing_accrues_between_a_day_and_itself(convention: DayCount) -> None:
    for day in (date(2012, 2, 29), date(2011, 2, 28), date(2011, 5, 31), date(2011, 6, 15)):
        period = ReferencePeriod(date(2011, 1, 1), date(2012, 12, 31), 1, termination=day, end_of_month=True)
        assert year_fraction(day, day, convention, period=period) == 0
        assert days(day, day, convention, period=period) == 0


@pytest.mark.parametrize("convention", list(DayCount))
def test_an_end_before_the_start_is_refused(convention: DayCount) -> None:
    later, earlier = date(2024, 5, 2), date(2024, 5, 1)
    for measure in (
        lambda: year_fraction(later, earlier, convention),
        lambda: days(later, earlier, convention),
        lambda: fraction_ints(later, earlier, convention),
    ):
        with pytest.raises(ValueError, match="runs forward"):
            measure()


def test_days_are_the_numerator_that_the_convention_counts() -> None:
    start, end = date(2024, 1, 31), date(2024, 3, 31)
    assert days(start, end, DayCount.ACT_360) == 60
    assert days(start, end, DayCount.NL_365) == 59
    assert days(start, end, DayCount.THIRTY_360) == 60
    assert days(start, end, DayCount.THIRTY_E_PLUS_360) == 61


# Defects seen in other systems


def test_a_ten_day_stub_under_30_360_bills_ten_days_not_a_month() -> None:
    assert year_fraction(date(2026, 3, 5), date(2026, 3, 15), DayCount.THIRTY_360) == F(10, 360)


def test_actual_actual_over_new_year_puts_each_day_over_its_own_year() -> None:
    measured = year_fraction(date(2023, 12, 20), date(2024, 1, 10), DayCount.ACT_ACT_ISDA)
    assert measured == F(12, 365) + F(9, 366)


def test_days_are_right_outside_one_month() -> None:
    assert days(date(2026, 1, 31), date(2026, 3, 1), DayCount.ACT_360) == 29


def test_30_360_is_measured_from_the_start_of_the_period() -> None:
    whole = days(date(2026, 1, 15), date(2026, 3, 15), DayCount.THIRTY_360)
    pieces = days(date(2026, 1, 15), date(2026, 1, 31), DayCount.THIRTY_360) + days(
        date(2026, 1, 31), date(2026, 3, 15), DayCount.THIRTY_360
    )
    assert (whole, pieces) == (60, 61)


# 30/360 and the end of February


def test_us_rule_without_end_of_month_is_the_bond_basis() -> None:
    unaware = ReferencePeriod(end_of_month=False)
    for start, end in ((date(2011, 2, 28), date(2012, 2, 29)), (date(2012, 2, 29), date(2012, 3, 31))):
        plain = year_fraction(start, end, DayCount.THIRTY_360)
        assert year_fraction(start, end, DayCount.THIRTY_U_360, period=unaware) == plain
        assert year_fraction(start, end, DayCount.THIRTY_U_360) != plain


def test_psa_moves_the_first_date_only() -> None:
    assert days(date(2011, 2, 28), date(2012, 2, 29), DayCount.THIRTY_360_PSA) == 359
    assert days(date(2011, 2, 28), date(2011, 3, 31), DayCount.THIRTY_360_PSA) == 30
    assert days(date(2012, 2, 28), date(2012, 3, 31), DayCount.THIRTY_360_PSA) == 33


def test_german_rule_leaves_the_last_february_day_when_the_deal_ends_on_it() -> None:
    start, end = date(2011, 8, 31), date(2012, 2, 29)
    ends_later = ReferencePeriod(termination=date(2013, 2, 28))
    ends_then = ReferencePeriod(termination=end)
    assert days(start, end, DayCount.THIRTY_E_360_ISDA, period=ends_later) == 180
    assert days(start, end, DayCount.THIRTY_E_360_ISDA, period=ends_then) == 179
    assert days(start, end, DayCount.THIRTY_E_365, period=ends_then) == 180


# Act/365L


@pytest.mark.parametrize(
    ("end_of_period", "frequency", "year"),
    [
        (date(2012, 2, 28), 1, 365),
        (date(2012, 2, 29), 1, 366),
        (date(2012, 1, 15), 2, 366),
        (date(2013, 1, 15), 4, 365),
    ],
)
def test_act_365l_looks_for_a_leap_day_yearly_and_at_the_last_year_otherwise(
    end_of_period: date, frequency: int, year: int
) -> None:
    period = ReferencePeriod(end=end_of_period, frequency=frequency)
    measured = year_fraction(date(2011, 7, 15), date(2011, 9, 15), DayCount.ACT_365L, period=period)
    assert measured == F(62, year)


def test_act_365l_keeps_one_denominator_for_the_whole_yearly_period() -> None:
    period = ReferencePeriod(date(2012, 1, 31), date(2013, 1, 31), 1)
    assert year_fraction(date(2012, 6, 1), date(2012, 6, 2), DayCount.ACT_365L, period=period) == F(1, 366)


def test_a_leap_day_that_starts_the_period_is_excluded_and_one_that_ends_it_included() -> None:
    leap = date(2012, 2, 29)
    assert year_fraction(leap, date(2012, 3, 29), DayCount.ACT_365_ACTUAL) == F(29, 365)
    assert year_fraction(date(2012, 2, 1), leap, DayCount.ACT_365_ACTUAL) == F(28, 366)
    assert days(leap, date(2012, 3, 29), DayCount.NL_360) == 29
    assert days(date(2012, 2, 1), leap, DayCount.NL_360) == 27


@pytest.mark.parametrize("missing", [ReferencePeriod(frequency=1), ReferencePeriod(end=date(2024, 6, 1))])
def test_act_365l_says_what_it_lacks(missing: ReferencePeriod) -> None:
    with pytest.raises(ValueError, match="frequency and the end"):
        year_fraction(date(2024, 1, 1), date(2024, 2, 1), DayCount.ACT_365L, period=missing)


# Act/Act AFB, YEAR and Excel


@pytest.mark.parametrize(
    ("start", "end", "measured"),
    [
        (date(2004, 2, 29), date(2005, 2, 28), F(365, 366)),
        (date(2003, 2, 28), date(2004, 2, 29), 1 + F(0)),
        (date(2000, 2, 29), date(2004, 2, 29), 4 + F(0)),
        (date(1999, 3, 1), date(2000, 2, 29), F(365, 365)),
        (date(1999, 2, 28), date(2000, 3, 1), 1 + F(1, 365)),
        (date(2000, 1, 30), date(2002, 6, 30), 2 + F(152, 366)),
    ],
)
def test_afb_counts_whole_years_back_from_the_end(start: date, end: date, measured: F) -> None:
    assert year_fraction(start, end, DayCount.ACT_ACT_AFB) == measured


def test_afb_pays_every_night_once_around_the_end_of_february() -> None:
    start = date(2004, 2, 28)
    ends = (date(2008, 2, 27), date(2008, 2, 28), date(2008, 2, 29), date(2008, 3, 1))
    assert [year_fraction(start, end, DayCount.ACT_ACT_AFB) for end in ends] == [
        3 + F(365, 366),
        4,
        4 + F(1, 365),
        4 + F(2, 366),
    ]


@pytest.mark.parametrize(
    ("start", "end", "measured"),
    [
        (date(2016, 1, 10), date(2016, 3, 10), F(60, 366)),
        (date(2016, 3, 10), date(2018, 3, 10), 2 + F(0)),
        (date(2012, 2, 29), date(2016, 2, 28), 4 + F(0)),
        (date(2012, 2, 29), date(2016, 2, 29), 4 + F(0)),
        (date(2012, 2, 29), date(2016, 3, 1), 4 + F(1, 365)),
        (date(2011, 3, 1), date(2012, 2, 29), F(365, 366)),
    ],
)
def test_act_act_year_counts_whole_years_on_from_the_start(start: date, end: date, measured: F) -> None:
    assert year_fraction(start, end, DayCount.ACT_ACT_YEAR) == measured


@pytest.mark.parametrize(
    ("start", "end", "measured"),
    [
        (date(2012, 1, 1), date(2012, 7, 30), F(211, 366)),
        (date(2011, 6, 1), date(2012, 6, 1), F(366, 366)),
        (date(2011, 3, 1), date(2012, 2, 28), F(364, 365)),
        (date(2012, 2, 29), date(2013, 2, 28), F(365, 366)),
        (date(2011, 6, 1), date(2012, 6, 2), F(367 * 2, 731)),
        (date(2011, 1, 1), date(2013, 1, 1), F(731 * 3, 1096)),
    ],
)
def test_excel_averages_the_calendar_years_once_a_year_is_passed(start: date, end: date, measured: F) -> None:
    assert year_fraction(start, end, DayCount.EXCEL_ACT_ACT) == measured


# Act/Act ICMA: the examples of ISDA's paper of 1998 on the euro, and their edges


class Coupons(TypedDict):
    start: date
    end: date
    frequency: int


@pytest.mark.parametrize(
    ("start", "end", "coupons", "measured"),
    [
        (  # short first period
            date(1999, 2, 1),
            date(1999, 7, 1),
            Coupons(start=date(1998, 7, 1), end=date(1999, 7, 1), frequency=1),
            F(150, 365),
        ),
        (  # long first period: a whole half-year and 153 of 184 days of the one before
            date(2002, 8, 15),
            date(2003, 7, 15),
            Coupons(start=date(2003, 1, 15), end=date(2003, 7, 15), frequency=2),
            F(1, 2) + F(153, 184 * 2),
        ),
        (  # short last period
            date(2000, 1, 30),
            date(2000, 6, 30),
            Coupons(start=date(2000, 1, 30), end=date(2000, 7, 30), frequency=2),
            F(152, 182 * 2),
        ),
        (  # long last period on month ends, seen from either of its quarters
            date(1999, 11, 30),
            date(2000, 4, 30),
            Coupons(start=date(1999, 11, 30), end=date(2000, 2, 29), frequency=4),
            F(1, 4) + F(61, 92 * 4),
        ),
        (
            date(1999, 11, 30),
            date(2000, 4, 30),
            Coupons(start=date(2000, 2, 29), end=date(2000, 5, 31), frequency=4),
            F(1, 4) + F(61, 92 * 4),
        ),
        (  # several whole periods on both sides
            date(2001, 1, 15),
            date(2004, 1, 15),
            Coupons(start=date(2002, 7, 15), end=date(2003, 1, 15), frequency=2),
            F(3),
        ),
        (  # every four weeks
            date(2024, 1, 1),
            date(2024, 3, 11),
            Coupons(start=date(2024, 1, 29), end=date(2024, 2, 26), frequency=13),
            F(70, 28 * 13),
        ),
    ],
)
def test_icma_weighs_every_coupon_period_alike(start: date, end: date, coupons: Coupons, measured: F) -> None:
    assert year_fraction(start, end, DayCount.ACT_ACT_ICMA, period=ReferencePeriod(**coupons)) == measured


def test_icma_coupons_of_a_thirtieth_come_back_to_the_thirtieth_after_february() -> None:
    period = ReferencePeriod(date(2002, 8, 30), date(2003, 2, 28), 2)
    measured = year_fraction(date(2002, 8, 30), date(2003, 8, 30), DayCount.ACT_ACT_ICMA, period=period)
    assert measured == 1


def test_icma_reads_the_frequency_off_a_regular_reference_period() -> None:
    month = ReferencePeriod(date(2003, 2, 15), date(2003, 3, 15))
    assert year_fraction(date(2003, 2, 15), date(2003, 3, 1), DayCount.ACT_ACT_ICMA, period=month) == F(
        14, 28 * 12
    )
    period = ReferencePeriod(date(2003, 1, 15), date(2003, 7, 15))
    measured = year_fraction(date(2002, 8, 15), date(2003, 7, 15), DayCount.ACT_ACT_ICMA, period=period)
    assert measured == F(1, 2) + F(153, 184 * 2)


@pytest.mark.parametrize(
    "period",
    [ReferencePeriod(end=date(2024, 3, 8), frequency=26), ReferencePeriod(date(2024, 2, 23), frequency=26)],
)
def test_icma_rolls_whole_weeks_from_the_one_end_that_is_known(period: ReferencePeriod) -> None:
    whole = year_fraction(date(2024, 2, 23), date(2024, 3, 8), DayCount.ACT_ACT_ICMA, period=period)
    long_stub = year_fraction(date(2024, 2, 20), date(2024, 3, 10), DayCount.ACT_ACT_ICMA, period=period)
    assert (whole, long_stub) == (F(14, 14 * 26), F(19, 14 * 26))


def test_icma_keeps_the_day_of_either_end_of_an_irregular_reference_period() -> None:
    period = ReferencePeriod(date(2010, 1, 15), date(2010, 7, 20), 2)
    before = year_fraction(date(2009, 7, 15), date(2010, 1, 15), DayCount.ACT_ACT_ICMA, period=period)
    after = year_fraction(date(2010, 7, 20), date(2011, 1, 20), DayCount.ACT_ACT_ICMA, period=period)
    assert (before, after) == (F(1, 2), F(1, 2))


def test_icma_knows_a_month_end_by_one_end_of_the_period() -> None:
    period = ReferencePeriod(end=date(2024, 2, 29), frequency=2)
    assert year_fraction(date(2023, 8, 31), date(2024, 2, 29), DayCount.ACT_ACT_ICMA, period=period) == F(
        1, 2
    )
    period = ReferencePeriod(start=date(2024, 2, 29), frequency=2)
    assert year_fraction(date(2024, 2, 29), date(2024, 8, 31), DayCount.ACT_ACT_ICMA, period=period) == F(
        1, 2
    )


def test_icma_counts_back_from_the_end_when_no_reference_period_is_known() -> None:
    short = year_fraction(
        date(2024, 2, 1), date(2024, 7, 1), DayCount.ACT_ACT_ICMA, period=ReferencePeriod(frequency=1)
    )
    assert short == F(151, 366)
    only_start = ReferencePeriod(start=date(2024, 1, 1), frequency=2)
    assert year_fraction(date(2024, 1, 1), date(2024, 2, 1), DayCount.ACT_ACT_ICMA, period=only_start) == F(
        31, 364
    )


@pytest.mark.parametrize(
    "period",
    [
        ReferencePeriod(),
        ReferencePeriod(start=date(2024, 1, 1)),
        ReferencePeriod(date(2024, 1, 1), date(2024, 6, 1)),
        ReferencePeriod(date(2024, 1, 1), date(2024, 1, 3)),
        ReferencePeriod(date(2025, 1, 1), date(2026, 1, 1), 5),
    ],
)
def test_icma_says_what_it_lacks(period: ReferencePeriod) -> None:
    with pytest.raises(ValueError, match=r"frequency|times a year"):
        year_fraction(date(2024, 1, 1), date(2024, 2, 1), DayCount.ACT_ACT_ICMA, period=period)


def test_a_reference_period_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        ReferencePeriod(date(2024, 1, 1), date(2024, 1, 1))
    with pytest.raises(ValueError, match="number of periods"):
        ReferencePeriod(frequency=0)


# What must hold for any dates

DATES = st.dates(date(1900, 1, 1), date(2150, 12, 31))
TEN_YEARS = st.integers(0, 3653)


@given(
    DATES,
    TEN_YEARS,
    TEN_YEARS,
    st.sampled_from([DayCount.ACT_360, DayCount.ACT_365_25, DayCount.ACT_ACT_ISDA]),
)
def test_pieces_of_actual_days_add_up_to_the_whole(
    start: date, first: int, second: int, convention: DayCount
) -> None:
    middle = date.fromordinal(start.toordinal() + first)
    end = date.fromordinal(middle.toordinal() + second)
    whole = year_fraction(start, end, convention)
    assert whole == year_fraction(start, middle, convention) + year_fraction(middle, end, convention)


@given(DATES, TEN_YEARS, TEN_YEARS, st.sampled_from([1, 2, 3, 4, 6, 12]), DATES)
def test_pieces_of_coupon_periods_add_up_to_the_whole(
    start: date, first: int, second: int, frequency: int, reference: date
) -> None:
    period = ReferencePeriod(reference, add_tenor(reference, Tenor(12 // frequency, "M")), frequency)
    middle = date.fromordinal(start.toordinal() + first)
    end = date.fromordinal(middle.toordinal() + second)

    def measured(a: date, b: date) -> F:
        return year_fraction(a, b, DayCount.ACT_ACT_ICMA, period=period)

    assert measured(start, end) == measured(start, middle) + measured(middle, end)


@given(DATES, TEN_YEARS, st.sampled_from(sorted(TABLE)))
def test_one_more_day_never_counts_for_less(start: date, length: int, convention: DayCount) -> None:
    end = date.fromordinal(start.toordinal() + length)
    after = date.fromordinal(end.toordinal() + 1)
    assert days(start, after, convention) >= days(start, end, convention)


@given(DATES, TEN_YEARS, st.sampled_from(sorted(TABLE)))
def test_a_fraction_stays_near_the_calendar(start: date, length: int, convention: DayCount) -> None:
    end = date.fromordinal(start.toordinal() + length)
    off = year_fraction(start, end, convention) - F(length, 365)
    assert abs(off) <= F(length, 60) / 365 + F(4, 360)


@given(DATES, TEN_YEARS, st.sampled_from(sorted(TABLE)))
def test_the_integers_for_loops_are_the_same_fraction(start: date, length: int, convention: DayCount) -> None:
    end = date.fromordinal(start.toordinal() + length)
    numerator, denominator = fraction_ints(start, end, convention)
    assert denominator > 0
    assert F(numerator, denominator) == year_fraction(start, end, convention)
