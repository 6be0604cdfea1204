"""The sub-ledger beneath the accrual entries: one row a loan a day, and the day's factors they were made with."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from loanfund.audit.models import AppendOnly
from loanfund.servicing.models.drawdowns import MONEY

INTEGER: dict[str, Any] = {"max_digits": 80, "decimal_places": 0}


class AccrualClass(AppendOnly):
    """What a day's factor depends on: convention, interest period and rate terms. Loans that share it share factors."""

    digest = models.CharField(max_length=64, unique=True)
    document = models.JSONField()

    def __str__(self) -> str:
        return self.digest[:12]


class DayFactor(AppendOnly):
    """One class's figures for one night: growth of one unit of principal since the interest period began, at the end of
    the night, as num/den exactly; the all-in rate and the night's fraction are for the reader."""

    pk = models.CompositePrimaryKey("accrual_date", "accrual_class_id", "version")
    accrual_date = models.DateField()
    accrual_class = models.ForeignKey(
        AccrualClass, on_delete=models.PROTECT, related_name="factors", db_constraint=False, db_index=False
    )
    version = models.PositiveIntegerField(default=0)
    num = models.DecimalField(**INTEGER)
    den = models.DecimalField(**INTEGER)
    rate = models.DecimalField(max_digits=20, decimal_places=12)
    day_num = models.DecimalField(**INTEGER)
    day_den = models.DecimalField(**INTEGER)
    estimated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.accrual_date.isoformat()} {self.num}/{self.den}"


class Accrual(AppendOnly):
    """Interest earned by one loan in the night of `accrual_date`, not yet due.

    Sequence 0 is the close's; later ones are signed adjustments with the booking date of their correction. `exact` has
    12 decimals, `posted` is what reached the ledger. The rest is the state from which the next night follows: what
    the interest period has earned to the end of this night (`period_exact`), and the piece of constant principal and
    rate it stands in (its growth at the start, `base_num`/`base_den`, and what was earned before it, `base_exact`).
    No foreign keys: this table is written a hundred thousand rows at a time, and proven by the invariants.
    """

    seal_by: ClassVar[str] = "batch_id"

    pk = models.CompositePrimaryKey("accrual_date", "loan_id", "sequence")
    accrual_date = models.DateField()
    loan_id = models.BigIntegerField()
    sequence = models.IntegerField(default=0)
    facility_id = models.BigIntegerField()
    batch_id = models.BigIntegerField()
    booking_date = models.DateField()
    principal = models.DecimalField(**MONEY)
    rate = models.DecimalField(max_digits=20, decimal_places=12)
    num = models.DecimalField(**INTEGER)
    den = models.DecimalField(**INTEGER)
    exact = models.DecimalField(**MONEY)
    posted = models.DecimalField(**MONEY)
    estimated = models.BooleanField(default=False)
    suspended = models.BooleanField(default=False)
    accrual_class_id = models.BigIntegerField()
    period_exact = models.DecimalField(**MONEY)
    base_num = models.DecimalField(**INTEGER)
    base_den = models.DecimalField(**INTEGER)
    base_exact = models.DecimalField(**MONEY)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(sequence__gte=0), name="servicing_accrual_sequence"),
        ]
        indexes: ClassVar = [
            # What seals a batch reads its rows just after they were written, when no block index knows them yet.
            models.Index(fields=["batch_id"], name="servicing_accrual_batch"),
            models.Index(
                fields=["booking_date"],
                condition=~Q(booking_date=models.F("accrual_date")),
                name="servicing_accrual_late",
            ),
        ]

    def __str__(self) -> str:
        return f"loan {self.loan_id} {self.accrual_date.isoformat()} #{self.sequence}"


class FacilityAccrual(AppendOnly):
    """What a facility earned in one night beside its loans' interest: default interest and the commitment fee.

    `on_amount` is what it was worked out on: the late sum, or the undrawn commitment. Sequences as in `Accrual`.
    """

    seal_by: ClassVar[str] = "batch_id"

    class Kind(models.TextChoices):
        DEFAULT_INTEREST = "default_interest", "default interest"
        COMMITMENT_FEE = "commitment_fee", "commitment fee"

    pk = models.CompositePrimaryKey("accrual_date", "facility_id", "kind", "subject", "sequence")
    accrual_date = models.DateField()
    facility_id = models.BigIntegerField()
    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = models.CharField(max_length=120, blank=True)
    sequence = models.IntegerField(default=0)
    batch_id = models.BigIntegerField()
    booking_date = models.DateField()
    on_amount = models.DecimalField(**MONEY)
    rate = models.DecimalField(max_digits=20, decimal_places=12)
    exact = models.DecimalField(**MONEY)
    posted = models.DecimalField(**MONEY)
    suspended = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["batch_id"], name="servicing_facaccrual_batch"),
            models.Index(
                fields=["booking_date"],
                condition=~Q(booking_date=models.F("accrual_date")),
                name="servicing_facaccrual_late",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of facility {self.facility_id} {self.accrual_date.isoformat()} #{self.sequence}"
