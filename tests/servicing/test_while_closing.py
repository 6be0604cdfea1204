"""While a close runs nothing is booked, and what books nothing goes on."""

from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.servicing import services
from loanfund.servicing.models import CloseRun
from tests.servicing import test_rights as made
from tests.servicing.world import World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    world.sign(bullet())
    return world


def test_money_is_entered_and_changes_are_proposed_while_the_close_runs_and_booked_after_it(
    world: World,
) -> None:
    run = services.request_close(fund=world.fund, actor=world.maker, on=world.today)
    receipt = made.entered(world, f"{world.facility.number} early")
    rejected = made.entered(world, "twice")
    services.reject_receipt(receipt=rejected, reason="typing error", actor=world.checker, on=world.today)
    change = made.amendment(world)
    change = services.consent_to_instruction(
        instruction=change, actor=world.borrower, on=world.today, seen_digest=change.proposed_digest
    )
    for booking in (
        lambda: services.book_receipt(receipt=receipt, actor=world.checker, on=world.today),
        lambda: services.book_instruction(instruction=change, actor=world.checker, on=world.today),
        lambda: world.request(D(5)),
    ):
        with pytest.raises(Refused, match="is running") as refused:
            booking()
        assert refused.value.code == "close_running"
    world.close_through(run.business_date)
    services.book_receipt(receipt=receipt, actor=world.checker, on=world.today)
    assert_books_hold()


def test_a_close_that_stopped_holds_bookings_up_until_somebody_looked(world: World) -> None:
    stopped = made.stopped(world)
    with pytest.raises(Refused, match="is running"):
        world.request(D(5))
    services.resume_close(run=stopped, actor=world.checker, on=world.today)
    world.close_through(stopped.business_date)
    assert CloseRun.objects.get().state == CloseRun.State.DONE
    world.request(D(5))
