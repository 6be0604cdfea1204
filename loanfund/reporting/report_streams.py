"""A large report straight from the database, in constant memory."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from django.db import connection
from psycopg import sql

from loanfund.facilities.models import Fund
from loanfund.reporting.reports import ReportSpec
from loanfund.reporting.reports.report import hash_joins

ROWS = 500
"""So many rows go out together: the database hands them over one by one, and each hand-over has its price."""


def csv_blocks(
    spec: ReportSpec, fund: Fund, values: Mapping[str, Any], *, by: Sequence[int] = ()
) -> Iterator[bytes]:
    """The whole of a large report as CSV, in blocks of some 50 kB, straight from the database's COPY; in the order of the
    columns `by`, counted from 1, where the same rows have to be the same bytes."""
    assert spec.query is not None
    head = ",".join(column.name for column in spec.columns)
    yield f"{head}\n".encode()
    rows_of: sql.Composable = spec.query(fund, **values)
    if by:
        order = sql.SQL(", ").join(map(sql.Literal, by))
        rows_of = sql.SQL("SELECT * FROM ({}) AS found ORDER BY {}").format(rows_of, order)
    query = sql.SQL("COPY ({}) TO STDOUT WITH (FORMAT csv)").format(rows_of)
    joins = hash_joins() if spec.hashed else nullcontext()
    with joins, connection.cursor() as cursor, cursor.copy(query) as copy:
        rows = iter(copy.read, b"")
        while block := b"".join(itertools.islice(rows, ROWS)):
            yield block
