"""Why a loan earned what it earned: each night with its principal, its rate and where that comes from, and its cents."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from loanfund.calculation.growth import GrowthKey, bounded
from loanfund.calculation.money import Rounding, round_decimal
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.rates import FloatingRate, FloorOn, OvernightRate
from loanfund.reference.models import RateFixing
from loanfund.servicing.factors import known
from loanfund.servicing.fold import tell, terms_of
from loanfund.servicing.models import Accrual, Loan
from loanfund.servicing.outlook import business_date

ZERO = Decimal(0)
REACH = timedelta(days=31)
"""How far back an estimate looks for a published value."""


@dataclass(frozen=True)
class InterestDay:
    """One night of a loan, every correction of it added up.

    `fixing` is the published value of `reference` for `observed_on`, as a fraction a year, from `source`; all four are
    empty for a fixed rate. `used` is the fixing after a floor or cap that binds each day. `all_in_rate` is the night's
    rate with the `margin`; of a compounded rate it is the non-cumulative one and so differs a little from their sum.
    `fraction` is the night's share of a year. `exact` interest has 12 decimals, `posted` is what reached the ledger, and
    `residual` what the period's exact interest so far exceeds its posted cents by: it is carried to the next night.
    `corrected_on` names the booking dates of corrections.
    """

    on: date
    principal: Decimal
    reference: str
    observed_on: date | None
    fixing: Decimal | None
    source: str
    used: Decimal | None
    margin: Decimal
    all_in_rate: Decimal
    fraction: Fraction
    exact: Decimal
    posted: Decimal
    residual: Decimal
    estimated: bool
    suspended: bool
    corrected_on: tuple[date, ...]


@dataclass(frozen=True)
class Explanation:
    """The nights of a loan from `first` to `last`, both included, and their sums."""

    loan: Loan
    first: date
    last: date
    nights: tuple[InterestDay, ...]

    @property
    def exact(self) -> Decimal:
        return sum((night.exact for night in self.nights), ZERO)

    @property
    def posted(self) -> Decimal:
        return sum((night.posted for night in self.nights), ZERO)


def explain_interest(loan: Loan, first_day: date, last_day: date) -> Explanation:
    """The nights of `loan` from `first_day` to `last_day` that are booked, oldest first, from the sub-ledger beneath the
    accrual entries. Six queries or fewer, however many nights."""
    stored: dict[date, list[Accrual]] = defaultdict(list)
    rows = Accrual.objects.filter(loan_id=loan.pk, accrual_date__range=(first_day, last_day))
    for row in rows.order_by("accrual_date", "sequence"):
        stored[row.accrual_date].append(row)
    keys = _keys(loan, stored)
    seen = {day: _observed(keys[day], day) for day in stored}
    fixings = _fixings(one for one in seen.values() if one is not None)
    rounding = terms_of(loan.facility).rounding
    nights = tuple(
        _night(parts, keys[day], seen[day], fixings, loan.currency, rounding) for day, parts in stored.items()
    )
    return Explanation(loan, first_day, last_day, nights)


def _keys(loan: Loan, stored: dict[date, list[Accrual]]) -> dict[date, GrowthKey]:
    """What each night's factor depended on: its stored class, or, for a night whose class row is missing, the replay."""
    classes = known({parts[-1].accrual_class_id for parts in stored.values()})
    keys = {
        day: classes[parts[-1].accrual_class_id]
        for day, parts in stored.items()
        if parts[-1].accrual_class_id in classes
    }
    if len(keys) < len(stored):
        told = tell(loan.facility, through=business_date(loan.facility))
        mine = {night.on: night.growth.key for night in told.nights if night.loan == loan.number}
        keys |= {day: mine[day] for day in stored if day not in keys and day in mine}
        for day in [day for day in stored if day not in keys]:
            del stored[
                day
            ]  # by a correction the loan had not begun, or was repaid by then: nothing was earned
    return keys


Observation = tuple[str, date]
"""A reference rate's code and the day of which its fixing counts."""


def _observed(key: GrowthKey, night: date) -> Observation | None:
    """Which fixing the interest of a night rests on; None under a fixed rate.

    A term rate is fixed for the whole period, `reset_days` before it. An overnight rate takes the night's business day (a
    non-business day that before it; from the lockout on the last one before it) and looks back from there.
    """
    rate = key.rate
    if isinstance(rate, FloatingRate):
        days = rate.publication_calendar
        day = days.add_business_days(key.start, -rate.reset_days)
        return rate.reference, day if days.is_business_day(day) else days.add_business_days(day, -1)
    if isinstance(rate, OvernightRate):
        days = rate.publication_calendar
        business = night if days.is_business_day(night) else days.add_business_days(night, -1)
        if rate.lockout_days:
            business = min(business, days.add_business_days(key.end, -rate.lockout_days - 1))
        return rate.reference, days.add_business_days(business, -rate.lookback_days)
    return None


def _fixings(wanted: Iterable[Observation]) -> dict[str, dict[date, RateFixing]]:
    """The fixings as known now, by rate and day, from a month before the first day wanted: an estimate reaches back."""
    asked = list(wanted)
    if not asked:
        return {}
    first, last = min(day for _, day in asked) - REACH, max(day for _, day in asked)
    rows = RateFixing.objects.filter(
        rate__code__in={code for code, _ in asked}, date__range=(first, last)
    ).select_related("rate")
    found: dict[str, dict[date, RateFixing]] = defaultdict(dict)
    for row in rows.order_by("known_at", "id"):
        found[row.rate.code][row.date] = row
    return found


def _night(
    parts: list[Accrual],
    key: GrowthKey,
    seen: Observation | None,
    fixings: dict[str, dict[date, RateFixing]],
    currency: str,
    rounding: Rounding,
) -> InterestDay:
    newest, rate = parts[-1], key.rate
    fixing = _fixing(seen, fixings)
    used = None
    if fixing is not None and isinstance(rate, FloatingRate | OvernightRate):
        daily = isinstance(rate, FloatingRate) or rate.floor_on is FloorOn.DAILY
        used = bounded(fixing.value, rate.floor, rate.cap) if daily else fixing.value
    return InterestDay(
        on=newest.accrual_date,
        principal=newest.principal,
        reference=seen[0] if seen else "",
        observed_on=fixing.date if fixing else None,
        fixing=fixing.value if fixing else None,
        source=fixing.source if fixing else "",
        used=used,
        margin=getattr(rate, "margin", ZERO),
        all_in_rate=newest.rate,
        fraction=Fraction(int(newest.num), int(newest.den)),
        exact=sum((part.exact for part in parts), ZERO),
        posted=sum((part.posted for part in parts), ZERO),
        residual=newest.period_exact - round_decimal(newest.period_exact, currency_of(currency), rounding),
        estimated=newest.estimated,
        suspended=newest.suspended,
        corrected_on=tuple(part.booking_date for part in parts if part.sequence),
    )


def _fixing(seen: Observation | None, fixings: dict[str, dict[date, RateFixing]]) -> RateFixing | None:
    """The fixing observed, or, while that is not published, the last one of the month before it."""
    if seen is None:
        return None
    known_days = fixings.get(seen[0], {})
    earlier = [day for day in known_days if day <= seen[1]]
    return known_days[max(earlier)] if earlier else None
