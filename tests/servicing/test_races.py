"""Sixty-four at once, on the real database: exactly as many succeed as there is room for."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connections, transaction
from django.db.models import Sum

from loanfund.audit.errors import Refused
from loanfund.audit.retry import retrying
from loanfund.facilities.models import Facility
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Allocation, BankImport, CloseException, Receipt
from tests.servicing.test_exceptions import SOFR, publish
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
AT_ONCE = 64


@pytest.fixture
def world(committed_db: str) -> Iterator[World]:
    made = make_world()
    made.sign(bullet())
    yield made
    connections.close_all()


def all_at_once(work: Callable[[int], object]) -> list[object]:
    """What each of the threads got: its result, or the refusal."""
    ready = threading.Barrier(AT_ONCE)
    results: list[object] = [None] * AT_ONCE

    def run(number: int) -> None:
        try:
            ready.wait()
            results[number] = retrying(lambda: work(number))
        except Refused as refused:
            results[number] = refused
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_sixty_four_draw_the_last_dollar_and_one_gets_it(world: World) -> None:
    world.request(D("9999999.00"), key="first")
    results = all_at_once(lambda number: world.request(D("1.00"), key=f"race-{number}"))
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == AT_ONCE - 1
    assert {str(one) for one in refused} == {
        "The facility has 0.00 USD left to draw, 1.00 is asked for. Ask for 0.00 or less."
    }
    assert world.held(K.M_UNDRAWN, f"facility:{world.facility.pk}") == 0
    assert world.held(K.M_EARMARKED, f"facility:{world.facility.pk}") == 10_000_000
    assert_books_hold()


def test_sixty_four_checkers_who_book_one_receipt_book_it_once(world: World) -> None:
    entered = services.enter_receipt(
        fund=world.fund,
        amount=D("100.00"),
        value_date=world.today,
        reference=f"{world.facility.number} once",
        actor=world.maker,
        on=world.today,
    )
    today = world.today
    results = all_at_once(lambda _: services.book_receipt(receipt=entered, actor=world.checker, on=today))
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == AT_ONCE - 1
    assert {one.code for one in refused} == {"state"}
    assert selectors.unapplied(world.facility) == D("100.00")
    assert_books_hold()


def test_sixty_four_releases_of_what_was_approved_once_send_the_money_once(world: World) -> None:
    drawdown = world.request(D("500.00"))
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    today = world.today
    results = all_at_once(
        lambda _: services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=today)
    )
    assert sum(isinstance(result, Refused) for result in results) == AT_ONCE - 1
    assert world.held(K.DISBURSEMENTS_IN_TRANSIT, f"facility:{world.facility.pk}") == 500
    assert_books_hold()


def test_sixty_four_receipts_for_the_last_cent_are_all_booked_and_one_is_applied(world: World) -> None:
    loan = world.draw(D("4.00"))
    world.close_through(date(2026, 6, 1))
    assert [due.outstanding for due in selectors.dues(world.facility, on=world.today)] == [D("0.03")]
    world.receive(D("0.02"))
    today = world.today
    entered = [
        services.enter_receipt(
            fund=world.fund,
            amount=D("0.01"),
            value_date=today,
            reference=f"{world.facility.number} cent {number}",
            actor=world.maker,
            on=today,
        )
        for number in range(AT_ONCE)
    ]
    results = all_at_once(
        lambda number: services.book_receipt(receipt=entered[number], actor=world.checker, on=today)
    )
    assert [result for result in results if not isinstance(result, Receipt)] == []
    assert Receipt.objects.filter(state="booked").count() == AT_ONCE + 1
    # Within a value date the sender's id decides, so a later booking may have taken over from an earlier one.
    net = Allocation.objects.values("source").annotate(paid=Sum("amount")).filter(paid=D("0.01"))
    assert net.count() == 1
    assert selectors.unapplied(world.facility) == D("0.63")
    assert world.held(K.INTEREST_DUE, f"loan:{loan.pk}") == 0
    assert_books_hold()


def test_a_receipt_that_bounces_while_it_is_shared_out_leaves_nothing_behind(world: World) -> None:
    """Whoever shares it out waits for the receipt first, whoever takes it back second: they follow each other."""
    receipt = services.book_receipt(receipt=nobodys(world, D(100)), actor=world.checker, on=world.today)
    (share,) = services.propose_split(
        receipt=receipt,
        parts=[(world.facility, D(100))],
        reason="their clerk wrote",
        actor=world.maker,
        on=world.today,
    )
    cash, today = world.held(K.CASH), world.today
    ways = (
        lambda: services.book_share(share=share, actor=world.checker, on=today),
        lambda: services.reverse_receipt(receipt=receipt, reason="bounced", actor=world.releaser, on=today),
    )
    results: list[object] = []

    def run(work: Callable[[], object]) -> None:
        try:
            results.append(work())
        except Refused as refused:
            results.append(refused)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in ways]
    with transaction.atomic():
        Receipt.objects.select_for_update(of=("self",)).get(pk=receipt.pk)
        for number, thread in enumerate(threads, start=1):
            thread.start()
            wait_for_waiting(number)
    for thread in threads:
        thread.join()
    assert [str(one) for one in results if isinstance(one, Refused)] == [
        "The receipt was shared out since you looked. Look again, then reverse it."
    ]
    assert selectors.unapplied(world.facility) == 100
    services.reverse_receipt(receipt=receipt, reason="bounced", actor=world.releaser, on=today)
    assert (world.held(K.CASH), selectors.unapplied(world.facility)) == (cash - 100, D(0))
    assert_books_hold()


def nobodys(world: World, amount: Decimal) -> Receipt:
    """A payment entered that names no facility."""
    return services.enter_receipt(
        fund=world.fund,
        amount=amount,
        value_date=world.today,
        reference="no name",
        actor=world.maker,
        on=world.today,
    )


def wait_for_waiting(number: int) -> None:
    """Until so many others of this database wait for a lock."""
    deadline = time.monotonic() + 20
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connections["default"].cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(asked)
            if cursor.fetchone()[0] >= number:
                return
            time.sleep(0.05)
    raise AssertionError(f"{number} were to wait for a lock")


def test_a_facility_that_two_workers_catch_up_at_once_is_caught_up_once(committed_db: str) -> None:
    """Both saw that a retry was asked for: the second finds it done when its turn comes."""
    made = make_world()
    made.sign(bullet(rate="0") | {"rate": SOFR}, commitment=D(2_000_000))
    publish(OPENED - timedelta(days=10), OPENED + timedelta(days=1))
    made.draw(D(1_000_000))
    made.close_through(OPENED + timedelta(days=8))
    publish(OPENED + timedelta(days=2), OPENED + timedelta(days=8))
    exception, today = CloseException.objects.get(), made.today
    services.request_retry(exception=exception, actor=made.maker, on=today)
    outcomes: list[dict[str, int]] = []

    def retry() -> None:
        try:
            outcomes.append(services.retry_exceptions(fund=made.fund, on=today))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=retry) for _ in range(2)]
    with transaction.atomic():
        Facility.objects.select_for_update().get(pk=made.facility.pk)
        for worker in workers:
            worker.start()
        wait_for_waiting(2)
    for worker in workers:
        worker.join()
    assert sorted(outcome["cured"] for outcome in outcomes) == [0, 1]
    assert [outcome["failed"] for outcome in outcomes] == [0, 0]
    assert CloseException.objects.get().state == CloseException.State.CURED
    assert_books_hold()


def test_sixty_four_who_load_one_file_load_it_once(world: World) -> None:
    text = f"reference,amount,currency,value_date,sender\n{world.facility.number},5.00,USD,2026-03-02,X\n"
    today = world.today
    results = all_at_once(
        lambda number: services.import_payments(
            fund=world.fund, layout="bank", name=f"{number}.csv", text=text, actor=world.maker, on=today
        )
    )
    others = [result for result in results if not isinstance(result, BankImport)]
    assert len(others) == AT_ONCE - 1
    assert {str(one).partition(" on ")[0] for one in others} == {"This file was imported"}
    assert Receipt.objects.count() == 1


def test_sixty_four_who_type_one_payment_enter_it_once(world: World) -> None:
    today = world.today
    results = all_at_once(
        lambda _: services.enter_receipt(
            fund=world.fund, amount=D(7), value_date=today, reference="once", actor=world.maker, on=today
        )
    )
    others = [result for result in results if not isinstance(result, Receipt)]
    assert len(others) == AT_ONCE - 1
    assert {str(one) for one in others} == {
        f"This payment is entered already, as {Receipt.objects.get().number}."
    }
