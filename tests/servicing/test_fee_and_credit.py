"""A facility that holds money on account while its commitment fee runs: each fee falls due on its day and is paid from it."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.servicing.models import Allocation, Due
from loanfund.servicing.selectors import unapplied
from tests.servicing.world import World, assert_books_hold, bullet, make_world


@pytest.mark.parametrize("surplus", ["0", "1000"])
def test_the_fee_falls_due_on_its_day_whatever_is_held_on_account(db: None, surplus: str) -> None:
    world: World = make_world()
    world.sign(bullet(commitment_fee="0.0025"))
    world.draw(Decimal(4_000_000))
    world.close_through(date(2026, 6, 1))
    interest = sum(due.amount for due in Due.objects.filter(component="interest"))
    fee = sum(due.amount for due in Due.objects.filter(component="fees"))
    world.receive(Decimal(interest + fee) + Decimal(surplus))
    world.close_through(date(2026, 9, 5))
    fees = Due.objects.filter(component="fees").order_by("due_date")
    assert [(due.due_date, due.booking_date) for due in fees][:2] == [
        (date(2026, 6, 2), date(2026, 6, 2)), (date(2026, 9, 2), date(2026, 9, 2)),
    ]  # fmt: skip
    paid = Allocation.objects.filter(component="fees", value_date=date(2026, 9, 2))
    assert paid.exists() is (surplus != "0")
    assert unapplied(world.facility) == 0
    assert_books_hold()
