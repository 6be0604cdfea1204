"""What the database itself refuses, tried round the ORM with raw SQL as the app's own role."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from loanfund.audit.errors import sqlstate
from loanfund.ledger.chart import family, minimum, normal_side
from loanfund.ledger.models import Account, Book, JournalEntry, Posting
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.services import close_period
from tests.ledger.books import ON, a_book, held, move, post

pytestmark = pytest.mark.django_db
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def book() -> Book:
    book = a_book()
    post(book, move(K.UNAPPLIED, K.CASH, "100", by="facility:1"))
    post(book, move(K.M_SIZE, K.M_AVAILABLE, "100"))
    return book


@pytest.fixture(autouse=True)
def _forgotten(db: None) -> Iterator[None]:
    """A test may leave a header without legs behind, which would be refused at its end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def run(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


@transaction.atomic
def run_to_the_end(sql: str, params: list[Any] | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(sql: str, params: list[Any] | None = None) -> tuple[str, str]:
    """SQLSTATE and message of the refusal of a statement, or of the deferred check behind it."""
    with pytest.raises(DatabaseError) as error:
        run_to_the_end(sql, params)
    return sqlstate(error.value), str(error.value)


def header(book: Book, *, legs: int = 2, key: str = "raw", booked: date = ON) -> int:
    rows = run(
        "INSERT INTO ledger_journalentry (book_id, key, digest, kind, leg_count, booking_date, value_date, memo, cause)"
        " VALUES (%s, %s, '', 'raw', %s, %s, %s, '', '') RETURNING id",
        [book.pk, key, legs, booked, booked],
    )
    return int(rows[0][0])


def account(book: Book, kind: K, owner: str = "") -> int:
    return Account.objects.get(book=book, kind=kind, owner=owner).pk


LEG = "INSERT INTO ledger_posting (entry_id, line, account_id, side, amount) VALUES "


def test_an_entry_that_does_not_balance_is_refused(book: Book) -> None:
    entry, cash, unapplied = header(book), account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    state, message = refused(LEG + f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {unapplied}, 'C', 4)")
    assert state == "LF001"
    assert "differ by 1" in message


def test_an_entry_that_balances_only_over_two_currencies_is_refused(book: Book) -> None:
    post(book, move(K.UNAPPLIED, K.CASH, "1", currency="EUR"))
    entry = header(book)
    cash = Account.objects.get(book=book, kind=K.CASH, currency="USD").pk
    euro = Account.objects.get(book=book, kind=K.UNAPPLIED, currency="EUR").pk
    assert refused(LEG + f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {euro}, 'C', 5)")[0] == "LF001"


def test_an_entry_that_mixes_money_and_memorandum_is_refused(book: Book) -> None:
    entry, cash, size = header(book), account(book, K.CASH), account(book, K.M_SIZE)
    assert refused(LEG + f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {size}, 'C', 5)")[0] == "LF001"


@pytest.mark.parametrize("count", [3, 4, 40])
def test_an_entry_with_fewer_legs_than_its_header_says_is_refused(book: Book, count: int) -> None:
    entry, cash, unapplied = (
        header(book, legs=count),
        account(book, K.CASH),
        account(book, K.UNAPPLIED, "facility:1"),
    )
    state, message = refused(LEG + f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {unapplied}, 'C', 5)")
    assert state == "LF002"
    assert f"has 2 legs, its header says {count}" in message


def test_an_entry_with_more_legs_than_its_header_says_is_refused(book: Book) -> None:
    entry, cash, unapplied = header(book), account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    legs = (
        f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {unapplied}, 'C', 4), ({entry}, 3, {unapplied}, 'C', 1)"
    )
    assert refused(LEG + legs)[0] == "LF002"


def test_one_entry_short_of_a_leg_is_not_made_good_by_another_with_one_too_many(book: Book) -> None:
    short, long = header(book, legs=3), header(book, legs=2, key="raw2")
    cash, unapplied = account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    legs = (
        f"({short}, 1, {cash}, 'D', 5), ({short}, 2, {unapplied}, 'C', 5),"
        f"({long}, 1, {cash}, 'D', 5), ({long}, 2, {unapplied}, 'C', 4), ({long}, 3, {unapplied}, 'C', 1)"
    )
    assert refused(LEG + legs)[0] == "LF002"


def test_legs_cannot_be_added_to_an_entry_later(book: Book) -> None:
    entry = JournalEntry.objects.filter(book=book).earliest("id").pk
    cash, unapplied = account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    assert refused(LEG + f"({entry}, 3, {cash}, 'D', 5), ({entry}, 4, {unapplied}, 'C', 5)")[0] == "LF002"
    assert refused(LEG + f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {unapplied}, 'C', 5)")[0] == "23505"


def test_legs_without_a_header_are_refused(book: Book) -> None:
    cash, unapplied = account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    assert refused(LEG + f"(987654, 1, {cash}, 'D', 5), (987654, 2, {unapplied}, 'C', 5)")[0] == "LF002"


def test_a_header_without_legs_is_refused_at_commit(book: Book) -> None:
    state, message = refused(
        "INSERT INTO ledger_journalentry (book_id, key, digest, kind, leg_count, booking_date, value_date, memo, cause)"
        " VALUES (%s, 'lonely', '', 'raw', 2, %s, %s, '', '')",
        [book.pk, ON, ON],
    )
    assert state == "LF002"
    assert "Entry lonely has no legs" in message


@pytest.mark.parametrize(("amount", "rule"), [("0", "positive"), ("-5", "positive"), ("'NaN'", "")])
def test_an_amount_that_is_not_positive_is_refused(book: Book, amount: str, rule: str) -> None:
    entry, cash, unapplied = header(book), account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    legs = f"({entry}, 1, {cash}, 'D', {amount}), ({entry}, 2, {unapplied}, 'C', {amount})"
    assert rule in refused(LEG + legs)[1]


def test_a_side_is_debit_or_credit(book: Book) -> None:
    entry, cash = header(book), account(book, K.CASH)
    assert (
        "ledger_posting_side"
        in refused(LEG + f"({entry}, 1, {cash}, 'X', 5), ({entry}, 2, {cash}, 'C', 5)")[1]
    )


def test_a_leg_on_another_books_account_or_on_none_is_refused(book: Book) -> None:
    other = a_book("Other")
    post(other, move(K.UNAPPLIED, K.CASH, "1", by="facility:1"))
    entry, cash, foreign = header(book), account(book, K.CASH), account(other, K.UNAPPLIED, "facility:1")
    for stranger in (foreign, 987654):
        state, message = refused(LEG + f"({entry}, 1, {cash}, 'D', 5), ({entry}, 2, {stranger}, 'C', 5)")
        assert state == "LF001"
        assert "not in its book" in message


def test_an_amount_finer_than_the_currency_is_refused(book: Book) -> None:
    entry, cash, unapplied = header(book), account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    legs = f"({entry}, 1, {cash}, 'D', 0.001), ({entry}, 2, {unapplied}, 'C', 0.001)"
    assert "finer than USD allows" in refused(LEG + legs)[1]


def test_the_same_key_cannot_be_used_twice(book: Book) -> None:
    header(book)
    with pytest.raises(DatabaseError) as error:
        header(book)
    assert sqlstate(error.value) == "23505"


def test_a_balance_cannot_go_past_its_accounts_limit(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_RESERVED, "60", to="application:1"))
    entry = header(book)
    available, reserved = account(book, K.M_AVAILABLE), account(book, K.M_RESERVED, "application:1")
    state, message = refused(
        LEG + f"({entry}, 1, {available}, 'C', 40.01), ({entry}, 2, {reserved}, 'D', 40.01)"
    )
    assert state == "LF003"
    assert "would stand at -0.01" in message


