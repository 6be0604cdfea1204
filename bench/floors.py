"""The least that anyone could do instead: hand-written SQL that writes or reads the same rows, without our rules.

The tables are bare copies of ours (`LIKE ... INCLUDING ALL`): the same columns, keys and indexes, no triggers and no
foreign keys. Every floor says how many rows it writes, so that both sides can be compared.
"""

import tempfile
from datetime import date
from typing import Any

import psycopg

from bench.harness import once

COPIES = {
    "floor_entry": "ledger_journalentry",
    "floor_posting": "ledger_posting",
    "floor_balance": "ledger_balance",
    "floor_day": "ledger_daymovement",
    "floor_event": "audit_auditevent",
    "floor_seal": "audit_seal",
    "floor_link": "audit_auditlink",
}

POSTING_ROWS = "1 header, 2 legs, 2 balances, 2 days, 1 audit event, 2 seals, 3 links on both sides"
POSTINGS_ROWS = "100 headers, 200 legs, 2 balances, 2 days, 1 audit event, 2 seals, 3 links on both sides"

POST = """
WITH e AS (
    INSERT INTO floor_entry (book_id, key, digest, kind, leg_count, booking_date, value_date, memo, cause)
    SELECT 1, k, %(digest)s, 'bench', 2, %(day)s, %(day)s, '', '' FROM unnest(%(keys)s::text[]) k RETURNING id
), legs AS (
    INSERT INTO floor_posting (entry_id, line, account_id, side, amount)
    SELECT e.id, v.line, v.account, v.side, 12.34 FROM e, (VALUES (1, 1, 'D'), (2, 2, 'C')) v (line, account, side)
    RETURNING account_id, side, amount
), moved AS (
    SELECT account_id, coalesce(sum(amount) FILTER (WHERE side = 'D'), 0) AS debit,
        coalesce(sum(amount) FILTER (WHERE side = 'C'), 0) AS credit FROM legs GROUP BY account_id
), balances AS (
    UPDATE floor_balance b SET debit = b.debit + m.debit, credit = b.credit + m.credit
    FROM moved m WHERE m.account_id = b.account_id
), days AS (
    INSERT INTO floor_day AS d (account_id, booking_date, debit, credit)
    SELECT account_id, %(day)s, debit, credit FROM moved
    ON CONFLICT (account_id, booking_date)
        DO UPDATE SET debit = d.debit + EXCLUDED.debit, credit = d.credit + EXCLUDED.credit
), event AS (
    INSERT INTO floor_event ("on", actor_id, actor, action, object_type, object_id, after, reason)
    SELECT %(day)s, '', 'system', 'ledger.posted', 'ledger.journalentry', min(id)::text,
        jsonb_build_object('entries', array_agg(id)), '' FROM e RETURNING id, 'E' AS source
), seals AS (
    INSERT INTO floor_seal ("table", batch, rows, keys, digests)
    SELECT t, '', count(*), array_agg(e.id::text), array_agg(%(digest)s::bytea)
    FROM e, (VALUES ('ledger_journalentry'), ('ledger_posting')) v (t) GROUP BY t RETURNING id, 'S' AS source
)
INSERT INTO floor_link (seq, source, ref, hash)
SELECT (SELECT coalesce(max(seq), 0) FROM floor_link) + row_number() OVER (), x.source, x.id, %(digest)s
FROM (SELECT * FROM event UNION ALL SELECT * FROM seals) x
"""


def make_copies(cursor: Any) -> None:
    """Create the bare tables, with two accounts' balances. Runs as the owner."""
    for copy, table in COPIES.items():
        cursor.execute(f"DROP TABLE IF EXISTS {copy}")
        cursor.execute(f"CREATE TABLE {copy} (LIKE {table} INCLUDING ALL)")
    cursor.execute("INSERT INTO floor_balance (account_id, debit, credit) VALUES (1, 0, 0), (2, 0, 0)")


BARE_NIGHT = """
CREATE TABLE floor_accrual (LIKE servicing_accrual);
ALTER TABLE floor_accrual ADD PRIMARY KEY (accrual_date, loan_id, sequence)
"""


def copy_night(link: psycopg.Connection, night: date) -> tuple[float, int]:
    """Seconds, and rows written, of a bare binary COPY of a night's accrual rows, committed to disk, into an empty table
    with the columns and the key of ours and nothing else."""
    with tempfile.TemporaryFile() as file:
        cursor = link.cursor()
        cursor.execute("DROP TABLE IF EXISTS floor_accrual")
        cursor.execute(BARE_NIGHT)
        of_the_night = f"SELECT * FROM servicing_accrual WHERE accrual_date = '{night}'"  # noqa: S608 - our own date
        with cursor.copy(f"COPY ({of_the_night}) TO STDOUT (FORMAT binary)") as source:
            for block in source:
                file.write(block)
        file.seek(0)

        def write() -> None:
            with cursor.copy("COPY floor_accrual FROM STDIN (FORMAT binary)") as sink:
                while block := file.read(1 << 16):
                    sink.write(block)

        return once(write), cursor.rowcount
