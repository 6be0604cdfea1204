"""The night of plain loans, set-wise: one INSERT ... SELECT a batch, fed with the day's factors.

A night's statistics are always a day old, and a plan made on them may join every row with every factor. So the statements
here are planned by rule: rows by their key, joined by hash (`by_hash`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection

from loanfund.calculation.money import currency
from loanfund.servicing.models import CloseBatch

_LOANS = """
ARRAY(SELECT l.id FROM servicing_loan l JOIN facilities_facility f ON f.id = l.facility_id
    WHERE f.fund_id = %(fund)s AND l.facility_id BETWEEN %(first)s AND %(last)s AND f.id BETWEEN %(first)s AND %(last)s)
"""

PLAIN = f"""
INSERT INTO servicing_accrual (accrual_date, loan_id, sequence, facility_id, batch_id, booking_date, principal, rate,
    num, den, exact, posted, estimated, suspended, accrual_class_id, period_exact, base_num, base_den, base_exact)
SELECT %(on)s, loan_id, 0, facility_id, %(batch)s, %(on)s, principal, rate, day_num, day_den,
    total - period_exact, round(total, %(decimals)s) - round(period_exact, %(decimals)s),
    false, suspended, accrual_class_id, total, base_num, base_den, base_exact
FROM (
    SELECT *, base_exact + sign(x) * div(2 * abs(x) + d, 2 * d) * 0.000000000001 AS total
    FROM (
        SELECT a.loan_id, a.facility_id, a.principal, a.suspended, a.accrual_class_id, a.period_exact, a.base_num,
            a.base_den, a.base_exact, f.rate, f.day_num, f.day_den,
            a.principal * 1000000000000 * (f.num * a.base_den - a.base_num * f.den) AS x, f.den * a.base_den AS d
        FROM servicing_accrual a
        JOIN servicing_dayfactor f
            ON f.accrual_date = %(on)s AND f.accrual_class_id = a.accrual_class_id AND f.version = 0 AND NOT f.estimated
        JOIN servicing_diary d
            ON d.facility_id = a.facility_id AND d.attend_on > %(on)s AND d.facility_id BETWEEN %(first)s AND %(last)s
        WHERE a.accrual_date = %(before)s AND a.sequence = 0 AND a.principal > 0 AND a.loan_id = ANY ({_LOANS})
            AND NOT (a.facility_id = ANY (%(attended)s))
        OFFSET 0) piece
    OFFSET 0) earned
"""  # noqa: S608 - our own text
"""One night of every plain loan: A(t) = what was earned before the piece + q12(principal x growth since its start).

The multiplication is exact, the one division rounds half away from zero to 1e-12 as `money.q12` does, and what is posted is
the difference of two roundings to the currency's minor unit. OFFSET 0 has each figure worked out once.
"""

_ATTENDED = f"""
SELECT f.id FROM facilities_facility f LEFT JOIN servicing_diary d
    ON d.facility_id = f.id AND d.facility_id BETWEEN %(first)s AND %(last)s
WHERE f.fund_id = %(fund)s AND f.id BETWEEN %(first)s AND %(last)s AND (d.attend_on IS NULL OR d.attend_on <= %(on)s)
UNION
SELECT a.facility_id FROM servicing_accrual a LEFT JOIN servicing_dayfactor f
    ON f.accrual_date = %(on)s AND f.accrual_class_id = a.accrual_class_id AND f.version = 0 AND NOT f.estimated
WHERE a.accrual_date = %(before)s AND a.sequence = 0 AND a.principal > 0 AND a.loan_id = ANY ({_LOANS})
    AND f.accrual_class_id IS NULL
ORDER BY 1
"""  # noqa: S608 - our own text

_EARNED = """
SELECT CASE WHEN suspended THEN 'interest_in_suspense' ELSE 'interest' END, sum(posted)
FROM servicing_accrual WHERE batch_id = %(batch)s AND sequence = 0 GROUP BY suspended
UNION ALL
SELECT CASE WHEN suspended THEN kind || '_in_suspense' ELSE kind END, sum(posted)
FROM servicing_facilityaccrual WHERE batch_id = %(batch)s AND sequence = 0 GROUP BY kind, suspended
"""


@contextmanager
def by_hash(cursor: Any) -> Iterator[None]:
    """Statements of the block find rows by index and join by hash, whatever the statistics say. Within a transaction."""
    settings = ("enable_seqscan", "enable_nestloop", "enable_mergejoin")
    cursor.execute("; ".join(f"SET LOCAL {name} = off" for name in settings))
    yield
    cursor.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in settings))


def write_plain(batch: CloseBatch) -> tuple[list[int], int]:
    """Write the night of a batch's plain facilities; return the facilities that must be replayed instead, and how many
    rows were written."""
    fund, on = batch.run.fund, batch.run.business_date
    place: dict[str, Any] = {
        "fund": fund.pk,
        "on": on,
        "before": on - timedelta(days=1),
        "first": batch.first_facility,
        "last": batch.last_facility,
        "batch": batch.pk,
        "decimals": currency(fund.currency).decimals,
    }
    with connection.cursor() as cursor, by_hash(cursor):
        cursor.execute(_ATTENDED, place)
        attended = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(PLAIN, place | {"attended": attended})
        return attended, cursor.rowcount


def earned(batch: CloseBatch) -> dict[str, str]:
    """What the first rows of a batch add up to, by what is posted, as decimal text: read back from what was stored."""
    with connection.cursor() as cursor, by_hash(cursor):
        cursor.execute(_EARNED, {"batch": batch.pk})
        return {kind: str(posted) for kind, posted in cursor.fetchall()}
