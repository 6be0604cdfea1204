"""What a fund may do: limits, eligibility lines, and how many people it takes to say yes."""

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.facilities.models.funds import Fund
from loanfund.parties.models import FourEyes

AMOUNT: dict[str, Any] = {"max_digits": 32, "decimal_places": 12}


class FundPolicy(FourEyes, Sealed):
    """One version of a fund's policy. A second person puts it into force; from then on it cannot change.

    Amounts are in the fund's currency; a null limit is no limit. The eligibility fields inform the committee and refuse
    nothing. `scorecard` is [{key, label, weight, guide}], `required_papers` [{kind, label}], `conditions_precedent`
    [{text, scope}], `pricing` the terms an offer starts from, `reserved_to_committee` the kinds of acts after signing
    that need its decision. `basis` says for each field whether its value is a known fact of the programme or our assumption:
    `{"min_loss": {"kind": "known", "note": "..."}}`.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "proposed"
        IN_FORCE = "in_force", "in force"
        REFUSED = "refused", "refused"

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="policies")
    version = models.PositiveIntegerField()
    effective_from = models.DateField()
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)

    partner_limit = models.DecimalField(null=True, blank=True, **AMOUNT)
    group_limit = models.DecimalField(null=True, blank=True, **AMOUNT)
    max_tenor_months = models.PositiveSmallIntegerField()
    min_ticket = models.DecimalField(**AMOUNT)
    max_ticket = models.DecimalField(null=True, blank=True, **AMOUNT)

    drawdown_notice_days = models.PositiveSmallIntegerField()
    drawdown_minimum = models.DecimalField(**AMOUNT)
    drawdown_multiple = models.DecimalField(**AMOUNT)

    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    snapshot_at = models.DateTimeField()
    min_loss = models.DecimalField(**AMOUNT)
    min_loss_ratio = models.DecimalField(max_digits=9, decimal_places=6)
    subtract_compensation = models.BooleanField(default=True)

    recycle_repaid = models.BooleanField(default=True)
    signatories_needed = models.PositiveSmallIntegerField()
    offer_validity_days = models.PositiveSmallIntegerField()
    information_days = models.PositiveSmallIntegerField()
    decision_validity_days = models.PositiveSmallIntegerField()
    reserved_to_committee = models.JSONField(default=list)
    conditions_precedent = models.JSONField(default=list)
    required_papers = models.JSONField(default=list)
    scorecard = models.JSONField(default=list)
    pricing = models.JSONField(default=dict)
    basis = models.JSONField(default=dict)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["fund", "-version"]
        verbose_name_plural = "fund policies"
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(fields=["fund", "version"], name="facilities_fundpolicy_version_once"),
            models.UniqueConstraint(
                fields=["fund"], condition=Q(state="proposed"), name="facilities_fundpolicy_one_proposed"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", checker__isnull=True)
                | (~Q(state="proposed") & Q(checker__isnull=False)),
                name="facilities_fundpolicy_decided_by_checker",
            ),
            models.CheckConstraint(
                condition=Q(window_end__gt=F("window_start")), name="facilities_fundpolicy_window_forward"
            ),
            models.CheckConstraint(
                condition=Q(min_ticket__gt=0)
                & (Q(max_ticket__isnull=True) | Q(max_ticket__gte=F("min_ticket"))),
                name="facilities_fundpolicy_ticket_range",
            ),
            models.CheckConstraint(
                condition=Q(partner_limit__isnull=True) | Q(partner_limit__gt=0),
                name="facilities_fundpolicy_partner_limit_positive",
            ),
            models.CheckConstraint(
                condition=Q(group_limit__isnull=True) | Q(group_limit__gt=0),
                name="facilities_fundpolicy_group_limit_positive",
            ),
            models.CheckConstraint(
                condition=Q(drawdown_minimum__gt=0) & Q(drawdown_multiple__gt=0),
                name="facilities_fundpolicy_drawdown_positive",
            ),
            models.CheckConstraint(
                condition=Q(min_loss__gte=0) & Q(min_loss_ratio__gte=0) & Q(max_tenor_months__gt=0),
                name="facilities_fundpolicy_lines_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(signatories_needed__gt=0)
                & Q(offer_validity_days__gt=0)
                & Q(decision_validity_days__gt=0),
                name="facilities_fundpolicy_offer_positive",
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
        return f"{self.fund} policy {self.version}"


class SegmentLimit(AppendOnly):
    """The most the fund may promise to one segment of partners."""

    policy = models.ForeignKey(FundPolicy, on_delete=models.CASCADE, related_name="segment_limits")
    segment = models.CharField(max_length=40)
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        ordering: ClassVar = ["policy", "segment"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "segment"], name="facilities_segmentlimit_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="facilities_segmentlimit_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.segment


class TenorLimit(AppendOnly):
    """The most the fund may promise for longer than `over_months` months."""

    policy = models.ForeignKey(FundPolicy, on_delete=models.CASCADE, related_name="tenor_limits")
    over_months = models.PositiveSmallIntegerField()
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        ordering: ClassVar = ["policy", "over_months"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "over_months"], name="facilities_tenorlimit_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="facilities_tenorlimit_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"over {self.over_months} months"


class MatrixRow(AppendOnly):
    """How many members must vote, and how many must approve, up to an amount, for one segment or for all.

    `segment` empty is every segment; `up_to` null is any amount. The row that names the segment goes before one that
    does not; then the smallest `up_to` that still holds the amount.
    """

    policy = models.ForeignKey(FundPolicy, on_delete=models.CASCADE, related_name="matrix")
    segment = models.CharField(max_length=40, blank=True)
    up_to = models.DecimalField(null=True, blank=True, **AMOUNT)
    members_needed = models.PositiveSmallIntegerField()
    approvals_needed = models.PositiveSmallIntegerField()
    chair_casts = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["policy", "segment", F("up_to").asc(nulls_last=True)]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["policy", "segment", "up_to"], nulls_distinct=False, name="facilities_matrixrow_once"
            ),
            models.CheckConstraint(
                condition=Q(approvals_needed__gt=0) & Q(members_needed__gte=F("approvals_needed")),
                name="facilities_matrixrow_quorum_holds_approvals",
            ),
            models.CheckConstraint(
                condition=Q(up_to__isnull=True) | Q(up_to__gt=0), name="facilities_matrixrow_amount_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.segment or 'any segment'} up to {self.up_to or 'any amount'}"
