"""The night's accrual: plain facilities by one INSERT ... SELECT fed with the day's factors, all others by replay."""

from datetime import date, timedelta
from typing import Any

from django.db import connection

from loanfund.audit.sealing import seal_batch
from loanfund.facilities.models import Fund
from loanfund.servicing.close.attend import attend
from loanfund.servicing.close.plain import earned, write_plain
from loanfund.servicing.factors import store_factors
from loanfund.servicing.models import Accrual, CloseBatch, FacilityAccrual

BATCH_LOANS = 12_500
"""The most loans one batch takes, give or take a facility."""

_RANGES = """
SELECT min(id), max(id) FROM (
    SELECT id, upto, div(sum(loans) OVER () + %(most)s - 1, %(most)s) AS parts, sum(loans) OVER () AS total FROM (
        SELECT f.id, greatest(coalesce(l.loans, 0), 1) AS loans,
            sum(greatest(coalesce(l.loans, 0), 1)) OVER (ORDER BY f.id) AS upto
        FROM facilities_facility f
        LEFT JOIN (SELECT facility_id, count(*) AS loans FROM servicing_loan GROUP BY facility_id) l ON l.facility_id = f.id
        WHERE f.fund_id = %(fund)s
    ) counted
) shared GROUP BY div((upto - 1) * parts, total) ORDER BY 1
"""


def ranges(fund: Fund) -> list[tuple[int, int]]:
    """Ranges of facility ids with about equally many loans each, so that no worker waits for another's last batch."""
    with connection.cursor() as cursor:
        cursor.execute(_RANGES, {"fund": fund.pk, "most": BATCH_LOANS})
        return [(int(first), int(last)) for first, last in cursor.fetchall()]


def classes_of_the_night(on: date) -> list[int]:
    """The accrual classes that the rows of the night before stand in."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT accrual_class_id FROM servicing_accrual WHERE accrual_date = %s AND principal > 0",
            [on - timedelta(days=1)],
        )
        return [pk for (pk,) in cursor.fetchall()]


def prepare(fund: Fund, on: date) -> dict[str, int]:
    """Work out and store the night's factor of every class in use; count those that have none or an estimated one."""
    classes = classes_of_the_night(on)
    return {"classes": len(classes), "without_factor": store_factors(classes, on)}


def accrue(batch: CloseBatch) -> dict[str, Any]:
    """Write the night of every facility in a batch; what cannot be closed becomes an exception and the rest goes on."""
    attended, plain = write_plain(batch)
    counts = attend(batch, attended, on=batch.run.business_date, nights_only=True)
    loans = seal_batch(Accrual, batch.pk)
    rows = loans + (seal_batch(FacilityAccrual, batch.pk) if attended else 0)
    told = {"plain": plain, "attended": len(attended), "loans": loans, "rows": rows, "earned": earned(batch)}
    return told | counts
