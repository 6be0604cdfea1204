"""Facilities are written together, and one that cannot be written is set aside without the others."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loanfund.audit.sealing import seal_batch
from loanfund.facilities.models import Facility
from loanfund.facilities.services.drafts import draft
from loanfund.ledger.services import post_entries
from loanfund.servicing import postings, selectors
from loanfund.servicing.models import Accrual, CloseException, CloseRun, Loan
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db


def stray_night(world: World, loan: Loan) -> None:
    """A row that stands where the night of a loan is to be written; it posts nothing."""
    Accrual.objects.create(
        accrual_date=OPENED,
        loan_id=loan.pk,
        facility_id=loan.facility_id,
        batch_id=-1_000_000,
        booking_date=OPENED,
        principal=loan.amount,
        rate=0,
        num=1,
        den=360,
        exact=0,
        posted=0,
        accrual_class_id=1,
        period_exact=0,
        base_num=0,
        base_den=1,
        base_exact=0,
    )
    seal_batch(Accrual, -1_000_000)


def test_a_night_that_cannot_be_written_is_set_aside_alone_and_caught_up_in_the_morning() -> None:
    world = make_world()
    loans = []
    for _ in range(3):
        facility = world.sign(bullet(), commitment=D(1_000_000))
        loans.append(world.draw(D(360_000), facility=facility))
    stray_night(world, loans[1])
    world.close_through(OPENED)
    assert CloseRun.objects.get().state == CloseRun.State.DONE
    exception = CloseException.objects.get()
    assert exception.facility_id == loans[1].facility_id
    assert "23505" in exception.reason, "the reason names what the database refused"
    assert exception.state == CloseException.State.CURED
    nights = Accrual.objects.order_by("loan_id", "sequence").values_list("loan_id", "sequence", "posted")
    first, second, third = (loan.pk for loan in loans)
    assert list(nights) == [
        (first, 0, D(30)),
        (second, 0, D(0)),
        (second, 1, D(30)),
        (third, 0, D(30)),
    ]

    world.close_through(OPENED + timedelta(days=1))
    assert Accrual.objects.count() == 7
    assert_books_hold()


def test_a_facility_whose_entry_the_book_refuses_is_set_aside_alone_and_caught_up_the_next_morning() -> None:
    """The entries of a morning are posted together; one that cannot be takes none of the others with it."""
    world = make_world()
    facilities = [
        world.sign(
            bullet(availability_end=OPENED.isoformat()), commitment=D(1_000_000), availability_end=OPENED
        )
        for _ in range(3)
    ]
    morning = OPENED + timedelta(days=1)
    taken = f"facility:{facilities[1].pk}:availability_ended:{morning.isoformat()}"
    legs = postings.bank_charge(currency="USD", amount=D(1))
    post_entries(
        entries=[draft(world.fund, key=taken, kind="bank_charge", legs=legs, on=OPENED)],
        actor=None,
        on=OPENED,
    )
    world.close_through(OPENED)
    exception = CloseException.objects.get()
    assert (exception.facility, exception.state) == (facilities[1], CloseException.State.OPEN)
    assert taken in exception.reason
    assert [selectors.available_commitment(one) for one in facilities] == [0, 1_000_000, 0]
    states = {one.pk: one.state for one in Facility.objects.all()}
    assert [states[one.pk] for one in facilities] == ["closed_to_drawdown", "available", "closed_to_drawdown"]

    world.close_through(morning)
    exception.refresh_from_db()
    assert exception.state == CloseException.State.CURED
    assert [selectors.available_commitment(one) for one in facilities] == [0, 0, 0]
    assert_books_hold()
