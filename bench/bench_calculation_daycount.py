"""The day count fraction of a pair of dates, against QuantLib called from the same Python dates."""

import random
from collections.abc import Callable
from datetime import date

import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it

from bench.harness import Figure, benchmark, pair
from loanfund.calculation.daycount import DayCount, ReferencePeriod, year_fraction
from loanfund.calculation.periods import Tenor, add_tenor

PAIRS = 2_000
_AA = ql.ActualActual
_30 = ql.Thirty360
_365 = ql.Actual365Fixed

Case = tuple[date, date, ReferencePeriod]

COUNTERS = {
    DayCount.ACT_360: ql.Actual360(),
    DayCount.ACT_364: ql.Actual364(),
    DayCount.ACT_365F: _365(),
    DayCount.ACT_365_25: ql.Actual36525(),
    DayCount.ACT_ACT_ISDA: _AA(_AA.ISDA),
    DayCount.ACT_ACT_AFB: _AA(_AA.AFB),
    DayCount.NL_365: _365(_365.NoLeap),
    DayCount.THIRTY_360: _30(_30.BondBasis),
    DayCount.THIRTY_U_360: _30(_30.USA),
    DayCount.THIRTY_E_360: _30(_30.European),
    DayCount.THIRTY_E_360_ISDA: _30(_30.ISDA),
    DayCount.THIRTY_365: ql.Thirty365(),
}
"""The conventions that QuantLib has for two dates alone; ACT/ACT ICMA, which needs two more, is measured apart."""


def _fresh_cases() -> list[Case]:
    """New dates at every run, from semi-annual coupons: either the start is up to a year early, or the end late.

    QuantLib refuses dates that lie beyond the reference period on both sides.
    """
    rnd = random.Random()
    cases = []
    for _ in range(PAIRS):
        first = date(rnd.randint(1990, 2040), rnd.randint(1, 12), rnd.randint(1, 28))
        last = add_tenor(first, Tenor(6, "M"))
        start = date.fromordinal(first.toordinal() + rnd.randint(-365, 180))
        at_most = 3650 if start >= first else (last - start).days
        end = date.fromordinal(start.toordinal() + rnd.randint(1, at_most))
        cases.append((start, end, ReferencePeriod(first, last, 2, None, False)))
    return cases


def _ours(cases: list[Case], convention: DayCount) -> Callable[[], object]:
    return lambda: [year_fraction(start, end, convention, period=period) for start, end, period in cases]


def _floor(cases: list[Case], convention: DayCount) -> Callable[[], object]:
    """QuantLib with its fastest way of taking a Python date, `Date.from_date`."""
    new = ql.Date.from_date
    if convention is DayCount.ACT_ACT_ICMA:
        coupons = _AA(_AA.ISMA).yearFraction
        dates = [(start, end, period.start, period.end) for start, end, period in cases]
        return lambda: [coupons(new(a), new(b), new(c), new(d)) for a, b, c, d in dates]
    fraction = COUNTERS[convention].yearFraction
    return lambda: [fraction(new(start), new(end)) for start, end, _ in cases]


@benchmark("day_count", max_ratio=0.5)
def day_count() -> Figure:
    """The convention whose ratio is worst."""
    cases = _fresh_cases()
    figures = []
    for convention in (*COUNTERS, DayCount.ACT_ACT_ICMA):
        ours, floor = pair(_ours(cases, convention), _floor(cases, convention), rounds=15)
        figures.append(
            Figure(ours, floor, note=f"{PAIRS} fresh pairs, slowest of 13 conventions: {convention}")
        )
    return max(figures, key=lambda figure: figure.ratio or 0)
