"""What the workers do for servicing. Every task may be lost, doubled or killed: the rows say what is left to do."""

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from loanfund.facilities.models import Fund
from loanfund.servicing import services
from loanfund.servicing.close import runs, steps
from loanfund.servicing.close.steps import Outcome
from loanfund.servicing.models import CloseException, CloseRun

RELIABLE = {
    "acks_late": True,
    "reject_on_worker_lost": True,
    "autoretry_for": (OperationalError, InterfaceError),
    "retry_backoff": 1,
    "retry_backoff_max": 10,
    "max_retries": 5,
    "ignore_result": True,
}


@shared_task(name="servicing.close_batch", **RELIABLE)
def close_batch(batch_id: int, run_id: int) -> None:
    """Do one batch; whoever finishes the last one takes the run on."""
    if steps.work_batch(batch_id) and not steps.open_work(run_id):
        _take_on(run_id)


@shared_task(name="servicing.advance_run", **RELIABLE)
def advance_run(run_id: int) -> None:
    """Take a run forward; when it waits for batches, send those."""
    _take_on(run_id)


def _take_on(run_id: int) -> None:
    outcome = steps.advance(run_id)
    if outcome is Outcome.WAITS:
        for batch_id in steps.open_work(run_id):
            close_batch.delay(batch_id, run_id)
    elif outcome is Outcome.DONE:
        open_due_closes.delay()


@shared_task(name="servicing.open_due_closes", **RELIABLE)
def open_due_closes() -> None:
    """Open the close of every fund whose day is over; a missed day first, the next when that is done."""
    for fund, on in services.auto_close_due(timezone.now()):
        advance_run.delay(runs.open_run(fund=fund, on=on, actor=None).pk)


@shared_task(name="servicing.reconcile", **RELIABLE)
def reconcile() -> None:
    """Send again what may have been lost, and do what a button asked for. Runs every few seconds and at start-up."""
    for run_id in CloseRun.objects.filter(state=CloseRun.State.OPEN).values_list("pk", flat=True):
        advance_run.delay(run_id)
    asked = CloseException.objects.filter(state=CloseException.State.RETRY)
    for fund in Fund.objects.filter(pk__in=asked.values("facility__fund")):
        services.retry_exceptions(fund=fund, on=fund.business_date)
    open_due_closes.delay()


@shared_task(name="servicing.tell_partners", **RELIABLE)
def tell_partners() -> None:
    """Tell partners what the day has to tell. Runs every half minute; a day that is told costs one look."""
    for fund in Fund.objects.order_by("pk"):
        services.tell_day(fund=fund, on=fund.business_date)
