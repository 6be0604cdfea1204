"""Many people at once after the last dollar: exactly the right number get it, the others get the sentence."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from loanfund.audit.errors import Refused
from loanfund.audit.invariants import INVARIANTS as AUDIT_INVARIANTS
from loanfund.audit.retry import retrying
from loanfund.ledger.chart import credit, debit
from loanfund.ledger.invariants import INVARIANTS
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import Book, JournalEntry
from loanfund.ledger.services import LimitReached, close_period, post_entries
from tests.ledger.books import ON, a_book, draft, held, move, post

D = Decimal
MANY = 64


def at_once(work: Callable[[int], object], people: int = MANY) -> list[object]:
    """What each of many people got, or the error it met, all having begun together."""
    together = Barrier(people)
    results: list[object] = [None] * people

    def person(number: int) -> None:
        together.wait()
        try:
            results[number] = retrying(lambda: work(number))
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [Thread(target=person, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        return int(cursor.fetchone()[1])


@pytest.fixture
def book(committed_db: str) -> Book:
    book = a_book()
    post(book, move(K.M_SIZE, K.M_AVAILABLE, "100000000"))
    return book


def books_are_clean() -> bool:
    return all(check().passed for check in [*INVARIANTS, *AUDIT_INVARIANTS] if check().rows_seen) and not [
        found for check in [*INVARIANTS, *AUDIT_INVARIANTS] for found in check().breaks
    ]


def test_64_approvals_for_the_last_3_million_of_the_fund_succeed_3_times(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_RESERVED, "97000000", to="application:0"))
    results = at_once(
        lambda n: post(book, move(K.M_AVAILABLE, K.M_RESERVED, "1000000", to=f"application:{n}"))
    )
    assert sum(isinstance(result, JournalEntry) for result in results) == 3
    assert {str(result) for result in results if not isinstance(result, JournalEntry)} == {
        "The fund has 0.00 USD left to promise, 1,000,000.00 USD is asked for."
    }
    assert held(book, K.M_AVAILABLE) == 0
    assert books_are_clean()
    assert deadlocks() == 0


def test_64_drawdowns_of_the_last_dollar_of_a_facility_succeed_once(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_UNDRAWN, "1.00", to="facility:1"))
    results = at_once(
        lambda _: post(book, move(K.M_UNDRAWN, K.M_EARMARKED, "1.00", by="facility:1", to="facility:1"))
    )
    assert sum(isinstance(result, JournalEntry) for result in results) == 1
    assert all(isinstance(result, JournalEntry | LimitReached) for result in results)
    assert held(book, K.M_EARMARKED, "facility:1") == 1
    assert books_are_clean()


def test_64_retries_of_one_event_post_it_once_and_all_get_it(book: Book) -> None:
    results = at_once(lambda _: post(book, move(K.UNAPPLIED, K.CASH, "5"), key="receipt:1"))
    assert {result.pk for result in results if isinstance(result, JournalEntry)} == {
        JournalEntry.objects.get(key="receipt:1").pk
    }
    assert all(isinstance(result, JournalEntry) for result in results)
    assert held(book, K.CASH) == 5
    assert books_are_clean()


def test_64_refunds_of_what_is_held_once_pay_once(book: Book) -> None:
    post(book, move(K.UNAPPLIED, K.CASH, "10", by="partner:1"))
    results = at_once(
        lambda _: post(
            book,
            debit(K.UNAPPLIED, "USD", "partner:1", D(10))
            + credit(K.REFUNDS_IN_TRANSIT, "USD", "partner:1", D(10)),
        )
    )
    assert sum(isinstance(result, JournalEntry) for result in results) == 1
    assert held(book, K.UNAPPLIED, "partner:1") == 0


def test_64_facts_past_the_limit_all_post_and_the_excess_is_shown(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_RESERVED, "99999990", to="application:0"))
    results = at_once(
        lambda n: post(book, move(K.M_AVAILABLE, K.M_DRAWN, "1", to=f"facility:{n}", fact=True))
    )
    assert all(isinstance(result, JournalEntry) for result in results), results
    assert held(book, K.M_AVAILABLE) == 0
    assert held(book, K.M_OVER_LIMIT) == 54
    assert books_are_clean()


def test_crossing_transfers_between_the_same_accounts_never_deadlock(book: Book) -> None:
    owners = [f"facility:{n}" for n in range(4)]
    for owner in owners:
        post(book, move(K.UNAPPLIED, K.CASH, "1000", by=owner))

    def work(number: int) -> None:
        for step in range(5):
            a, b = owners[(number + step) % 4], owners[(number * 3 + step + 1) % 4]
            if a != b:
                both = [
                    draft(book, debit(K.UNAPPLIED, "USD", x, D(1)) + credit(K.UNAPPLIED, "USD", y, D(1)))
                    for x, y in ((a, b), (b, a))
                ]
                post_entries(entries=both if number % 2 else both[::-1], actor=None, on=ON)

    assert [result for result in at_once(work, 32) if result is not None] == []
    assert sum(held(book, K.UNAPPLIED, owner) for owner in owners) == 4000
    assert deadlocks() == 0
    assert books_are_clean()


def test_whoever_books_while_the_month_closes_is_in_it_or_refused(book: Book) -> None:
    def work(number: int) -> object:
        if number == 7:
            return close_period(
                book=book,
                starts_on=date(2026, 3, 1),
                ends_on=date(2026, 3, 31),
                actor=None,
                on=date(2026, 4, 1),
            )
        return post(book, move(K.UNAPPLIED, K.CASH, "1"))

    results = at_once(work, 32)
    assert all(isinstance(result, Refused) or not isinstance(result, Exception) for result in results), (
        results
    )
    booked = sum(isinstance(result, JournalEntry) for result in results)
    assert held(book, K.CASH) == booked
    with pytest.raises(Refused, match="closed up to"):
        post(book, move(K.UNAPPLIED, K.CASH, "1"))
    assert books_are_clean()
