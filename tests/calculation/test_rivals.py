"""Defects found in other loan systems, by their number in our list, each with the figure that is right.

Those of the fold are in test_rivals_fold.py.
"""

import decimal
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from loanfund.calculation import events as ev
from loanfund.calculation.calendars import EVERY_DAY
from loanfund.calculation.daycount import DayCount, days, year_fraction
from loanfund.calculation.facility import replay
from loanfund.calculation.instalments import schedule
from loanfund.calculation.money import currency, minor_to_decimal
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import Profile, ProfileKind
from loanfund.calculation.questions import answer
from loanfund.calculation.rates import FixedRate, Fixings
from loanfund.calculation.schedules import InterestBasis, RowKind, Schedule, ScheduleTerms
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.timetables import Timetable

USD = currency("USD")
START = date(2026, 1, 15)


def made(principal: str, rate: str, timetable: Timetable, **changed: Any) -> Schedule:
    terms: dict[str, Any] = {
        "principal": Decimal(principal),
        "currency": USD,
        "rate": FixedRate(Decimal(rate)),
        "profile": ProfileKind.BULLET,
    }
    return schedule(ScheduleTerms(**(terms | changed)), timetable)


def interest(one: Schedule) -> list[Decimal]:
    return [one.amount(row.interest) for row in one.rows]


def test_01_a_ten_day_stub_under_30_360_bills_ten_days_and_not_a_month() -> None:
    stub = Timetable((START, date(2026, 1, 25), date(2026, 2, 25)), (date(2026, 1, 25), date(2026, 2, 25)))
    billed = interest(made("3600000", "0.03", stub, day_count=DayCount.THIRTY_360))
    assert billed == [Decimal("3000.00"), Decimal("9000.00")]


def test_02_actual_actual_gives_each_year_its_own_days() -> None:
    """20 Dec 2023 to 10 Jan 2024: 12 days of 365 and 9 of 366, not 21 of 366."""
    fraction = year_fraction(date(2023, 12, 20), date(2024, 1, 10), DayCount.ACT_ACT_ISDA)
    assert fraction == Fraction(12, 365) + Fraction(9, 366)
    assert fraction != Fraction(21, 366)


def test_05_a_year_of_single_days_is_not_rounded_up_day_by_day() -> None:
    """1,000,000 at 3 % earns 30,000.00 in 365 days, not 30,003.00."""
    year = Timetable.regular(date(2025, 1, 1), Tenor(365, "D"), 1)
    assert interest(made("1000000", "0.03", year, day_count=DayCount.ACT_365F)) == [Decimal("30000.00")]
    terms = FacilityTerms(
        currency=USD,
        commitment=Decimal(1_000_000),
        signed_on=date(2025, 1, 1),
        availability_end=date(2025, 2, 1),
        maturity=date(2027, 1, 1),
        rate=FixedRate(Decimal("0.03")),
        day_count=DayCount.ACT_365F,
        period_tenor=Tenor(1, "Y"),
        payment_calendar=EVERY_DAY,
    )
    drawn = ev.Disbursed(id="1", value_date=date(2025, 1, 1), loan="L1", amount=Decimal(1_000_000))
    nights = replay(terms, [drawn], Fixings(), date(2026, 1, 1)).nights
    assert len(nights) == 365
    assert minor_to_decimal(sum(night.posted for night in nights), USD) == Decimal("30000.00")


@pytest.mark.parametrize(
    ("start", "end", "right"),
    [
        (date(2026, 1, 10), date(2026, 1, 20), 10),
        (date(2026, 1, 20), date(2026, 2, 10), 21),
        (date(2026, 12, 20), date(2027, 1, 10), 21),
        (date(2028, 2, 20), date(2028, 3, 10), 19),
    ],
)
def test_06_days_are_right_across_months_and_years(start: date, end: date, right: int) -> None:
    assert days(start, end, DayCount.ACT_360) == right


def test_08_the_year_of_the_convention_is_used_everywhere() -> None:
    """400,000 at 3 % for 30 days on ACT/360 is 1,000.00; 1,013.89 has the factor 365/360 once too often."""
    month = Timetable.regular(START, Tenor(30, "D"), 1)
    assert interest(made("400000", "0.03", month, day_count=DayCount.ACT_360)) == [Decimal("1000.00")]
    assert interest(made("400000", "0.03", month, day_count=DayCount.ACT_365F)) == [Decimal("986.30")]


