"""Money that came in, where it was found to belong, and money sent back."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.facilities.models import Facility, Fund
from loanfund.parties.models import FourEyes
from loanfund.servicing.models.drawdowns import MONEY
from loanfund.servicing.models.events import Event


class BankImport(AppendOnly):
    """One file of payments, in and out: a bank's statement or a list of stablecoin transfers."""

    class Layout(models.TextChoices):
        BANK = "bank", "bank statement"
        STABLECOIN = "stablecoin", "stablecoin transfers"

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="bank_imports")
    layout = models.CharField(max_length=12, choices=Layout.choices)
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    imported_on = models.DateField()
    imported_at = models.DateTimeField(db_default=Now())
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fund", "digest"], name="servicing_bankimport_file_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ClosingBalance(AppendOnly):
    """What a statement says the bank or the chain held at the end of its last day, in the fund's currency."""

    bank_import = models.OneToOneField(BankImport, on_delete=models.PROTECT, related_name="closing")
    day = models.DateField()
    amount = models.DecimalField(**MONEY)

    class Meta:
        ordering: ClassVar = ["day", "id"]

    def __str__(self) -> str:
        return f"{self.bank_import} on {self.day.isoformat()}"


class Receipt(FourEyes, Sealed):
    """Money that arrived. One person enters it, another books it; then the waterfall allocates it.

    `amount` is in the fund's currency; what arrived in another asset stands in `asset` and `asset_amount` with the
    recorded `asset_rate`. `fingerprint` names the payment itself, so that one payment is entered once.
    """

    class State(models.TextChoices):
        ENTERED = "entered"
        BOOKED = "booked"
        REJECTED = "rejected"
        REVERSED = "reversed"

    number = models.CharField(max_length=20, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="receipts")
    currency = models.CharField(max_length=10)
    amount = models.DecimalField(**MONEY)
    value_date = models.DateField()
    reference = models.CharField(max_length=140)
    sender = models.CharField(max_length=140, blank=True)
    transfer_hash = models.CharField(max_length=140, blank=True)
    fingerprint = models.CharField(max_length=64)
    asset = models.CharField(max_length=10, blank=True)
    asset_amount = models.DecimalField(null=True, blank=True, **MONEY)
    asset_rate = models.DecimalField(null=True, blank=True, max_digits=32, decimal_places=12)
    facility = models.ForeignKey(
        Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="receipts"
    )
    match_reason = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ENTERED)
    entered_on = models.DateField()
    booked_on = models.DateField(null=True, blank=True)
    reversed_on = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gt=0), name="servicing_receipt_amount_positive"),
            models.CheckConstraint(
                condition=~Q(state__in=["booked", "reversed"])
                | Q(checker__isnull=False, booked_on__isnull=False),
                name="servicing_receipt_booked_by_a_second_person",
            ),
            models.UniqueConstraint(
                fields=["fund", "fingerprint"], condition=~Q(state="rejected"), name="servicing_receipt_once"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class BankImportRow(AppendOnly):
    """One line of an imported file and what became of it: a receipt, or the reason why not. Never changed afterwards."""

    bank_import = models.ForeignKey(BankImport, on_delete=models.PROTECT, related_name="lines")
    line = models.PositiveIntegerField()
    cells = models.JSONField()
    receipt = models.OneToOneField(
        Receipt, null=True, blank=True, on_delete=models.PROTECT, related_name="import_row"
    )
    outcome = models.CharField(max_length=300)

    class Meta:
        ordering: ClassVar = ["bank_import", "line"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["bank_import", "line"], name="servicing_bankimportrow_once"),
            models.CheckConstraint(condition=~Q(outcome=""), name="servicing_bankimportrow_outcome_said"),
        ]

    def __str__(self) -> str:
        return f"{self.bank_import} line {self.line}"


class ReceiptShare(FourEyes, Sealed):
    """A recorded decision: so much of a receipt belongs to one facility. Its event is what the facility's fold reads."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        BOOKED = "booked"
        REFUSED = "refused"

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="shares")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="receipt_shares")
    amount = models.DecimalField(**MONEY)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    reason = models.CharField(max_length=300)
    event = models.OneToOneField(
        Event, null=True, blank=True, on_delete=models.PROTECT, related_name="receipt_share"
    )

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["receipt", "id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gt=0), name="servicing_receiptshare_amount_positive"),
            models.CheckConstraint(
                condition=~Q(state="booked") | Q(event__isnull=False, checker__isnull=False),
                name="servicing_receiptshare_booked_with_event",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.receipt} to {self.facility}"


class Refund(FourEyes, Sealed):
    """Unapplied money sent back: proposed, approved by a second person, paid with a reference."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        PAID = "paid"
        REFUSED = "refused"
        FAILED = "failed", "Not paid"

    number = models.CharField(max_length=20, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="refunds")
    facility = models.ForeignKey(
        Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="refunds"
    )
    receipt = models.ForeignKey(
        Receipt, null=True, blank=True, on_delete=models.PROTECT, related_name="refunds"
    )
    currency = models.CharField(max_length=10)
    amount = models.DecimalField(**MONEY)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    reason = models.CharField(max_length=300)
    proposed_on = models.DateField()
    approved_on = models.DateField(null=True, blank=True)
    paid_on = models.DateField(null=True, blank=True)
    reference = models.CharField(max_length=140, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gt=0), name="servicing_refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(facility__isnull=False) ^ Q(receipt__isnull=False),
                name="servicing_refund_of_one_holding",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "paid", "failed"]) | Q(checker__isnull=False),
                name="servicing_refund_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="paid") | (~Q(reference="") & Q(paid_on__gte=F("proposed_on"))),
                name="servicing_refund_paid_with_reference",
            ),
        ]

    def __str__(self) -> str:
        return self.number
