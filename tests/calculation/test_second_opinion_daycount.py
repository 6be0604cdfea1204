"""A hundred thousand random day counts, each also asked of QuantLib; where the two disagree, the reason is a test.

The dates are drawn so that month ends, leap days and the ends of Februaries are common. Fractions are compared to
1e-12, since QuantLib's are doubles.
"""

import random
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it

from loanfund.calculation.daycount import DayCount, ReferencePeriod, days, year_fraction
from loanfund.calculation.periods import Tenor, add_tenor, is_month_end, month_end

AGREED = 1e-12
SEED = 20_260_101
EARLIEST, LATEST = date(1980, 1, 1).toordinal(), date(2060, 12, 31).toordinal()

PLAIN = {
    DayCount.ACT_360: ql.Actual360(),
    DayCount.ACT_364: ql.Actual364(),
    DayCount.ACT_365F: ql.Actual365Fixed(),
    DayCount.ACT_365_25: ql.Actual36525(),
    DayCount.ACT_ACT_ISDA: ql.ActualActual(ql.ActualActual.ISDA),
    DayCount.ACT_ACT_AFB: ql.ActualActual(ql.ActualActual.AFB),
    DayCount.NL_365: ql.Actual365Fixed(ql.Actual365Fixed.NoLeap),
    DayCount.THIRTY_360: ql.Thirty360(ql.Thirty360.BondBasis),
    DayCount.THIRTY_U_360: ql.Thirty360(ql.Thirty360.USA),
    DayCount.THIRTY_E_360: ql.Thirty360(ql.Thirty360.European),
    DayCount.THIRTY_365: ql.Thirty365(),
}
"""What QuantLib has for two dates alone: 8,000 pairs each. The German rule and ICMA take 6,000 each besides."""

PAIRS_EACH = 8_000
OTHERS_EACH = 6_000


def a_date(rnd: random.Random, earliest: int, latest: int) -> date:
    """A third are month ends, a tenth the last of a February."""
    day = date.fromordinal(rnd.randint(earliest, latest))
    if rnd.random() < 0.3:
        day = month_end(day)
    if rnd.random() < 0.1:
        day = month_end(date(day.year, 2, 1))
    return day


def pairs(rnd: random.Random, count: int) -> Iterator[tuple[date, date]]:
    while count:
        start = a_date(rnd, EARLIEST, LATEST)
        end = a_date(rnd, start.toordinal(), start.toordinal() + rnd.choice((40, 400, 4_000)))
        if start <= end:
            yield start, end
            count -= 1


def quantlib(*dates: date) -> tuple[ql.Date, ...]:
    return tuple(ql.Date.from_date(day) for day in dates)


def afb_with_isdas_addition(start: date, end: date) -> float:
    """ISDA's paper of 1999: a year ended by 28 February is counted back to the 29th where there is one."""
    years, anchor = 0, end
    while True:
        back = add_tenor(anchor, Tenor(1, "Y"), times=-1)
        if (back.month, back.day) == (2, 28):
            back = month_end(back)
        if back < start:
            break
        years, anchor = years + 1, back
    holds_leap_day = any(
        start <= month_end(date(year, 2, 1)) < anchor and month_end(date(year, 2, 1)).day == 29
        for year in (start.year, anchor.year)
    )
    return years + (anchor - start).days / (366 if holds_leap_day else 365)


def test_eighty_eight_thousand_day_counts_agree_and_each_disagreement_follows_from_the_afb_text() -> None:
    rnd = random.Random(SEED)
    compared, explained = 0, 0
    for convention, counter in PLAIN.items():
        for start, end in pairs(rnd, PAIRS_EACH):
            compared += 1
            theirs = counter.yearFraction(*quantlib(start, end))
            if abs(float(year_fraction(start, end, convention)) - theirs) <= AGREED:
                continue
            # The French text counts back from the end; QuantLib follows ISDA's addition to it, under which
            # 28 February 2004 to 28 February 2008 bears a day more than four years.
            assert convention is DayCount.ACT_ACT_AFB, (convention, start, end)
            assert (end.month, end.day) == (2, 28), (start, end)
            assert abs(afb_with_isdas_addition(start, end) - theirs) <= AGREED, (start, end)
            explained += 1
    assert compared == 88_000
    assert 0 < explained < 400


