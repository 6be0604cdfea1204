"""What finance books by hand: capital paid in or out, a charge of the bank, an allowance. Always by two people."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Facility, Fund
from loanfund.parties.models import FourEyes, StoredFile
from loanfund.servicing.models.drawdowns import MONEY


class HandJournal(FourEyes, Sealed):
    """One entry that no facility's events and no receipt lead to: proposed by one person, booked by another.

    `amount` is positive, in the fund's currency; the kind says which way it goes. An allowance is made for a facility.
    """

    class Kind(models.TextChoices):
        CAPITAL_PAID_IN = "capital_paid_in", "capital paid in"
        CAPITAL_PAID_OUT = "capital_paid_out", "capital paid out"
        BANK_CHARGE = "bank_charge", "bank charge"
        ALLOWANCE = "allowance", "allowance for a loss"
        ALLOWANCE_RELEASED = "allowance_released", "allowance released"

    class State(models.TextChoices):
        PROPOSED = "proposed"
        BOOKED = "booked"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    number = models.CharField(max_length=20, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="hand_journals")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    facility = models.ForeignKey(
        Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="hand_journals"
    )
    currency = models.CharField(max_length=10)
    amount = models.DecimalField(**MONEY)
    value_date = models.DateField()
    reference = models.CharField(max_length=140)
    reason = models.CharField(max_length=300)
    document = models.ForeignKey(
        StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)
    proposed_on = models.DateField()
    booked_on = models.DateField(null=True, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gt=0), name="servicing_handjournal_amount_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=["allowance", "allowance_released"]) ^ Q(facility__isnull=True),
                name="servicing_handjournal_allowance_of_a_facility",
            ),
            models.CheckConstraint(
                condition=~Q(state="booked") | Q(checker__isnull=False, booked_on__isnull=False),
                name="servicing_handjournal_booked_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(reference=""), name="servicing_handjournal_says_why"
            ),
        ]

    def __str__(self) -> str:
        return self.number
