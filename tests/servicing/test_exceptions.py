"""What the close cannot take is set aside with its reason, the rest goes on, and it catches up once cured."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from loanfund.reference.models import RateFixing, ReferenceRate
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Accrual, CloseException, CloseRun
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db
SOFR = {
    "kind": "overnight",
    "reference": "SOFR",
    "margin": "0.02",
    "lookback_days": 2,
    "publication_lag": 1,
}


def publish(first: date, last: date, per_cent: int = 4) -> None:
    """One value of SOFR for every weekday between two days."""
    rate = ReferenceRate.objects.get(code="SOFR")
    day = first
    while day <= last:
        if day.weekday() < 5:
            at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=1)
            RateFixing.objects.create(
                rate=rate, date=day, value=D(per_cent) / 100, published_at=at, known_at=at, source="test"
            )
        day += timedelta(days=1)


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet())
    made.sign(bullet(rate="0") | {"rate": SOFR}, commitment=D(2_000_000))
    publish(OPENED - timedelta(days=10), OPENED + timedelta(days=1))
    for facility in made.facilities:
        made.draw(D(1_000_000), facility=facility)
    return made


def test_a_missing_fixing_makes_an_exception_of_its_loans_and_not_of_the_run(world: World) -> None:
    """The rival only logs an exception in the nightly loop: the loan silently earns nothing that night."""
    fixed, floating = world.facilities
    world.close_through(OPENED + timedelta(days=8))
    assert world.today == OPENED + timedelta(days=9)
    assert not CloseRun.objects.exclude(state="done").exists()
    exception = CloseException.objects.get()
    assert exception.facility == floating
    assert "SOFR" in exception.reason
    assert Accrual.objects.filter(facility_id=fixed.pk).count() == 9
    assert Accrual.objects.filter(facility_id=floating.pk).count() < 9

    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=8))
    services.request_retry(exception=exception, actor=world.maker, on=world.today)
    assert services.retry_exceptions(fund=world.fund, on=world.today) == {"cured": 1, "failed": 0}
    assert Accrual.objects.filter(facility_id=floating.pk, sequence=0).count() == 9
    assert_books_hold()
    world.close_through(OPENED + timedelta(days=9))
    assert_books_hold()


def test_what_is_cured_in_the_night_brings_its_missed_nights_along(world: World) -> None:
    world.close_through(OPENED + timedelta(days=8))
    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=8))
    world.close_through(OPENED + timedelta(days=9))
    exception = CloseException.objects.get()
    assert exception.state == CloseException.State.CURED, exception.reason
    assert_books_hold()


@pytest.mark.parametrize("how", ["by a button", "by the night"])
def test_the_end_of_availability_that_was_missed_is_made_up_for_the_next_morning(how: str) -> None:
    """The fixing is missing over the day on which the undrawn rest was to go back to the fund."""
    made, last = make_world(), OPENED + timedelta(days=7)
    terms = bullet(rate="0", availability_end=last.isoformat()) | {"rate": SOFR}
    facility = made.sign(terms, commitment=D(2_000_000), availability_end=last)
    publish(OPENED - timedelta(days=10), OPENED + timedelta(days=1))
    made.draw(D(1_000_000))
    made.close_through(OPENED + timedelta(days=9))
    assert selectors.available_commitment(facility) == 1_000_000
    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=10))
    if how == "by a button":
        services.request_retry(exception=CloseException.objects.get(), actor=made.maker, on=made.today)
        services.retry_exceptions(fund=made.fund, on=made.today)
    made.close_through(OPENED + timedelta(days=10))
    assert CloseException.objects.get().state == CloseException.State.CURED
    facility.refresh_from_db()
    assert (selectors.available_commitment(facility), facility.state) == (D(0), "closed_to_drawdown")
    assert_books_hold()


def test_a_retry_asked_for_as_a_close_begins_waits_for_its_end(world: World) -> None:
    world.close_through(OPENED + timedelta(days=8))
    exception = CloseException.objects.get()
    services.request_retry(exception=exception, actor=world.maker, on=world.today)
    run = services.request_close(fund=world.fund, actor=world.maker, on=world.today)
    assert services.retry_exceptions(fund=world.fund, on=world.today) == {"cured": 0, "failed": 0}
    asked = CloseException.objects.get()
    assert (asked.state, asked.attempts) == (CloseException.State.RETRY, exception.attempts)
    assert "SOFR" in asked.reason

    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=9))
    world.close_through(run.business_date)
    assert CloseException.objects.get().state == CloseException.State.CURED
    assert_books_hold()


def test_a_fixing_not_yet_due_is_estimated_and_trued_up(world: World) -> None:
    """A term rate fixed on the day of drawdown and published the day after: one night rests on the day before's."""
    world.close_through(OPENED + timedelta(days=1))
    term = {"kind": "floating", "reference": "SOFR", "reset_days": 0, "publication_lag": 1}
    facility = world.sign(bullet(rate="0") | {"rate": term}, commitment=D(1_000_000))
    world.draw(D(1_000_000), facility=facility)
    world.close_through(OPENED + timedelta(days=2))
    night = Accrual.objects.get(facility_id=facility.pk)
    assert night.estimated
    assert night.posted == D("111.11")
    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=5), per_cent=5)
    world.close_through(OPENED + timedelta(days=3))
    trued_up = Accrual.objects.get(facility_id=facility.pk, sequence=1)
    assert (trued_up.accrual_date, trued_up.posted) == (OPENED + timedelta(days=2), D("27.78"))
    assert not trued_up.estimated
    assert_books_hold()


def test_a_change_agreed_for_a_day_to_come_is_shown_although_no_fixing_is_out_for_it(world: World) -> None:
    """A borrower with a floating rate gives notice like any other."""
    floating = world.facilities[1]
    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=3))
    world.close_through(OPENED + timedelta(days=3))
    loan = floating.loans.get()
    notice = services.propose_instruction(
        kind="prepayment",
        facility=floating,
        loan=loan,
        value_date=world.today + timedelta(days=10),
        amount=D(250_000),
        details={"effect": "instalment"},
        reason="Paid from the sale of reserves.",
        actor=world.borrower,
        on=world.today,
    )
    booked = services.book_instruction(instruction=notice, actor=world.checker, on=world.today)
    publish(OPENED + timedelta(days=4), OPENED + timedelta(days=15))
    world.close_through(OPENED + timedelta(days=15))
    # Both are of the day of the notice: by then it has earned interest, and without the money nothing else moves.
    assert booked.preview["after"] == booked.preview["before"]
    assert D(next(one["amount"] for one in booked.preview["after"]["balances"] if "INCOME" in one["account"]))
    assert not CloseException.objects.exclude(state="cured").exists()
    assert_books_hold()
