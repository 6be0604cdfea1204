"""The human numbers of rows: FAC-0001, APP-0017."""

from django.db import connection, models


def next_number(model: type[models.Model], prefix: str) -> tuple[int, str]:
    """A fresh primary key of `model` and the number made of it, such as (17, "APP-0017").

    Taken from the key's own sequence: unique for ever, with gaps where a transaction was undone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [model._meta.db_table])
        (key,) = cursor.fetchone()
    return key, f"{prefix}-{key:04d}"
