"""One stored value after the other is changed by a superuser, with every trigger off, and taken back again."""

import psycopg
from django.db import connections
from psycopg import sql

from tests import servers

# How a value of each type becomes another one: as near as can be, yet not what another row may hold only once.
NEIGHBOUR = {
    "boolean": "NOT {c}",
    "numeric": "{c} + power(10::numeric, -scale({c}))",
    "integer": "{c} + 1000000",
    "bigint": "{c} + 1000000",
    "smallint": "{c} + 1",
    "date": "{c} + 20000",
    "time without time zone": "{c} + interval '1 microsecond'",
    "timestamp with time zone": "{c} + interval '1 microsecond'",
    "jsonb": "jsonb_build_array({c})",
    "bytea": "set_byte({c}, 0, (get_byte({c}, 0) + 1) %% 256)",
    "uuid": "gen_random_uuid()",
    "text": "overlay({c} PLACING '~' FROM 1 FOR 1)",
}
NOTHING_STORED = {
    "boolean": "true",
    "date": "date '2026-01-01'",
    "timestamp with time zone": "now()",
    "jsonb": "'[]'::jsonb",
    "bytea": "'x'::bytea",
    "text": "'x'",
}

NOT_IN_THE_DEMO = {
    "facilities_limitexception",
    "ledger_accountingperiod",
    "reference_fixingproposal",
    "reporting_monthfile",
    "reporting_monthlock",
    "reporting_monthrun",
    "reporting_monthstatement",
    "servicing_cashpair",
    "servicing_cashpairside",
    "servicing_closingbalance",
}
"""Tables under seal that hold nothing there; `test_tampering` makes a row of each."""


def each_value_changed(table: str, broken: str, batch: str = "") -> tuple[int, list[str]]:
    """Change a row of `table` in each of its columns in turn; return how many were changed and, for each change that
    the query `broken` did not lead to, a line with what it led to instead. Nothing stays changed. An empty table has
    nothing to change.

    `broken` yields the keys of rows that do not hold. Of a row whose key, or whose column `batch`, was changed either end
    may be named.
    """
    missed = []
    with psycopg.connect(_superuser()) as link, link.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table)))
        if cursor.fetchone() == (False,):
            return 0, []
        _without_its_checks(cursor, table)
        key, columns = _columns(cursor, table)
        for column, kind in columns:
            cursor.execute("SAVEPOINT before")
            row = _change(cursor, table, key, column, kind)
            found = [name for (name,) in cursor.execute(broken).fetchall()]
            if row not in found and not (found and (column in key or column == batch)):
                missed.append(f"{table}.{column} of {row}: {found[:3]}")
            cursor.execute("ROLLBACK TO SAVEPOINT before")
        link.rollback()
    return len(columns), missed


def _superuser() -> str:
    return servers.database_url(str(connections["default"].settings_dict["NAME"]), servers.SUPERUSER)


def _change(cursor: psycopg.Cursor, table: str, key: list[str], column: str, kind: str) -> str:
    """Change one value, of a row that has one where there is such a row; return the key that the row had."""
    named, place = sql.Identifier(table), sql.Identifier(column)
    whole = sql.SQL(" || '/' || ").join(sql.SQL("{}::text").format(sql.Identifier(part)) for part in key)
    cursor.execute(
        sql.SQL("SELECT {}, ctid, {} IS NULL OR {}::text = '' FROM {} ORDER BY 3, 2 LIMIT 1").format(
            whole, place, place, named
        )
    )
    row, ctid, is_empty = cursor.fetchone() or ("", "", True)
    plain = kind.removesuffix("[]").replace("character varying", "text")
    value = NOTHING_STORED.get(plain, "1") if is_empty else NEIGHBOUR[plain]
    if kind.endswith("[]"):
        value = "array_append({c}, NULL)"
    change = sql.SQL(value).format(c=place) if "{c}" in value else sql.SQL(value)
    cursor.execute(sql.SQL("UPDATE {} SET {} = {} WHERE ctid = %s").format(named, place, change), [ctid])
    return str(row)


def _without_its_checks(cursor: psycopg.Cursor, table: str) -> None:
    """Whoever forges a row with a superuser's rights is not stopped by a constraint either."""
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'x')", [table]
    )
    for (name,) in cursor.fetchall():
        cursor.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        )


def _columns(cursor: psycopg.Cursor, table: str) -> tuple[list[str], list[tuple[str, str]]]:
    cursor.execute(
        "SELECT attname FROM pg_index i, pg_attribute a WHERE i.indrelid = %s::regclass AND indisprimary"
        " AND a.attrelid = i.indrelid AND attnum = ANY (indkey) ORDER BY array_position(indkey::int2[], attnum)",
        [table],
    )
    key = [name for (name,) in cursor.fetchall()]
    cursor.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass"
        " AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    return key, cursor.fetchall()
