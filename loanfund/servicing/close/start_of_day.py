"""The start of a business day: periods roll, sums fall due, unapplied credit pays them, and those concerned are told."""

from datetime import timedelta
from typing import Any

from django.db import connection

from loanfund.audit.sealing import seal_batch
from loanfund.facilities.hooks import DAY_CLOSED
from loanfund.facilities.models import Fund
from loanfund.servicing.close.accrue import attend
from loanfund.servicing.models import Accrual, CloseBatch, CloseRun, FacilityAccrual

BATCH_FACILITIES = 500

_RANGES = """
SELECT min(id), max(id) FROM (
    SELECT f.id, row_number() OVER (ORDER BY f.id) AS place FROM facilities_facility f
    LEFT JOIN servicing_diary d ON d.facility_id = f.id
    WHERE f.fund_id = %s AND (d.attend_on IS NULL OR d.attend_on <= %s)
) attended GROUP BY div(place - 1, %s) ORDER BY 1
"""
_ATTENDED = """
SELECT f.id FROM facilities_facility f LEFT JOIN servicing_diary d ON d.facility_id = f.id
WHERE f.fund_id = %s AND f.id BETWEEN %s AND %s AND (d.attend_on IS NULL OR d.attend_on <= %s) ORDER BY 1
"""


def ranges(run: CloseRun) -> list[tuple[int, int]]:
    """Ranges of facility ids that have something on the new day."""
    with connection.cursor() as cursor:
        cursor.execute(_RANGES, [run.fund_id, run.business_date + timedelta(days=1), BATCH_FACILITIES])
        return [(int(first), int(last)) for first, last in cursor.fetchall()]


def fall_due(batch: CloseBatch) -> dict[str, Any]:
    """Bring a batch's facilities to the start of the new day."""
    on = batch.run.business_date + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(_ATTENDED, [batch.run.fund_id, batch.first_facility, batch.last_facility, on])
        attended = [pk for (pk,) in cursor.fetchall()]
    counts = attend(batch, attended, on=on, nights_only=False)
    rows = seal_batch(Accrual, batch.pk) + seal_batch(FacilityAccrual, batch.pk)
    return {"attended": len(attended), "rows": rows} | counts


def tell(run: CloseRun) -> dict[str, Any]:
    """Tell whoever hangs work on a closed day, such as the statements of a month; they register themselves."""
    fund = Fund.objects.get(pk=run.fund_id)
    return {name: work(fund=fund, on=run.business_date) for name, work in sorted(DAY_CLOSED.items())}