@pytest.mark.parametrize(
    "day_count", [DayCount.ACT_360, DayCount.ACT_365F, DayCount.THIRTY_360, DayCount.ACT_ACT_ISDA]
)
@pytest.mark.parametrize("kind", [ProfileKind.BULLET, ProfileKind.EQUAL_PRINCIPAL, ProfileKind.LEVEL])
def test_09_the_schedule_shown_is_the_schedule_booked(day_count: DayCount, kind: ProfileKind) -> None:
    maturity = date(2027, 1, 15)
    terms = FacilityTerms(
        currency=USD,
        commitment=Decimal("1234567.89"),
        signed_on=START,
        availability_end=date(2026, 2, 1),
        maturity=maturity,
        rate=FixedRate(Decimal("0.0475")),
        day_count=day_count,
        period_tenor=Tenor(1, "M"),
        payment_calendar=EVERY_DAY,
        profile=Profile(kind),
    )
    drawn = ev.Disbursed(id="1", value_date=START, loan="L1", amount=Decimal("1234567.89"))
    # Each due is paid on its day, so that nothing is ever late.
    events: list[ev.Event] = [drawn]
    shown = made(
        "1234567.89", "0.0475", Timetable.regular(START, Tenor(1, "M"), 12), profile=kind, day_count=day_count
    )
    events += [
        ev.Received(id=f"r{row.number:02}", value_date=row.payment_date, amount=shown.amount(row.payment))
        for row in shown.rows
    ]
    booked = replay(terms, events, Fixings(), maturity)
    for component, name in ((Component.INTEREST, "interest"), (Component.PRINCIPAL, "principal")):
        dues = {row.due_date: row.amount for row in booked.dues if row.component is component and row.amount}
        assert dues == {row.payment_date: getattr(row, name) for row in shown.rows if getattr(row, name)}
    assert booked.owed_minor() == 0


def test_10_no_digit_is_lost_whatever_the_context_of_the_process() -> None:
    before = decimal.getcontext().copy()
    try:
        decimal.setcontext(decimal.Context(prec=12, rounding=decimal.ROUND_UP))
        one = made("12345678901.23", "0.03", Timetable.regular(START, Tenor(90, "D"), 1))
        assert one.amount(one.principal) == Decimal("12345678901.23")
        assert str(one.amount(one.interest)) == "92592591.76"
        trillion = answer(
            {
                "kind": "schedule",
                "principal": "999999999999.999999",
                "currency": "USDC",
                "rate": {"kind": "fixed", "rate": "0.03"},
                "start": "2026-01-15",
                "instalments": 1,
                "period_tenor": "360D",
            }
        )
        assert trillion["totals"]["paid"] == "1029999999999.999999"
    finally:
        decimal.setcontext(before)


def test_11_a_loan_at_nothing_has_no_interest_and_all_its_principal() -> None:
    for kind in (ProfileKind.LEVEL, ProfileKind.EQUAL_PRINCIPAL):
        one = made("1000", "0", Timetable.regular(START, Tenor(1, "M"), 3), profile=kind)
        assert interest(one) == [0, 0, 0]
        assert [one.amount(row.principal) for row in one.rows] == [
            Decimal("333.33"),
            Decimal("333.33"),
            Decimal("333.34"),
        ]


# What users of other systems complain about


def test_a_plan_of_twelve_months_has_twelve_instalments() -> None:
    for cents in range(0, 5000, 7):
        principal = str(Decimal(100_000 + cents) / 100)
        year = Timetable.regular(START, Tenor(1, "M"), 12)
        one = made(principal, "0.0999", year, profile=ProfileKind.LEVEL, basis=InterestBasis.PERIOD)
        assert len(one.rows) == 12
        assert abs(one.residual) <= 12, "and the last differs by cents"


def test_what_is_pushed_into_the_last_payment_is_said() -> None:
    one = made("1000", "0", Timetable.regular(START, Tenor(1, "M"), 3), profile=ProfileKind.EQUAL_PRINCIPAL)
    assert one.note == "The last instalment is 0.01 USD more than the regular one: it absorbs what is left."


def test_profiles_give_different_interest() -> None:
    year = Timetable.regular(START, Tenor(1, "M"), 12)
    totals = {
        kind: made("12000", "0.12", year, profile=kind).interest
        for kind in (ProfileKind.BULLET, ProfileKind.LEVEL, ProfileKind.EQUAL_PRINCIPAL)
    }
    assert totals[ProfileKind.BULLET] > totals[ProfileKind.LEVEL] > totals[ProfileKind.EQUAL_PRINCIPAL]


def test_a_quarter_across_new_year_bears_interest_on_both_sides_of_it() -> None:
    quarter = Timetable.regular(date(2027, 11, 15), Tenor(3, "M"), 1)
    one = made("1000000", "0.03", quarter, day_count=DayCount.ACT_ACT_ISDA)
    exact = 30_000 * (Fraction(47, 365) + Fraction(45, 366))
    assert interest(one) == [Decimal("7551.54")]
    assert abs(exact - Fraction("7551.54")) < Fraction(1, 200)
    assert one.rows[0].kind is RowKind.INSTALMENT
