"""What a borrower asks the lender for, or tells it: each request with its state and its answer."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Facility
from loanfund.parties.models import StoredFile
from loanfund.servicing.models.drawdowns import MONEY
from loanfund.servicing.models.events import Loan
from loanfund.servicing.models.instructions import Instruction
from loanfund.servicing.models.receipts import Receipt, Refund


class BorrowerRequest(Sealed):
    """One request under a facility. `day` is the first day of a holiday, the day a reported payment was sent, or the day
    whose end a confirmation is of; `until` the last day of a holiday. An answer names what it led to."""

    class Kind(models.TextChoices):
        PAYMENT_HOLIDAY = "payment_holiday", "payment holiday"
        REFUND = "refund", "refund"
        PAYMENT_REPORT = "payment_report", "report of a payment"
        BALANCE_CONFIRMATION = "balance_confirmation", "balance confirmation"

    class State(models.TextChoices):
        OPEN = "open", "with the lender"
        ANSWERED = "answered", "answered"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"

    number = models.CharField(max_length=20, unique=True)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="requests")
    loan = models.ForeignKey(Loan, null=True, blank=True, on_delete=models.PROTECT, related_name="requests")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    amount = models.DecimalField(null=True, blank=True, **MONEY)
    day = models.DateField()
    until = models.DateField(null=True, blank=True)
    reference = models.CharField(max_length=140, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    asked_on = models.DateField()
    answer = models.CharField(max_length=1000, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_on = models.DateField(null=True, blank=True)
    instruction = models.OneToOneField(
        Instruction, null=True, blank=True, on_delete=models.PROTECT, related_name="request"
    )
    refund = models.OneToOneField(
        Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="request"
    )
    receipt = models.ForeignKey(
        Receipt, null=True, blank=True, on_delete=models.PROTECT, related_name="reports"
    )
    confirmation = models.OneToOneField(
        StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(amount__gt=0)
                | Q(amount__isnull=True, kind__in=["payment_holiday", "balance_confirmation"]),
                name="servicing_borrowerrequest_amount",
            ),
            models.CheckConstraint(
                condition=Q(kind="payment_holiday", loan__isnull=False, until__gt=F("day"))
                | (~Q(kind="payment_holiday") & Q(loan__isnull=True, until__isnull=True)),
                name="servicing_borrowerrequest_holiday_of_a_loan",
            ),
            models.CheckConstraint(
                condition=~Q(kind="payment_report") | ~Q(reference=""),
                name="servicing_borrowerrequest_report_with_reference",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["answered", "declined"])
                | (Q(answered_by__isnull=False, answered_on__isnull=False) & ~Q(answer="")),
                name="servicing_borrowerrequest_answer_by_somebody",
            ),
            models.UniqueConstraint(
                fields=["facility", "reference", "amount"],
                condition=Q(kind="payment_report", state__in=["open", "answered"]),
                name="servicing_borrowerrequest_payment_reported_once",
            ),
        ]

    def __str__(self) -> str:
        return self.number
