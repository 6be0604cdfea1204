"""Rates: what they say on a day, and how an overnight rate grows night by night."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loanfund.calculation.calendars import EVERY_DAY, WEEKENDS_ONLY
from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.growth import Factors, Growth, GrowthKey
from loanfund.calculation.money import currency, minor_to_decimal, q12, round_minor
from loanfund.calculation.rates import (
    FixedRate,
    FixingMissing,
    Fixings,
    FloatingRate,
    FloorOn,
    Method,
    OvernightRate,
    SteppedRate,
    ZeroUntil,
    published,
)

USD = currency("USD")
START = date(2026, 1, 5)  # a Monday
NOTHING = Fraction(1, 10**25)


def flat(value: str, first: date = date(2025, 11, 3), days: int = 400) -> Fixings:
    every = (first + timedelta(n) for n in range(days))
    return published((day, Decimal(value)) for day in every)


def grown(rate: OvernightRate | FloatingRate, end: date, fixings: Fixings, start: date = START) -> Growth:
    return Growth(GrowthKey(rate, DayCount.ACT_360, start, end, ReferencePeriod(start, end)), fixings)


def is_as(growth: Growth, night: date, rate: Fraction) -> bool:
    """A night's rate, to the 30 decimals of the factor."""
    return abs(growth.all_in(night) - rate) < NOTHING


def annual(growth: Growth, end: date) -> Fraction:
    return Fraction(*growth.at(end)) * 360 / (end - growth.key.start).days


def test_compounding_goes_on_when_principal_is_repaid() -> None:
    """10 million at a flat 5 %, 91 days all business days, 4 million repaid on day 45."""
    rate = OvernightRate("SOFR", lookback_days=0, publication_calendar=EVERY_DAY)
    growth = grown(rate, START + timedelta(91), flat("0.05"))
    repaid, end = START + timedelta(45), START + timedelta(91)
    pieces = [(10_000_000, START, repaid), (6_000_000, repaid, end)]
    units = 0
    for principal, since, until in pieces:
        numerator, denominator = growth.between(since, until)
        units += q12(principal * numerator, denominator)
    assert minor_to_decimal(round_minor(units, USD), USD) == Decimal("101385.79")


def test_compounding_anew_after_a_repayment_would_give_less() -> None:
    """The figure that is wrong, for the test above to mean something: 101,144.72."""
    rate = OvernightRate("SOFR", lookback_days=0, publication_calendar=EVERY_DAY)
    repaid, end = START + timedelta(45), START + timedelta(91)
    before = Fraction(*grown(rate, repaid, flat("0.05")).at(repaid))
    after = Fraction(*grown(rate, end, flat("0.05"), start=repaid).at(end))
    assert round(10_000_000 * before + 6_000_000 * after, 2) == Fraction("101144.72")


def test_a_weekend_takes_fridays_rate() -> None:
    fixings = published(
        [(date(2026, 1, 9), Decimal("0.04")), (date(2026, 1, 12), Decimal("0.09"))], reference="SOFR"
    )
    growth = grown(OvernightRate("SOFR", lookback_days=0), date(2026, 1, 13), fixings, start=date(2026, 1, 9))
    friday, monday = Fraction("0.04"), Fraction("0.09") * (1 + Fraction("0.04") * 3 / 360)
    expected = [friday, friday, friday, monday]
    assert all(is_as(growth, date(2026, 1, 9 + n), rate) for n, rate in enumerate(expected))


def test_a_days_rate_is_known_on_that_day() -> None:
    """With a lookback of five business days the whole week ahead is published before it begins."""
    fixings = published((START - timedelta(n), Decimal("0.0363")) for n in range(1, 15))
    growth = grown(OvernightRate("SOFR"), START + timedelta(90), fixings)
    growth.at(START + timedelta(5))
    with pytest.raises(FixingMissing, match="2026-01-05"):
        growth.at(START + timedelta(8))


def test_the_floor_binds_each_day_before_compounding() -> None:
    low = {START + timedelta(n): Decimal("-0.01") if n % 2 else Decimal("0.03") for n in range(5)}
    rate = OvernightRate("SOFR", lookback_days=0, floor=Decimal(0), publication_calendar=EVERY_DAY)
    end = START + timedelta(4)
    daily = Fraction("0.03") / 360
    assert abs(
        Fraction(*grown(rate, end, Fixings({"SOFR": low})).at(end)) - ((1 + daily) ** 2 - 1)
    ) < Fraction(1, 10**28)


def test_the_floor_on_the_result_binds_the_annualised_rate_and_lets_days_be_lower() -> None:
    low = {START + timedelta(n): Decimal("-0.01") if n % 2 else Decimal("0.03") for n in range(5)}
    rate = OvernightRate(
        "SOFR",
        lookback_days=0,
        floor=Decimal("0.005"),
        floor_on=FloorOn.RESULT,
        margin=Decimal("0.02"),
        publication_calendar=EVERY_DAY,
    )
    end = START + timedelta(4)
    exact = (1 + Fraction("0.03") / 360) ** 2 * (1 - Fraction("0.01") / 360) ** 2 - 1
    assert exact * 90 > Fraction("0.005"), "the whole is above the floor, single days below it"
    assert (
        abs(annual(grown(rate, end, Fixings({"SOFR": low})), end) - exact * 90 - Fraction("0.02")) < NOTHING
    )
    all_low = Fixings({"SOFR": dict.fromkeys(low, Decimal("-0.01"))})
    assert annual(grown(rate, end, all_low), end) == Fraction("0.025")


