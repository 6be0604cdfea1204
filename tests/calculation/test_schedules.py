"""Schedules: every profile, grace, drawdowns and prepayments, to the cent."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loanfund.calculation.annuities import level_instalment, level_instalment_over
from loanfund.calculation.calendars import WEEKENDS_ONLY, BusinessDayConvention
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.instalments import schedule
from loanfund.calculation.money import Rounding, currency
from loanfund.calculation.periods import Tenor, interest_periods
from loanfund.calculation.profiles import PrepaymentEffect, ProfileKind
from loanfund.calculation.rates import FixedRate, FloatingRate, SteppedRate, ZeroUntil
from loanfund.calculation.schedules import (
    Draw,
    InterestBasis,
    InterestGrace,
    Prepayment,
    Reprice,
    RowKind,
    Schedule,
    ScheduleTerms,
)
from loanfund.calculation.timetables import Timetable
from loanfund.calculation.yields import effective_rate_of

USD = currency("USD")
START = date(2026, 1, 15)
QUARTERLY = Timetable.regular(START, Tenor(3, "M"), 4)
MONTHLY = Timetable.regular(START, Tenor(1, "M"), 12)


def terms(kind: ProfileKind = ProfileKind.LEVEL, **changed: Any) -> ScheduleTerms:
    """12,000 at 12 % on whole periods, unless changed."""
    given_terms: dict[str, Any] = {
        "principal": Decimal(12_000),
        "currency": USD,
        "rate": FixedRate(Decimal("0.12")),
        "profile": kind,
        "basis": InterestBasis.PERIOD,
        "periods_per_year": (12, 1),
    }
    return ScheduleTerms(**(given_terms | changed))


def principals(made: Schedule) -> list[Decimal]:
    return [made.amount(row.principal) for row in made.rows if row.kind is RowKind.INSTALMENT]


def interests(made: Schedule) -> list[Decimal]:
    return [made.amount(row.interest) for row in made.rows if row.kind is RowKind.INSTALMENT]


def payments(made: Schedule) -> list[Decimal]:
    return [made.amount(row.payment) for row in made.rows if row.kind is RowKind.INSTALMENT]


def money(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


# Profiles


def test_a_bullet_pays_interest_and_then_everything() -> None:
    made = schedule(terms(ProfileKind.BULLET, periods_per_year=(4, 1)), QUARTERLY)
    assert payments(made) == money("360", "360", "360", "12360")
    assert (made.residual, made.note) == (0, "")


def test_equal_principal_pays_the_same_principal_and_ever_less_interest() -> None:
    made = schedule(terms(ProfileKind.EQUAL_PRINCIPAL, periods_per_year=(4, 1)), QUARTERLY)
    assert principals(made) == money("3000", "3000", "3000", "3000")
    assert interests(made) == money("360", "270", "180", "90")


def test_a_level_instalment_repays_the_loan_and_the_last_absorbs_the_cents() -> None:
    made = schedule(terms(), MONTHLY)
    assert payments(made) == money(*["1066.19"] * 11, "1066.14")
    assert made.instalment == 106619
    assert made.residual == -5
    assert made.note == "The last instalment is 0.05 USD less than the regular one: it absorbs what is left."


def test_a_balloon_is_left_for_the_last_instalment() -> None:
    made = schedule(terms(balloon=Decimal(6000)), MONTHLY)
    assert payments(made)[:2] == money("593.09", "593.09")
    assert made.rows[-1].principal > 600_000
    assert made.amount(made.principal) == 12_000
    assert abs(made.residual) < 12


def test_an_equal_principal_loan_may_have_a_balloon_too() -> None:
    made = schedule(terms(ProfileKind.EQUAL_PRINCIPAL, balloon=Decimal(6000)), QUARTERLY)
    assert principals(made) == money("1500", "1500", "1500", "7500")


def test_interest_only_then_amortising() -> None:
    made = schedule(terms(ProfileKind.LEVEL, principal_grace=6), MONTHLY)
    assert principals(made)[:6] == money(*["0"] * 6)
    assert payments(made)[6:9] == money("2070.58", "2070.58", "2070.58")


def test_a_table_says_what_each_instalment_repays_and_lends() -> None:
    made = schedule(terms(ProfileKind.CUSTOM, table=tuple(money("2000", "-1000", "5000", "6000"))), QUARTERLY)
    assert principals(made) == money("2000", "-1000", "5000", "6000")
    assert interests(made) == money("120", "100", "110", "60")


def test_what_a_table_leaves_is_paid_last_and_said() -> None:
    made = schedule(terms(ProfileKind.CUSTOM, table=tuple(money("2000", "1000", "5000", "3900"))), QUARTERLY)
    assert principals(made)[-1] == 4000
    assert made.residual == 10_000


def test_instalments_in_multiples_end_with_a_different_last_one() -> None:
    made = schedule(terms(instalment_multiple=Decimal(50)), MONTHLY)
    assert set(payments(made)[:-1]) == {Decimal(1050)}
    assert made.residual > 0
    assert made.amount(made.principal) == 12_000


def test_a_plan_whose_instalments_are_rounded_far_up_ends_sooner_and_says_so() -> None:
    made = schedule(terms(instalment_multiple=Decimal(1500), principal=Decimal(9000)), MONTHLY)
    assert len(made.rows) == 7
    assert made.note.endswith("The plan ends 5 instalments sooner.")


def test_each_rounding_mode_gives_its_own_cents() -> None:
    rate = FixedRate(Decimal("0.10"))
    cents = {
        mode: schedule(
            terms(
                ProfileKind.BULLET,
                principal=Decimal("100.50"),
                rate=rate,
                rounding=mode,
                periods_per_year=(1, 1),
            ),
            Timetable.regular(START, Tenor(1, "Y"), 1),
        )
        .rows[0]
        .interest
        for mode in Rounding
    }
    assert {mode for mode, value in cents.items() if value == 1005} == set(Rounding), "10.05 exactly"
    rate = FixedRate(Decimal("0.05"))
    tie = {
        mode: schedule(
            terms(
                ProfileKind.BULLET,
                principal=Decimal("100.50"),
                rate=rate,
                rounding=mode,
                periods_per_year=(1, 1),
            ),
            Timetable.regular(START, Tenor(1, "Y"), 1),
        )
        .rows[0]
        .interest
        for mode in Rounding
    }  # 5.025
    assert {mode for mode, value in tie.items() if value == 503} == {
        Rounding.HALF_UP,
        Rounding.UP,
        Rounding.CEILING,
    }


# Interest


def test_level_instalments_on_actual_days_are_the_same_to_the_cent() -> None:
    made = schedule(terms(basis=InterestBasis.DAYS, day_count=DayCount.ACT_365F), MONTHLY)
    assert len(set(payments(made)[:-1])) == 1
    assert abs(made.residual) <= 12
    assert len({row.interest / row.days for row in made.rows}) > 1


def test_a_payment_moved_to_a_monday_bears_no_more_interest() -> None:
    moved = Timetable.regular(
        START,
        Tenor(1, "M"),
        12,
        calendar=WEEKENDS_ONLY,
        convention=BusinessDayConvention.MODIFIED_FOLLOWING,
    )
    plain, shifted = schedule(terms(), MONTHLY), schedule(terms(), moved)
    assert [row[:4] + row[5:] for row in plain.rows] == [row[:4] + row[5:] for row in shifted.rows]
    assert shifted.rows[0].payment_date == date(2026, 2, 16)


def test_periods_from_the_last_of_january_end_where_months_do() -> None:
    plain = Timetable.regular(date(2026, 1, 31), Tenor(1, "M"), 3)
    assert plain.dates[1:] == (date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30))
    kept = Timetable.regular(date(2026, 2, 28), Tenor(1, "M"), 2, end_of_month=True)
    assert kept.dates[1:] == (date(2026, 3, 31), date(2026, 4, 30))


def test_a_period_that_is_moved_bears_interest_for_its_days() -> None:
    periods = interest_periods(
        START,
        date(2026, 4, 15),
        Tenor(1, "M"),
        adjust_periods=True,
        convention=BusinessDayConvention.MODIFIED_FOLLOWING,
        calendar=WEEKENDS_ONLY,
    )
    made = schedule(terms(ProfileKind.BULLET, basis=InterestBasis.DAYS), Timetable.of(periods, Tenor(1, "M")))
    assert [row.days for row in made.rows] == [32, 28, 30]
    assert interests(made) == money("128", "112", "120")


def test_a_rate_that_steps_within_a_period_counts_from_its_day() -> None:
    rate = SteppedRate(((START, Decimal("0.12")), (date(2026, 2, 14), Decimal("0.24"))))
    made = schedule(
        terms(ProfileKind.BULLET, rate=rate, basis=InterestBasis.DAYS),
        Timetable.regular(START, Tenor(60, "D"), 1),
    )
    assert interests(made) == money("360")  # 30 days at 12 %, 30 at 24 %


def test_a_level_instalment_knows_the_steps_to_come_and_stays_level_across_them() -> None:
    rate = SteppedRate(((START, Decimal("0.12")), (date(2026, 7, 15), Decimal("0.06"))))
    made = schedule(terms(rate=rate), MONTHLY)
    assert set(payments(made)) == {Decimal("1057.26"), Decimal("1057.25")}
    assert abs(made.residual) < 12


def test_no_interest_until_a_date() -> None:
    rate = ZeroUntil(date(2026, 7, 15), FixedRate(Decimal("0.12")))
    made = schedule(terms(ProfileKind.BULLET, rate=rate, periods_per_year=(4, 1)), QUARTERLY)
    assert interests(made) == money("0", "0", "360", "360")


def test_a_rate_that_is_not_known_yet_gives_no_schedule() -> None:
    with pytest.raises(ValueError, match="rate: a schedule is worked out on a rate that is known"):
        schedule(terms(rate=ZeroUntil(START, FloatingRate("SOFR"))), MONTHLY)


# Grace


def test_deferred_interest_is_collected_with_the_next_instalment() -> None:
    made = schedule(terms(ProfileKind.BULLET, interest_grace=2, periods_per_year=(4, 1)), QUARTERLY)
    assert interests(made) == money("0", "0", "1080", "360")
    assert [made.amount(row.deferred) for row in made.rows] == money("360", "720", "0", "0")


def test_capitalised_interest_becomes_principal_and_bears_interest() -> None:
    made = schedule(
        terms(
            ProfileKind.BULLET,
            interest_grace=2,
            interest_grace_is=InterestGrace.CAPITALISE,
            periods_per_year=(4, 1),
        ),
        QUARTERLY,
    )
    assert [made.amount(row.capitalised) for row in made.rows] == money("360", "370.80", "0", "0")
    assert payments(made) == money("0", "0", "381.92", "13112.72")
    assert made.amount(made.principal) == 12_000 + made.amount(made.capitalised)


def test_a_level_loan_with_capitalised_grace_repays_what_it_has_grown_to() -> None:
    capitalised = {"interest_grace": 3, "interest_grace_is": InterestGrace.CAPITALISE}
    made = schedule(terms(principal_grace=3, **capitalised), MONTHLY)
    assert payments(made)[:3] == money("0", "0", "0")
    assert made.amount(made.rows[2].balance) == Decimal("12363.61")
    assert len(set(payments(made)[3:-1])) == 1
    assert made.rows[-1].balance == 0


# Drawdowns and prepayments


def test_a_second_drawdown_bears_interest_from_its_day_and_raises_the_instalment() -> None:
    draws = (Draw(date(2026, 3, 15), Decimal(6000)),)
    made = schedule(terms(draws=draws), MONTHLY)
    drawn = [row for row in made.rows if row.kind is RowKind.DRAWDOWN]
    assert [made.amount(row.payment) for row in drawn] == money("-6000")
    assert payments(made)[2] > payments(made)[1]
    assert made.amount(made.principal) == 18_000


def test_interest_on_what_is_prepaid_falls_due_with_it() -> None:
    """10 million, 3 % ACT/360, 4 million prepaid after 30 days: 10,000.00 then, 45,000.00 on day 90."""
    prepaid = (Prepayment(date(2026, 2, 14), Decimal(4_000_000)),)
    made = schedule(
        terms(
            ProfileKind.BULLET,
            principal=Decimal(10_000_000),
            rate=FixedRate(Decimal("0.03")),
            basis=InterestBasis.DAYS,
            prepayments=prepaid,
        ),
        Timetable.regular(START, Tenor(90, "D"), 1),
    )
    assert [made.amount(row.interest) for row in made.rows] == money("10000", "45000")


@pytest.mark.parametrize(
    ("effect", "count", "expected"),
    [
        (PrepaymentEffect.INSTALMENT, 12, "every later instalment is smaller"),
        (PrepaymentEffect.TERM, 9, "instalments stay and there are fewer"),
        (PrepaymentEffect.NEXT, 12, "the next instalments repay no principal"),
        (PrepaymentEffect.LAST, 10, "the principal of all but the last stays as planned"),
    ],
)
def test_a_prepayment_cuts_what_its_terms_say(effect: PrepaymentEffect, count: int, expected: str) -> None:
    untouched = schedule(terms(), MONTHLY)
    prepaid = (Prepayment(date(2026, 4, 15), Decimal(3000), effect),)
    made = schedule(terms(prepayments=prepaid), MONTHLY)
    assert made.amount(made.principal) == 12_000, expected
    assert len(payments(made)) == count, expected
    assert made.interest < untouched.interest
    shape = {
        PrepaymentEffect.INSTALMENT: set(payments(made)[3:-1]) == {Decimal("715.96")},
        PrepaymentEffect.TERM: set(payments(made)[:-1]) == {Decimal("1066.19")},
        PrepaymentEffect.NEXT: principals(made)[3:5] == money("0", "0") and principals(made)[6] > 0,
        PrepaymentEffect.LAST: principals(made)[:-1] == principals(untouched)[: count - 1],
    }
    assert shape[effect], (expected, payments(made), principals(made))


def test_a_loan_prepaid_in_full_is_over() -> None:
    made = schedule(terms(prepayments=(Prepayment(date(2026, 3, 1), Decimal(50_000)),)), MONTHLY)
    assert made.amount(made.principal) == 12_000
    assert made.rows[-1].balance == 0
    assert made.rows[-1].end <= date(2026, 3, 15)


# What cannot be


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"principal": Decimal(0)}, "principal: 0 is not an amount above zero"),
        ({"principal": Decimal("0.001")}, "does not fit into 2 decimals"),
        ({"balloon": Decimal(12_001)}, "balloon: 12001 is more than is ever drawn"),
        ({"principal_grace": 12}, "principal_grace: 12 periods of grace leave none of 12"),
        ({"principal_grace": -1}, "principal_grace"),
        ({"profile": ProfileKind.CUSTOM}, "table: a custom profile has one"),
        ({"profile": ProfileKind.CUSTOM, "table": (Decimal(12_000),)}, "table: 1 amounts for 12 periods"),
        ({"draws": (Draw(date(2030, 1, 1), Decimal(1)),)}, "on: 2030-01-01 is not within the loan"),
        ({"prepayments": (Prepayment(START, Decimal(-1)),)}, "is not above zero"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        schedule(terms(**changed), MONTHLY)


# Laws


def test_the_general_annuity_is_the_textbooks_where_periods_are_equal() -> None:
    general = Fraction(*level_instalment_over(10**8, 10**6, [(7, 1200)] * 48))
    assert general == Fraction(*level_instalment(10**8, 10**6, (7, 1200), 48))
    assert Fraction(*level_instalment(1200, 0, (0, 1), 12)) == 100


def test_the_short_way_and_the_long_way_give_the_same_rows() -> None:
    """A step of the rate to itself changes nothing, but makes the schedule ask at every period."""
    rate = SteppedRate(((START, Decimal("0.0725")), (date(2026, 6, 3), Decimal("0.0725"))))
    for kind in (ProfileKind.LEVEL, ProfileKind.EQUAL_PRINCIPAL, ProfileKind.BULLET):
        for basis in InterestBasis:
            short = terms(kind, rate=FixedRate(Decimal("0.0725")), basis=basis, principal_grace=2)
            assert schedule(short, MONTHLY).rows == schedule(replace(short, rate=rate), MONTHLY).rows


def test_the_effective_rate_of_a_level_loan_is_its_compounded_rate() -> None:
    yearly = Timetable.regular(date(2025, 3, 1), Tenor(1, "Y"), 2)
    made = schedule(terms(periods_per_year=(1, 1)), yearly)
    assert float(effective_rate_of(made).rate) == pytest.approx(0.12, abs=1e-6)
    with_fee = effective_rate_of(made, [(date(2025, 3, 1), Decimal(120))])
    assert with_fee.rate > effective_rate_of(made).rate


@settings(max_examples=120, deadline=None)
@given(
    kind=st.sampled_from([ProfileKind.LEVEL, ProfileKind.EQUAL_PRINCIPAL, ProfileKind.BULLET]),
    principal=st.decimals("1000", "1000000000000", places=2),
    rate=st.decimals("-0.02", "0.60", places=4),
    count=st.integers(2, 40),
    grace=st.integers(0, 4),
    interest_grace=st.integers(0, 3),
    treatment=st.sampled_from(InterestGrace),
    basis=st.sampled_from(InterestBasis),
    day_count=st.sampled_from([DayCount.ACT_360, DayCount.ACT_ACT_ISDA, DayCount.THIRTY_360]),
    reprice=st.sampled_from(Reprice),
    rounding=st.sampled_from(Rounding),
    prepaid=st.decimals("1", "5000", places=2),
    effect=st.sampled_from(PrepaymentEffect),
    when=st.integers(0, 300),
)
def test_what_is_lent_comes_back_and_no_balance_is_below_nothing(
    kind: ProfileKind,
    principal: Decimal,
    rate: Decimal,
    count: int,
    grace: int,
    interest_grace: int,
    treatment: InterestGrace,
    basis: InterestBasis,
    day_count: DayCount,
    reprice: Reprice,
    rounding: Rounding,
    prepaid: Decimal,
    effect: PrepaymentEffect,
    when: int,
) -> None:
    timetable = Timetable.regular(START, Tenor(1, "M"), count)
    on = date.fromordinal(min(START.toordinal() + when, timetable.dates[-1].toordinal() - 1))
    made = schedule(
        terms(
            kind,
            principal=principal,
            rate=FixedRate(rate),
            principal_grace=min(grace, count - 1),
            interest_grace=min(interest_grace, count - 1),
            interest_grace_is=treatment,
            basis=basis,
            day_count=day_count,
            reprice=reprice,
            rounding=rounding,
            prepayments=(Prepayment(on, prepaid, effect),),
        ),
        timetable,
    )
    assert made.amount(made.principal - made.capitalised) == principal
    assert all(row.balance >= 0 for row in made.rows)
    assert all(row.payment == row.principal + row.interest for row in made.rows)
    assert made.rows[-1].balance == 0
    assert made.rows[-1].deferred == 0
