"""When a loan goes wrong, or its terms give way: every such change through the services, to books that hold."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from loanfund.audit.errors import Refused
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Instruction, Loan
from tests.servicing.test_instructions import decide
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db
LEVEL = {"kind": "level"}
MILLION = D(1_000_000)


def lent(amount: Decimal = MILLION, **terms: Any) -> World:
    world = make_world()
    world.sign(bullet(months=1, **terms))
    world.draw(amount)
    return world


def loan_of(world: World) -> Loan:
    return world.facility.loans.get()


def owner(world: World) -> str:
    return f"facility:{world.facility.pk}"


def written_off(world: World) -> Instruction:
    world.close_through(OPENED + timedelta(days=5))
    return decide(world, "write_off", details={})


def test_what_is_recovered_is_income_and_counts_as_repaid() -> None:
    world = lent()
    written_off(world)
    available = world.held(K.M_AVAILABLE)
    world.receive(D("400000.00"))
    assert selectors.unapplied(world.facility) == D("400000.00")
    decide(world, "recovery", amount=D("400000.00"))
    assert world.held(K.RECOVERY_INCOME) == D("400000.00")
    assert selectors.unapplied(world.facility) == 0
    assert world.held(K.M_WRITTEN_OFF, owner(world)) == D("600000.00")
    assert world.held(K.M_AVAILABLE) == available + 400_000
    world.close_through(world.today)
    assert_books_hold()


def test_no_more_is_recovered_than_came_in_nor_than_was_lost() -> None:
    world = lent(D("1000.00"))
    with pytest.raises(Refused, match="is written off and not recovered yet"):
        decide(world, "recovery", amount=D("1.00"))
    written_off(world)
    with pytest.raises(Refused, match="book the receipt first"):
        decide(world, "recovery", amount=D("1.00"))
    world.receive(D("2000.00"))
    with pytest.raises(Refused, match="is written off and not recovered yet"):
        decide(world, "recovery", amount=D("1000.51"))  # 1,000.00 and six nights of interest
    decide(world, "recovery", amount=D("1000.50"))
    assert world.held(K.M_WRITTEN_OFF, owner(world)) == 0
    assert selectors.unapplied(world.facility) == D("999.50")
    world.close_through(world.today)
    assert_books_hold()


def test_a_recovery_reversed_is_held_again_and_the_loss_stands() -> None:
    world = lent()
    written_off(world)
    world.receive(D(500))
    recovery = decide(world, "recovery", amount=D(500))
    assert recovery.event is not None
    undo = services.propose_reversal(
        event=recovery.event, reason="it was another debtor's", actor=world.maker, on=world.today
    )
    services.book_instruction(instruction=undo, actor=world.checker, on=world.today)
    assert world.held(K.RECOVERY_INCOME) == 0
    assert selectors.unapplied(world.facility) == 500
    assert world.held(K.M_WRITTEN_OFF, owner(world)) == 1_000_000
    assert_books_hold()


def test_a_write_off_reversed_is_drawn_again() -> None:
    world = lent()
    loss = written_off(world)
    assert loss.event is not None
    undo = services.propose_reversal(
        event=loss.event, reason="the wrong facility", actor=world.maker, on=world.today
    )
    services.book_instruction(instruction=undo, actor=world.checker, on=world.today)
    assert world.held(K.M_WRITTEN_OFF, owner(world)) == 0
    assert world.held(K.M_DRAWN, owner(world)) == 1_000_000
    assert selectors.principal(loan_of(world)) == 1_000_000
    assert world.held(K.IMPAIRMENT_EXPENSE) == 0
    assert_books_hold()


def test_a_bounce_of_what_was_recovered_takes_the_recovery_back() -> None:
    """Facts always post: the money left, so it was never recovered."""
    world = lent()
    written_off(world)
    receipt = world.receive(D(500))
    decide(world, "recovery", amount=D(500))
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    assert world.held(K.RECOVERY_INCOME) == 0
    assert world.held(K.M_WRITTEN_OFF, owner(world)) == 1_000_000
    assert_books_hold()


def test_a_loss_written_off_back_dated_takes_back_the_interest_since() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=9))
    decide(world, "write_off", details={}, value_date=OPENED + timedelta(days=3))
    assert world.held(K.INTEREST_INCOME) == D("250.00")  # three nights
    assert world.held(K.IMPAIRMENT_EXPENSE) == D("1000250.00")
    world.close_through(world.today)
    assert_books_hold()


def test_interest_that_accrued_and_is_not_due_can_be_waived() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=11))  # 12 nights: 1,000.00
    with pytest.raises(Refused, match="waive at most that"):
        decide(world, "waiver", amount=D("1000.01"), details={"component": "interest"}, loan=loan_of(world))
    decide(world, "waiver", amount=D("600.00"), details={"component": "interest"}, loan=loan_of(world))
    assert world.held(K.ACCRUED_INTEREST) == D("400.00")
    assert world.held(K.WAIVER_EXPENSE) == D("600.00")
    assert world.held(K.INTEREST_INCOME) == D("1000.00")
    assert selectors.dues(world.facility, on=world.today) == []
    world.close_through(date(2026, 4, 1))
    (due,) = selectors.dues(world.facility, on=world.today)
    assert due.outstanding == D("1983.33")  # 31 nights less what was waived
    assert_books_hold()


def test_a_waiver_takes_what_is_due_before_what_has_accrued() -> None:
    world = lent()
    world.close_through(date(2026, 4, 2))  # 2,583.33 is due, one night more has accrued
    decide(world, "waiver", amount=D("2600.00"), details={"component": "interest"}, loan=loan_of(world))
    assert world.held(K.INTEREST_DUE, f"loan:{loan_of(world).pk}") == 0
    assert world.held(K.ACCRUED_INTEREST) == D("66.66")
    world.close_through(date(2026, 4, 4))
    assert_books_hold()


def test_what_stood_in_suspense_is_waived_at_no_expense() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=5))
    decide(world, "non_accrual", details={"on": True})
    decide(world, "waiver", amount=D("500.00"), details={"component": "interest"}, loan=loan_of(world))
    assert world.held(K.INTEREST_SUSPENSE) == world.held(K.WAIVER_EXPENSE) == 0
    assert world.held(K.ACCRUED_INTEREST) == 0
    world.close_through(OPENED + timedelta(days=8))
    assert_books_hold()


def test_in_a_payment_holiday_no_principal_falls_due_and_the_rest_is_spread_again() -> None:
    world = lent(profile=LEVEL)
    world.close_through(OPENED)
    before = selectors.schedule_of(loan_of(world))
    decide(
        world,
        "payment_holiday",
        loan=loan_of(world),
        details={"until": "2026-05-31", "capitalise_interest": False},
    )
    after = selectors.schedule_of(loan_of(world))
    assert [row.principal for row in after[:2]] == [0, 0]
    assert all(row.principal > 0 for row in before[:2])
    assert after[0].interest == before[0].interest
    assert sum(row.principal for row in after) == sum(row.principal for row in before) == 1_000_000
    assert after[2].due > before[2].due
    world.close_through(date(2026, 4, 2))
    (due,) = selectors.dues(world.facility, on=world.today)
    assert (due.component, due.outstanding) == ("interest", D("2583.33"))
    assert_books_hold()


def test_a_holiday_that_capitalises_lets_nothing_fall_due() -> None:
    world = lent(profile=LEVEL)
    world.close_through(OPENED)
    decide(
        world,
        "payment_holiday",
        loan=loan_of(world),
        details={"until": "2026-04-30", "capitalise_interest": True},
    )
    world.close_through(date(2026, 4, 2))
    assert selectors.dues(world.facility, on=world.today) == []
    assert world.held(K.CAPITALISED_INTEREST, f"loan:{loan_of(world).pk}") == D("2583.33")
    assert selectors.principal(loan_of(world)) == D("1002583.33")
    assert_books_hold()


def test_a_holiday_past_the_last_payment_is_refused_with_the_reason() -> None:
    world = lent(profile=LEVEL)
    world.close_through(OPENED)
    with pytest.raises(Refused, match="no payment date left"):
        decide(world, "payment_holiday", loan=loan_of(world), details={"until": "2027-06-01"})


def test_a_prepayment_bears_its_fee() -> None:
    world = lent(prepayment_fee="0.01")
    world.close_through(OPENED + timedelta(days=11))
    decide(world, "prepayment", amount=D("400000.00"), loan=loan_of(world), details={"effect": "instalment"})
    world.receive(D("404400.00"))  # the slice, 400.00 of interest on it, 1 % of it
    assert world.held(K.PREPAYMENT_FEE_INCOME) == D("4000.00")
    assert selectors.dues(world.facility, on=world.today) == []
    assert selectors.unapplied(world.facility) == 0
    assert selectors.principal(loan_of(world)) == 600_000
    world.close_through(world.today)
    assert_books_hold()


def test_capitalised_interest_is_repaid_before_what_was_lent() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=11))
    decide(world, "capitalisation", loan=loan_of(world))
    decide(world, "prepayment", amount=D("1500.00"), loan=loan_of(world))
    world.receive(D("1500.00"))
    account = f"loan:{loan_of(world).pk}"
    assert world.held(K.CAPITALISED_INTEREST, account) == 0
    assert world.held(K.LOAN_PRINCIPAL, account) == D("999500.00")
    assert world.held(K.M_DRAWN, owner(world)) == D("999500.00")
    world.close_through(world.today)
    assert_books_hold()


def test_after_acceleration_nothing_more_can_be_drawn_and_a_payment_settles_it() -> None:
    world = lent(default_margin="0.02")
    world.close_through(OPENED + timedelta(days=6))
    decide(world, "acceleration")
    world.facility.refresh_from_db()
    with pytest.raises(Refused, match="nothing can be drawn"):
        world.request(D(5))
    quote = selectors.facility_payoff(world.facility, world.today)
    world.receive(quote.total)
    world.close_through(world.today)
    assert selectors.principal(loan_of(world)) == 0
    left = selectors.facility_payoff(world.facility, world.today)
    assert left.principal == 0
    assert_books_hold()


def test_money_on_its_way_at_an_acceleration_is_due_as_it_arrives() -> None:
    world = lent()
    drawdown = world.request(D(1_000))
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
    world.close_through(OPENED)
    decide(world, "acceleration")
    world.close_through(world.today)
    loan = services.settle_drawdown(
        drawdown=drawdown, reference="BANK-9", value_date=world.today, actor=world.maker, on=world.today
    )
    owed = {due.loan: due.outstanding for due in selectors.dues(world.facility, on=world.today)}
    assert owed[loan] == 1_000
    world.close_through(OPENED + timedelta(days=40))
    assert_books_hold()


def test_an_acceleration_after_a_write_off_leaves_it_written_off() -> None:
    world = lent()
    world.close_through(OPENED)
    decide(world, "write_off")
    decide(world, "acceleration")
    assert stands(world) == ("written_off", True)


def test_a_loss_is_written_off_loan_by_loan() -> None:
    world = lent()
    other = world.draw(D("250000.00"))
    world.close_through(OPENED + timedelta(days=3))
    first = world.facility.loans.exclude(pk=other.pk).get()
    decide(world, "write_off", loan=first, details={"cancel_undrawn": False})
    assert selectors.principal(first) == 0
    assert selectors.principal(other) == D("250000.00")
    assert world.held(K.M_WRITTEN_OFF, owner(world)) == 1_000_000
    world.close_through(world.today)
    assert_books_hold()


def undo(world: World, instruction: Instruction) -> Instruction:
    assert instruction.event is not None
    made = services.propose_reversal(
        event=instruction.event, reason="decided too early", actor=world.maker, on=world.today
    )
    return services.book_instruction(
        instruction=made, actor=world.checker, on=world.today, seen_digest=made.proposed_digest
    )


def stands(world: World) -> tuple[str, bool]:
    facility = world.facility
    facility.refresh_from_db()
    return facility.state, facility.event_of_default


def promised(world: World) -> tuple[D, D]:
    """What the facility may still draw, and what the fund may still promise."""
    return selectors.available_commitment(world.facility), world.held(K.M_AVAILABLE)


def test_a_facility_whose_write_off_is_undone_runs_again_with_its_commitment() -> None:
    world = lent(commitment_fee="0.01")
    before = promised(world)
    lost = written_off(world)
    assert stands(world) == ("written_off", False)
    assert promised(world) == (D(0), before[1] + before[0])
    undone = undo(world, lost)
    assert stands(world) == ("available", False)
    assert promised(world) == before
    world.close_through(OPENED + timedelta(days=6))
    world.draw(D("250000.00"))
    undo(world, undone)
    assert stands(world) == ("written_off", False)
    assert promised(world) == (D(0), before[1] + before[0] - 250_000)
    world.close_through(world.today)
    assert_books_hold()


def test_a_write_off_undone_after_availability_leaves_the_commitment_with_the_fund() -> None:
    world = make_world()
    last = OPENED + timedelta(days=10)
    world.sign(bullet(months=1, availability_end=last.isoformat()), availability_end=last)
    world.draw(MILLION)
    available = world.held(K.M_AVAILABLE)
    lost = written_off(world)
    world.close_through(last)
    undo(world, lost)
    assert stands(world) == ("closed_to_drawdown", False)
    assert promised(world) == (D(0), available + 9_000_000)
    world.close_through(world.today)
    assert_books_hold()


def test_undoing_a_write_off_cannot_promise_what_the_fund_has_lent_elsewhere() -> None:
    world = make_world(size=D(10_000_000))
    world.sign(bullet(months=1))
    world.draw(MILLION)
    lost = written_off(world)
    world.sign(bullet(months=1), commitment=D(8_500_000))
    with pytest.raises(Refused, match="left to promise"):
        undo(world, lost)
    assert stands(world) == ("written_off", False)
    assert_books_hold()


def test_one_loan_written_off_is_a_default_of_a_facility_that_runs_on() -> None:
    world = lent()
    other = world.draw(D("250000.00"))
    first = world.facility.loans.exclude(pk=other.pk).get()
    before = promised(world)
    with pytest.raises(Refused, match="book a cancellation"):
        decide(world, "write_off", loan=first, details={"cancel_undrawn": True})
    lost = decide(world, "write_off", loan=first)
    assert stands(world) == ("available", True)
    assert promised(world) == before
    with pytest.raises(Refused, match="event of default"):
        world.request(D(5))
    rest = decide(world, "write_off", loan=other)
    assert stands(world) == ("written_off", True)
    undo(world, rest)
    assert stands(world) == ("available", True)
    undo(world, lost)
    assert stands(world) == ("available", False)
    world.close_through(world.today)
    assert_books_hold()


def test_an_acceleration_undone_lets_a_facility_be_drawn_again_and_cures_its_default() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=5))
    called = decide(world, "acceleration", details={})
    assert stands(world) == ("accelerated", True)
    undo(world, called)
    assert stands(world) == ("available", False)
    assert_books_hold()


def test_a_write_off_undone_after_an_acceleration_leaves_it_accelerated() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=5))
    decide(world, "acceleration", details={})
    undo(world, decide(world, "write_off", details={}))
    assert stands(world) == ("accelerated", True)
    assert_books_hold()


def test_when_availability_is_over_what_was_not_drawn_goes_back_and_nothing_more_is_lent() -> None:
    world = make_world()
    last = OPENED + timedelta(days=10)
    world.sign(bullet(months=1, availability_end=last.isoformat()), availability_end=last)
    world.draw(MILLION)
    available = world.held(K.M_AVAILABLE)
    world.close_through(last - timedelta(days=1))
    assert (stands(world), selectors.available_commitment(world.facility)) == (
        ("available", False),
        D(9_000_000),
    )
    world.close_through(last + timedelta(days=1))
    assert stands(world) == ("closed_to_drawdown", False)
    assert selectors.available_commitment(world.facility) == 0
    assert world.held(K.M_AVAILABLE) == available + 9_000_000
    with pytest.raises(Refused):
        world.request(D(1))
    assert_books_hold()


@pytest.mark.parametrize("how", ["rejected", "withdrawn", "came back"])
def test_what_was_asked_for_in_time_and_never_paid_goes_back_to_the_fund(how: str) -> None:
    """It was earmarked when the rest of the commitment was cancelled; the next day would have been too late to notice."""
    world = make_world()
    last = OPENED + timedelta(days=10)
    free = world.held(K.M_AVAILABLE)
    world.sign(bullet(months=1, availability_end=last.isoformat()), availability_end=last)
    drawdown = world.request(MILLION)
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    if how == "came back":
        services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
    world.close_through(last)
    assert world.held(K.M_AVAILABLE) == free - MILLION
    end = {
        "rejected": lambda: services.reject_drawdown(
            drawdown=drawdown, reason="too late", actor=world.checker, on=world.today
        ),
        "withdrawn": lambda: services.cancel_drawdown(
            drawdown=drawdown, reason="too late", actor=world.borrower, on=world.today
        ),
        "came back": lambda: services.fail_drawdown(
            drawdown=drawdown, reason="no such account", actor=world.maker, on=world.today, cancel=True
        ),
    }
    end[how]()
    assert selectors.available_commitment(world.facility) == 0
    assert world.held(K.M_AVAILABLE) == free
    assert world.held(K.M_HEADROOM, f"partner:{world.partner.pk}") == 50_000_000
    world.close_through(world.today)
    assert_books_hold()
