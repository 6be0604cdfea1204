"""Eight ways of tampering with the books as the app's role are refused; what a superuser does is found and located."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.test import RequestFactory

from loanfund.audit.errors import sqlstate
from loanfund.audit.invariants import INVARIANTS as AUDIT_INVARIANTS
from loanfund.audit.models import AuditEvent
from loanfund.ledger.invariants import INVARIANTS
from loanfund.ledger.models import Account, AccountingPeriod, Book, JournalEntry
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.services import close_period
from loanfund.parties import roles
from tests.ledger.books import ON, a_book, move, post
from tests.servicing.world import person

Sql = Callable[..., list[tuple[Any, ...]]]
APPEND_ONLY = [
    "ledger_book",
    "ledger_account",
    "ledger_journalentry",
    "ledger_posting",
    "ledger_accountingperiod",
]
KEPT = ["ledger_balance", "ledger_daymovement"]
PERMISSION_DENIED = "42501"


@pytest.fixture(scope="module")
def book(module_db: str) -> Book:
    book = a_book()
    post(book, move(K.UNAPPLIED, K.CASH, "100", by="facility:1"), key="receipt:1")
    post(book, move(K.M_SIZE, K.M_AVAILABLE, "100"), key="capital:1")
    post(book, move(K.UNAPPLIED, K.CASH, "7", by="facility:1"), key="receipt:2", booked=date(2026, 4, 2))
    close_period(
        book=book, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31), actor=None, on=date(2026, 4, 1)
    )
    return book


def state_of(sql: str) -> str:
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    return sqlstate(error.value)


@pytest.mark.parametrize("table", APPEND_ONLY + KEPT)
def test_the_app_can_neither_update_delete_nor_truncate_a_book(book: Book, table: str) -> None:
    column = {"ledger_balance": "debit = 0", "ledger_daymovement": "debit = 0"}.get(table, "id = id")
    assert state_of(f"UPDATE {table} SET {column}") == PERMISSION_DENIED
    assert state_of(f"DELETE FROM {table}") == PERMISSION_DENIED
    assert state_of(f"TRUNCATE {table} CASCADE") == PERMISSION_DENIED


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_the_app_can_neither_drop_nor_disable_a_trigger(book: Book, table: str) -> None:
    assert state_of(f"DROP TRIGGER audit_append_only ON {table}") == PERMISSION_DENIED
    assert state_of(f"ALTER TABLE {table} DISABLE TRIGGER ALL") == PERMISSION_DENIED
    assert state_of(f"ALTER TABLE {table} DISABLE TRIGGER USER") == PERMISSION_DENIED


def test_the_app_cannot_switch_triggers_off_for_its_session(book: Book) -> None:
    assert state_of("SET session_replication_role = replica") == PERMISSION_DENIED


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ledger_balance (account_id, debit, credit) VALUES (1, 5, 0)",
        "INSERT INTO ledger_daymovement (account_id, booking_date, debit, credit) VALUES (1, now(), 5, 0)",
        "SELECT * FROM ledger_balance FOR UPDATE",
        "ALTER FUNCTION ledger_legs_posted() SECURITY INVOKER",
        "CREATE OR REPLACE FUNCTION ledger_legs_posted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "DROP FUNCTION ledger_legs_posted() CASCADE",
        "ALTER TABLE ledger_posting OWNER TO loanfund_app",
        "GRANT ALL ON ledger_balance TO loanfund_app",
    ],
)
def test_the_app_cannot_write_balances_or_touch_what_writes_them(book: Book, sql: str) -> None:
    if sql.startswith("GRANT"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT has_table_privilege('ledger_balance', 'UPDATE')")
            assert cursor.fetchone() == (False,)
        return
    assert state_of(sql) == PERMISSION_DENIED


def owners_functions() -> list[tuple[str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.oid::regprocedure::text, prorettype = 'trigger'::regtype FROM pg_proc p"
            " WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1"
        )
        return cursor.fetchall()


def test_the_owners_rights_cannot_be_borrowed_by_a_table_of_the_apps_own(book: Book) -> None:
    """A temporary table with the same columns and the owner's trigger function would write balances at will."""
    triggers = [name for name, is_trigger in owners_functions() if is_trigger]
    assert len(triggers) > 5
    for function in triggers:
        assert (
            state_of(
                "CREATE TEMP TABLE legs_of_mine (LIKE ledger_posting);"
                "CREATE TRIGGER mine AFTER INSERT ON legs_of_mine REFERENCING NEW TABLE AS legs"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}"
            )
            == PERMISSION_DENIED
        ), function


def test_every_function_with_the_owners_rights_has_a_fixed_search_path(book: Book) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
            " AND NOT coalesce(array_to_string(proconfig, ' '), '') LIKE '%search_path=pg_catalog, public, pg_temp%'"
        )
        assert cursor.fetchall() == []


def test_what_the_app_may_call_with_the_owners_rights_only_locks_or_seals(book: Book) -> None:
    callable_ = [name for name, is_trigger in owners_functions() if not is_trigger]
    assert callable_ == ["audit_seal_batch(text,text)", "ledger_lock_balances(bigint[])"]


def test_the_admin_shows_the_books_and_offers_nobody_to_write_in_them(book: Book) -> None:
    """Not even an administrator with every right: asked of the registered pages themselves, as their views ask."""
    request = RequestFactory().get("/")
    request.user = person("Root", *roles.ALL)
    request.user.is_staff = request.user.is_superuser = True
    shown = [
        page
        for model, page in admin.site._registry.items()
        if model._meta.app_label in {"ledger", "audit"} and getattr(model, "protection", "")
    ]
    assert {page.model for page in shown} >= {JournalEntry, Account, AccountingPeriod, Book, AuditEvent}
    for page in shown:
        assert page.has_view_permission(request), page
        pages = [page, *page.get_inline_instances(request)]
        for one in pages:
            assert (
                not one.has_add_permission(request, None)  # type: ignore[call-arg]  # an inline's takes the parent too
                if one is not page
                else not one.has_add_permission(request)
            )
            assert not one.has_change_permission(request), one
            assert not one.has_delete_permission(request), one
        assert page.get_actions(request) == {}


