"""Thousands of random overnight coupons, each also worked out by QuantLib: lookback, shift, lockout, margin, averaging.

No disagreement is left. Two things must be said to QuantLib for that. It compounds on the day count of the index and
pays on that of the coupon, where a facility has one day count: the index gets the coupon's. And it refuses to average
with a lookback or a lockout, which are therefore left out where it averages.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it

from loanfund.calculation.calendars import BusinessDayConvention, Calendar
from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.growth import Growth, GrowthKey
from loanfund.calculation.rates import Fixings, Method, OvernightRate

SEED = 20_260_102
COUPONS = 5_000
FIRST, LAST = date(2017, 1, 2), date(2026, 10, 30)
COUNTERS = {DayCount.ACT_360: ql.Actual360(), DayCount.ACT_365F: ql.Actual365Fixed()}


def theirs(day: date) -> ql.Date:
    return ql.Date(day.day, day.month, day.year)


@dataclass
class Market:
    """One set of fixings, in both worlds."""

    calendar: Calendar
    fixings: Fixings
    indices: dict[DayCount, ql.OvernightIndex]


@pytest.fixture(scope="module")
def market() -> Iterator[Market]:
    rnd = random.Random(SEED)
    days = ql.UnitedStates(ql.UnitedStates.SOFR)
    closed = days.holidayList(ql.Date(1, 1, 2016), ql.Date(31, 12, 2027), False)
    calendar = Calendar("US-SOFR", frozenset(day.to_date() for day in closed))
    before = ql.Settings.instance().evaluationDate
    ql.Settings.instance().evaluationDate = ql.Date(1, 12, 2026)
    indices = {
        convention: ql.OvernightIndex(f"SOFR {convention}", 0, ql.USDCurrency(), days, counter)
        for convention, counter in COUNTERS.items()
    }
    values = {}
    for ordinal in range(FIRST.toordinal(), LAST.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if calendar.is_business_day(day):
            values[day] = Decimal(rnd.randint(-50, 900)) / 10_000
            for index in indices.values():
                index.addFixing(theirs(day), float(values[day]))
    yield Market(calendar, Fixings({"SOFR": values}), indices)
    for index in indices.values():
        index.clearFixings()
    ql.Settings.instance().evaluationDate = before


def random_rate(rnd: random.Random, calendar: Calendar) -> OvernightRate:
    averaged = rnd.random() < 0.2
    lookback = 0 if averaged else rnd.choice([0, 1, 2, 5, 10])
    return OvernightRate(
        "SOFR",
        Method.AVERAGED if averaged else Method.COMPOUNDED,
        lookback_days=lookback,
        observation_shift=lookback > 0 and rnd.random() < 0.5,
        lockout_days=0 if averaged else rnd.choice([0, 0, 1, 2, 5]),
        margin=Decimal(rnd.choice([0, 25, -10])) / 10_000,
        margin_inside=not averaged and rnd.random() < 0.4,
        publication_calendar=calendar,
    )


def random_period(rnd: random.Random, calendar: Calendar) -> tuple[date, date]:
    """Half of them between business days, as loans have them; half between any days."""
    start = date(2018, 1, 1) + timedelta(rnd.randint(0, 2900))
    end = start + timedelta(rnd.randint(12, 190))
    if rnd.random() < 0.5:
        start = calendar.adjust(start, BusinessDayConvention.FOLLOWING)
        end = calendar.adjust(end, BusinessDayConvention.FOLLOWING)
    return start, end


def second_opinion(
    rate: OvernightRate, convention: DayCount, start: date, end: date, index: ql.OvernightIndex
) -> float:
    coupon = ql.OvernightIndexedCoupon(
        theirs(end),
        1.0,
        theirs(start),
        theirs(end),
        index,
        1.0,
        float(rate.margin),
        ql.Date(),
        ql.Date(),
        COUNTERS[convention],
        False,
        ql.RateAveraging.Simple if rate.method is Method.AVERAGED else ql.RateAveraging.Compound,
        rate.lookback_days,
        rate.lockout_days,
        rate.observation_shift,
        rate.margin_inside,
    )
    return float(coupon.amount())


def interest(rate: OvernightRate, convention: DayCount, start: date, end: date, fixings: Fixings) -> Fraction:
    return Fraction(*Growth(GrowthKey(rate, convention, start, end, ReferencePeriod()), fixings).at(end))


def test_random_overnight_coupons_are_those_of_quantlib(market: Market) -> None:
    rnd = random.Random(SEED)
    different = []
    for _ in range(COUPONS):
        rate, (start, end) = random_rate(rnd, market.calendar), random_period(rnd, market.calendar)
        convention = rnd.choice(list(COUNTERS))
        ours = interest(rate, convention, start, end, market.fixings)
        other = second_opinion(rate, convention, start, end, market.indices[convention])
        if abs(float(ours) - other) > 1e-13 * max(1, abs(other)):
            different.append((rate, convention, start, end, float(ours), other))
    assert different == []


def test_quantlib_compounds_on_the_day_count_of_the_index_and_we_on_that_of_the_terms(market: Market) -> None:
    rate = OvernightRate("SOFR", lookback_days=0, publication_calendar=market.calendar)
    start, end = date(2024, 1, 2), date(2024, 7, 2)
    ours = float(interest(rate, DayCount.ACT_365F, start, end, market.fixings))
    other = second_opinion(rate, DayCount.ACT_365F, start, end, market.indices[DayCount.ACT_360])
    assert ours < other, "a day over 360 compounds more than a day over 365"
    assert ours == pytest.approx(other, rel=1e-3)


def test_quantlib_will_not_average_with_a_lookback_so_only_we_answer(market: Market) -> None:
    rate = OvernightRate("SOFR", Method.AVERAGED, lookback_days=5, publication_calendar=market.calendar)
    start, end = date(2024, 1, 2), date(2024, 1, 9)
    with pytest.raises(RuntimeError, match="simple averaging with lookback"):
        second_opinion(rate, DayCount.ACT_360, start, end, market.indices[DayCount.ACT_360])
    seen = [market.calendar.add_business_days(day, -5) for day in (date(2024, 1, n) for n in (2, 3, 4, 5, 8))]
    weights = [1, 1, 1, 3, 1]
    values = market.fixings.values["SOFR"]
    by_hand = (
        sum((Fraction(values[day]) * n for day, n in zip(seen, weights, strict=True)), Fraction(0)) / 360
    )
    assert abs(interest(rate, DayCount.ACT_360, start, end, market.fixings) - by_hand) < Fraction(1, 10**28)
