"""The fold: ten years of one floating loan replayed, and one night of a hundred thousand loans in memory."""

from datetime import date, timedelta
from decimal import Decimal

from bench.harness import Figure, benchmark, once
from loanfund.calculation.calendars import WEEKENDS_ONLY
from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.events import Disbursed, Event, Received
from loanfund.calculation.facility import NightlyLoan, advance_nights, replay
from loanfund.calculation.growth import Factors, GrowthKey
from loanfund.calculation.money import Rounding, currency
from loanfund.calculation.rates import Fixings, OvernightRate
from loanfund.calculation.terms import FacilityTerms

USD = currency("USD")
RATE = OvernightRate("SOFR", margin=Decimal("0.02"), publication_calendar=WEEKENDS_ONLY)


def fixings(first: date, days: int) -> Fixings:
    """A rate that moves a little every day."""
    return Fixings(
        {"SOFR": {first + timedelta(days=n): Decimal(400 + n * 7 % 53) / 10_000 for n in range(days)}}
    )


@benchmark("replay_10y", max_seconds=0.1)
def replay_10y() -> Figure:
    """Daily history of one loan on compounded SOFR with lookback: 3,653 nights, 40 events."""
    signed, ends = date(2016, 1, 4), date(2026, 1, 4)
    terms = FacilityTerms(USD, Decimal(10_000_000), signed, date(2016, 6, 1), ends, RATE)
    events: list[Event] = [Disbursed(id="d", value_date=signed, loan="LN-1", amount=Decimal(10_000_000))]
    events += [
        Received(id=f"r{n:02}", value_date=signed + timedelta(days=91 * (n + 1)), amount=Decimal(170_000))
        for n in range(39)
    ]
    known = fixings(date(2015, 12, 1), 3800)
    replay(terms, events, known, ends)
    seconds = sorted(once(lambda: replay(terms, events, known, ends)) for _ in range(7))
    nights = len(replay(terms, events, known, ends).nights)
    return Figure(seconds[3], note=f"{nights:,} nights, {len(events)} events, median of 7")


@benchmark("advance_100k", max_seconds=1)
def advance_100k() -> Figure:
    """One night of 100,000 loans in 250 classes of rate, convention and period; the factors are part of the time."""
    first, night = date(2026, 1, 2), date(2026, 3, 31)
    known = fixings(date(2025, 11, 1), 200)
    keys = [
        GrowthKey(
            RATE if n % 2 else OvernightRate("SOFR", margin=Decimal(n) / 10_000),
            DayCount.ACT_360 if n % 3 else DayCount.ACT_ACT_ISDA,
            first + timedelta(days=n % 60),
            first + timedelta(days=n % 60 + 91),
            ReferencePeriod(),
        )
        for n in range(250)
    ]
    loans = [[NightlyLoan(100_000_000 + 37 * m, 0, 1, 0, 11 * m, 0) for m in range(400)] for _ in keys]

    def close() -> int:
        factors, rows = Factors(known), 0
        for key, group in zip(keys, loans, strict=True):
            num, den = factors.growth(key).at(night + timedelta(days=1))
            rows += len(advance_nights(group, num, den, USD, Rounding.HALF_UP))
        return rows

    rows = close()
    seconds = sorted(once(close) for _ in range(5))
    return Figure(
        seconds[2], note=f"{rows:,} rows, {len(keys)} shared factors from 90 nights of fixings, median of 5"
    )