def test_a_change_forced_through_a_page_of_the_admin_is_refused_by_the_database(book: Book) -> None:
    entry = JournalEntry.objects.get(key="receipt:1")
    entry.memo = "something else"
    page = admin.site._registry[JournalEntry]
    with pytest.raises(DatabaseError) as error, transaction.atomic():
        page.save_model(RequestFactory().post("/"), entry, form=None, change=True)
    assert sqlstate(error.value) == PERMISSION_DENIED
    periods = admin.site._registry[AccountingPeriod]
    with pytest.raises(DatabaseError) as error, transaction.atomic():
        periods.delete_queryset(RequestFactory().post("/"), AccountingPeriod.objects.all())
    assert sqlstate(error.value) == PERMISSION_DENIED


# --- As a superuser, past every trigger ------------------------------------------------------------------------------


def found() -> set[str]:
    """The tables and rows that any check of the book or of the seals names."""
    return {found.object for check in [*INVARIANTS, *AUDIT_INVARIANTS] for found in check().breaks}


@contextmanager
def tampered(superuser_sql: Sql, *tables: str, statement: str) -> Iterator[None]:
    """A superuser's statement past every trigger, taken back afterwards."""
    past = "SET session_replication_role = replica; "
    for table in tables:
        superuser_sql(f"CREATE TABLE saved_{table} AS TABLE {table}")
    try:
        superuser_sql(past + statement)
        yield
    finally:
        for table in tables:
            superuser_sql(
                f"{past} DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved_{table}; DROP TABLE saved_{table}"
            )


def test_every_check_of_the_book_looks_at_something_and_finds_it_right(book: Book) -> None:
    assert [check().check for check in INVARIANTS if not check().passed] == []
    assert found() == set()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE ledger_posting SET amount = amount + 0.01 WHERE line = 1", "ledger_posting"),
        ("UPDATE ledger_posting SET amount = amount + 0.01", "ledger_posting"),
        ("UPDATE ledger_posting SET side = CASE side WHEN 'D' THEN 'C' ELSE 'D' END", "ledger_posting"),
        ("UPDATE ledger_posting SET instead_of_id = account_id", "ledger_posting"),
        ("DELETE FROM ledger_posting WHERE line = 2", "ledger_posting"),
        ("UPDATE ledger_journalentry SET memo = 'x' WHERE key = 'receipt:1'", "ledger_journalentry"),
        ("UPDATE ledger_journalentry SET value_date = value_date - 1", "ledger_journalentry"),
        ("UPDATE ledger_journalentry SET booking_date = booking_date + 1", "ledger_journalentry"),
        ("UPDATE ledger_journalentry SET known_at = known_at + interval '1 year'", "ledger_journalentry"),
        ("UPDATE ledger_journalentry SET cause = 'receipt:2'", "ledger_journalentry"),
        ("DELETE FROM ledger_journalentry WHERE key = 'receipt:1'", "ledger_journalentry"),
        ("UPDATE ledger_balance SET debit = debit + 0.01, credit = credit + 0.01", "ledger_balance"),
        ("DELETE FROM ledger_balance", "ledger_balance"),
        ("UPDATE ledger_daymovement SET debit = debit + 0.01", "ledger_daymovement"),
        ("UPDATE ledger_daymovement SET booking_date = booking_date + 1", "ledger_daymovement"),
        ("DELETE FROM ledger_daymovement", "ledger_daymovement"),
        ("UPDATE ledger_account SET owner = 'facility:2' WHERE owner = 'facility:1'", "ledger_account"),
        ("UPDATE ledger_account SET minimum = 0.01 WHERE kind = 'CASH'", "ledger_account"),
        ("UPDATE ledger_accountingperiod SET ends_on = ends_on - 1", "ledger_accountingperiod"),
        ("DELETE FROM ledger_accountingperiod", "ledger_accountingperiod"),
        ("UPDATE ledger_book SET currency = 'EUR'", "ledger_book"),
    ],
)
def test_what_a_superuser_changes_is_found_and_located(
    book: Book, superuser_sql: Sql, statement: str, where: str
) -> None:
    with tampered(superuser_sql, where, statement=statement):
        assert any(place.startswith(f"{where}:") for place in found()), found()
    assert found() == set()


def test_a_whole_entry_slipped_in_is_found_by_its_seal_and_by_the_balances(
    book: Book, superuser_sql: Sql
) -> None:
    cash = Account.objects.get(book=book, kind=K.CASH).pk
    unapplied = Account.objects.get(book=book, kind=K.UNAPPLIED).pk
    forged = (
        "INSERT INTO ledger_journalentry"
        " (id, book_id, key, digest, kind, leg_count, booking_date, value_date, memo, cause)"
        f" VALUES (999, {book.pk}, 'forged', '', 'x', 2, '{ON}', '{ON}', '', '');"
        "INSERT INTO ledger_posting (id, entry_id, line, account_id, side, amount)"
        f" VALUES (998, 999, 1, {cash}, 'D', 5), (999, 999, 2, {unapplied}, 'C', 5)"
    )
    with tampered(superuser_sql, "ledger_journalentry", "ledger_posting", statement=forged):
        assert {"ledger_journalentry:999", "ledger_posting:998", f"ledger_balance:{cash}"} <= found()
