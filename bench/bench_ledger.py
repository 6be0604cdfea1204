"""How fast the book and the audit chain are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from itertools import count

import psycopg
from django.db import connection, connections

from bench import floors
from bench.harness import Figure, benchmark, best, fresh_database, once, pair
from loanfund.audit.invariants import verify_chain
from loanfund.ledger.chart import EntryDraft, credit, debit
from loanfund.ledger.invariants import (
    books_sum_to_zero,
    entries_are_complete_and_balance,
    kept_balances_equal_sums,
)
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import Book
from loanfund.ledger.selectors import trial_balance
from loanfund.ledger.services import open_book, post_entries
from tests import servers

ON = date(2026, 3, 2)
AMOUNT = Decimal("12.34")


@contextmanager
def superuser() -> Iterator[psycopg.Connection]:
    name = str(connections["default"].settings_dict["NAME"])
    with psycopg.connect(servers.database_url(name, servers.SUPERUSER), autocommit=True) as link:
        yield link


def a_book() -> Book:
    return open_book(name="Bench", currency="USD", actor=None, on=ON)


def poster(book: Book, entries: int) -> Callable[[], object]:
    numbers = count(1)

    def work() -> object:
        drafts = [
            EntryDraft(
                f"bench-{entries}-{next(numbers)}",
                "bench",
                book.pk,
                ON,
                ON,
                debit(K.CASH, "USD", "", AMOUNT) + credit(K.UNAPPLIED, "USD", "facility:1", AMOUNT),
            )
            for _ in range(entries)
        ]
        return post_entries(entries=drafts, actor=None, on=ON)

    return work


def by_hand(link: psycopg.Connection, entries: int) -> Callable[[], object]:
    numbers = count(1)
    cursor = link.cursor()

    def work() -> object:
        keys = [f"bench-{entries}-{next(numbers)}" for _ in range(entries)]
        return cursor.execute(floors.POST, {"digest": b"\0" * 32, "day": ON, "keys": keys}, prepare=True)

    return work


@contextmanager
def both_sides() -> Iterator[tuple[Book, psycopg.Connection]]:
    with fresh_database(), superuser() as link:
        floors.make_copies(link.cursor())
        yield a_book(), link


def warm(*works: Callable[[], object]) -> None:
    for _ in range(20):
        for work in works:
            work()


@benchmark("posting", max_ratio=5)
def posting() -> Figure:
    """One entry of two legs, with limits, kept balances, seals and audit, committed to disk."""
    with both_sides() as (book, link):
        ours, floor = poster(book, 1), by_hand(link, 1)
        warm(ours, floor)
        taken, least = pair(ours, floor, rounds=200)
    return Figure(taken, least, note=floors.POSTING_ROWS)


@benchmark("posting_100", max_ratio=2)
def posting_100() -> Figure:
    """An entry of a hundred posted in one call, against the statement written by hand for one; the note also compares
    with one statement written by hand for all hundred."""
    with both_sides() as (book, link):
        ours, floor, bulk = poster(book, 100), by_hand(link, 1), by_hand(link, 100)
        warm(ours, floor, bulk)
        taken, least = pair(ours, floor, rounds=40)
        taken_too, least_in_bulk = pair(ours, bulk, rounds=40)
    taken = min(taken, taken_too) / 100
    note = f"an entry; {taken_too / least_in_bulk:.1f}x one statement for all 100 ({floors.POSTINGS_ROWS})"
    return Figure(taken, least, note=note)


LEGS = """
SET session_replication_role = replica;
INSERT INTO ledger_journalentry (book_id, key, digest, kind, leg_count, booking_date, value_date, memo, cause)
    SELECT %(book)s, 'bulk-' || g, '', 'bulk', 2, %(day)s::date - (g %% 1000)::int, %(day)s, '', ''
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) g;
INSERT INTO ledger_posting (entry_id, line, account_id, side, amount)
    SELECT e.id, v.line, CASE v.side WHEN 'D' THEN %(cash)s ELSE %(others)s::bigint + e.id %% 100 END, v.side, 12.34
    FROM ledger_journalentry e, (VALUES (1, 'D'), (2, 'C')) v (line, side)
    WHERE e.key LIKE 'bulk-%%' AND NOT EXISTS (SELECT FROM ledger_posting p WHERE p.entry_id = e.id);
DELETE FROM ledger_daymovement;
INSERT INTO ledger_daymovement (account_id, booking_date, debit, credit)
    SELECT p.account_id, e.booking_date, coalesce(sum(p.amount) FILTER (WHERE p.side = 'D'), 0),
        coalesce(sum(p.amount) FILTER (WHERE p.side = 'C'), 0)
    FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id GROUP BY 1, 2;
UPDATE ledger_balance b SET debit = s.debit, credit = s.credit
    FROM (SELECT account_id, sum(debit) AS debit, sum(credit) AS credit FROM ledger_daymovement GROUP BY 1) s
    WHERE s.account_id = b.account_id;
