"""A level schedule of 360 months, against QuantLib's amortising bond, with seven fields a row read back."""

from datetime import date
from decimal import Decimal

import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it

from bench.harness import Figure, benchmark, pair
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.instalments import schedule
from loanfund.calculation.money import currency
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import ProfileKind
from loanfund.calculation.rates import FixedRate
from loanfund.calculation.schedules import ScheduleTerms
from loanfund.calculation.timetables import Timetable

MONTHS = 360
START = date(2026, 1, 15)
Field = date | int | float


def _ours() -> list[tuple[Field, ...]]:
    terms = ScheduleTerms(
        principal=Decimal(1_000_000),
        currency=currency("USD"),
        rate=FixedRate(Decimal("0.06")),
        profile=ProfileKind.LEVEL,
        day_count=DayCount.THIRTY_360,
    )
    made = schedule(terms, Timetable.regular(START, Tenor(1, "M"), MONTHS))
    return [
        (row.start, row.end, row.payment_date, row.days, row.interest, row.principal, row.balance)
        for row in made.rows
    ]


def _floor() -> list[tuple[Field, ...]]:
    """As its documentation builds such a bond; dates read back as Python's, as ours are."""
    dates = ql.Schedule(
        ql.Date(START.day, START.month, START.year),
        ql.Date(START.day, START.month, START.year + MONTHS // 12),
        ql.Period(1, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Forward,
        False,
    )
    notionals = ql.sinkingNotionals(ql.Period(MONTHS // 12, ql.Years), ql.Monthly, 0.06, 1_000_000.0)
    bond = ql.AmortizingFixedRateBond(0, notionals, dates, [0.06], ql.Thirty360(ql.Thirty360.BondBasis))
    flows = bond.cashflows()
    rows: list[tuple[Field, ...]] = []
    for interest, principal in zip(flows[::2], flows[1::2], strict=True):
        coupon = ql.as_fixed_rate_coupon(interest)
        repaid = principal.amount()
        rows.append(
            (
                coupon.accrualStartDate().to_date(),
                coupon.accrualEndDate().to_date(),
                coupon.date().to_date(),
                coupon.accrualDays(),
                coupon.amount(),
                repaid,
                coupon.nominal() - repaid,
            )
        )
    return rows


@benchmark("schedule_360", max_ratio=0.5)
def schedule_360() -> Figure:
    """Both make the dates, the instalment and the rows; ours rounds each to the cent, exactly."""
    for mine, theirs in zip(_ours(), _floor(), strict=True):
        if mine[:3] != theirs[:3] or abs(float(mine[6]) / 100 - float(theirs[6])) > 5:  # type: ignore[arg-type] # amounts
            raise AssertionError(f"the two schedules differ: {mine} and {theirs}")
    ours, floor = pair(_ours, _floor, rounds=20)
    return Figure(ours, floor, note=f"{MONTHS} rows of seven fields, QuantLib {ql.__version__}")
