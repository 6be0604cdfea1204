"""The figures that the servicing rules state, to the cent."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from loanfund.calculation import events as ev
from loanfund.calculation.calendars import EVERY_DAY, Calendar
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.facility import payoff, replay
from loanfund.calculation.money import currency, from_units12
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import Profile, ProfileKind
from loanfund.calculation.rates import FixedRate, Fixings, OvernightRate
from tests.calculation.deals import (
    NO_FIXINGS,
    USD,
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


def flat(rate: str) -> Fixings:
    return Fixings({"SOFR": {day(n): Decimal(rate) for n in range(-20, 400)}})


def test_a_30_360_period_split_at_31_january_has_60_days_not_61() -> None:
    deal = terms(
        signed_on=date(2026, 1, 15),
        availability_end=date(2026, 2, 15),
        maturity=date(2026, 3, 15),
        period_tenor=Tenor(2, "M"),
        day_count=DayCount.THIRTY_360,
    )
    events = [
        ev.Disbursed(id="a", value_date=date(2026, 1, 15), loan="L1", amount=money(10_000_000)),
        ev.RateChanged(id="b", value_date=date(2026, 1, 31), rate=FixedRate(money("0.03000"))),
        ev.Capitalised(id="c", value_date=date(2026, 1, 31), loan="L1"),
    ]
    split = replay(deal, events[:2], NO_FIXINGS, date(2026, 3, 15))
    assert dues(split)["L1:interest:2026-03-15"] == money("50000.00")
    assert sum(night.fraction for night in split.nights) == Fraction(60, 360)


def test_a_repayment_on_day_45_does_not_restart_the_compounding() -> None:
    rate = OvernightRate("SOFR", publication_calendar=EVERY_DAY)
    events = [drawn(), notice(4_000_000, 45), paid(4_000_000, 45)]
    history = after(91, events, flat("0.05"), rate=rate, period_tenor=Tenor(91, "D"), maturity=day(364))
    assert sum(night.posted for night in history.nights) == 10_138_579


def test_interest_on_the_prepaid_slice_falls_due_with_the_prepayment() -> None:
    history = after(90, [drawn(), notice(4_000_000, 30), paid("4010000.00", 30)])
    assert due(history, f"L1:interest:{day(30)}:notice-30") == money("10000.00")
    assert due(history, f"L1:interest:{day(90)}") == money("45000.00")
    assert owned(history, "LOAN_PRINCIPAL") == money("6000000.00")


def test_100000_of_interest_30_days_late_costs_416_67() -> None:
    history = after(150, [drawn()], period_tenor=Tenor(120, "D"), default_margin=money("0.02"))
    assert open_dues(history) == {f"L1:interest:{day(120)}": money("100000.00")}
    assert control(history, "ACCRUED_DEFAULT_INTEREST") == money("416.67")


def test_late_principal_bears_its_contract_rate_and_only_the_margin_on_top() -> None:
    deal = {"period_tenor": Tenor(360, "D"), "default_margin": money("0.02")}
    history = after(390, [drawn(), paid(300_000, 360)], **deal)
    assert open_dues(history) == {f"L1:principal:{day(360)}": money("10000000.00")}
    assert control(history, "ACCRUED_DEFAULT_INTEREST") == money("16666.67")
    assert control(history, "ACCRUED_INTEREST") == money("25000.00")


def test_a_prepayment_back_valued_into_a_billed_and_paid_month_corrects_it_to_the_cent() -> None:
    deal = terms(
        signed_on=date(2026, 3, 1),
        availability_end=date(2026, 6, 1),
        maturity=date(2027, 3, 1),
        period_tenor=Tenor(1, "M"),
    )
    known = [
        ev.Disbursed(id="a", value_date=date(2026, 3, 1), loan="L1", amount=money(3_000_000)),
        ev.Received(id="b", value_date=date(2026, 4, 1), amount=money("7750.00")),
    ]
    late = {"value_date": date(2026, 3, 20), "booked_on": date(2026, 4, 10)}
    learnt = [
        ev.PrepaymentNotice(id="c", loan="L1", amount=money(1_000_000), **late),
        ev.Received(id="d", amount=money(1_000_000), **late),
    ]
    before = replay(deal, known, NO_FIXINGS, date(2026, 4, 10))
    now = replay(deal, known + learnt, NO_FIXINGS, date(2026, 4, 10))
    assert control(before, "INTEREST_INCOME") - control(now, "INTEREST_INCOME") == money("1750.00")
    assert owned(now, "UNAPPLIED", "") - owned(before, "UNAPPLIED", "") == money("1000.00")
    assert control(before, "ACCRUED_INTEREST") - control(now, "ACCRUED_INTEREST") == money("750.00")


def test_nothing_is_charged_on_what_is_paid_within_the_grace_days() -> None:
    deal = {"default_margin": money("0.02"), "grace_days": 5}
    in_time = after(100, [drawn(), paid(75_000, 95)], **deal)
    assert in_time.facility_nights == ()
    too_late = after(100, [drawn(), paid("75062.50", 96)], **deal)
    assert sum(night.posted for night in too_late.facility_nights) == 6_250


def test_of_a_sum_partly_paid_within_grace_only_the_rest_bears_default_interest_from_its_due_date() -> None:
    deal = {"default_margin": money("0.02"), "grace_days": 5}
    history = after(100, [drawn(), paid(25_000, 93)], **deal)
    assert control(history, "ACCRUED_DEFAULT_INTEREST") == money("69.44")  # 50,000 x 5 % x 10 / 360


def test_a_correction_makes_a_sum_late_only_from_its_notice() -> None:
    deal = {"default_margin": money("0.02"), "period_tenor": Tenor(90, "D")}
    booked = [drawn(), paid(75_000, 90), notice(4_000_000, 90), paid(4_000_000, 90, "early")]
    bounced = ev.Reversed(id="x", of="early", value_date=day(90), booked_on=day(200))
    history = after(210, [*booked, bounced, paid("45000.00", 180, booked_on=day(180))], **deal)
    (raised,) = [row for row in history.dues if row.key == f"L1:interest:{day(180)}"]
    assert raised.amount == 75_000_00
    # 45,000 was paid in time; 30,000 more was learnt of on day 200 and is 10 days late on day 210.
    assert control(history, "ACCRUED_DEFAULT_INTEREST") == money("41.67")


def test_a_level_loan_due_on_a_saturday_is_paid_on_monday_and_bears_no_extra_interest() -> None:
    deal = terms(
        signed_on=date(2026, 1, 31),
        availability_end=date(2026, 2, 15),
        maturity=date(2027, 1, 31),
        period_tenor=Tenor(1, "M"),
        day_count=DayCount.THIRTY_E_360_ISDA,
        end_of_month=True,
        profile=Profile(ProfileKind.LEVEL),
        payment_calendar=Calendar("weekends only"),
    )
    event = ev.Disbursed(id="a", value_date=date(2026, 1, 31), loan="L1", amount=money(1_200_000))
    paying = []
    for period in deal.periods(date(2026, 1, 31)):
        so_far = replay(deal, [event, *paying], NO_FIXINGS, period.payment_date)
        amount = sum(open_dues(so_far).values(), money(0))
        paying.append(ev.Received(id=f"p{len(paying):02}", value_date=period.payment_date, amount=amount))
    history = replay(deal, [event, *paying], NO_FIXINGS, date(2027, 2, 10))
    assert {row.due_date.weekday() for row in history.dues} <= {0, 1, 2, 3, 4}
    instalments = [receipt.amount for receipt in paying]
    assert set(instalments[:-1]) == {money("101632.44")}
    assert abs(instalments[-1] - instalments[0]) < money("0.12")
    assert history.owed_minor() == 0


def test_capitalised_interest_is_repaid_before_cash_principal() -> None:
    events = [
        drawn(),
        ev.Capitalised(id="cap", value_date=day(30), loan="L1"),
        notice(30_000, 31),
        paid(30_000, 31),
    ]
    history = after(31, events)
    assert owned(history, "CAPITALISED_INTEREST") == money(0)
    assert owned(history, "LOAN_PRINCIPAL") == money("9995000.00")


def test_the_payoff_amount_pays_everything_off_on_its_day() -> None:
    deal = terms(prepayment_fee=money("0.01"))
    events = [drawn(), paid(1_000, 40)]
    amount = payoff(deal, events, NO_FIXINGS, day(50))
    assert amount.interest == money("41666.67")
    assert amount.prepayment_fee == money("100000.00")
    assert amount.unapplied == money("1000.00")
    settled = [*events, notice(10_000_000, 50), paid(str(amount.total), 50)]
    history = replay(deal, settled, NO_FIXINGS, day(80))
    assert history.owed_minor() == 0
    assert owned(history, "UNAPPLIED", "") == 0


def test_commitment_fee_is_earned_on_what_is_neither_cancelled_nor_drawn_until_availability_ends() -> None:
    deal = {"commitment_fee": money("0.01"), "commitment_fee_tenor": Tenor(90, "D")}
    events = [
        drawn(4_000_000, 10),
        ev.CommitmentCancelled(id="c", value_date=day(20), amount=money(1_000_000)),
    ]
    history = after(200, events, **deal)
    # 10 nights on 10 million, 10 on 6, 160 on 5: due on cancellation, after 90 days, and at the end of availability.
    nights = [night for night in history.facility_nights if night.kind == "commitment_fee"]
    assert sum(night.posted for night in nights) == 2_666_667
    fees = {row.due_date: row.amount for row in history.dues if row.component == "fees"}
    assert fees == {day(20): 444_444, day(90): 972_223, day(180): 1_250_000}


def test_a_stable_coin_keeps_its_six_decimals() -> None:
    deal = terms(currency=currency("USDC"), commitment=money("1000000.000001"))
    history = replay(deal, [drawn("1000000.000001")], NO_FIXINGS, day(90))
    assert history.owned()["INTEREST_DUE", "L1"] == money("7500.000000")
    assert history.owned()["LOAN_PRINCIPAL", "L1"] == money("1000000.000001")


def test_a_trillion_with_twelve_decimals_of_interest_loses_nothing() -> None:
    deal = terms(commitment=money("1000000000000.00"), day_count=DayCount.ACT_365F)
    history = replay(deal, [drawn("999999999999.99")], NO_FIXINGS, day(1))
    assert from_units12(history.nights[0].units) == money("82191780.821916986301")
    assert USD.minor_units == 100


@pytest.mark.parametrize("rounding", ["half_up", "half_even", "down", "up"])
def test_posted_cents_always_add_up_to_the_rounded_total(rounding: str) -> None:
    from loanfund.calculation.money import Rounding, round_minor

    mode = Rounding(rounding)
    history = after(90, [drawn("1000000.01")], rounding=mode)
    period = [night for night in history.nights if night.on < day(90)]
    assert sum(n.posted for n in period) == round_minor(sum(n.units for n in period), USD, mode)
    assert abs(max(n.posted for n in period) - min(n.posted for n in period)) <= 1


def test_the_last_night_of_a_loan_is_the_one_before_it_is_repaid() -> None:
    history = after(365, [drawn(), paid(10_400_000, 359), notice(10_000_000, 359)])
    assert max(night.on for night in history.nights if night.principal) == day(358)
    assert timedelta(days=len(history.nights)) == timedelta(days=359)


def test_what_a_correction_added_has_days_of_grace_of_its_own() -> None:
    deal = {"default_margin": money("0.02"), "grace_days": 5}
    booked = [
        drawn(),
        paid(75_000, 90),
        notice(4_000_000, 90),
        paid(4_000_000, 90, "early"),
        paid(45_000, 180),
    ]
    bounced = ev.Reversed(id="x", of="early", value_date=day(90), booked_on=day(200))
    in_time = after(210, [*booked, bounced, paid(30_000, 205)], **deal)
    assert [night for night in in_time.facility_nights if night.kind == "default_interest"] == []
    too_late = after(210, [*booked, bounced, paid(30_025, 206)], **deal)
    assert due(too_late, f"L1:interest:{day(180)}:default:{day(206)}") == money("25.00")  # 6 nights at 5 %