"""


def fill(link: psycopg.Connection, book: Book, *, first: int, last: int) -> None:
    """Entries of two legs over 101 accounts and 1,000 booking dates, written past the triggers, as if by them."""
    accounts = [
        (
            f"INSERT INTO ledger_account (id, book_id, kind, owner, currency, decimals, normal_side, family, minimum)"
            f" VALUES ({number}, {book.pk}, '{kind}', '{owner}', 'USD', 2, '{side}', 0, 0) ON CONFLICT DO NOTHING"
        )
        for number, kind, owner, side in [
            (1000, "CASH", "", "D"),
            *((2000 + n, "UNAPPLIED", f"facility:{n}", "C") for n in range(100)),
        ]
    ]
    with link.cursor() as cursor:
        for statement in accounts:
            cursor.execute(statement)
        values = {"book": book.pk, "day": ON, "first": first, "last": last, "cash": 1000, "others": 2000}
        with psycopg.ClientCursor(link) as plain:
            plain.execute(LEGS, values)
        cursor.execute("SET session_replication_role = origin")
        for table in (
            "ledger_journalentry",
            "ledger_posting",
            "ledger_balance",
            "ledger_daymovement",
            "ledger_account",
        ):
            cursor.execute(f"VACUUM ANALYZE {table}")


BALANCE = "SELECT ledger_balance_of(%s, 'CASH', '', 'USD')"


@benchmark("balance", max_ratio=2)
def balance() -> Figure:
    """A kept balance against `select 1`, both through a cursor, at 1,000 and at 1,000,000 legs."""
    with fresh_database(), superuser() as link, connection.cursor() as cursor:
        book = a_book()

        def repeat(sql: str, parameters: list[int]) -> Callable[[], object]:
            return lambda: [cursor.execute(sql, parameters) or cursor.fetchone() for _ in range(200)]

        read, one = repeat(BALANCE, [book.pk]), repeat("SELECT 1", [])
        fill(link, book, first=1, last=500)
        few, one_at_few = pair(read, one, rounds=15)
        fill(link, book, first=501, last=500_000)
        many, one_at_many = pair(read, one, rounds=15)
    few_ratio, many_ratio = few / one_at_few, many / one_at_many
    worst = max((few_ratio, few, one_at_few), (many_ratio, many, one_at_many))
    note = f"ratio {few_ratio:.2f} at 1,000 legs, {many_ratio:.2f} at 1,000,000"
    return Figure(worst[1] / 200, worst[2] / 200, note=note)


@benchmark("proof_2m", max_seconds=2)
def proof_2m() -> Figure:
    """The trial balance, and the proof that 2 million legs balance entry by entry and sum to the kept balances."""
    with fresh_database(), superuser() as link:
        book = a_book()
        fill(link, book, first=1, last=1_000_000)
        seen: list[int] = []

        def prove() -> None:
            assert sum(line.debit - line.credit for line in trial_balance(book_id=book.pk)) == 0
            for check in (books_sum_to_zero, entries_are_complete_and_balance, kept_balances_equal_sums):
                finding = check()
                assert finding.passed, finding
                seen.append(finding.rows_seen)

        seconds = best(prove, rounds=3)
    return Figure(seconds, note=f"{max(seen):,} legs, every entry, every account")


CHAIN = """
SET session_replication_role = replica;
INSERT INTO audit_auditevent ("on", actor_id, actor, action, object_type, object_id, after, reason)
    SELECT %(day)s, '17', 'dana@fund.example', 'receipt.booked', 'servicing.receipt', g::text,
        jsonb_build_object('amount', '1000000.00', 'state', 'booked', 'n', g), '' FROM generate_series(1, 1000000) g;
DO $$
DECLARE
    last bytea := (SELECT hash FROM audit_auditlink ORDER BY seq DESC LIMIT 1);
    at bigint := (SELECT max(seq) FROM audit_auditlink);
    e audit_auditevent;
BEGIN
    FOR e IN SELECT * FROM audit_auditevent WHERE action = 'receipt.booked' ORDER BY id LOOP
        at := at + 1;
        last := sha256(last || audit_event_digest(e));
        INSERT INTO audit_auditlink (seq, source, ref, hash) VALUES (at, 'E', e.id, last);
    END LOOP;
END $$;
"""


@benchmark("chain_1m", max_seconds=5)
def chain_1m() -> Figure:
    """Recomputing the chain over a million audit events."""
    with fresh_database(), superuser() as link:
        a_book()
        with psycopg.ClientCursor(link) as plain:
            plain.execute(CHAIN, {"day": ON})
            plain.execute("VACUUM ANALYZE audit_auditevent")
            plain.execute("VACUUM ANALYZE audit_auditlink")
        seen: list[int] = []

        def prove() -> None:
            finding = verify_chain()
            assert finding.passed, finding.breaks[:3]
            seen.append(finding.rows_seen)

        seconds = min(once(prove) for _ in range(2))
    return Figure(seconds, note=f"{seen[0]:,} links, every event's bytes")
