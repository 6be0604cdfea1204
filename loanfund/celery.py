"""The task queue: its settings, and the whole beat schedule, which is code and never data."""

import os

from celery import Celery, signals
from celery.schedules import crontab
from django.conf import settings

from loanfund.health import heard_from

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loanfund.settings")

RECONCILE = "servicing.reconcile"

app = Celery("loanfund", set_as_current=True)
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # A killed worker's message comes back only after this long, so no task may run longer.
        "visibility_timeout": 300,
        "socket_timeout": 5,
        "socket_connect_timeout": 5,
        "retry_on_timeout": True,
        "health_check_interval": 10,
    },
    # What is done is a row in the database; there is nothing to keep in a result.
    result_backend=None,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=120,
    task_soft_time_limit=60,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=500,
    worker_hijack_root_logger=False,
    timezone="UTC",
    enable_utc=True,
    # Every entry may run at any time and as often as it likes, so beat need not remember when one last ran.
    beat_scheduler="celery.beat:Scheduler",
    beat_schedule={
        "heartbeat": {
            "task": "loanfund.heartbeat",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
        # Opens the closes that are due and sends again whatever a killed worker or a lost message left undone.
        "reconcile": {
            "task": RECONCILE,
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        # Takes up the months of statements that a button asked for, and those that a killed worker left.
        "statements": {
            "task": "reporting.take_up",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        # Makes, keeps and announces the statements of a month that was closed.
        "months": {
            "task": "reporting.make_months",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        # Payments that come near, sums that are late, rates that are set: once a business date.
        "partners": {
            "task": "servicing.tell_partners",
            "schedule": 30.0,
            "options": {"expires": 30},
        },
        # Removes what uploads of refused acts left in the document store.
        "uploads": {
            "task": "parties.sweep_files",
            "schedule": crontab(hour=3, minute=20),
            "options": {"expires": 3600},
        },
        "notices": {
            "task": "parties.send_notices",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
    },
)
app.autodiscover_tasks()


@app.task(name="loanfund.heartbeat")
def heartbeat() -> None:
    """Shows that beat, broker and worker still pass messages on."""
    heard_from("beat")


@signals.heartbeat_sent.connect
def _worker_lives(**_: object) -> None:
    heard_from("worker")


@signals.worker_ready.connect
def _take_up_what_was_left(**_: object) -> None:
    app.send_task(RECONCILE)


@signals.beat_init.connect
def _beat_lives(**_: object) -> None:
    heard_from("beat")
