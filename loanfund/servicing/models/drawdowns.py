"""A borrowing on its way out: asked for, approved, released by a second person, settled."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Facility
from loanfund.parties.models import SettlementAccount

MONEY: dict[str, Any] = {"max_digits": 38, "decimal_places": 12}


class Drawdown(Sealed):
    """One request to borrow. The amount is earmarked from the request until it is settled, rejected or cancelled.

    `wanted_on` is the business day asked for. `reference` is what proves the payment: a bank's reference or a
    transaction hash; `value_date` is the day it counts from, when interest starts.
    """

    class State(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        RELEASED = "released"
        SETTLED = "settled"
        REJECTED = "rejected"
        CANCELLED = "cancelled"

    number = models.CharField(max_length=20, unique=True)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="drawdowns")
    currency = models.CharField(max_length=10)
    amount = models.DecimalField(**MONEY)
    wanted_on = models.DateField()
    purpose = models.TextField(blank=True)
    settlement_account = models.ForeignKey(
        SettlementAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    request_key = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.REQUESTED)
    requested_on = models.DateField()
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(db_default=Now())
    approved_on = models.DateField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    released_on = models.DateField(null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    releases = models.PositiveSmallIntegerField(default=0)
    settled_on = models.DateField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reference = models.CharField(max_length=140, blank=True)
    value_date = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="servicing_drawdown_amount_positive"),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
                name="servicing_drawdown_approver_is_not_requester",
            ),
            models.CheckConstraint(
                condition=Q(released_by__isnull=True) | ~Q(released_by=F("approved_by")),
                name="servicing_drawdown_two_people",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["released", "settled"])
                | Q(approved_by__isnull=False, released_by__isnull=False),
                name="servicing_drawdown_released_after_approval",
            ),
            models.CheckConstraint(
                condition=Q(state="settled", settled_by__isnull=False, value_date__isnull=False)
                & ~Q(reference="")
                | (~Q(state="settled") & Q(value_date__isnull=True)),
                name="servicing_drawdown_settled_with_reference",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=~Q(reference=""), name="servicing_drawdown_reference_once"
            ),
        ]

    def __str__(self) -> str:
        return self.number
