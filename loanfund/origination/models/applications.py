"""What a partner asks for, and the papers it shows."""

from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Facility, Fund
from loanfund.origination.models.states import MOVES, State
from loanfund.parties.models import Partner, StoredFile

AMOUNT: dict[str, Any] = {"max_digits": 32, "decimal_places": 12}


class Application(Sealed):
    """One request for a loan. Amounts are in the fund's currency; `net_assets` is what the applicant held at the
    policy's snapshot, `compensation` what it was already given for the same losses.

    An appeal, or any new request after a decision, is a new application that names the one before it.
    """

    class Profile(models.TextChoices):
        BULLET = "bullet", "one repayment at the end"
        EQUAL_PRINCIPAL = "equal_principal", "equal parts of principal"
        LEVEL = "level", "equal instalments"
        INTEREST_ONLY = "interest_only", "interest only, then equal instalments"
        BALLOON = "balloon", "instalments and a balloon"

    number = models.CharField(max_length=20, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="applications")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="applications")
    appeal_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="appeals"
    )
    state = models.CharField(max_length=30, choices=State.choices, default=State.DRAFT)
    amount = models.DecimalField(**AMOUNT)
    purpose = models.TextField()
    tenor_months = models.PositiveSmallIntegerField()
    profile = models.CharField(max_length=30, choices=Profile.choices)
    interest_only_months = models.PositiveSmallIntegerField(default=0)
    revolving = models.BooleanField(default=False)
    net_assets = models.DecimalField(null=True, blank=True, **AMOUNT)
    net_assets_file = models.ForeignKey(
        StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    compensation = models.DecimalField(default=0, **AMOUNT)
    prepared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    analyst = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="applications_assigned",
    )
    created_on = models.DateField()
    submitted_on = models.DateField(null=True, blank=True)
    state_since = models.DateField()
    information_due_on = models.DateField(null=True, blank=True)
    decision = models.OneToOneField(
        "origination.Decision",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="decided_application",
    )
    approved_amount = models.DecimalField(null=True, blank=True, **AMOUNT)
    facility = models.OneToOneField(
        Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="application"
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="origination_application_amount_positive"),
            models.CheckConstraint(
                condition=Q(tenor_months__gt=0), name="origination_application_tenor_positive"
            ),
            models.CheckConstraint(
                condition=Q(interest_only_months__lt=F("tenor_months")),
                name="origination_application_interest_only_within_tenor",
            ),
            models.CheckConstraint(
                condition=Q(compensation__gte=0), name="origination_application_compensation_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="origination_application_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"])
                | Q(submitted_by__isnull=False, submitted_on__isnull=False),
                name="origination_application_submitted_by_someone",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "declined", "offered", "accepted", "lapsed"])
                | Q(decision__isnull=False),
                name="origination_application_decided_by_decision",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "offered", "accepted", "lapsed"])
                | Q(approved_amount__gt=0, approved_amount__lte=F("amount")),
                name="origination_application_approved_within_asked",
            ),
            models.CheckConstraint(
                condition=Q(state="accepted", facility__isnull=False)
                | (~Q(state="accepted") & Q(facility__isnull=True)),
                name="origination_application_accepted_has_facility",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["state", "state_since"], name="origination_app_queue"),
        ]
        triggers: ClassVar = [
            pgtrigger.FSM(name="moves", field="state", transitions=MOVES),
            pgtrigger.Protect(
                name="starts_as_draft", operation=pgtrigger.Insert, condition=~pgtrigger.Q(new__state="draft")
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="whose", fields=["number", "fund", "partner", "appeal_of", "prepared_by"]
            ),
        ]

    def __str__(self) -> str:
        return self.number


class ApplicationDocument(Sealed):
    """One paper of an application, and what the analyst found when checking it."""

    class State(models.TextChoices):
        PENDING = "pending", "not yet checked"
        ACCEPTED = "accepted", "accepted"
        REFUSED = "refused", "refused"
        REPLACED = "replaced", "replaced"

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="documents")
    kind = models.CharField(max_length=60)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_on = models.DateField()
    expires_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PENDING)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    checked_on = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["kind", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(checked_by__isnull=True) | ~Q(checked_by=F("uploaded_by")),
                name="origination_applicationdocument_checked_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["accepted", "refused"])
                | Q(checked_by__isnull=False, checked_on__isnull=False),
                name="origination_applicationdocument_checked_by_someone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} {self.kind}"
