"""Reads of the months made for all partners."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q

from loanfund.reporting.models import MonthItem, MonthRun

LIVELY = timedelta(seconds=30)
"""An item takes about a second; when none was claimed for this long, nobody is at work."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: statements in all, made, and those that could not be."""

    total: int
    made: int
    failed: int

    @property
    def per_cent(self) -> int:
        return 100 * (self.made + self.failed) // self.total if self.total else 0


def month_progress(run: MonthRun) -> Progress:
    """How far a run is, in one query."""
    counts = run.items.aggregate(
        total=Count("pk"),
        made=Count("pk", filter=Q(state=MonthItem.State.DONE)),
        failed=Count("pk", filter=Q(state=MonthItem.State.FAILED)),
    )
    return Progress(**counts)


def waits_for_a_worker(run_id: int, now: datetime) -> bool:
    """Whether a run that is not finished has nobody at work on it."""
    return not MonthItem.objects.filter(run_id=run_id, claimed_at__gt=now - LIVELY).exists()