def test_six_thousand_german_day_counts_agree_but_for_an_empty_period() -> None:
    rnd = random.Random(SEED)
    explained = 0
    for start, end in pairs(rnd, OTHERS_EACH):
        termination = rnd.choice((end, a_date(rnd, end.toordinal(), end.toordinal() + 900)))
        ours = days(start, end, DayCount.THIRTY_E_360_ISDA, period=ReferencePeriod(termination=termination))
        theirs = ql.Thirty360(ql.Thirty360.ISDA, *quantlib(termination)).dayCount(*quantlib(start, end))
        if ours == theirs:
            continue
        # ISDA 2006 4.16(h) moves the first date to the 30th and leaves the last, so the formula gives -1 or -2 from
        # the termination date to itself. No time passes there and no interest accrues.
        assert start == end == termination, (start, end, termination)
        assert (ours, theirs) in ((0, -1), (0, -2))
        explained += 1
    assert explained > 0


def coupon_case(rnd: random.Random) -> tuple[date, date, ReferencePeriod]:
    """Dates inside a coupon period, or beyond one side of it: QuantLib refuses those beyond both."""
    frequency = rnd.choice((1, 2, 4, 12))
    first = a_date(rnd, EARLIEST, LATEST)
    last = add_tenor(first, Tenor(12 // frequency, "M"))
    low, high = first.toordinal(), last.toordinal()
    start, end = rnd.choice(
        (
            (rnd.randint(low, high - 1), high),
            (low, rnd.randint(low + 1, high)),
            (rnd.randint(low - 900, low), rnd.randint(low + 1, high)),
            (rnd.randint(low, high - 1), rnd.randint(high, high + 1_500)),
        )
    )
    period = ReferencePeriod(first, last, frequency, end_of_month=False)
    return date.fromordinal(start), date.fromordinal(end), period


def by_every_coupon(start: date, end: date, period: ReferencePeriod) -> float:
    """Rule 251 spelt out: all coupons, on the day that the period's longer month shows, each weighed by its days."""
    assert period.start is not None
    assert period.end is not None
    assert period.frequency is not None
    anchor = max(period.start, period.end, key=lambda day: day.day)
    months = Tenor(12 // period.frequency, "M")
    coupons = [add_tenor(anchor, months, times=n) for n in range(-40, 80)]
    total = 0.0
    for low, high in pairwise(coupons):
        passed = (min(end, high) - max(start, low)).days
        if passed > 0:
            total += passed / ((high - low).days * period.frequency)
    return total


def test_six_thousand_coupon_fractions_agree_unless_a_short_month_made_quantlib_forget_the_day() -> None:
    rnd = random.Random(SEED)
    counter = ql.ActualActual(ql.ActualActual.ISMA)
    explained = 0
    for _ in range(OTHERS_EACH):
        start, end, period = coupon_case(rnd)
        assert period.start is not None
        assert period.end is not None
        ours = float(year_fraction(start, end, DayCount.ACT_ACT_ICMA, period=period))
        theirs = counter.yearFraction(*quantlib(start, end, period.start, period.end))
        if abs(ours - theirs) <= AGREED:
            continue
        # QuantLib steps from each coupon to the next: once a 31st has become a 30th it stays one. ICMA's coupons
        # fall on the same day of every month that has it.
        assert max(period.start.day, period.end.day) > 28, (start, end, period)
        assert abs(ours - by_every_coupon(start, end, period)) <= AGREED, (start, end, period)
        explained += 1
    assert 0 < explained < OTHERS_EACH // 5


def test_without_the_end_of_month_rule_us_and_bond_basis_are_one() -> None:
    """QuantLib's NASD variant is another convention: it turns a last 31st into the 1st unless the first is a 30th."""
    rnd = random.Random(SEED)
    unaware = ReferencePeriod(end_of_month=False)
    counter = ql.Thirty360(ql.Thirty360.BondBasis)
    for start, end in pairs(rnd, 2_000):
        ours = days(start, end, DayCount.THIRTY_U_360, period=unaware)
        assert ours == counter.dayCount(*quantlib(start, end))


def test_the_dates_asked_for_hold_the_awkward_ones() -> None:
    drawn = [day for pair in pairs(random.Random(SEED), 1_000) for day in pair]
    assert sum(is_month_end(day) for day in drawn) > 500
    assert sum((day.month, day.day) == (2, 29) for day in drawn) > 30
    assert sum(day.day == 31 for day in drawn) > 200
