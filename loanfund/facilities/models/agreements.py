"""The agreement with one partner: its facility, its terms through time, and what must be shown before money moves."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.facilities.models.funds import Fund
from loanfund.parties.models import FourEyes, Partner, StoredFile

FACILITY_STATES = ["available", "closed_to_drawdown", "accelerated", "written_off", "closed"]


class Promise(Sealed):
    """An amount of the fund set aside for one purpose (`reference`, such as "application:12"), until signed or released.

    `headroom` names the limits it counts against ("partner:7", "group:3", "segment:exchange", "tenor:12"), so that a
    release gives back exactly what the promise took. Only a partner that changes its group moves it, with its entries.
    """

    class State(models.TextChoices):
        RESERVED = "reserved", "reserved"
        SIGNED = "signed", "signed"
        RELEASED = "released", "released"

    reference = models.CharField(max_length=60, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="promises")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="promises")
    amount = models.DecimalField(max_digits=32, decimal_places=12)
    headroom = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RESERVED)
    reserved_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="facilities_promise_amount_positive"),
        ]
        triggers: ClassVar = [
            pgtrigger.FSM(
                name="moves", field="state", transitions=[("reserved", "signed"), ("reserved", "released")]
            ),
            pgtrigger.ReadOnly(name="frozen", fields=["reference", "fund", "partner", "amount"]),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.reference


class Facility(Sealed):
    """One agreement with one partner, and the most it may owe under it, in the fund's currency."""

    class State(models.TextChoices):
        AVAILABLE = "available", "available"
        CLOSED_TO_DRAWDOWN = "closed_to_drawdown", "closed to drawdown"
        ACCELERATED = "accelerated", "accelerated"
        WRITTEN_OFF = "written_off", "written off"
        CLOSED = "closed", "closed"

    number = models.CharField(max_length=20, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="facilities")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="facilities")
    promise = models.OneToOneField(Promise, on_delete=models.PROTECT, related_name="facility")
    currency = models.CharField(max_length=10)
    commitment = models.DecimalField(max_digits=32, decimal_places=12)
    revolving = models.BooleanField(default=False)
    purpose = models.TextField(blank=True)
    signed_on = models.DateField()
    availability_start = models.DateField()
    availability_end = models.DateField()
    maturity = models.DateField()
    state = models.CharField(max_length=30, choices=State.choices, default=State.AVAILABLE)
    event_of_default = models.BooleanField(default=False)
    decision_number = models.CharField(max_length=30)
    agreement_digest = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["number"]
        verbose_name_plural = "facilities"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(commitment__gt=0), name="facilities_facility_commitment_positive"
            ),
            models.CheckConstraint(
                condition=Q(availability_start__gte=F("signed_on"))
                & Q(availability_end__gte=F("availability_start"))
                & Q(maturity__gte=F("availability_end")),
                name="facilities_facility_dates_in_order",
            ),
            models.CheckConstraint(
                condition=Q(state__in=FACILITY_STATES), name="facilities_facility_state_known"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.ReadOnly(
                name="frozen",
                fields=["number", "fund", "partner", "promise", "currency", "commitment", "signed_on"],
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.number


class FacilityTerms(AppendOnly):
    """One version of a facility's terms, from a day on: the canonical document of `calculation` and its digest."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="terms")
    version = models.PositiveIntegerField()
    effective_from = models.DateField()
    agreed_on = models.DateField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=300)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["facility", "version"]
        verbose_name_plural = "facility terms"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["facility", "version"], name="facilities_facilityterms_version_once"
            ),
            models.CheckConstraint(
                condition=Q(version__gt=0), name="facilities_facilityterms_version_from_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facility} terms {self.version}"


class ConditionPrecedent(Sealed):
    """A paper or a fact required before the first drawdown, or before each one."""

    class Scope(models.TextChoices):
        FIRST = "first", "before the first drawdown"
        EACH = "each", "before each drawdown"

    class State(models.TextChoices):
        OPEN = "open", "open"
        SATISFIED = "satisfied", "satisfied"
        WAIVED = "waived", "waived"

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="conditions")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=500)
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.FIRST)
    state = models.CharField(max_length=20, choices=State.choices, default=State.OPEN)
    waived_by_decision = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering: ClassVar = ["facility", "position"]
        verbose_name_plural = "conditions precedent"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["facility", "position"], name="facilities_conditionprecedent_position_once"
            ),
            models.CheckConstraint(
                condition=Q(state="waived") ^ Q(waived_by_decision=""),
                name="facilities_conditionprecedent_waiver_names_decision",
            ),
            models.CheckConstraint(
                condition=~Q(scope="each", state="satisfied"),
                name="facilities_conditionprecedent_each_stays_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.facility} condition {self.position}"


class ConditionEvidence(FourEyes, Sealed):
    """What shows that a condition is met: put forward by one person, accepted or refused by another.

    For a condition of each drawdown `drawdown` is the number of the one it is shown for.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "proposed"
        ACCEPTED = "accepted", "accepted"
        REFUSED = "refused", "refused"

    condition = models.ForeignKey(ConditionPrecedent, on_delete=models.PROTECT, related_name="evidence")
    drawdown = models.CharField(max_length=20, blank=True)
    file = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=500)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "condition evidence"
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=Q(state="proposed", checker__isnull=True)
                | (~Q(state="proposed") & Q(checker__isnull=False)),
                name="facilities_conditionevidence_decided_by_checker",
            ),
            models.CheckConstraint(
                condition=Q(file__isnull=False) | ~Q(note=""),
                name="facilities_conditionevidence_shows_something",
            ),
            models.UniqueConstraint(
                fields=["condition", "drawdown"],
                condition=Q(state="proposed"),
                name="facilities_conditionevidence_one_open",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="decided_stays",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__state="proposed"),
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.condition} evidence"


class Authority(AppendOnly):
    """What the committee has allowed for a signed facility, and the decision that says so.

    Servicing asks for one before it does what the policy reserves to the committee. `digest` is that of the thing
    decided on: another amendment than the one voted on has another digest.
    """

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="authorities")
    kind = models.CharField(max_length=40)
    digest = models.CharField(max_length=64)
    amount = models.DecimalField(max_digits=32, decimal_places=12, null=True, blank=True)
    decision_number = models.CharField(max_length=30, unique=True)
    granted_on = models.DateField()
    expires_on = models.DateField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["facility", "granted_on", "id"]
        verbose_name_plural = "authorities"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_on__gte=F("granted_on")), name="facilities_authority_dates_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision_number}: {self.kind} of {self.facility}"


class LimitException(AppendOnly):
    """More than the policy allows one owner ("partner:7"), granted by a decision of the committee."""

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="limit_exceptions")
    owner = models.CharField(max_length=60)
    amount = models.DecimalField(max_digits=32, decimal_places=12)
    decision_number = models.CharField(max_length=30, unique=True)
    granted_on = models.DateField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="facilities_limitexception_amount_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision_number}: {self.owner}"