def test_a_maximum_holds_as_a_minimum_does(book: Book) -> None:
    run(
        "INSERT INTO ledger_account (book_id, kind, owner, currency, decimals, normal_side, family, maximum)"
        " VALUES (%s, 'FEES_DUE', 'facility:9', 'USD', 2, 'D', 0, 50)",
        [book.pk],
    )
    post(book, move(K.LATE_FEE_INCOME, K.FEES_DUE, "50", to="facility:9"))
    entry, fees, income = (
        header(book),
        account(book, K.FEES_DUE, "facility:9"),
        account(book, K.LATE_FEE_INCOME),
    )
    assert refused(LEG + f"({entry}, 1, {fees}, 'D', 0.01), ({entry}, 2, {income}, 'C', 0.01)")[0] == "LF003"


def test_a_booking_date_in_a_closed_period_is_refused(book: Book) -> None:
    close_period(
        book=book, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31), actor=None, on=date(2026, 4, 1)
    )
    for day in (date(2026, 3, 31), date(2026, 3, 1), date(2025, 1, 1)):
        with pytest.raises(DatabaseError) as error:
            header(book, booked=day)
        assert sqlstate(error.value) == "LF004"


@pytest.mark.parametrize(
    "period", ["'2026-04-02', '2026-04-30'", "'2026-03-15', '2026-04-30'", "'2026-04-30', '2026-04-01'"]
)
def test_a_period_that_leaves_a_gap_overlaps_or_runs_backwards_is_refused(book: Book, period: str) -> None:
    close_period(
        book=book, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31), actor=None, on=date(2026, 4, 1)
    )
    refused(
        "INSERT INTO ledger_accountingperiod (book_id, starts_on, ends_on, closed_on)"
        f" VALUES ({book.pk}, {period}, '2026-06-01')"
    )


@pytest.mark.parametrize("kind", list(K))
def test_the_database_knows_each_kinds_side_family_and_limit(book: Book, kind: K) -> None:
    """An account opened by raw SQL with another side, family or limit than the chart's is refused."""
    insert = (
        "INSERT INTO ledger_account (book_id, kind, owner, currency, decimals, normal_side, family, minimum)"
        " VALUES (%s, %s, 'raw', 'USD', 2, %s, %s, %s)"
    )
    side, kin, least = normal_side(kind), family(kind).value, minimum(kind)
    assert "normal_side" in refused(insert, [book.pk, kind, "D" if side == "C" else "C", kin, least])[1]
    assert "family" in refused(insert, [book.pk, kind, side, (kin + 1) % 3, least])[1]
    if least is not None:
        assert "never_negative" in refused(insert, [book.pk, kind, side, kin, None])[1]
        assert "never_negative" in refused(insert, [book.pk, kind, side, kin, -1])[1]
    run(insert, [book.pk, kind, side, kin, least])
    assert held(book, kind, "raw") == 0


def test_a_wrong_batch_leaves_the_right_entries_in_it_out_too(book: Book) -> None:
    good, bad = header(book), header(book, key="bad")
    cash, unapplied = account(book, K.CASH), account(book, K.UNAPPLIED, "facility:1")
    before = Posting.objects.count()
    refused(
        LEG + f"({good}, 1, {cash}, 'D', 5), ({good}, 2, {unapplied}, 'C', 5),"
        f"({bad}, 1, {cash}, 'D', 5), ({bad}, 2, {unapplied}, 'C', 6)"
    )
    assert Posting.objects.count() == before
