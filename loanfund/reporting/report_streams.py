"""A large report straight from the database, in constant memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection
from psycopg import sql

from loanfund.facilities.models import Fund
from loanfund.reporting.reports import ReportSpec

BLOCK = 1 << 16


def csv_blocks(spec: ReportSpec, fund: Fund, values: Mapping[str, Any]) -> Iterator[bytes]:
    """The whole of a large report as CSV, in blocks of about 64 kB, straight from the database's COPY."""
    assert spec.query is not None
    head = ",".join(column.name for column in spec.columns)
    yield f"{head}\n".encode()
    query = sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv)").format(spec.query(fund, **values))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        held, size = [], 0
        for block in copy:
            held.append(block)
            size += len(block)
            if size >= BLOCK:
                yield b"".join(held)
                held, size = [], 0
        yield b"".join(held)
