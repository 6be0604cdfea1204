"""Seals over stored rows: one byte changed by whoever, in any table that holds money or decisions, is found and named."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from loanfund.audit.invariants import verify_chain, verify_seals
from loanfund.audit.models import Seal
from loanfund.audit.protection import protect, protected_tables
from loanfund.ledger.models import Book

Sql = Callable[..., list[tuple[Any, ...]]]
ON = date(2026, 3, 2)


def broken() -> list[str]:
    return [found.object for found in verify_seals().breaks]


def past_the_triggers(superuser_sql: Sql, statement: str) -> None:
    superuser_sql(f"SET session_replication_role = replica; {statement}")


@pytest.fixture
def book(committed_db: str) -> Book:
    return Book.objects.create(name="Harbour", currency="USD", opened_on=ON)


def test_rows_written_by_rule_are_sealed(book: Book) -> None:
    finding = verify_seals()
    assert finding.passed, finding.breaks
    assert Seal.objects.filter(table="ledger_book", keys=[str(book.pk)]).count() == 1


def test_a_superuser_who_changes_one_byte_is_found_at_the_row(book: Book, superuser_sql: Sql) -> None:
    past_the_triggers(superuser_sql, f"UPDATE ledger_book SET name = 'Harbor' WHERE id = {book.pk}")
    assert broken() == [f"ledger_book:{book.pk}"]
    assert "changed after it was sealed" in verify_seals().breaks[0].sentence


def test_a_row_slipped_in_and_a_row_taken_out_are_both_found(book: Book, superuser_sql: Sql) -> None:
    past_the_triggers(
        superuser_sql,
        f"INSERT INTO ledger_book (id, name, currency, opened_on) VALUES (77, 'x', 'USD', now());"
        f"DELETE FROM ledger_book WHERE id = {book.pk}",
    )
    assert sorted(broken()) == sorted([f"ledger_book:{book.pk}", "ledger_book:77"])


def test_a_seal_forged_to_match_its_row_breaks_the_chain(book: Book, superuser_sql: Sql) -> None:
    seal = Seal.objects.get(table="ledger_book", keys=[str(book.pk)])
    past_the_triggers(
        superuser_sql,
        f"UPDATE ledger_book SET name = 'Harbor' WHERE id = {book.pk};"
        f"UPDATE audit_seal SET digests = (SELECT ARRAY[sha256(record_send(ROW(t.id, t.name, t.currency, t.opened_on)))]"
        f" FROM ledger_book t WHERE t.id = {book.pk}) WHERE id = {seal.pk}",
    )
    assert broken() == [], "the forgery is right in itself"
    assert [found.object for found in verify_chain().breaks] == [f"audit_seal:{seal.pk}"]


def test_every_sealed_table_seals_what_is_written_into_it(committed_db: str, superuser_sql: Sql) -> None:
    """The list comes from the models; none may be missing its triggers or its grants."""
    for table in protected_tables():
        if not table.under_seal or table.seal_by:
            continue
        wanted = {"audit_seal_insert", "audit_seal_update", "audit_seal_delete"}
        rows = superuser_sql(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgenabled = 'O'", [table.name]
        )
        assert wanted <= {name for (name,) in rows}, table.name


def test_the_app_may_not_change_or_empty_any_append_only_table(committed_db: str) -> None:
    for table in protected_tables():
        if table.protection == "sealed":
            continue
        with connection.cursor() as cursor:
            for right in ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER"):
                cursor.execute("SELECT has_table_privilege(%s, %s)", [table.name, right])
                assert cursor.fetchone() == (False,), f"{right} on {table.name}"


@pytest.fixture
def two_tables(committed_db: str, owner_sql: Sql, superuser_sql: Sql) -> None:
    """One whose rows change by rule, and one whose rows come in batches."""
    owner_sql(
        "CREATE TABLE offer (id int PRIMARY KEY, state text, gone text);"
        "CREATE TABLE night (loan int, day date, run int, amount numeric(38, 12), PRIMARY KEY (loan, day));"
        "SELECT audit_seal_table('offer'), audit_seal_table('night', 'run');"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON offer, night TO loanfund_app"
    )


def run(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_a_row_that_changes_by_rule_is_sealed_anew_each_time(two_tables: None, superuser_sql: Sql) -> None:
    run("INSERT INTO offer VALUES (1, 'open'), (2, 'open'), (3, 'open')")
    run("UPDATE offer SET state = 'accepted' WHERE id = 1")
    run("DELETE FROM offer WHERE id = 3")
    assert broken() == []
    past_the_triggers(superuser_sql, "UPDATE offer SET state = 'open' WHERE id = 1")
    assert broken() == ["offer:1"]


def test_a_table_whose_columns_changed_is_reported_until_it_is_sealed_again(
    two_tables: None, owner_sql: Sql
) -> None:
    run("INSERT INTO offer VALUES (1, 'open')")
    owner_sql("ALTER TABLE offer DROP COLUMN gone, ADD COLUMN note text DEFAULT 'x'")
    assert broken() == ["offer"]
    owner_sql("SELECT audit_seal_table('offer')")
    assert broken() == []
    run("UPDATE offer SET note = 'y'")
    assert broken() == []


@pytest.fixture
def a_night(two_tables: None) -> None:
    for batch in (7, 8):
        run(
            f"INSERT INTO night SELECT g, date '2026-03-0{batch}', {batch}, g / 7.0 FROM generate_series(1, 50) g;"
            f"SELECT audit_seal_batch('night', '{batch}')"
        )


def test_a_batch_is_sealed_once_and_holds(a_night: None) -> None:
    assert verify_seals().passed
    with pytest.raises(DatabaseError, match="audit_seal_batch_once"):
        run("SELECT audit_seal_batch('night', '7')")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "UPDATE night SET amount = amount + 0.000000000001 WHERE loan = 31 AND run = 7",
            "night:31/2026-03-07",
        ),
        ("DELETE FROM night WHERE loan = 31 AND run = 7", "night:32/2026-03-07"),
        ("DELETE FROM night WHERE run = 8", "night:run=8"),
        ("INSERT INTO night VALUES (99, '2026-03-09', 9, 1)", "night:run=9"),
        ("INSERT INTO night VALUES (99, '2026-03-09', NULL, 1)", "night:run=none"),
    ],
)
def test_one_altered_row_of_a_batch_is_located(
    a_night: None, superuser_sql: Sql, change: str, found: str
) -> None:
    past_the_triggers(superuser_sql, change)
    assert broken() == [found]


def test_a_table_that_lost_its_seal_is_reported(book: Book, superuser_sql: Sql) -> None:
    past_the_triggers(superuser_sql, "DELETE FROM audit_sealedtable WHERE \"table\" = 'ledger_book'")
    assert broken() == ["ledger_book"]


def test_the_app_cannot_grant_itself_anything(committed_db: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="connect as the owner"):
        protect()
