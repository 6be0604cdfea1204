"""The record of a close: opened once a business date, taken forward step by step, never twice."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Fund
from loanfund.servicing.models import CloseRun, CloseStep

_GUARD = """
SELECT f.business_date, EXISTS (SELECT FROM servicing_closerun r WHERE r.fund_id = f.id AND r.state <> 'done')
FROM facilities_fund f WHERE f.id = %s
"""


def already_closed(fund_id: int, on: date) -> bool:
    """True when the business date of the fund is past `on` and nothing of that close is left to do: one small read."""
    with connection.cursor() as cursor:
        cursor.execute(_GUARD, [fund_id])
        row = cursor.fetchone()
    return row is not None and row[0] > on and not row[1]


@transaction.atomic
def open_run(*, fund: Fund, on: date, actor: AbstractBaseUser | None) -> CloseRun:
    """Open the close of business date `on`, or give the run that is there.

    Waits for services that book on that date: they hold the fund FOR SHARE. Raises Refused when `on` is not the fund's
    business date.
    """
    locked = Fund.objects.select_for_update(no_key=True).get(pk=fund.pk)
    there = CloseRun.objects.filter(fund=locked, business_date=on).first()
    if there is not None:
        return there
    if locked.business_date != on:
        raise Refused(
            f"The business date of {locked.name} is {locked.business_date:%d %B %Y}: close that day first.",
            field="on",
        )
    run = CloseRun.objects.create(
        fund=locked, business_date=on, requested_by_id=actor.pk if actor is not None else None
    )
    record(
        actor=actor, action="close.opened", obj=run, on=on, after={"fund": locked.code, "business_date": on}
    )
    return run


@dataclass(frozen=True)
class StepResult:
    """What a step counted, and the values whose digest shows what it left behind."""

    counts: dict[str, Any]
    left: Any = None


def finished_step(
    run: CloseRun, name: str, position: int, started_at: datetime, result: StepResult
) -> CloseStep:
    """The record of a step that is done, still to be stored."""
    text = json.dumps(result.left, sort_keys=True, default=str)
    return CloseStep(
        run=run,
        position=position,
        name=name,
        started_at=started_at,
        finished_at=timezone.now(),
        counts=result.counts,
        digest=hashlib.sha256(text.encode()).hexdigest() if result.left is not None else "",
    )


def stop(run: CloseRun, reason: str) -> None:
    """Stop a run that cannot go on, such as books that do not prove; a person must look and ask to resume."""
    CloseRun.objects.filter(pk=run.pk).update(state=CloseRun.State.STOPPED, reason=reason)


@transaction.atomic
def resume(*, run: CloseRun, actor: AbstractBaseUser, on: date) -> CloseRun:
    """Let a stopped run try its step again."""
    locked = CloseRun.objects.select_for_update().get(pk=run.pk)
    if locked.state != CloseRun.State.STOPPED:
        raise Refused("This close has not stopped: there is nothing to resume.")
    locked.state, locked.reason = CloseRun.State.OPEN, ""
    locked.save(update_fields=["state", "reason"])
    record(actor=actor, action="close.resumed", obj=locked, on=on)
    return locked


def finish(run: CloseRun, *, exceptions: int, loans: int, digest: str) -> None:
    """Mark the run done."""
    CloseRun.objects.filter(pk=run.pk).update(
        state=CloseRun.State.DONE, finished_at=Now(), exceptions=exceptions, loans=loans, digest=digest
    )
