"""A loan from drawdown to the last receipt: accrued every night, billed on its day, paid by the waterfall."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Accrual, CloseRun, Due
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet())
    return made


def test_a_settled_drawdown_is_a_loan_in_the_book(world: World) -> None:
    loan = world.draw(D(1_000_000))
    assert world.held(K.LOAN_PRINCIPAL, f"loan:{loan.pk}") == 1_000_000
    assert world.held(K.M_DRAWN, f"facility:{world.facility.pk}") == 1_000_000
    assert world.held(K.DISBURSEMENTS_IN_TRANSIT, f"facility:{world.facility.pk}") == 0


def test_the_close_accrues_each_night_and_moves_the_date(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=2))
    assert world.today == OPENED + timedelta(days=3)
    nights = selectors.nights(loan, since=OPENED, until=world.today)
    assert [night.exact for night in nights] == [
        D("83.333333333333"),
        D("83.333333333334"),
        D("83.333333333333"),
    ]
    assert [night.posted for night in nights] == [D("83.33"), D("83.34"), D("83.33")]
    assert world.held(K.INTEREST_INCOME) == D("250.00")
    assert world.held(K.ACCRUED_INTEREST) == D("250.00")


def test_a_closed_day_again_writes_nothing(world: World) -> None:
    world.draw(D(1_000_000))
    world.close_through(OPENED)
    before = Accrual.objects.count(), CloseRun.objects.count()
    assert services.close_day(fund=world.fund, on=OPENED) is None
    assert (Accrual.objects.count(), CloseRun.objects.count()) == before


def test_interest_falls_due_and_a_receipt_pays_it(world: World) -> None:
    loan = world.draw(D(1_000_000))
    due_on = date(2026, 6, 2)
    world.close_through(due_on - timedelta(days=1))
    due = Due.objects.get(loan=loan)
    assert (due.amount, due.due_date) == (D("7666.67"), due_on)
    assert world.held(K.INTEREST_DUE, f"loan:{loan.pk}") == D("7666.67")
    assert world.held(K.ACCRUED_INTEREST) == 0
    world.receive(D("8000.00"))
    assert world.held(K.INTEREST_DUE, f"loan:{loan.pk}") == 0
    assert selectors.unapplied(world.facility) == D("333.33")
    assert selectors.dues(world.facility, on=due_on) == []


def test_a_late_payment_value_dated_back_takes_back_what_it_would_not_have_earned(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=9))
    services.book_instruction(
        instruction=services.propose_instruction(
            kind="prepayment",
            facility=world.facility,
            loan=loan,
            value_date=OPENED + timedelta(days=5),
            amount=D(400_000),
            reason="asked for by mail",
            actor=world.maker,
            on=world.today,
        ),
        actor=world.checker,
        on=world.today,
    )
    world.receive(D(401_000), value_date=OPENED + timedelta(days=5))
    assert world.held(K.LOAN_PRINCIPAL, f"loan:{loan.pk}") == 600_000
    # 10 nights of a million, less 5 nights of 400,000 at 3 % ACT/360
    assert world.held(K.INTEREST_INCOME) == D("666.67")
    adjusted = Accrual.objects.filter(loan_id=loan.pk, sequence__gt=0)
    assert {row.booking_date for row in adjusted} == {world.today}
    world.close_through(OPENED + timedelta(days=12))
    assert_books_hold()


def test_a_bounced_receipt_is_owed_again(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(date(2026, 6, 1))
    receipt = world.receive(D("7666.67"))
    cash = world.held(K.CASH)
    world.close_through(date(2026, 6, 4))
    services.reverse_receipt(receipt=receipt, reason="bounced", actor=world.releaser, on=world.today)
    assert world.held(K.CASH) == cash - D("7666.67")
    assert world.held(K.INTEREST_DUE, f"loan:{loan.pk}") == D("7666.67")
    assert selectors.unapplied(world.facility) == 0
    world.close_through(date(2026, 6, 5))
    assert_books_hold()
