"""All partners' statements of a month: asked for by a person, made by workers, kept as one ZIP with its digests."""

import calendar
import hashlib
import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Fund
from loanfund.parties import roles
from loanfund.parties.models import Partner, User
from loanfund.parties.services.rights import require_role
from loanfund.reporting.models import MonthItem, MonthRun
from loanfund.reporting.packing import packed
from loanfund.reporting.selectors import statement_for
from loanfund.reporting.services.statements import FORMATS, take_out

ASKERS = (roles.FINANCE,)
TAKERS = (roles.FINANCE, roles.AUDITOR)
CLAIM_LASTS = timedelta(minutes=3)
AT_ONCE = 10
"""Items a task claims at a time, so that it stays far below a minute."""


@transaction.atomic
def ask_month(
    *, fund: Fund, month: date, actor: User, on: date, formats: Sequence[str] = ("pdf", "xlsx", "csv")
) -> MonthRun:
    """Ask for every partner's statement of the calendar month of `month`. The workers make them; see `MonthRun`.

    Refused for a month that is not closed, without partners, or while another run is open.
    """
    require_role(actor=actor, roles=ASKERS, to="make all statements of a month")
    unknown = set(formats) - set(FORMATS)
    if unknown or not formats:
        raise Refused(f"Choose among {', '.join(FORMATS)}.", field="formats")
    first = month.replace(day=1)
    last = month.replace(day=calendar.monthrange(month.year, month.month)[1])
    standing = Fund.objects.get(pk=fund.pk).business_date
    if last >= standing:
        raise Refused(f"{first:%B %Y} is not over: the business date is {standing:%d %B %Y}.", field="month")
    partners = Partner.objects.filter(facilities__fund=fund, facilities__signed_on__lte=last).distinct()
    if not partners.exists():
        raise Refused(f"No facility was signed by the end of {first:%B %Y}.", field="month")
    try:
        with transaction.atomic():
            run = MonthRun.objects.create(
                fund=fund,
                first_day=first,
                last_day=last,
                formats=sorted(set(formats), key=list(FORMATS).index),
                asked_by=actor,
                asked_on=on,
            )
    except IntegrityError as error:
        raise Refused("A run is being made already. Wait for it, then ask again.", code="open_run") from error
    MonthItem.objects.bulk_create(MonthItem(run=run, partner=partner) for partner in partners)
    after = {"first_day": first, "last_day": last, "formats": run.formats, "partners": run.items.count()}
    record(actor=actor, action="month_run.asked", obj=run, on=on, after=after)
    return run


@transaction.atomic
def claim_items(*, run_id: int, now: datetime) -> list[int]:
    """Claim a few partners that nobody is working on; those of a worker that went silent come back after a while."""
    waiting = MonthItem.objects.filter(run_id=run_id, state=MonthItem.State.OPEN)
    free = waiting.exclude(claimed_at__gt=now - CLAIM_LASTS).select_for_update(skip_locked=True)
    found = list(free.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    MonthItem.objects.filter(pk__in=found).update(claimed_at=now)
    return found


@transaction.atomic
def make_item(*, item_id: int) -> MonthItem:
    """Make one partner's files. What is refused is kept with its sentence and does not stop the others; a second call for
    the same item does nothing."""
    item = (
        MonthItem.objects.select_for_update(of=("self",))
        .select_related("run__asked_by", "run__fund", "partner")
        .get(pk=item_id)
    )
    if item.state != MonthItem.State.OPEN:
        return item
    try:
        with transaction.atomic():
            item.files = _files(item)
        item.state = MonthItem.State.DONE
    except Refused as refused:
        item.state, item.reason = MonthItem.State.FAILED, refused.sentence
    item.save(update_fields=["files", "state", "reason"])
    return item


def _files(item: MonthItem) -> list[dict[str, Any]]:
    run = item.run
    require_role(actor=run.asked_by, roles=ASKERS, to="make all statements of a month")
    statement = statement_for(subject=item.partner, first_day=run.first_day, last_day=run.last_day)
    found = []
    # The CSV is made whatever was asked for: the one list of all lines is put together from it.
    for fmt in dict.fromkeys([*run.formats, "csv"]):
        export = take_out(
            actor=run.asked_by, on=run.asked_on, subject=item.partner, statement=statement, fmt=fmt
        )
        path = default_storage.save(f"months/{run.pk}/{secrets.token_hex(16)}", ContentFile(export.bytes))
        found.append(
            {
                "name": export.name,
                "path": path,
                "sha256": export.sha256,
                "size": len(export.bytes),
                "closing": f"{statement.closing.owed:f}",
                "asked": fmt in run.formats,
            }
        )
    return found


@transaction.atomic
def finish_run(*, run_id: int, now: datetime) -> MonthRun:
    """Pack what was made when no item is open any more; a second call does nothing. The parts are deleted."""
    run = MonthRun.objects.select_for_update(of=("self",)).select_related("fund").get(pk=run_id)
    items = list(run.items.select_related("partner").order_by("partner__number"))
    if run.state != MonthRun.State.ASKED or any(item.state == MonthItem.State.OPEN for item in items):
        return run
    with packed(run, items) as made:
        run.sha256 = hashlib.file_digest(made, "sha256").hexdigest()
        run.size = made.seek(0, 2)
        made.seek(0)
        run.path = default_storage.save(f"months/{secrets.token_hex(16)}.zip", File(made))
    failed = [item for item in items if item.state == MonthItem.State.FAILED]
    run.state, run.finished_at = (MonthRun.State.FAILED if failed else MonthRun.State.DONE), now
    run.save()
    after = {"sha256": run.sha256, "size": run.size, "statements": len(items) - len(failed)}
    why = "; ".join(f"{item.partner.number}: {item.reason}" for item in failed)
    record(actor=None, action="month_run.finished", obj=run, on=run.asked_on, after=after, reason=why)
    parts = [part["path"] for item in items for part in item.files]
    transaction.on_commit(lambda: _delete(parts))
    return run


def _delete(paths: Sequence[str]) -> None:
    for path in paths:
        default_storage.delete(path)


@transaction.atomic
def open_month(*, run: MonthRun, actor: User, on: date) -> File:
    """The ZIP of a finished run, opened for reading; who took it is logged. Refused when its bytes were changed."""
    require_role(actor=actor, roles=TAKERS, to="take out all statements of a month")
    if not run.path:
        raise Refused("This run is still being made.", code="state")
    opened = default_storage.open(run.path, "rb")
    if hashlib.file_digest(opened, "sha256").hexdigest() != run.sha256:
        opened.close()
        raise Refused("The file is not the one that was made: its digest differs. Tell the administrator.")
    opened.seek(0)
    record(actor=actor, action="month_run.taken_out", obj=run, on=on, after={"sha256": run.sha256})
    return opened
