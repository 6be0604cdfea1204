"""The night's accrual: plain facilities by one INSERT ... SELECT fed with the day's factors, all others by replay."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction

from loanfund.audit.errors import sqlstate
from loanfund.audit.sealing import seal_batch
from loanfund.facilities import postings
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.services import move_facility
from loanfund.facilities.services.drafts import draft
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.services import post_entries
from loanfund.servicing.close.plain import earned, write_plain
from loanfund.servicing.engine import bring_to, write_night
from loanfund.servicing.factors import store_factors
from loanfund.servicing.fold import morning_picture, night_picture, quiet_morning
from loanfund.servicing.models import Accrual, CloseBatch, CloseException, Diary, FacilityAccrual
from loanfund.servicing.selectors.facilities import available_commitment

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
    rows = seal_batch(Accrual, batch.pk) + (seal_batch(FacilityAccrual, batch.pk) if attended else 0)
    return {"plain": plain, "attended": len(attended), "rows": rows, "earned": earned(batch)} | counts


def attend(batch: CloseBatch, facilities: Sequence[int], *, on: date, nights_only: bool) -> dict[str, int]:
    """Bring facilities to their replay, one savepoint each, and post their own entries in one call.

    `nights_only` draws the picture of the end of the day (its night accrued, the next day's dues not yet fallen);
    otherwise that of the start of day `on`.
    """
    entries: list[EntryDraft] = []
    failed = 0
    behind = set(
        CloseException.objects.filter(facility_id__in=facilities)
        .exclude(state=CloseException.State.CURED)
        .values_list("facility_id", flat=True)
    )
    for pk in facilities:
        if not nights_only and quiet_morning(pk, on):
            continue
        facility = (
            Facility.objects.select_for_update(of=("self",))
            .select_related("fund", "partner", "promise")
            .get(pk=pk)
        )
        try:
            with transaction.atomic():
                ended = [] if nights_only else availability_ended(facility, on)
                picture = night_picture(facility, on) if nights_only else morning_picture(facility, on)
                if nights_only and picture.partial:
                    write_night(facility=facility, picture=picture, on=on, batch_id=batch.pk)
                    continue
                difference = bring_to(
                    facility=facility,
                    picture=picture,
                    on=on,
                    batch_id=batch.pk,
                    key=f"facility:{pk}:close:{batch.run.business_date.isoformat()}:{batch.step}",
                    kind="correction" if nights_only else "fell_due",
                    value_date=on,
                    nightly=nights_only,
                    pending=[leg for draft in ended for leg in draft.legs],
                )
        except OperationalError:
            raise
        except Exception as error:
            failed += 1
            _except(batch, facility, error)
        else:
            entries += ended + difference.drafts
            if pk in behind:
                CloseException.objects.filter(facility=facility).exclude(state="cured").update(
                    state="cured", cured_on=on
                )
    if entries:
        post_entries(entries=entries, actor=None, on=on)
    return {"exceptions": failed, "entries": len(entries)}


def availability_ended(facility: Facility, on: date) -> list[EntryDraft]:
    """The undrawn rest goes back to the fund once the availability period is over; its fee falls due by the replay."""
    if facility.availability_end >= on:
        return []
    if facility.state == Facility.State.AVAILABLE:
        move_facility(
            facility=facility,
            state=Facility.State.CLOSED_TO_DRAWDOWN,
            actor=None,
            on=on,
            reason="the availability period is over",
        )
    left = available_commitment(facility)
    if not left:
        return []
    legs = postings.availability_ended(
        currency=facility.currency,
        facility=postings.facility_owner(facility.pk),
        amount=left,
        headroom=facility.promise.headroom,
    )
    key = f"facility:{facility.pk}:availability_ended:{on.isoformat()}"
    return [draft(facility.fund, key=key, kind="availability_ended", legs=legs, on=on)]


def _except(batch: CloseBatch, facility: Facility, error: Exception) -> None:
    """Record why a facility was left behind; it is tried again every night and by a button."""
    reason = f"{error}" or type(error).__name__
    if state := sqlstate(error):
        reason = f"{reason} ({state})"
    # Until it is cured every night and morning tries it again.
    Diary.objects.filter(facility=facility).update(attend_on=batch.run.business_date)
    standing = CloseException.objects.filter(facility=facility).exclude(state="cured").first()
    if standing is None:
        CloseException.objects.create(
            run=batch.run, facility=facility, since=batch.run.business_date, reason=reason[:2000]
        )
    else:
        standing.reason, standing.attempts, standing.state = reason[:2000], standing.attempts + 1, "open"
        standing.save(update_fields=["reason", "attempts", "state"])
