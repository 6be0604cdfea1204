"""The question for a schedule: terms in, rows, totals and the effective rate out."""

from datetime import date
from decimal import Decimal
from typing import Any

from loanfund.calculation.calendars import BusinessDayConvention
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.instalments import schedule
from loanfund.calculation.money import Currency, Rounding, round_decimal
from loanfund.calculation.periods import Rule, Stub, Tenor, add_tenor, interest_periods
from loanfund.calculation.profiles import PrepaymentEffect, ProfileKind
from loanfund.calculation.rates import FixedRate, SteppedRate, ZeroUntil
from loanfund.calculation.reading import Fields, Wrong, as_list, as_whole, blaming
from loanfund.calculation.schedules import (
    Draw,
    InterestBasis,
    InterestGrace,
    LevelOn,
    Prepayment,
    Reprice,
    Row,
    Schedule,
    ScheduleTerms,
)
from loanfund.calculation.terms import exact_decimal, rate_from_document
from loanfund.calculation.timetables import Timetable
from loanfund.calculation.yields import effective_rate_of


def answer_schedule(asked: Fields) -> dict[str, Any]:
    """The rows and totals of a schedule, with the effective rate that fees paid beside it give."""
    with blaming("period_tenor"):
        timetable = _timetable(asked)
    terms = _terms(asked, timetable)
    fees = asked.each("fees", lambda one: (one.day("on"), one.decimal("amount")))
    asked.done()
    made = schedule(terms, timetable)
    instalment = made.instalment
    return {
        "rows": [_row(made, row) for row in made.rows],
        "totals": {
            name: str(made.amount(getattr(made, name)))
            for name in ("principal", "interest", "capitalised", "paid")
        },
        "instalment": None if instalment is None else str(made.amount(instalment)),
        "residual": str(made.amount(made.residual)),
        "note": made.note,
        "effective_rate": _effective_rate(made, fees),
    }


def _effective_rate(made: Schedule, fees: tuple[tuple[date, Decimal], ...]) -> str | None:
    """None when nothing is paid over time, so that there is no rate."""
    try:
        return str(effective_rate_of(made, fees).rate)
    except ValueError:
        return None


def _row(made: Schedule, row: Row) -> dict[str, Any]:
    amounts = ("principal", "interest", "payment", "balance", "deferred", "capitalised")
    return {
        "number": row.number,
        "kind": row.kind.value,
        "start": row.start.isoformat(),
        "end": row.end.isoformat(),
        "payment_date": row.payment_date.isoformat(),
        "days": row.days,
    } | {name: str(made.amount(getattr(row, name))) for name in amounts}


def _timetable(asked: Fields) -> Timetable:
    start, tenor = asked.day("start"), asked.get("period_tenor", Tenor.parse)
    convention = asked.choice("convention", BusinessDayConvention, BusinessDayConvention.UNADJUSTED)
    calendar, end_of_month = asked.calendar("payment_calendar"), asked.flag("end_of_month")
    first, maturity = asked.maybe_day("first_payment"), asked.maybe_day("maturity")
    count, adjusted = asked.maybe("instalments", as_whole), asked.flag("adjust_periods")
    stub = asked.choice("stub", Stub, Stub.SHORT)
    if (maturity is None) == (count is None):
        raise Wrong("maturity: give it, or the number of instalments.")
    if count is not None and first is None and not adjusted:
        return Timetable.regular(
            start, tenor, count, end_of_month=end_of_month, calendar=calendar, convention=convention
        )
    if maturity is None:
        assert count is not None
        maturity = _last_day(start, tenor, count, first, end_of_month)
    periods = interest_periods(
        start,
        maturity,
        tenor,
        rule=Rule.FORWARD if first is not None or count is not None else Rule.BACKWARD,
        first=first,
        end_of_month=end_of_month,
        stub=stub,
        adjust_periods=adjusted,
        convention=convention,
        calendar=calendar,
    )
    return Timetable.of(periods, tenor)


def _last_day(start: date, tenor: Tenor, count: int, first: date | None, end_of_month: bool) -> date:
    if first is None:
        return add_tenor(start, tenor, times=count, end_of_month=end_of_month)
    return add_tenor(first, tenor, times=count - 1, end_of_month=end_of_month)


def _terms(asked: Fields, timetable: Timetable) -> ScheduleTerms:
    currency, rounding = asked.currency(), asked.choice("rounding", Rounding, Rounding.HALF_UP)
    principal = asked.decimal("principal")
    rate = asked.get("rate", rate_from_document)
    if not isinstance(rate, FixedRate | SteppedRate | ZeroUntil):
        raise Wrong(
            "rate.kind: a schedule needs a rate that is known beforehand; ask replay for a floating one."
        )
    profile = asked.inner("profile")
    kind = profile.choice("kind", ProfileKind, ProfileKind.BULLET)
    terms = ScheduleTerms(
        principal=principal,
        currency=currency,
        rate=rate,
        profile=kind,
        basis=asked.choice("interest_basis", InterestBasis, InterestBasis.DAYS),
        day_count=asked.choice("day_count", DayCount, DayCount.ACT_360),
        periods_per_year=_a_year(timetable),
        level_on=asked.choice("level_on", LevelOn, LevelOn.EACH_PERIOD),
        reprice=asked.choice("reprice", Reprice, Reprice.ON_CHANGE),
        principal_grace=profile.whole("principal_grace", 0),
        interest_grace=profile.whole("interest_grace", 0),
        interest_grace_is=profile.choice("interest_grace_is", InterestGrace, InterestGrace.CAPITALISE),
        balloon=profile.decimal("balloon", "0"),
        table=_table(profile, principal, currency, rounding),
        rounding=rounding,
        amount_multiple=asked.maybe("amount_multiple", exact_decimal),
        instalment_multiple=profile.maybe("multiple", exact_decimal),
        draws=asked.each("drawdowns", lambda one: Draw(one.day("on"), one.decimal("amount"))),
        prepayments=asked.each("prepayments", _prepayment),
    )
    profile.done()
    return terms


def _prepayment(one: Fields) -> Prepayment:
    effect = one.choice("effect", PrepaymentEffect, PrepaymentEffect.INSTALMENT)
    return Prepayment(one.day("on"), one.decimal("amount"), effect)


def _a_year(timetable: Timetable) -> tuple[int, int]:
    """Regular periods in a year: 12 months, 52 weeks or 365 days of them over the tenor."""
    tenor = timetable.tenor
    if tenor is None or not tenor.n:
        return 1, 1
    return {"M": 12, "Y": 1, "W": 52, "D": 365}[tenor.unit], tenor.n


def _table(
    profile: Fields, principal: Decimal, currency: Currency, rounding: Rounding
) -> tuple[Decimal, ...]:
    """A custom profile's amounts: as given, or as shares of the principal that add up to 1, the last taking the rest."""
    nothing: tuple[Decimal, ...] = ()
    amounts, shares = profile.get("amounts", _decimals, nothing), profile.get("table", _decimals, nothing)
    if amounts and shares:
        raise Wrong("profile.table: give shares, or amounts, not both.")
    if not shares:
        return amounts
    if sum(shares) != 1:
        raise Wrong(f"profile.table: the shares add up to {sum(shares)}, not to 1.")
    made = [round_decimal(principal * share, currency, rounding) for share in shares[:-1]]
    return (*made, principal - sum(made))


def _decimals(values: Any) -> tuple[Decimal, ...]:
    return tuple(exact_decimal(value) for value in as_list(values))
