"""The applicant's losses, row by row, and what follows from them under the policy."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly
from loanfund.facilities.models import FundPolicy
from loanfund.origination.models.applications import AMOUNT, Application


class LiquidationUpload(AppendOnly):
    """One CSV of liquidations, taken whole or not at all. The newest of an application is the one that counts.

    `digest` is sha256 over the canonical rows in file order.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="uploads")
    file_name = models.CharField(max_length=200)
    file_sha256 = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    row_count = models.PositiveIntegerField()
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_on = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.application} {self.file_name}"


class LiquidationRecord(AppendOnly):
    """One forced liquidation: when, where, what, and the loss in the fund's currency (positive)."""

    seal_by: ClassVar[str] = "upload_id"

    class Market(models.TextChoices):
        FUTURES = "futures", "futures"
        MARGIN = "margin", "margin"
        OTHER = "other", "other"

    upload = models.ForeignKey(LiquidationUpload, on_delete=models.PROTECT, related_name="records")
    row = models.PositiveIntegerField()
    occurred_at = models.DateTimeField()
    venue = models.CharField(max_length=60)
    account = models.CharField(max_length=80)
    reference = models.CharField(max_length=80)
    market = models.CharField(max_length=10, choices=Market.choices)
    instrument = models.CharField(max_length=40)
    side = models.CharField(max_length=5, choices=[("long", "long"), ("short", "short")])
    quantity = models.DecimalField(max_digits=36, decimal_places=18)
    price = models.DecimalField(max_digits=36, decimal_places=18)
    loss = models.DecimalField(**AMOUNT)

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["upload", "row"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["upload", "row"], name="origination_liquidationrecord_row_once"),
            models.UniqueConstraint(
                fields=["upload", "venue", "reference"], name="origination_liquidationrecord_reference_once"
            ),
            models.CheckConstraint(
                condition=Q(loss__gte=0), name="origination_liquidationrecord_loss_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(price__gte=0),
                name="origination_liquidationrecord_trade_plausible",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["reference"], name="origination_liquidation_ref")]

    def __str__(self) -> str:
        return f"{self.upload} row {self.row}"


class ImpactAssessment(AppendOnly):
    """What the losses come to under one version of the policy. It informs the committee; it refuses nothing.

    `lines` is one object a rule: {rule, label, figure, line, result, sentence} with result "met", "missed" or "notice".
    `ratio` is a fraction: net loss over net assets; null when net assets are unknown or not positive.
    """

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="assessments")
    version = models.PositiveIntegerField()
    policy = models.ForeignKey(FundPolicy, on_delete=models.PROTECT, related_name="+")
    upload = models.ForeignKey(LiquidationUpload, null=True, on_delete=models.PROTECT, related_name="+")
    rows_total = models.PositiveIntegerField()
    rows_in_window = models.PositiveIntegerField()
    loss_total = models.DecimalField(**AMOUNT)
    loss_in_window = models.DecimalField(**AMOUNT)
    compensation = models.DecimalField(**AMOUNT)
    net_loss = models.DecimalField(**AMOUNT)
    net_assets = models.DecimalField(null=True, **AMOUNT)
    ratio = models.DecimalField(null=True, max_digits=24, decimal_places=6)
    lines = models.JSONField()
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=300)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_on = models.DateField()

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["application", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "version"], name="origination_impactassessment_version_once"
            ),
            models.CheckConstraint(
                condition=Q(net_loss__gte=0) & Q(loss_in_window__gte=0) & Q(compensation__gte=0),
                name="origination_impactassessment_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} assessment {self.version}"
