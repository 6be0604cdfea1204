"""The start of a business day: periods roll, sums fall due, unapplied credit pays them, and those concerned are told."""

from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Sum

from loanfund.audit.sealing import seal_batch
from loanfund.calculation.money import currency
from loanfund.facilities.hooks import DAY_CLOSED
from loanfund.facilities.models import Facility, Fund
from loanfund.parties.services import notify_partner
from loanfund.servicing.close.attend import attend
from loanfund.servicing.models import Accrual, CloseBatch, CloseRun, Due, FacilityAccrual

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
    """Tell partners what falls due, and whoever hangs work on a closed day, such as the statements of a month."""
    fund = Fund.objects.get(pk=run.fund_id)
    return {"due_notices": _tell_dues(fund, fund.business_date)} | {
        name: work(fund=fund, on=run.business_date) for name, work in sorted(DAY_CLOSED.items())
    }


def _tell_dues(fund: Fund, on: date) -> int:
    """One notice a facility for what falls due on `on`; the same day told twice is told once."""
    owed = (
        Due.objects.filter(facility__fund=fund, due_date=on, sequence=0)
        .values("facility_id")
        .annotate(total=Sum("amount"))
        .order_by("facility_id")
    )
    told = 0
    for row in owed:
        facility = Facility.objects.select_related("partner").get(pk=row["facility_id"])
        amount = f"{row['total']:,.{currency(fund.currency).decimals}f} {fund.currency}"
        told += notify_partner(
            partner=facility.partner,
            kind="due",
            key=f"due:{facility.pk}:{on.isoformat()}",
            subject=f"{facility.number}: {amount} is due today",
            body=f"{amount} falls due under {facility.number} on {on:%d %B %Y}. The portal shows what it is made of.",
            on=on,
        )
    return told
