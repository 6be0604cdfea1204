"""What was taken out of the books: each statement that left, by digest, and the months made for all partners."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.facilities.models import Fund
from loanfund.parties.models import FourEyes, Partner


class StatementExport(AppendOnly):
    """One interest statement that somebody took out: of what, for which days, and the digests that prove it.

    `document_digest` is over the statement's content (`Statement.digest`), `sha256` over the bytes of the file; the
    bytes are not kept, since the books give the same ones again. `layout` is the version of the content's layout: only
    exports of the present one can be made again and compared.
    """

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"
        PDF = "pdf", "PDF"
        JSON = "json", "JSON"

    class Of(models.TextChoices):
        PARTNER = "partner", "partner"
        FACILITY = "facility", "facility"
        LOAN = "loan", "loan"

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="statement_exports")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="statement_exports")
    of = models.CharField(max_length=10, choices=Of.choices)
    number = models.CharField(max_length=20, help_text="of the partner, facility or loan")
    first_day = models.DateField()
    last_day = models.DateField()
    known_at = models.DateTimeField(null=True, blank=True)
    fmt = models.CharField("format", max_length=4, choices=Format.choices)
    layout = models.PositiveSmallIntegerField()
    document_digest = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="bytes")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_on = models.DateField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="reporting_statementexport_forward"
            ),
            models.CheckConstraint(
                condition=Q(made_on__gt=F("last_day")), name="reporting_statementexport_of_days_closed"
            ),
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$", document_digest__regex="^[0-9a-f]{64}$"),
                name="reporting_statementexport_digests",
            ),
            models.CheckConstraint(
                condition=Q(fmt__in=["csv", "xlsx", "pdf", "json"]), name="reporting_statementexport_format"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["number", "first_day"], name="reporting_export_of")]

    def __str__(self) -> str:
        return f"{self.number} {self.first_day.isoformat()} to {self.last_day.isoformat()}.{self.fmt}"


class MonthStatement(AppendOnly):
    """The statement of a month, made once its last day was closed: its content by digest, as the books were known then.

    Of a partner, or of one facility where the partner borrows from several funds. `known_at` is when the close of the last
    day was done; the statement made on demand as known at that moment is the same bytes.
    """

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="month_statements")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="month_statements")
    of = models.CharField(max_length=10, choices=StatementExport.Of.choices)
    number = models.CharField(max_length=20, help_text="of the partner or facility")
    first_day = models.DateField()
    last_day = models.DateField()
    known_at = models.DateTimeField()
    layout = models.PositiveSmallIntegerField()
    document_digest = models.CharField(max_length=64)
    currency = models.CharField(max_length=10)
    owed = models.DecimalField(max_digits=38, decimal_places=12, help_text="at the end of the last day")
    made_on = models.DateField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["-first_day", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number", "first_day"], name="reporting_monthstatement_once"),
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day"), made_on__gt=F("last_day")),
                name="reporting_monthstatement_of_a_month_past",
            ),
            models.CheckConstraint(
                condition=Q(document_digest__regex="^[0-9a-f]{64}$"), name="reporting_monthstatement_digest"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["partner", "first_day"], name="reporting_month_of")]

    def __str__(self) -> str:
        return f"{self.number} {self.first_day:%B %Y}"


class MonthFile(AppendOnly):
    """One form of a month's statement, its bytes kept for good: whoever takes it out, and whenever, gets these."""

    statement = models.ForeignKey(MonthStatement, on_delete=models.PROTECT, related_name="files")
    fmt = models.CharField("format", max_length=4, choices=StatementExport.Format.choices)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["statement", "fmt"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["statement", "fmt"], name="reporting_monthfile_once"),
            models.CheckConstraint(
                condition=Q(fmt__in=["csv", "xlsx", "pdf"], sha256__regex="^[0-9a-f]{64}$"),
                name="reporting_monthfile_format_and_digest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.statement}.{self.fmt}"


class MonthRun(Sealed):
    """All partners' statements of one month, made in the background and kept as one ZIP with its digest.

    A button writes the row, the workers take it up: each partner is an item that a worker claims.
    """

    class State(models.TextChoices):
        ASKED = "asked", "being made"
        DONE = "done", "done"
        FAILED = "failed", "some could not be made"

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="month_runs")
    first_day = models.DateField()
    last_day = models.DateField()
    formats = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_on = models.DateField()
    asked_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    path = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0, help_text="bytes")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="reporting_monthrun_forward"
            ),
            models.CheckConstraint(
                condition=Q(state="asked", finished_at__isnull=True)
                | (
                    ~Q(state="asked") & Q(finished_at__isnull=False, size__gt=0) & ~Q(path="") & ~Q(sha256="")
                ),
                name="reporting_monthrun_finished_with_file",
            ),
            models.UniqueConstraint(
                fields=["fund"], condition=Q(state="asked"), name="reporting_monthrun_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fund} {self.first_day:%B %Y}"


class MonthItem(models.Model):
    """One partner of a run. A worker claims it, makes its files and says what came of it; a claim left alone runs out."""

    class State(models.TextChoices):
        OPEN = "open", "waiting"
        DONE = "done", "done"
        FAILED = "failed", "could not be made"

    run = models.ForeignKey(MonthRun, on_delete=models.CASCADE, related_name="items")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    claimed_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    files = models.JSONField(default=list, help_text="name, path, sha256 and size of each")

    class Meta:
        ordering: ClassVar = ["run", "partner"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "partner"], name="reporting_monthitem_once"),
            models.CheckConstraint(
                condition=~Q(state="failed") | ~Q(reason=""), name="reporting_monthitem_failed_for_a_reason"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["run", "state"], name="reporting_monthitem_open")]

    def __str__(self) -> str:
        return f"{self.run} {self.partner}"


class MonthLock(FourEyes, Sealed):
    """A month that one person found complete and another locked. Nothing is booked into it while it is locked.

    Two people can reopen it as an exception with a reason; the row stays, and the month is locked again by a new one.
    `checks` is the list as it stood when the month was locked: a label and how it stood, one pair a line.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "waits for a second person"
        LOCKED = "locked", "locked"
        REFUSED = "refused", "refused"
        REOPENING = "reopening", "locked; reopening asked for"
        REOPENED = "reopened", "reopened"

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="month_locks")
    first_day = models.DateField()
    last_day = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    checks = models.JSONField()
    proposed_on = models.DateField()
    locked_on = models.DateField(null=True, blank=True)
    reason = models.CharField(
        max_length=300, blank=True, help_text="why it was refused, or is to be reopened"
    )
    reopening_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    reopened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    reopened_on = models.DateField(null=True, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-first_day", "-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day"), proposed_on__gt=F("last_day")),
                name="reporting_monthlock_of_a_month_past",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["locked", "reopening", "reopened"])
                | Q(checker__isnull=False, locked_on__isnull=False),
                name="reporting_monthlock_locked_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["reopening", "reopened"])
                | (Q(reopening_by__isnull=False) & ~Q(reason="")),
                name="reporting_monthlock_reopened_for_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="reopened") | Q(reopened_by__isnull=False, reopened_on__isnull=False),
                name="reporting_monthlock_reopened_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(reopened_by__isnull=True) | ~Q(reopened_by=F("reopening_by")),
                name="reporting_monthlock_reopened_by_two",
            ),
            models.UniqueConstraint(
                fields=["fund", "first_day"],
                condition=Q(state__in=["proposed", "locked", "reopening"]),
                name="reporting_monthlock_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first_day:%B %Y}"
