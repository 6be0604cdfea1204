"""Market data that the books rest on: holidays, reference rates and their published fixings."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.parties.models import FourEyes


class Holiday(Sealed):
    """One day on which one calendar is closed. Weekends are not rows: a calendar states its own weekend."""

    calendar = models.CharField(max_length=40)
    date = models.DateField()
    name = models.CharField(max_length=120)
    source = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["calendar", "date"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["calendar", "date"], name="reference_holiday_one_a_day"),
            models.CheckConstraint(condition=~Q(calendar=""), name="reference_holiday_calendar_named"),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} {self.date} {self.name}"


class ReferenceRate(Sealed):
    """A published rate such as SOFR, and when its value for a day is due to be published.

    The value for day D is due `publication_lag` business days of `calendar` after D, at `publication_time` in `time_zone`.
    `decimals` is the number of decimals of the published per cent figure.
    """

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=10)
    calendar = models.CharField(max_length=40)
    day_count = models.CharField(max_length=30)
    overnight = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=50)
    publication_time = models.TimeField()
    publication_lag = models.PositiveSmallIntegerField()
    decimals = models.PositiveSmallIntegerField(default=2)
    source = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.code


class FixingProposal(FourEyes, Sealed):
    """A fixing typed by a person, which counts only once a second person has confirmed it."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "proposed"
        CONFIRMED = "confirmed", "confirmed"
        REFUSED = "refused", "refused"

    rate = models.ForeignKey(ReferenceRate, on_delete=models.PROTECT, related_name="proposals")
    date = models.DateField()
    value = models.DecimalField(max_digits=16, decimal_places=12)
    source = models.CharField(max_length=300)
    state = models.CharField(max_length=20, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=~Q(source=""), name="reference_fixingproposal_source_given"),
            models.CheckConstraint(
                condition=Q(state="proposed", checker__isnull=True)
                | (~Q(state="proposed") & Q(checker__isnull=False)),
                name="reference_fixingproposal_decided_by_checker",
            ),
            models.UniqueConstraint(
                fields=["rate", "date"],
                condition=Q(state="proposed"),
                name="reference_fixingproposal_one_open",
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
        return f"{self.rate} {self.date}"


class RateFixing(AppendOnly):
    """One value of one rate for one day, as learnt at one moment. Never edited: a later row corrects an earlier one.

    `value` is a fraction a year (3.63 per cent is 0.0363). `published_at` is the publisher's moment, `known_at` ours.
    The row with the greatest `known_at` rules; a reading "as known at T" ignores rows learnt after T.
    """

    rate = models.ForeignKey(ReferenceRate, on_delete=models.PROTECT, related_name="fixings")
    date = models.DateField()
    value = models.DecimalField(max_digits=16, decimal_places=12)
    published_at = models.DateTimeField()
    known_at = models.DateTimeField()
    source = models.CharField(max_length=300)
    proposal = models.OneToOneField(
        FixingProposal, null=True, blank=True, on_delete=models.PROTECT, related_name="fixing"
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["rate", "date", "known_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rate", "date", "known_at"], name="reference_ratefixing_one_a_moment"
            ),
            models.CheckConstraint(
                condition=Q(value__gt=-1) & Q(value__lt=10), name="reference_ratefixing_value_plausible"
            ),
            models.CheckConstraint(
                condition=Q(known_at__gte=F("published_at")),
                name="reference_ratefixing_known_after_published",
            ),
            models.CheckConstraint(condition=~Q(source=""), name="reference_ratefixing_source_given"),
        ]

    def __str__(self) -> str:
        return f"{self.rate} {self.date} {self.value}"
