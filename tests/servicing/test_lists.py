"""What the faces list: what waits, what came in and paid what, what is late - always in the same few queries."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.servicing import selectors, services
from tests.servicing.world import OPENED, World, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet(default_margin="0.02"))
    return made


def queries(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        work()
    return len(seen)


def test_a_drawdown_waits_for_its_next_step_and_is_late_once_its_day_is_over(world: World) -> None:
    first, second = world.request(D(100)), world.request(D(50))
    services.approve_drawdown(drawdown=second, actor=world.checker, on=world.today)
    waiting = selectors.drawdowns_waiting(world.fund)
    assert [(one.drawdown, one.next_step, one.late) for one in waiting] == [
        (first, "approve_drawdown", False),
        (second, "release_drawdown", False),
    ]
    world.close_through(OPENED)
    world.fund.refresh_from_db()
    assert all(one.late for one in selectors.drawdowns_waiting(world.fund))


def test_money_waits_until_it_is_booked_and_belongs_to_somebody(world: World) -> None:
    today = world.today
    entered = services.enter_receipt(
        fund=world.fund, amount=D(7), value_date=today, reference="?", actor=world.maker, on=today
    )
    held = world.receive(D(100), reference="thank you")
    (share,) = services.propose_split(
        receipt=held, parts=[(world.facility, D(60))], reason="mail", actor=world.maker, on=today
    )
    refund = services.propose_refund(receipt=held, amount=D(5), reason="x", actor=world.maker, on=today)
    waiting = selectors.receipts_waiting(world.fund)
    assert waiting.entered == [entered]
    assert waiting.unmatched == [(held, D(35))]
    assert (waiting.shares, waiting.refunds, waiting.count) == ([share], [refund], 4)


def test_a_change_waits_for_the_borrowers_consent_where_it_needs_one(world: World) -> None:
    for kind, details in (("amendment", {"terms": bullet(rate="0.02")}), ("cost", {})):
        services.propose_instruction(
            kind=kind,
            facility=world.facility,
            value_date=world.today,
            amount=D(5) if kind == "cost" else None,
            details=details,
            reason="agreed",
            actor=world.maker,
            on=world.today,
        )
    waiting = selectors.instructions_waiting(world.fund)
    assert [(one.instruction.kind, one.needs_consent) for one in waiting] == [
        ("amendment", True),
        ("cost", False),
    ]


def test_a_close_is_listed_with_its_steps(world: World) -> None:
    world.draw(D(1000))
    world.close_through(OPENED + timedelta(days=1))
    newest, first = selectors.close_runs(world.fund)
    assert (newest.business_date, first.business_date) == (OPENED + timedelta(days=1), OPENED)
    assert [step.name for step in newest.steps.all()][:4] == ["fixings", "accrue", "post", "prove"]
    assert selectors.close_exceptions(newest) == selectors.close_exceptions(fund=world.fund) == []


def test_a_receipt_says_what_it_paid_and_what_is_left(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(date(2026, 6, 1))
    paid = world.receive(D("8000.00"))
    unbooked = services.enter_receipt(
        fund=world.fund,
        amount=D(5),
        value_date=world.today,
        reference=f"{world.facility.number} more",
        actor=world.maker,
        on=world.today,
    )
    newest, line = selectors.receipts_of(world.facility)
    assert (newest.receipt, newest.share, newest.lines) == (unbooked, None, ())
    assert (line.receipt, line.applied, line.unapplied) == (paid, D("7666.67"), D("333.33"))
    (part,) = line.lines
    assert (part.component, part.loan, part.due_date) == ("interest", loan.number, date(2026, 6, 2))


def test_a_receipt_taken_back_paid_nothing(world: World) -> None:
    world.draw(D(1_000_000))
    world.close_through(date(2026, 6, 1))
    services.reverse_receipt(
        receipt=world.receive(D("8000.00")), reason="bounced", actor=world.releaser, on=world.today
    )
    (line,) = selectors.receipts_of(world.facility)
    assert (line.receipt.state, line.lines) == ("reversed", ())


def test_arrears_are_listed_by_facility_and_component_with_their_age(world: World) -> None:
    """Late is from the day after the due date on; the rival judges it by UTC, by accident."""
    world.draw(D(1_000_000))
    punctual = world.sign(bullet(), commitment=D(500_000))
    world.draw(D(1000), facility=punctual)
    world.close_through(date(2026, 6, 1))
    world.fund.refresh_from_db()
    assert selectors.arrears(world.fund) == []
    world.close_through(date(2026, 6, 2))
    world.fund.refresh_from_db()
    late = selectors.arrears(world.fund)
    assert [(one.facility, one.component, one.days_past_due, one.bucket) for one in late] == [
        (world.facility, "interest", 1, "1 to 30 days"),
        (punctual, "interest", 1, "1 to 30 days"),
    ]
    assert late[0].amount == D("7666.67")
    world.receive(D("7666.66"), value_date=date(2026, 6, 2))
    (rest, _) = sorted(selectors.arrears(world.fund), key=lambda one: one.facility.pk)
    assert rest.amount == D("0.01")
    world.receive(D("0.01"), value_date=date(2026, 6, 2))
    assert {one.facility for one in selectors.arrears(world.fund)} == {punctual}


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "not late"), (1, "1 to 30 days"), (30, "1 to 30 days"), (31, "31 to 60 days"), (91, "over 90 days")],
)
def test_an_age_has_its_bucket(days: int, bucket: str) -> None:
    assert selectors.bucket_of(days) == bucket


def test_no_list_costs_more_queries_when_it_is_longer(world: World) -> None:
    lists: list[Callable[[], Any]] = [
        lambda: selectors.drawdowns_waiting(world.fund),
        lambda: selectors.receipts_waiting(world.fund),
        lambda: selectors.instructions_waiting(world.fund),
        lambda: selectors.arrears(world.fund),
        lambda: selectors.drawdowns_of(world.facility),
        lambda: selectors.receipts_of(world.facility),
        lambda: selectors.dues(world.facility, on=world.today),
    ]
    world.draw(D(1000))
    world.receive(D(1))
    world.receive(D(1), reference="unknown")
    world.request(D(1))
    before = [queries(work) for work in lists]
    for number in range(3):
        world.draw(D(1000))
        world.receive(D(1), reference=f"unknown {number}")
        world.request(D(1))
    assert [queries(work) for work in lists] == before
