"""Batches of facilities: planned, claimed by one worker at a time, done in one transaction with their results.

A claim is a conditional UPDATE. The sign of life is the lock that the work's own transaction holds on the batch row: when
a worker is killed its connection ends, the lock falls, and the next worker may claim the batch.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.servicing.models import CloseBatch, CloseRun

GRACE = timedelta(seconds=2)
"""The time between claiming a batch and locking it for work: a claim older than this without a lock is abandoned."""


def plan(run: CloseRun, step: str, ranges: list[tuple[int, int]]) -> None:
    """Write one batch row for each range of facility ids, first and last included."""
    CloseBatch.objects.bulk_create(
        CloseBatch(run=run, step=step, number=number, first_facility=first, last_facility=last)
        for number, (first, last) in enumerate(ranges, start=1)
    )


def claim(batch_id: int, holder: str) -> CloseBatch | None:
    """Take a free batch for `holder`; None when it is done or somebody works on it. Commits by itself."""
    free = Q(state=CloseBatch.State.OPEN) | Q(state=CloseBatch.State.CLAIMED, heartbeat_at__lt=Now() - GRACE)
    with transaction.atomic():
        unlocked = CloseBatch.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            free, pk=batch_id
        )
        if not unlocked.exists():
            return None
        unlocked.update(
            state=CloseBatch.State.CLAIMED, holder=holder, attempt=F("attempt") + 1, heartbeat_at=Now()
        )
    return CloseBatch.objects.select_related("run__fund").get(pk=batch_id)


def give_back(batch: CloseBatch) -> None:
    """Let go of a batch whose work failed, so that it need not wait for the grace time."""
    CloseBatch.objects.filter(pk=batch.pk, attempt=batch.attempt, state=CloseBatch.State.CLAIMED).update(
        state=CloseBatch.State.OPEN, holder=""
    )


def work(batch: CloseBatch, function: Callable[[CloseBatch], dict[str, Any]]) -> bool:
    """Run `function` on a claimed batch and mark it done, in one transaction; False when the claim was lost meanwhile.

    `function` returns its counts. A late duplicate finds the row done, or claimed anew, and writes nothing.
    """
    try:
        with transaction.atomic():
            mine = CloseBatch.objects.select_for_update().filter(
                pk=batch.pk, attempt=batch.attempt, state=CloseBatch.State.CLAIMED
            )
            if not mine.exists():
                return False
            counts = function(batch)
            mine.update(
                state=CloseBatch.State.DONE, counts=counts, rows=counts.get("rows", 0), finished_at=Now()
            )
    except Exception:
        give_back(batch)
        raise
    return True
