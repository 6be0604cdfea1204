"""Defects of other loan systems in servicing and dates, each as a test that ours does otherwise."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.calculation import events as ev
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.facility import Refusal, payoff, replay, what_if
from loanfund.calculation.history import interest_between
from loanfund.calculation.money import Rounding
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import PrepaymentEffect, Profile, ProfileKind
from loanfund.calculation.rates import FixedRate, FixingMissing, Fixings, OvernightRate
from tests.calculation.deals import (
    NO_FIXINGS,
    after,
    control,
    day,
    drawn,
    due,
    dues,
    money,
    notice,
    open_dues,
    owned,
    paid,
    terms,
)

MONTHLY = {"period_tenor": Tenor(30, "D")}


def test_rival_3_a_night_that_cannot_be_worked_out_is_an_error_and_never_earns_nothing_in_silence() -> None:
    with pytest.raises(FixingMissing, match="SOFR"):
        after(30, [drawn()], Fixings({"SOFR": {day(-3): Decimal("0.04")}}), rate=OvernightRate("SOFR"))


def test_rival_9_a_preview_is_what_gets_booked_whatever_the_day_count() -> None:
    for convention in (DayCount.ACT_360, DayCount.THIRTY_E_360, DayCount.ACT_ACT_ISDA):
        deal = terms(day_count=convention)
        extra = [notice(2_000_000, 60), paid(2_010_000, 60)]
        seen = what_if(deal, [drawn()], extra, NO_FIXINGS, day(200))
        booked = replay(deal, [drawn(), *extra], NO_FIXINGS, day(200))
        assert dues(seen) == dues(booked)
        assert len(dues(seen)) > 2


def test_rival_12_principal_outstanding_has_one_formula() -> None:
    history = after(120, [drawn(), ev.Capitalised(id="c", value_date=day(10), loan="L1"), paid(90_000, 90)])
    loan = history.state.loans["L1"]
    nights = [night for night in history.nights if night.on == day(119)]
    assert nights[0].principal == loan.principal == loan.lent + loan.capitalised
    assert (
        owned(history, "LOAN_PRINCIPAL") + owned(history, "CAPITALISED_INTEREST")
        == money(loan.principal) / 100
    )


def test_rival_13_plan_and_dues_are_one_source_of_truth() -> None:
    profile = Profile(ProfileKind.EQUAL_PRINCIPAL)
    planned = after(0, [drawn()], profile=profile).state.loans["L1"].plan
    history = after(360, [drawn()], profile=profile)
    fell_due = [row.amount for row in history.dues if row.component == "principal"]
    assert fell_due == planned == [250_000_000] * 4


def test_back_dating_a_receipt_is_allocated_in_value_date_order_not_against_dues_a_later_one_reduced() -> (
    None
):
    on_time = after(200, [drawn(), paid(75_000, 90), paid(75_000, 180)])
    late_known = [
        drawn(),
        paid(75_000, 180, "second", booked_on=day(180)),
        paid(75_000, 90, "first", booked_on=day(200)),
    ]
    back_dated = after(200, late_known)
    paid_by = {share.due_key: share.source for share in back_dated.shares}
    assert paid_by[f"L1:interest:{day(90)}"] == "first"
    assert dues(back_dated) == dues(on_time)
    assert open_dues(back_dated) == {}


def test_a_penalty_cancelled_by_a_repost_is_created_again_when_that_is_reversed() -> None:
    deal = {"default_margin": money("0.02")}
    unpaid = after(120, [drawn()], **deal)
    cured = [drawn(), paid(75_000, 90, "late-found", booked_on=day(120))]
    assert after(120, cured, **deal).facility_nights == ()
    bounced = [*cured, ev.Reversed(id="bounced", of="late-found", value_date=day(90), booked_on=day(121))]
    again = after(120, bounced, **deal)
    assert control(again, "DEFAULT_INTEREST_INCOME") == control(unpaid, "DEFAULT_INTEREST_INCOME") > 0


def test_accruals_replayed_many_times_are_the_same_each_time() -> None:
    events = [drawn(), paid(80_000, 95), notice(1_000_000, 100), paid(1_000_000, 100, "x")]
    first = after(150, events)
    for _ in range(3):
        assert after(150, events).control() == first.control()


def test_no_loan_is_stuck_as_overpaid_money_too_much_is_held_and_pays_the_next_due_on_its_day() -> None:
    held = after(150, [drawn(), paid(100_000, 90)])
    assert owned(held, "UNAPPLIED", "") == money("25000.00")
    used = after(180, [drawn(), paid(100_000, 90)])
    assert owned(used, "UNAPPLIED", "") == 0
    assert open_dues(used) == {f"L1:interest:{day(180)}": money("50000.00")}


def test_overpayment_alone_never_prepays() -> None:
    history = after(100, [drawn(), paid(2_000_000, 91)])
    assert owned(history, "LOAN_PRINCIPAL") == money("10000000.00")


def test_a_twelve_month_plan_has_twelve_instalments_whatever_the_rounding() -> None:
    for rounding in Rounding:
        deal = terms(
            profile=Profile(ProfileKind.LEVEL, multiple=money(100)),
            maturity=day(360),
            rounding=rounding,
            **MONTHLY,
        )
        events: list[ev.Event] = [drawn()]
        for n in range(1, 13):
            amount = sum(open_dues(replay(deal, events, NO_FIXINGS, day(30 * n))).values(), money(0))
            events.append(paid(str(amount), 30 * n))
        history = replay(deal, events, NO_FIXINGS, day(360))
        principal = [row for row in history.dues if row.component == "principal"]
        assert len(principal) == 12
        assert sum(row.amount for row in principal) == 1_000_000_000
        assert history.owed_minor() == 0


def test_the_residual_in_the_last_payment_is_said() -> None:
    profile = Profile(ProfileKind.EQUAL_PRINCIPAL)
    history = after(10, [drawn("1000000.00")], profile=profile, period_tenor=Tenor(120, "D"))
    assert history.state.loans["L1"].plan == [33_333_333, 33_333_333, 33_333_334]
    assert "absorbs 1 minor units" in history.notes[0][1]


def test_profiles_differ_in_their_interest() -> None:
    interest = {}
    for kind in (ProfileKind.BULLET, ProfileKind.EQUAL_PRINCIPAL, ProfileKind.LEVEL):
        events: list[ev.Event] = [drawn()]
        for n in range(1, 5):
            amount = sum(open_dues(after(90 * n, events, profile=Profile(kind))).values(), money(0))
            events.append(paid(str(amount), 90 * n))
        history = after(360, events, profile=Profile(kind))
        interest[kind] = sum(night.posted for night in history.nights)
    assert interest[ProfileKind.BULLET] > interest[ProfileKind.LEVEL] > interest[ProfileKind.EQUAL_PRINCIPAL]


def test_a_rate_change_moves_every_later_level_instalment_not_only_the_last() -> None:
    profile = Profile(ProfileKind.LEVEL)
    change = ev.RateChanged(id="up", value_date=day(90), rate=FixedRate(money("0.06")))
    before = after(89, [drawn()], profile=profile).state.loans["L1"].plan
    changed = after(91, [drawn(), change], profile=profile).state.loans["L1"].plan
    assert changed[0] == before[0]
    assert all(new != old for new, old in zip(changed[1:], before[1:], strict=True))
    assert sum(changed) == sum(before) == 1_000_000_000


def test_a_quarter_that_crosses_new_year_counts_each_year_over_its_own_days() -> None:
    deal = terms(
        signed_on=date(2023, 11, 15),
        availability_end=date(2024, 1, 15),
        maturity=date(2024, 2, 15),
        period_tenor=Tenor(3, "M"),
        day_count=DayCount.ACT_ACT_ISDA,
    )
    event = ev.Disbursed(id="d", value_date=date(2023, 11, 15), loan="L1", amount=money(10_000_000))
    history = replay(deal, [event], NO_FIXINGS, date(2024, 2, 15))
    exact = 10_000_000 * money("0.03") * (Decimal(47) / 365 + Decimal(45) / 366)
    assert due(history, "L1:interest:2024-02-15") == exact.quantize(money("0.01"))
    december = interest_between(history.nights, date(2023, 12, 1), date(2023, 12, 31))
    assert abs(december - 10_000_000_00 * 0.03 * 31 / 365) <= 1


def test_a_payoff_amount_can_be_had_for_any_date() -> None:
    amounts = [payoff(terms(), [drawn()], NO_FIXINGS, day(n)).total for n in (0, 1, 89, 90, 91, 300, 400)]
    assert amounts[0] == money("10000000.00")
    assert amounts == sorted(set(amounts))


@pytest.mark.parametrize("effect", list(PrepaymentEffect))
def test_a_prepayment_shortens_what_was_agreed_and_plans_all_that_is_left(effect: PrepaymentEffect) -> None:
    profile = Profile(ProfileKind.EQUAL_PRINCIPAL)
    events = [drawn(), notice(1_500_000, 30, effect=effect), paid("1500000.00", 30)]
    plan = after(31, events, profile=profile).state.loans["L1"].plan
    assert sum(plan) == 850_000_000
    expected = {
        PrepaymentEffect.INSTALMENT: [212_500_000] * 4,
        PrepaymentEffect.NEXT: [100_000_000, 250_000_000, 250_000_000, 250_000_000],
        PrepaymentEffect.LAST: [250_000_000, 250_000_000, 250_000_000, 100_000_000],
        PrepaymentEffect.TERM: [250_000_000, 250_000_000, 250_000_000, 100_000_000],
    }
    assert plan == expected[effect]


def test_a_level_prepayment_that_cuts_the_term_keeps_the_instalment() -> None:
    deal = {"profile": Profile(ProfileKind.LEVEL)} | MONTHLY
    before = after(0, [drawn()], **deal).state.loans["L1"]
    events = [drawn(), notice(4_000_000, 5, effect=PrepaymentEffect.TERM), paid(4_000_000, 5)]
    cut = after(6, events, **deal).state.loans["L1"]
    assert cut.instalment == before.instalment
    assert cut.plan[-1] == 0
    assert sum(cut.plan) == 600_000_000


def test_an_unknown_loan_or_a_waiver_of_more_than_is_owed_is_refused_in_a_sentence() -> None:
    with pytest.raises(Refusal, match="no loan L9"):
        after(10, [drawn(), ev.Capitalised(id="c", value_date=day(5), loan="L9")])
    waiver = ev.Waived(id="w", value_date=day(95), component=ev.Component.INTEREST, amount=money("79166.68"))
    with pytest.raises(Refusal, match="waive at most that"):
        after(100, [drawn(), waiver])


def test_interest_and_principal_are_waived_each_from_its_own_dues() -> None:
    waived = [
        drawn(),
        ev.Waived(id="w", value_date=day(95), component=ev.Component.INTEREST, amount=money("75000.00")),
    ]
    history = after(100, waived)
    assert set(open_dues(history)) == {f"L1:interest:{day(90)}:default:{day(95)}"}
    assert control(history, "WAIVER_EXPENSE") == money("75000.00")
    assert owned(history, "LOAN_PRINCIPAL") == money("10000000.00")


def test_a_payment_holiday_spreads_principal_over_the_rest_and_may_capitalise_interest() -> None:
    holiday = ev.PaymentHoliday(
        id="h", value_date=day(80), loan="L1", until=day(90), capitalise_interest=True
    )
    history = after(360, [drawn(), holiday], profile=Profile(ProfileKind.EQUAL_PRINCIPAL))
    principal = [row.amount for row in history.dues if row.component == "principal"]
    assert len(principal) == 3
    assert sum(principal) == 1_007_500_000
    assert f"L1:interest:{day(90)}" not in dues(history)


def test_acceleration_makes_everything_due_at_once() -> None:
    history = after(100, [drawn(), ev.Accelerated(id="a", value_date=day(100))])
    assert open_dues(history)[f"L1:accelerated:{day(100)}"] == money("10000000.00")


def test_after_acceleration_what_arrives_or_is_capitalised_falls_due_too() -> None:
    """Money on its way to the borrower becomes a loan that is due at once; capitalised interest ends with its period."""
    late = drawn(1_000, on=103, loan="L2")
    capital = ev.Capitalised(id="c", value_date=day(110), loan="L1")
    history = after(200, [drawn(), ev.Accelerated(id="a", value_date=day(100)), late, capital])
    assert open_dues(history)[f"L2:accelerated:{day(103)}"] == money("1000.00")
    loans = history.state.loans.values()
    assert [(loan.name, loan.undue) for loan in loans] == [("L1", 0), ("L2", 0)]
    assert sum(loan.capitalised for loan in loans) > 0


def test_interest_in_suspense_is_no_income_until_it_is_received() -> None:
    suspended = [drawn(), ev.NonAccrual(id="n", value_date=day(60), on=True)]
    history = after(90, suspended)
    assert control(history, "INTEREST_INCOME") == 0
    assert control(history, "INTEREST_SUSPENSE") == money("75000.00")
    received = after(90, [*suspended, paid(70_000, 90)])
    assert control(received, "INTEREST_INCOME") == money("70000.00")
    assert control(received, "INTEREST_SUSPENSE") == money("5000.00")