def test_the_cap_binds_before_the_margin_is_added() -> None:
    rate = OvernightRate(
        "SOFR", Method.AVERAGED, lookback_days=0, cap=Decimal("0.04"), margin=Decimal("0.02")
    )
    end = START + timedelta(30)
    assert abs(annual(grown(rate, end, flat("0.09")), end) - Fraction("0.06")) < NOTHING


def test_margin_inside_the_compounding_earns_interest_on_itself() -> None:
    end = START + timedelta(90)
    outside = OvernightRate("SOFR", margin=Decimal("0.02"))
    inside = OvernightRate("SOFR", margin=Decimal("0.02"), margin_inside=True)
    assert annual(grown(inside, end, flat("0.03")), end) > annual(grown(outside, end, flat("0.03")), end)
    at_five = OvernightRate("SOFR")
    assert annual(grown(inside, end, flat("0.03")), end) == annual(grown(at_five, end, flat("0.05")), end)


def test_locked_days_repeat_the_rate_before_them() -> None:
    fixings = {START + timedelta(n): Decimal(n + 1) / 100 for n in range(5)}
    rate = OvernightRate("SOFR", Method.AVERAGED, lookback_days=0, lockout_days=2)
    growth = grown(rate, START + timedelta(4), Fixings({"SOFR": fixings}))  # Monday to Friday
    assert all(is_as(growth, START + timedelta(n), Fraction(min(n + 1, 2), 100)) for n in range(4))


def test_a_fixing_not_due_yet_is_estimated_and_one_that_is_due_is_missing() -> None:
    known = {START - timedelta(days=4): Decimal("0.03")}  # a Thursday
    friday = START - timedelta(days=3)
    fixings = Fixings({"SOFR": known}, as_of=friday)
    assert fixings.value("SOFR", friday, WEEKENDS_ONLY, 1) == (Decimal("0.03"), True)
    assert fixings.at(START, end_of_day=False).value("SOFR", friday, WEEKENDS_ONLY, 1) == (
        Decimal("0.03"),
        True,
    )
    with pytest.raises(FixingMissing, match="SOFR for 2026-01-02 is due"):
        fixings.at(START, end_of_day=True).value("SOFR", friday, WEEKENDS_ONLY, 1)


def test_a_night_on_an_estimate_says_so_and_so_do_those_after_it() -> None:
    known = {START - timedelta(days=n): Decimal("0.03") for n in range(3, 20)}
    growth = grown(
        OvernightRate("SOFR", lookback_days=0), START + timedelta(30), Fixings({"SOFR": known}, as_of=START)
    )
    assert growth.estimated(START)
    assert growth.estimated_from == START


def test_a_term_rate_is_fixed_once_before_its_period() -> None:
    fixings = Fixings(
        {"EURIBOR 3M": {date(2026, 1, 1): Decimal("0.0012"), date(2026, 1, 2): Decimal("0.07")}}
    )
    rate = FloatingRate("EURIBOR 3M", margin=Decimal("0.02"), floor=Decimal("0.005"), reset_days=2)
    growth = grown(rate, START + timedelta(90), fixings)
    assert growth.all_in(START) == Fraction("0.025"), "Thursday's fixing, two business days before, floored"


def test_stepped_and_zero_rates_say_what_holds_on_a_day() -> None:
    steps = SteppedRate(((date(2026, 1, 1), Decimal("0.01")), (date(2027, 1, 1), Decimal("0.03"))))
    assert steps.on(date(2026, 12, 31)) == FixedRate(Decimal("0.01"))
    assert steps.on(date(2027, 1, 1)) == FixedRate(Decimal("0.03"))
    free = ZeroUntil(date(2026, 7, 1), steps)
    assert free.on(date(2026, 6, 30)) == FixedRate(Decimal(0))
    assert free.on(date(2026, 7, 1)) == FixedRate(Decimal("0.01"))
    with pytest.raises(ValueError, match="each later than the one before"):
        SteppedRate(((date(2027, 1, 1), Decimal("0.01")), (date(2026, 1, 1), Decimal("0.03"))))


def test_loans_with_the_same_terms_share_one_growth() -> None:
    factors = Factors(flat("0.03"))
    key = GrowthKey(OvernightRate("SOFR"), DayCount.ACT_360, START, START + timedelta(90), ReferencePeriod())
    same = GrowthKey(OvernightRate("SOFR"), DayCount.ACT_360, START, START + timedelta(90), ReferencePeriod())
    assert factors.growth(key) is factors.growth(same)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.decimals("-0.05", "0.20", places=4), min_size=60, max_size=60),
    lookback=st.integers(0, 10),
    shift=st.booleans(),
    method=st.sampled_from(Method),
    inside=st.booleans(),
    length=st.integers(1, 45),
)
def test_the_days_rates_add_up_to_the_periods(
    values: list[Decimal], lookback: int, shift: bool, method: Method, inside: bool, length: int
) -> None:
    fixings = published((START - timedelta(days=15 - n), value) for n, value in enumerate(values))
    rate = OvernightRate(
        "SOFR",
        method,
        lookback_days=lookback,
        observation_shift=shift and lookback > 0,
        margin=Decimal("0.01"),
        margin_inside=inside,
    )
    end = START + timedelta(length)
    growth = grown(rate, end, fixings)
    nights = [START + timedelta(n) for n in range(length)]
    by_day = sum((growth.all_in(night) / 360 for night in nights), Fraction(0))
    assert by_day == Fraction(*growth.at(end)), "to the last digit, while principal is unchanged"
