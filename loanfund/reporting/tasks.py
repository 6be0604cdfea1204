"""What the workers do for reporting. Every task may be lost, doubled or killed: the rows say what is left to do."""

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from loanfund.facilities.models import Fund
from loanfund.reporting.models import MonthRun
from loanfund.reporting.selectors import waits_for_a_worker
from loanfund.reporting.services import claim_items, finish_run, make_item, make_months

RELIABLE = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 5,
    "ignore_result": True,
}
MONTHS_AT_ONCE = 100
"""Partners' months that a task makes at most: each takes some tenths of a second, so it stays far below a minute."""


@shared_task(name="reporting.make_statements", **RELIABLE)
def make_statements(run_id: int) -> None:
    """Make a few partners' statements and ask for the next few; the last one packs the ZIP."""
    claimed = claim_items(run_id=run_id, now=timezone.now())
    for item_id in claimed:
        make_item(item_id=item_id)
    if claimed:
        make_statements.delay(run_id)
    else:
        finish_run(run_id=run_id, now=timezone.now())


@shared_task(name="reporting.take_up", **RELIABLE)
def take_up() -> None:
    """Take up each run that a button asked for, or that a killed worker left. Runs every few seconds."""
    for run_id in MonthRun.objects.filter(state=MonthRun.State.ASKED).values_list("pk", flat=True):
        if waits_for_a_worker(run_id, timezone.now()):
            make_statements.delay(run_id)


@shared_task(name="reporting.make_months", **RELIABLE)
def make_closed_months() -> None:
    """Make, keep and announce the statements of months that are closed; what is left waits for the next go."""
    for fund in Fund.objects.order_by("pk"):
        make_months(fund=fund, on=fund.business_date, most=MONTHS_AT_ONCE)
