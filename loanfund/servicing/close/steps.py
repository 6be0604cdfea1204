"""The steps of a close, in order. Each runs once, in one transaction with its record; batches run many at a time.
Steps that nobody else works on share a transaction: what does not prove leaves nothing behind.

End of day D: fixings, accrue (batches), post, prove. Then the date becomes D+1. Start of day D+1: fall due (batches), the
other apps' own work of the day, the word that the day is closed.
"""

import os
import socket
from collections.abc import Callable
from datetime import date, timedelta
from enum import Enum
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.facilities.hooks import START_OF_DAY
from loanfund.facilities.models import Fund
from loanfund.facilities.services import advance_business_date
from loanfund.servicing.close import accrue as accrual
from loanfund.servicing.close import batches, prove, runs, start_of_day
from loanfund.servicing.close.runs import StepResult
from loanfund.servicing.models import CloseBatch, CloseException, CloseRun, CloseStep

ACCRUE, FALL_DUE = "accrue", "fall_due"


class Outcome(Enum):
    """What taking a run forward led to."""

    WAITS = "waits"
    BUSY = "busy"
    DONE = "done"
    STOPPED = "stopped"


def _fixings(run: CloseRun) -> StepResult:
    return StepResult(accrual.prepare(run.fund, run.business_date))


def _post(run: CloseRun) -> StepResult:
    counts = prove.post_night(run)
    return StepResult(counts, left=counts)


class NotProven(Exception):
    """The books do not prove: the close stops before the date moves."""


def _prove(run: CloseRun) -> StepResult:
    counts, broken = prove.prove(run)
    if broken:
        raise NotProven(" ".join(broken))
    return StepResult(counts, left=counts["ledger"])


def _move_date(run: CloseRun) -> StepResult:
    moved = advance_business_date(fund=run.fund, from_date=run.business_date, actor=None)
    return StepResult({"business_date": moved.isoformat()})


def _others(run: CloseRun) -> StepResult:
    """What sibling apps do at the start of a day, such as letting offers lapse; they register themselves."""
    on = run.business_date + timedelta(days=1)
    fund = Fund.objects.get(pk=run.fund_id)
    return StepResult({name: work(fund=fund, on=on) for name, work in sorted(START_OF_DAY.items())})


def _tell(run: CloseRun) -> StepResult:
    return StepResult(start_of_day.tell(run))


STEPS: tuple[tuple[str, Callable[[CloseRun], StepResult] | None], ...] = (
    ("fixings", _fixings),
    (ACCRUE, None),
    ("post", _post),
    ("prove", _prove),
    ("move_date", _move_date),
    (FALL_DUE, None),
    ("others", _others),
    ("tell", _tell),
)
PLANS: dict[str, Callable[[CloseRun], list[tuple[int, int]]]] = {
    ACCRUE: lambda run: accrual.ranges(run.fund),
    FALL_DUE: lambda run: start_of_day.ranges(run),
}
WORK: dict[str, Callable[[CloseBatch], dict[str, Any]]] = {
    ACCRUE: accrual.accrue,
    FALL_DUE: start_of_day.fall_due,
}


def advance(run_id: int) -> Outcome:
    """Take a run as far forward as it can go now. Safe to call from anywhere, at any time, as often as one likes."""
    try:
        with transaction.atomic():
            run = (
                CloseRun.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("fund")
                .filter(pk=run_id)
                .first()
            )
            if run is None:
                return Outcome.BUSY
            if run.state != CloseRun.State.OPEN:
                return Outcome.DONE if run.state == CloseRun.State.DONE else Outcome.STOPPED
            return _next(run)
    except (NotProven, Refused) as error:
        with transaction.atomic():
            runs.stop(CloseRun.objects.get(pk=run_id), str(error))
        return Outcome.STOPPED


def _next(run: CloseRun) -> Outcome:
    """Every step that can be done now: up to the batches that others work on, or to the end."""
    done = {step.name: step for step in run.steps.all()}
    fresh: list[CloseStep] = []
    waits = False
    for position, (name, function) in enumerate(STEPS, start=1):
        if name in done:
            continue
        started = timezone.now()
        if function is not None:
            result = function(run)
        else:
            found = _batches(run, name)
            if found is None:
                waits = True
                break
            result, started = found
        done[name] = runs.finished_step(run, name, position, started, result)
        fresh.append(done[name])
    CloseStep.objects.bulk_create(fresh)
    if waits:
        return Outcome.WAITS
    open_exceptions = CloseException.objects.filter(facility__fund=run.fund).exclude(state="cured").count()
    runs.finish(
        run,
        exceptions=open_exceptions,
        loans=done[ACCRUE].counts.get("loans", 0),
        digest=done["prove"].digest,
    )
    return Outcome.DONE


def _batches(run: CloseRun, step: str) -> tuple[StepResult, Any] | None:
    """The summed result of a step's batches when all are done, else None; planned at first sight."""
    planned = list(run.batches.filter(step=step))
    if not planned and (ranges := PLANS[step](run)):
        batches.plan(run, step, ranges)
        return None
    if any(batch.state != CloseBatch.State.DONE for batch in planned):
        return None
    counts: dict[str, Any] = {"batches": len(planned)}
    for batch in planned:
        for name, value in batch.counts.items():
            if isinstance(value, int):  # sums of money stay with their batch until they are posted
                counts[name] = counts.get(name, 0) + value
    started = min((batch.heartbeat_at for batch in planned if batch.heartbeat_at), default=timezone.now())
    return StepResult(counts, left=counts), started


def holder_name() -> str:
    """Who claims a batch: this process, on this machine."""
    return f"{socket.gethostname()}:{os.getpid()}"[:80]


def work_batch(batch_id: int) -> bool:
    """Claim a batch and do it; False when it is done, or somebody else's."""
    batch = batches.claim(batch_id, holder_name())
    return batch is not None and batches.work(batch, WORK[batch.step])


def open_work(run_id: int) -> list[int]:
    """The batches of a run that are still to be done."""
    open_batches = CloseBatch.objects.filter(run_id=run_id).exclude(state=CloseBatch.State.DONE)
    return list(open_batches.order_by("pk").values_list("pk", flat=True))


def close_day(*, fund: Fund, on: date, actor: AbstractBaseUser | None = None) -> CloseRun | None:
    """Close business date `on` of a fund in this process, from wherever it stands; None when it is closed already.

    Refused when an earlier day is still open. Workers may help with its batches at the same time.
    """
    if runs.already_closed(fund.pk, on):
        return None
    run = runs.open_run(fund=fund, on=on, actor=actor)
    while True:
        outcome = advance(run.pk)
        if outcome is Outcome.WAITS:
            worked = [work_batch(pk) for pk in open_work(run.pk)]
            if not any(worked):
                _pause()
        elif outcome is Outcome.BUSY:
            _pause()
        else:
            break
    run.refresh_from_db()
    if run.state == CloseRun.State.STOPPED:
        raise Refused(f"The close of {on:%d %B %Y} stopped: {run.reason}", code="close_stopped")
    return run


def _pause() -> None:
    """Leave a moment to whoever works on it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.1)")


def close_through(*, fund: Fund, through: date, actor: AbstractBaseUser | None = None) -> int:
    """Close every day from the business date to `through`, in order; return how many."""
    closed = 0
    unfinished = CloseRun.objects.filter(fund=fund).exclude(state=CloseRun.State.DONE).first()
    day = unfinished.business_date if unfinished is not None else Fund.objects.get(pk=fund.pk).business_date
    while day <= through:
        closed += close_day(fund=fund, on=day, actor=actor) is not None
        day += timedelta(days=1)
    return closed
