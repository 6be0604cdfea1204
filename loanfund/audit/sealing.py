"""Seals over stored rows: what makes one changed byte, by whoever, show and be found.

A table comes under seal by its model's base (`AppendOnly`, `Sealed`). Small tables seal each statement's rows as they
are written; a hot table names a grouping column (`seal_by = "batch_id"`) and seals a batch once, here.
"""

from django.db import connection, models


def seal_batch(model: type[models.Model], batch: object) -> int:
    """Seal the rows of `model` whose grouping column equals `batch`; return how many. Once a batch, after its last row,
    in the transaction that wrote them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_seal_batch(%s, %s)", [model._meta.db_table, str(batch)])
        (rows,) = cursor.fetchone()
    return int(rows)
