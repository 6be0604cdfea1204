"""The events a facility is a fold over, and what was booked from them: dues, allocations, shares of control accounts.

Booked rows are append-only differences. The outstanding of a due is the sum of its `Due` rows less that of its
`Allocation` rows; both carry the day they count from and the day they were booked.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly
from loanfund.facilities.models import Facility
from loanfund.ledger.models import AccountKind
from loanfund.servicing.models.drawdowns import MONEY, Drawdown


class Loan(AppendOnly):
    """The principal outstanding from one drawdown. What changes about it is in its events and accrual rows."""

    number = models.CharField(max_length=20, unique=True)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="loans")
    drawdown = models.OneToOneField(Drawdown, null=True, on_delete=models.PROTECT, related_name="loan")
    currency = models.CharField(max_length=10)
    amount = models.DecimalField(**MONEY)
    disbursed_on = models.DateField()
    maturity = models.DateField()

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="servicing_loan_amount_positive"),
            models.CheckConstraint(
                condition=Q(maturity__gt=F("disbursed_on")), name="servicing_loan_matures_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class Event(AppendOnly):
    """One thing that happened to a facility, as `calculation` reads it.

    `value_date` is when it counts, `booking_date` the business date on which it was booked, `known_at` when the system
    learnt it. `key` is the sender's id: it breaks ties within a value date and makes an event happen once. `document`
    is the canonical event. A reversal names the event that it undoes.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="events")
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)
    loan = models.ForeignKey(Loan, null=True, on_delete=models.PROTECT, related_name="events")
    value_date = models.DateField()
    booking_date = models.DateField()
    known_at = models.DateTimeField(db_default=Now())
    document = models.JSONField()
    reverses = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="reversed_by")
    cause = models.CharField(max_length=80, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering: ClassVar = ["facility", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["facility", "number"], name="servicing_event_number_once"),
            models.UniqueConstraint(fields=["facility", "key"], name="servicing_event_key_once"),
            models.CheckConstraint(condition=Q(number__gt=0), name="servicing_event_number_from_one"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["value_date"], name="servicing_event_value"),
            models.Index(fields=["booking_date"], name="servicing_event_booked"),
        ]

    def __str__(self) -> str:
        return f"{self.facility} event {self.number}"

    @property
    def back_valued(self) -> bool:
        return self.value_date < self.booking_date


class InterestPeriod(AppendOnly):
    """[start, end): interest is fixed for it and falls due on `payment_date`. A correction adds a later `version`."""

    loan = models.ForeignKey(Loan, on_delete=models.PROTECT, related_name="periods")
    start = models.DateField()
    version = models.PositiveIntegerField(default=0)
    end = models.DateField()
    payment_date = models.DateField()
    unadjusted_start = models.DateField()
    unadjusted_end = models.DateField()
    booking_date = models.DateField()

    class Meta:
        ordering: ClassVar = ["loan", "start", "version"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["loan", "start", "version"], name="servicing_interestperiod_once"
            ),
            models.CheckConstraint(condition=Q(end__gt=F("start")), name="servicing_interestperiod_forward"),
        ]

    def __str__(self) -> str:
        return f"{self.loan} from {self.start.isoformat()}"


class Due(AppendOnly):
    """What must be paid: one row when it falls due, one more, signed, for each later change of its amount.

    `key` names the due within its facility and stays the same through corrections. `payable_from` is the day from which
    it can be late: the due date, or the notice of the correction that raised it.
    """

    class Component(models.TextChoices):
        COSTS = "costs"
        FEES = "fees"
        DEFAULT_INTEREST = "default_interest", "default interest"
        INTEREST = "interest"
        PRINCIPAL = "principal"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="dues")
    loan = models.ForeignKey(Loan, null=True, on_delete=models.PROTECT, related_name="dues")
    key = models.CharField(max_length=120)
    sequence = models.PositiveIntegerField(default=0)
    component = models.CharField(max_length=20, choices=Component.choices)
    amount = models.DecimalField(**MONEY)
    due_date = models.DateField()
    payable_from = models.DateField()
    booking_date = models.DateField()
    event = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="dues")

    class Meta:
        ordering: ClassVar = ["facility", "due_date", "key", "sequence"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["facility", "key", "sequence"], name="servicing_due_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["due_date"], name="servicing_due_date")]

    def __str__(self) -> str:
        return f"{self.key} {self.amount}"


class Allocation(AppendOnly):
    """How much of one receipt (or waiver, write-off) went to one due: a row, and one more, signed, for each change.

    `source` is the key of the event that paid; `how` says whether it was paid, waived, written off or prepaid.
    """

    class How(models.TextChoices):
        PAID = "paid"
        WAIVED = "waived"
        WRITTEN_OFF = "written_off", "written off"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="allocations")
    loan = models.ForeignKey(Loan, null=True, on_delete=models.PROTECT, related_name="allocations")
    source = models.CharField(max_length=120)
    due_key = models.CharField(max_length=120)
    component = models.CharField(max_length=20, choices=Due.Component.choices)
    how = models.CharField(max_length=12, choices=How.choices, default=How.PAID)
    value_date = models.DateField()
    sequence = models.PositiveIntegerField(default=0)
    amount = models.DecimalField(**MONEY)
    booking_date = models.DateField()
    event = models.ForeignKey(Event, null=True, on_delete=models.PROTECT, related_name="allocations")

    class Meta:
        ordering: ClassVar = ["facility", "value_date", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["facility", "source", "due_key", "component", "how", "value_date", "sequence"],
                name="servicing_allocation_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} to {self.due_key}: {self.amount}"


class ControlPosting(AppendOnly):
    """A facility's share of what an entry posted to a control account of the fund: positive is a debit.

    With the accrual rows it makes up the facility's sub-balance of that account, which replay is compared with.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="control_postings")
    kind = models.CharField(max_length=32, choices=AccountKind.choices)
    amount = models.DecimalField(**MONEY)
    booking_date = models.DateField()
    value_date = models.DateField()
    entry_key = models.TextField()

    class Meta:
        ordering: ClassVar = ["facility", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["entry_key", "facility", "kind"], name="servicing_controlposting_once"
            ),
        ]
        indexes: ClassVar = [
            # The close proves the shares of one day.
            models.Index(fields=["booking_date"], name="servicing_controlposting_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
