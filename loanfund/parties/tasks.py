"""What the workers do for parties: telling people what the outbox holds, and clearing away what uploads left behind."""

from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from loanfund.parties import services


@shared_task(
    name="parties.send_notices",
    acks_late=True,
    reject_on_worker_lost=True,
    autoretry_for=(OperationalError, InterfaceError),
    retry_backoff=1,
    max_retries=3,
    ignore_result=True,
)
def send_notices() -> None:
    """Claim what waits and send it; whatever a killed worker had claimed is free again when its claim runs out."""
    for notice_id in services.claim_notices(now=timezone.now()):
        services.send_claimed(notice_id=notice_id, base_url=settings.BASE_URL, now=timezone.now())


@shared_task(name="parties.sweep_files", acks_late=True, ignore_result=True)
def sweep_files() -> None:
    """Remove the bytes of uploads whose act was refused. Runs every night."""
    services.sweep_files(now=timezone.now())
