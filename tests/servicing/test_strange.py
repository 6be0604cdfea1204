"""What a stranger would try: the wrong order, twice, the last day, a cent, a leap day, undone and undone again. Whatever
happens is either refused in a sentence or ends in books that hold."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from loanfund.audit.errors import Refused
from loanfund.calculation.calendars import WEEKENDS_ONLY
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import JournalEntry
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Event, Instruction, Loan
from tests.servicing.test_instructions import decide
from tests.servicing.test_rivals import KINDS
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db
MILLION = D(1_000_000)


def lent(amount: Decimal = MILLION, **terms: Any) -> World:
    world = make_world()
    world.sign(bullet(months=1, **terms))
    world.draw(amount)
    return world


def loan_of(world: World) -> Loan:
    return world.facility.loans.get()


def undo(world: World, done: Instruction) -> Instruction:
    """The booked change taken back by two people."""
    assert done.event is not None
    return undo_event(world, done.event)


def undo_event(world: World, event: Event) -> Instruction:
    proposed = services.propose_reversal(event=event, reason="not so", actor=world.maker, on=world.today)
    return services.book_instruction(instruction=proposed, actor=world.checker, on=world.today)


def figures(world: World) -> dict[K, Decimal]:
    owner = f"facility:{world.facility.pk}"
    kinds = (K.LOAN_PRINCIPAL, K.ACCRUED_INTEREST, K.INTEREST_DUE, K.UNAPPLIED, K.M_DRAWN, K.M_UNDRAWN)
    return {kind: world.held(kind, owner) for kind in kinds} | {
        kind: world.held(kind) for kind in (K.CASH, K.INTEREST_INCOME, K.WAIVER_EXPENSE, K.M_AVAILABLE)
    }


# --- Undone, and undone again --------------------------------------------------------------------------------------


def test_a_change_undone_cannot_be_undone_twice() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=9))
    waiver = decide(world, "waiver", amount=D(5), details={"component": "interest"}, loan=loan_of(world))
    undo(world, waiver)
    with pytest.raises(Refused, match=r"was undone by .* on 12 March 2026\. To have it count again, undo"):
        undo(world, waiver)
    assert_books_hold()


def test_two_who_propose_to_undo_the_same_undo_it_once() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=9))
    waiver = decide(world, "waiver", amount=D(5), details={"component": "interest"}, loan=loan_of(world))
    assert waiver.event is not None
    first, second = (
        services.propose_reversal(event=waiver.event, reason="not so", actor=world.maker, on=world.today)
        for _ in range(2)
    )
    services.book_instruction(instruction=first, actor=world.checker, on=world.today)
    with pytest.raises(Refused, match="was undone by"):
        services.book_instruction(instruction=second, actor=world.checker, on=world.today)
    assert_books_hold()


def test_an_undoing_undone_has_the_change_count_again() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=9))
    waiver = decide(world, "waiver", amount=D(5), details={"component": "interest"}, loan=loan_of(world))
    waived = figures(world)
    reversal = undo(world, waiver)
    assert figures(world) != waived
    undo(world, reversal)
    assert figures(world) == waived
    world.close_through(world.today)
    assert_books_hold()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_dated_back_can_be_undone_after_its_month_was_closed(kind: str) -> None:
    world = lent()
    world.close_through(date(2026, 4, 2))
    asked = dict(KINDS[kind])
    if asked.pop("loan", False):
        asked["loan"] = loan_of(world)
    before = figures(world)
    booked = decide(world, kind, value_date=OPENED + timedelta(days=10), **asked)
    undo(world, booked)
    assert figures(world) == before
    world.close_through(date(2026, 5, 6))
    assert_books_hold()


def test_a_cancellation_undone_twice_over_moves_the_commitment_each_time() -> None:
    world = lent()
    cancelled = decide(world, "cancellation", amount=D(1000))
    undrawn = world.held(K.M_UNDRAWN, f"facility:{world.facility.pk}")
    back = undo(world, cancelled)
    assert world.held(K.M_UNDRAWN, f"facility:{world.facility.pk}") == undrawn + 1000
    undo(world, back)
    assert world.held(K.M_UNDRAWN, f"facility:{world.facility.pk}") == undrawn
    assert_books_hold()


def test_a_bounce_is_not_undone_as_if_it_were_a_change() -> None:
    world = lent()
    receipt = world.receive(D(10))
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    bounce = Event.objects.get(kind="reversed")
    with pytest.raises(Refused, match="correct it there instead"):
        undo_event(world, bounce)
    assert_books_hold()


def test_a_receipt_bounces_once() -> None:
    world = lent()
    receipt = world.receive(D(10))
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    with pytest.raises(Refused):
        services.reverse_receipt(receipt=receipt, reason="again", actor=world.releaser, on=world.today)
    assert_books_hold()


def test_a_receipt_bounces_after_its_month_was_closed() -> None:
    world = lent()
    world.close_through(date(2026, 4, 2))
    receipt = world.receive(D("2583.33"))
    world.close_through(date(2026, 6, 3))
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    owed = sum((due.outstanding for due in selectors.dues(world.facility, on=world.today)), D(0))
    assert owed >= D("2583.33")
    booked = JournalEntry.objects.filter(booking_date=world.today)
    assert booked.exists()
    world.close_through(world.today)
    assert_books_hold()


def test_written_off_recovered_bounced_and_undone_ends_where_it_began() -> None:
    world = lent()
    before = figures(world)
    loss = decide(world, "write_off", details={"cancel_undrawn": False})
    receipt = world.receive(D(500))
    decide(world, "recovery", amount=D(500))
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    undo(world, loss)
    assert figures(world) == before
    world.close_through(world.today)
    assert_books_hold()


# --- The last day, and beyond ---------------------------------------------------------------------------------------


def test_nothing_is_drawn_on_the_day_everything_is_due() -> None:
    world = make_world()
    world.sign(
        bullet(months=1, maturity="2026-04-02", availability_end="2026-04-02"),
        maturity=date(2026, 4, 2),
        availability_end=date(2026, 4, 2),
    )
    world.close_through(date(2026, 4, 1))
    with pytest.raises(Refused, match=r"Everything is to be repaid on 02 April 2026\. Choose an earlier day"):
        world.request(D(100))
    world.close_through(date(2026, 4, 3))
    assert_books_hold()


def test_money_that_arrives_after_the_last_day_is_refused_as_a_loan() -> None:
    world = make_world()
    world.sign(
        bullet(months=1, maturity="2026-04-02", availability_end="2026-03-31"),
        maturity=date(2026, 4, 2),
        availability_end=date(2026, 3, 31),
    )
    world.close_through(date(2026, 3, 30))
    drawdown = world.request(D(100))
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
    world.close_through(date(2026, 4, 2))
    with pytest.raises(Refused, match="Record the payment as failed and have the money sent back"):
        services.settle_drawdown(
            drawdown=drawdown, reference="LATE", value_date=world.today, actor=world.maker, on=world.today
        )
    world.close_through(date(2026, 4, 6))
    assert_books_hold()


def test_a_transfer_that_arrived_in_a_closed_month_becomes_a_loan_from_its_day() -> None:
    world = make_world()
    world.sign(bullet(months=1))
    drawdown = world.request(MILLION)
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
    world.close_through(date(2026, 4, 10))
    loan = services.settle_drawdown(
        drawdown=drawdown, reference="SLOW", value_date=OPENED, actor=world.maker, on=world.today
    )
    (due,) = selectors.dues(world.facility, on=world.today)
    assert (loan.disbursed_on, due.outstanding) == (OPENED, D("2583.33"))
    event = Event.objects.get(kind="disbursed")
    assert (event.value_date, event.booking_date) == (OPENED, world.today)
    world.close_through(world.today)
    assert_books_hold()


# --- Everything at once ---------------------------------------------------------------------------------------------


def test_all_is_prepaid_and_the_same_money_comes_once_more() -> None:
    world = lent()
    world.close_through(OPENED + timedelta(days=9))
    owed = selectors.payoff(loan_of(world), world.today).total
    decide(world, "prepayment", amount=MILLION, loan=loan_of(world))
    world.receive(owed)
    world.receive(owed)
    assert selectors.principal(loan_of(world)) == 0
    assert selectors.unapplied(world.facility) == owed
    world.close_through(date(2026, 4, 3))
    assert selectors.dues(world.facility, on=world.today) == []
    assert_books_hold()


def test_terms_amended_from_a_day_before_a_receipt_pay_with_it_anew() -> None:
    world = lent()
    world.close_through(date(2026, 4, 2))
    world.receive(D("2583.33"), value_date=date(2026, 4, 2))
    world.close_through(date(2026, 4, 10))
    terms = {**bullet(rate="0.06", months=1), "commitment": "10000000"}
    decide(world, "amendment", details={"terms": terms}, value_date=OPENED + timedelta(days=15))
    assert sum((due.outstanding for due in selectors.dues(world.facility, on=world.today)), D(0)) == D(
        "1333.34"
    )
    world.close_through(world.today)
    assert_books_hold()


@pytest.mark.parametrize("amount", [D("0.01"), D("0.02"), D("9999999.99")])
def test_a_cent_and_all_there_is_live_a_whole_life(amount: Decimal) -> None:
    world = make_world()
    world.sign(
        bullet(months=1, maturity="2026-05-04", availability_end="2026-03-31"),
        maturity=date(2026, 5, 4),
        availability_end=date(2026, 3, 31),
    )
    world.draw(amount)
    world.close_through(date(2026, 5, 3))
    owed = selectors.facility_payoff(world.facility, world.today).total
    assert owed >= amount
    world.receive(owed)
    assert (selectors.principal(loan_of(world)), selectors.unapplied(world.facility)) == (D(0), D(0))
    world.close_through(world.today)
    assert_books_hold()


def test_a_leap_day_is_a_night_like_any_other() -> None:
    world = make_world(on=date(2028, 2, 28))
    world.sign(
        bullet(months=1, signed_on="2028-02-28", availability_end="2028-06-30", maturity="2028-08-28"),
        availability_end=date(2028, 6, 30),
        maturity=date(2028, 8, 28),
    )
    world.draw(D(360_000))
    world.close_through(date(2028, 2, 29))
    assert (world.today, world.held(K.INTEREST_INCOME)) == (date(2028, 3, 1), D("60.00"))
    receipt = world.receive(D(60), value_date=date(2028, 2, 29))
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    assert WEEKENDS_ONLY.is_business_day(date(2028, 2, 29))
    assert_books_hold()


def test_steps_out_of_turn_are_refused() -> None:
    world = make_world()
    world.sign(bullet())
    drawdown = world.request(D(100))
    settle = {"reference": "X", "value_date": world.today, "actor": world.maker, "on": world.today}
    with pytest.raises(Refused):
        services.settle_drawdown(drawdown=drawdown, **settle)
    with pytest.raises(Refused):
        services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
    services.settle_drawdown(drawdown=drawdown, **settle)
    with pytest.raises(Refused):
        services.settle_drawdown(drawdown=drawdown, **{**settle, "reference": "Y"})
    with pytest.raises(Refused):
        services.cancel_drawdown(drawdown=drawdown, reason="too late", actor=world.checker, on=world.today)
    assert_books_hold()
