"""What the fund offers after an approval, and who signed it for the partner."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.origination.models.applications import AMOUNT, Application
from loanfund.origination.models.committee import Decision
from loanfund.parties.models import FourEyes


class Offer(FourEyes, Sealed):
    """An offer: `document` holds the terms, the schedule, the fees and the conditions, `digest` its sha256.

    Made by one person, sent by another. It can be accepted up to and including `expires_on`.
    """

    class State(models.TextChoices):
        PREPARED = "prepared", "prepared, to be checked"
        REFUSED = "refused", "refused by the checker"
        SENT = "sent", "sent"
        ACCEPTED = "accepted", "accepted"
        DECLINED = "declined", "declined by the partner"
        LAPSED = "lapsed", "lapsed"
        RETRACTED = "retracted", "retracted"

    number = models.CharField(max_length=20, unique=True)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="offers")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="offers")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PREPARED)
    amount = models.DecimalField(**AMOUNT)
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    signatories_needed = models.PositiveSmallIntegerField()
    made_on = models.DateField()
    sent_on = models.DateField(null=True, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gt=0), name="origination_offer_amount_positive"),
            models.CheckConstraint(
                condition=~Q(state__in=["sent", "accepted", "declined", "lapsed"])
                | Q(checker__isnull=False, sent_on__isnull=False, expires_on__isnull=False),
                name="origination_offer_sent_by_checker",
            ),
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(state__in=["prepared", "sent"]),
                name="origination_offer_one_open",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.FSM(
                name="moves",
                field="state",
                transitions=[
                    ("prepared", "refused"),
                    ("prepared", "sent"),
                    ("prepared", "retracted"),
                    ("sent", "accepted"),
                    ("sent", "declined"),
                    ("sent", "lapsed"),
                    ("sent", "retracted"),
                ],
            ),
            pgtrigger.ReadOnly(
                name="frozen",
                fields=[
                    "number",
                    "application",
                    "decision",
                    "amount",
                    "document",
                    "digest",
                    "signatories_needed",
                ],
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.number


class OfferSignature(AppendOnly):
    """One signatory's acceptance of one text: `digest` is that of the text this person saw."""

    offer = models.ForeignKey(Offer, on_delete=models.PROTECT, related_name="signatures")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    signed_name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    signed_on = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["offer", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["offer", "user"], name="origination_offersignature_once"),
            models.CheckConstraint(condition=~Q(signed_name=""), name="origination_offersignature_named"),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.offer}"
