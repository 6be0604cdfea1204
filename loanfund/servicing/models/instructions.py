"""What people decide about a facility that is running: every change but money in and out, always by two people."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Facility
from loanfund.parties.models import FourEyes
from loanfund.servicing.models.drawdowns import MONEY
from loanfund.servicing.models.events import Event, Loan


class Instruction(FourEyes, Sealed):
    """A change proposed by one person and booked by another, with what it would do kept as it was shown.

    `details` are the fields of the calculation's event. `preview` holds the figures before and after, from the same
    function that books. An amendment needs the borrower's consent as well (`consent_by`).
    """

    class Kind(models.TextChoices):
        PREPAYMENT = "prepayment", "prepayment"
        CANCELLATION = "cancellation", "cancellation of commitment"
        AMENDMENT = "amendment", "amendment of terms"
        PAYMENT_HOLIDAY = "payment_holiday", "payment holiday"
        CAPITALISATION = "capitalisation", "capitalisation of interest"
        WAIVER = "waiver", "waiver"
        COST = "cost", "cost charged to the borrower"
        ACCELERATION = "acceleration", "acceleration"
        NON_ACCRUAL = "non_accrual", "non-accrual on or off"
        WRITE_OFF = "write_off", "write-off"
        RECOVERY = "recovery", "recovery"
        REVERSAL = "reversal", "reversal of an event"

    class State(models.TextChoices):
        PROPOSED = "proposed"
        BOOKED = "booked"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    number = models.CharField(max_length=20, unique=True)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="instructions")
    loan = models.ForeignKey(
        Loan, null=True, blank=True, on_delete=models.PROTECT, related_name="instructions"
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    value_date = models.DateField()
    amount = models.DecimalField(null=True, blank=True, **MONEY)
    details = models.JSONField(default=dict)
    preview = models.JSONField(default=dict)
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)
    proposed_on = models.DateField()
    booked_on = models.DateField(null=True, blank=True)
    consent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    consent_on = models.DateField(null=True, blank=True)
    authority = models.CharField(max_length=30, blank=True)
    event = models.OneToOneField(
        Event, null=True, blank=True, on_delete=models.PROTECT, related_name="instruction"
    )

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(state="booked") | Q(checker__isnull=False, booked_on__isnull=False),
                name="servicing_instruction_booked_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="booked", kind="amendment") | Q(consent_by__isnull=False),
                name="servicing_instruction_amendment_with_consent",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="servicing_instruction_reason"),
        ]

    def __str__(self) -> str:
        return self.number
