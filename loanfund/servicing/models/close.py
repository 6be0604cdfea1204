"""The record of each close of business: its steps, its batches and the facilities it had to leave behind."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Facility, Fund


class CloseRun(Sealed):
    """The close of one business date of one fund. `chain_head` is the audit chain's head when it was proven."""

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        STOPPED = "stopped"

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="close_runs")
    business_date = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    loans = models.PositiveIntegerField(default=0)
    exceptions = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    chain_head = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["-business_date"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fund", "business_date"], name="servicing_closerun_once"),
            models.UniqueConstraint(
                fields=["fund"], condition=~Q(state="done"), name="servicing_closerun_one_open_a_fund"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fund} {self.business_date.isoformat()}"


class CloseStep(Sealed):
    """One named step of a run, with what it counted, when, and a digest of what it left behind."""

    run = models.ForeignKey(CloseRun, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    counts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["run", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "name"], name="servicing_closestep_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.name}"


class CloseBatch(models.Model):
    """A range of facilities worked on in one transaction. Claimed by a conditional UPDATE; `done` is written with its
    results. Whoever holds it shows a heartbeat, and loses it to the next worker when that stops."""

    class State(models.TextChoices):
        OPEN = "open"
        CLAIMED = "claimed"
        DONE = "done"

    run = models.ForeignKey(CloseRun, on_delete=models.CASCADE, related_name="batches")
    step = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    first_facility = models.BigIntegerField()
    last_facility = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    attempt = models.PositiveIntegerField(default=0)
    holder = models.CharField(max_length=80, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["run", "step", "number"]
        verbose_name_plural = "close batches"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "step", "number"], name="servicing_closebatch_once"),
            models.CheckConstraint(
                condition=Q(first_facility__lte=models.F("last_facility")), name="servicing_closebatch_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.step} {self.number}"


class CloseException(models.Model):
    """A facility that a close could not take, why, and since which night it lags. Cured by a retry that books it all."""

    class State(models.TextChoices):
        OPEN = "open"
        RETRY = "retry", "retry asked for"
        CURED = "cured"

    run = models.ForeignKey(CloseRun, on_delete=models.PROTECT, related_name="found_exceptions")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="close_exceptions")
    since = models.DateField()
    reason = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    raised_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveIntegerField(default=1)
    cured_on = models.DateField(null=True, blank=True)
    retried_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["facility"], condition=~Q(state="cured"), name="servicing_closeexception_one_open"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="servicing_closeexception_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.facility}: {self.reason}"


class Diary(models.Model):
    """When a facility next needs more than the plain nightly accrual: a due, a new period, a late sum, a fee, an event.

    Nights before `attend_on` are written set-wise. Worked out from the replay and only ever a hint of when to look: a day
    too early costs time, and the invariants find a day too late.
    """

    facility = models.OneToOneField(
        Facility, on_delete=models.PROTECT, primary_key=True, related_name="diary"
    )
    attend_on = models.DateField(db_index=True)

    class Meta:
        verbose_name_plural = "diaries"

    def __str__(self) -> str:
        return f"{self.facility}: {self.attend_on.isoformat()}"
