"""A facility that holds money on account while its commitment fee runs: each fee falls due on its day, paid from it."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.servicing.models import Allocation, Due, FacilityAccrual
from loanfund.servicing.selectors import dues
from tests.servicing.world import World, assert_books_hold, bullet, make_world


@pytest.mark.parametrize("held", ["0.01", "100000"])
def test_the_fee_falls_due_on_its_day_whatever_is_held_on_account(db: None, held: str) -> None:
    world: World = make_world()
    # The loan pays each half year and the fee each quarter: in June only the fee falls due.
    world.sign(bullet(months=6, commitment_fee="0.0025"))
    world.draw(Decimal(4_000_000))
    world.receive(Decimal(held))
    world.close_through(date(2026, 6, 5))
    fee = Due.objects.get(component="fees")
    assert (fee.due_date, fee.booking_date) == (date(2026, 6, 2), date(2026, 6, 2))
    paid = sum(
        Allocation.objects.filter(due_key=fee.key, booking_date=date(2026, 6, 2)).values_list(
            "amount", flat=True
        )
    )
    assert paid == min(Decimal(held), fee.amount)
    assert (dues(world.facility, on=world.today) == []) is (held == "100000")
    nights = FacilityAccrual.objects.filter(kind="commitment_fee", accrual_date__gte=date(2026, 6, 1))
    assert [night.accrual_date.day for night in nights.order_by("accrual_date")] == [1, 2, 3, 4, 5]
    assert_books_hold()
