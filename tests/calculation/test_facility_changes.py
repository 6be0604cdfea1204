"""Changes on the way: rates that step, terms that are amended, interest that is capitalised, facts that come late."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from loanfund.calculation import events as ev
from loanfund.calculation.calendars import WEEKENDS_ONLY
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.facility import Refusal, payoff, replay
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import PrepaymentEffect, Profile, ProfileKind
from loanfund.calculation.rates import FixedRate, Fixings, OvernightRate, SteppedRate, ZeroUntil
from loanfund.calculation.terms import Component
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


def amended(on: int, name: str = "amendment", **changes: Any) -> ev.Amended:
    return ev.Amended(id=name, value_date=day(on), terms=terms(**changes))


def learnt(n: int) -> datetime:
    return datetime.combine(day(n), datetime.min.time(), UTC)


# --- Rates ------------------------------------------------------------------------------------------------------------


def test_a_rate_that_steps_within_a_period_steps_on_its_day() -> None:
    rate = SteppedRate(((day(0), money("0.01")), (day(45), money("0.04"))))
    history = after(90, [drawn()], rate=rate)
    assert due(history, f"L1:interest:{day(90)}") == money("62500.00")  # 45 nights at 1 %, 45 at 4 %
    rates = {night.on: night.rate for night in history.nights}
    assert (rates[day(44)], rates[day(45)]) == (Fraction(1, 100), Fraction(4, 100))


def test_interest_that_is_free_until_a_day_begins_on_that_day() -> None:
    history = after(90, [drawn()], rate=ZeroUntil(day(60), FixedRate(money("0.06"))))
    assert due(history, f"L1:interest:{day(90)}") == money("50000.00")  # 30 nights at 6 %


def test_a_rate_below_zero_pays_the_borrower_nothing() -> None:
    history = after(
        91,
        [drawn()],
        Fixings({"SOFR": {day(n): money("-0.01") for n in range(-20, 100)}}),
        rate=OvernightRate("SOFR"),
    )
    assert dues(history) == {}
    assert sum(night.posted for night in history.nights if night.on < day(90)) < 0
    assert control(history, "ACCRUED_INTEREST") == sum(
        (money(night.posted) / 100 for night in history.nights if night.on >= day(90)), money(0)
    )


def test_a_rate_change_leaves_agreed_principal_as_a_prepayment_shaped_it() -> None:
    profile = Profile(ProfileKind.EQUAL_PRINCIPAL)
    shaped = [drawn(), notice(1_500_000, 30, effect=PrepaymentEffect.LAST), paid("1503750.00", 30)]
    change = ev.RateChanged(id="up", value_date=day(50), rate=FixedRate(money("0.06")))
    before = after(49, shaped, profile=profile).state.loans["L1"].plan
    assert after(51, [*shaped, change], profile=profile).state.loans["L1"].plan == before


def test_terms_whose_last_fixing_comes_after_the_payment_are_refused() -> None:
    with pytest.raises(ValueError, match="published after its payment"):
        terms(rate=OvernightRate("SOFR", lookback_days=0))
    assert terms(rate=OvernightRate("SOFR", lookback_days=0, lockout_days=1)).rate
    with pytest.raises(ValueError, match="published after its payment"):
        terms(rate=ZeroUntil(day(9), OvernightRate("SOFR", lookback_days=1, publication_lag=2)))


# --- Amendments -------------------------------------------------------------------------------------------------------


def test_a_maturity_is_prolonged_even_in_the_last_period() -> None:
    history = after(450, [drawn(), amended(300, maturity=day(450))])
    principal = [row.due_date for row in history.dues if row.component == "principal"]
    assert principal == [day(450)]
    assert history.state.loans["L1"].maturity == day(450)


def test_a_maturity_brought_forward_into_a_running_period_lets_that_period_run_out() -> None:
    history = after(200, [drawn(), amended(100, maturity=day(150), availability_end=day(100))])
    assert open_dues(history)[f"L1:principal:{day(180)}"] == money("10000000.00")


def test_a_loan_with_a_maturity_of_its_own_keeps_it_when_the_facility_is_prolonged() -> None:
    history = after(200, [drawn(maturity=day(180)), amended(100, maturity=day(450))])
    assert open_dues(history)[f"L1:principal:{day(180)}"] == money("10000000.00")


def test_a_new_day_count_holds_from_the_next_period_and_leaves_the_running_one_alone() -> None:
    history = after(180, [drawn(), amended(45, day_count=DayCount.ACT_365F)])
    assert due(history, f"L1:interest:{day(90)}") == money("75000.00")
    assert due(history, f"L1:interest:{day(180)}") == money("73972.60")
    assert max(night.posted for night in history.nights) <= 83_334


def test_a_new_commitment_fee_holds_from_its_day_and_not_before() -> None:
    fee = {"commitment": money(20_000_000), "commitment_fee_tenor": Tenor(90, "D")}
    history = after(
        90, [drawn(), amended(45, commitment_fee=money("0.02"), **fee)], commitment_fee=money("0.01"), **fee
    )
    assert due(history, f"commitment_fee:{day(90)}") == money("37500.00")  # 45 nights at 1 %, 45 at 2 %
    begun = after(90, [drawn(), amended(45, commitment_fee=money("0.02"), **fee)], **fee)
    assert control(begun, "COMMITMENT_FEE_INCOME") == money("25000.00")


# --- Capitalised interest, holidays, repaid loans ---------------------------------------------------------------------


def test_interest_that_was_capitalised_does_not_fall_due_again_with_a_prepayment() -> None:
    cap = ev.Capitalised(id="cap", value_date=day(30), loan="L1")
    history = after(90, [drawn(), cap, notice(4_000_000, 40), paid("4003333.33", 40)])
    # Only the 10 nights since it was capitalised: 4 million x 3 % x 10 / 360.
    assert due(history, f"L1:interest:{day(40)}:notice-40") == money("3333.33")


def test_a_payment_holiday_stays_one_when_interest_changes_meanwhile() -> None:
    holiday = ev.PaymentHoliday(id="h", value_date=day(10), loan="L1", until=day(180))
    change = ev.RateChanged(id="up", value_date=day(50), rate=FixedRate(money("0.06")))
    level = Profile(ProfileKind.LEVEL)
    plan = after(51, [drawn(), holiday, change], profile=level).state.loans["L1"].plan
    assert plan[:2] == [0, 0]
    assert abs(plan[2] - plan[3]) < plan[3] / 50
    assert sum(plan) == 1_000_000_000


def test_a_loan_that_is_repaid_has_no_further_interest_periods() -> None:
    history = after(300, [drawn(), notice(10_000_000, 100), paid("10091666.67", 100)])
    assert [period.end for _, period in history.periods] == [day(90), day(180)]
    assert history.state.loans["L1"].done
    assert history.owed_minor() == 0


def test_two_prepayments_under_one_notice_on_one_day_are_two_rows() -> None:
    history = after(31, [drawn(), notice(4_000_000, 30), paid(1_000_000, 30, "x"), paid(1_000_000, 30, "y")])
    rows = [row for row in history.dues if row.component is Component.PRINCIPAL]
    assert len(rows) == 2
    assert sum(row.amount for row in rows) == 1_000_000_000 - owned(history, "LOAN_PRINCIPAL") * 100
    given_out, accounted = history.conservation()
    assert given_out == accounted


def test_the_payoff_of_several_loans_with_fees_pays_all_of_them() -> None:
    deal = terms(prepayment_fee=money("0.00333"), default_margin=money("0.02"))
    events = [drawn("3333333.33", 0, "L1"), drawn("1234567.89", 7, "L2")]
    amount = payoff(deal, events, NO_FIXINGS, day(95))
    all_of_it = [
        ev.PrepaymentNotice(id=f"n{loan}", value_date=day(95), loan=loan, amount=money(10_000_000))
        for loan in ("L1", "L2")
    ]
    history = replay(deal, [*events, *all_of_it, paid(str(amount.total), 95)], NO_FIXINGS, day(120))
    assert history.owed_minor() == 0
    assert owned(history, "UNAPPLIED", "") == 0


def test_the_payoff_of_one_loan_closes_that_loan_and_leaves_the_other() -> None:
    events = [drawn(1_000_000, 0, "L1"), drawn(2_000_000, 30, "L2")]
    amount = payoff(terms(), events, NO_FIXINGS, day(60), loan="L2")
    assert amount.total == money("2005000.00")  # 30 nights at 3 %
    early = ev.PrepaymentNotice(id="n", value_date=day(60), loan="L2", amount=money(2_000_000))
    history = replay(terms(), [*events, early, paid(str(amount.total), 60)], NO_FIXINGS, day(60))
    assert (history.state.loans["L2"].principal, open_dues(history)) == (0, {})
    assert owned(history, "LOAN_PRINCIPAL") == money("1000000.00")
    with pytest.raises(Refusal, match="no loan L3"):
        payoff(terms(), events, NO_FIXINGS, day(60), loan="L3")


def test_a_late_fee_is_charged_on_a_business_day() -> None:
    # Day 90 is Wednesday 1 April 2026; 2 days of grace end on Friday, so the fee waits for Monday.
    history = after(100, [drawn()], late_fee=money(100), grace_days=2, payment_calendar=WEEKENDS_ONLY)
    (fee,) = [row for row in history.dues if row.component is Component.FEES]
    assert fee.due_date.weekday() == 0


# --- Facts post, whatever was agreed before ---------------------------------------------------------------------------


def test_a_receipt_that_bounces_after_it_was_refunded_is_owed_back() -> None:
    booked = [
        drawn(known_at=learnt(0)),
        paid(1_000, 10, "in", known_at=learnt(10)),
        ev.Refunded(id="out", value_date=day(12), amount=money(1_000), known_at=learnt(12)),
    ]
    bounced = ev.Reversed(id="bounce", of="in", value_date=day(10), known_at=learnt(14))
    history = after(20, [*booked, bounced])
    assert open_dues(history) == {"refund:out": money("1000.00")}
    given_out, accounted = history.conservation()
    assert given_out == accounted
    with pytest.raises(Refusal, match="less than that was held"):
        after(20, [booked[0], booked[2]])


def test_a_correction_that_leaves_less_to_waive_posts_and_says_so() -> None:
    booked = [
        drawn(known_at=learnt(0)),
        ev.Waived(
            id="w",
            value_date=day(90),
            component=Component.INTEREST,
            amount=money(75_000),
            known_at=learnt(95),
        ),
    ]
    lower = ev.RateChanged(id="down", value_date=day(0), rate=FixedRate(money("0.01")), known_at=learnt(99))
    history = after(100, [*booked, lower])
    assert control(history, "WAIVER_EXPENSE") == money("25000.00")
    assert open_dues(history) == {}
    assert "waive at most that" in history.notes[-1][1]


def test_a_bounced_repayment_posts_though_the_commitment_was_cancelled_on_the_strength_of_it() -> None:
    booked = [
        drawn(known_at=learnt(0)),
        notice(4_000_000, 20, known_at=learnt(20)),
        paid(4_000_000, 20, "in", known_at=learnt(20)),
        ev.CommitmentCancelled(id="c", value_date=day(25), amount=money(4_000_000), known_at=learnt(25)),
    ]
    bounced = ev.Reversed(id="bounce", of="in", value_date=day(20), known_at=learnt(27))
    history = after(30, [*booked, bounced], revolving=True)
    assert owned(history, "LOAN_PRINCIPAL") == money("10000000.00")
    assert history.state.cancelled == 400_000_000


def test_a_drawdown_that_is_undone_takes_what_was_done_to_its_loan_with_it() -> None:
    booked = [
        drawn(known_at=learnt(0)),
        ev.Capitalised(id="cap", value_date=day(30), loan="L1", known_at=learnt(30)),
        notice(1_000, 40, known_at=learnt(40)),
        paid(1_000, 40, known_at=learnt(40)),
    ]
    undone = ev.Reversed(id="undo", of="draw-L1", value_date=day(0), known_at=learnt(50))
    history = after(60, [*booked, undone])
    assert history.owned() == {("UNAPPLIED", ""): money("1000.00")}
