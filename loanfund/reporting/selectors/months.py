"""Reads of the months made for all partners."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from zipfile import BadZipFile, ZipFile

from django.core.files.storage import default_storage
from django.db.models import Count, Q

from loanfund.audit.errors import Refused
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


@dataclass(frozen=True)
class TieOut:
    """What a run's own tie-out sheet says: how many sums it compares, and each break with its source and what it is of."""

    sums: int
    breaks: list[tuple[str, str, str]]


def tie_out_of(run: MonthRun) -> TieOut:
    """The tie-out sheet in a finished run's ZIP. Refused when the file is gone or is no such pack."""
    try:
        with default_storage.open(run.path, "rb") as kept, ZipFile(kept) as pack:
            sheet = pack.read("tie-out.csv").decode()
    except (OSError, BadZipFile, KeyError) as error:
        raise Refused("The pack cannot be read. Tell the administrator.") from error
    rows = list(csv.DictReader(io.StringIO(sheet, newline="")))
    breaks = [(row["source"], row["what"], _apart(row)) for row in rows if row["mark"]]
    return TieOut(sum(1 for row in rows if row["difference"]), breaks)


def _apart(row: dict[str, str]) -> str:
    return f"{row['difference']} apart" if row["difference"] else row["sentence"]
