"""What people said belongs together: lines of a statement and movements of cash that agree by no rule."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from loanfund.audit.models import Sealed
from loanfund.facilities.models import Fund
from loanfund.ledger.models import JournalEntry
from loanfund.parties.models import FourEyes
from loanfund.servicing.models.drawdowns import MONEY
from loanfund.servicing.models.receipts import BankImportRow


class CashPair(FourEyes, Sealed):
    """One line with one or several movements, or one movement with several lines: proposed by one person, confirmed by
    another. With `undoes` it takes an earlier one back, in the same way.

    `amount` is the sum of either side in the fund's currency, below zero for money out: the database refuses a pair
    whose sides differ, or whose movements moved other amounts of cash.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed"
        CONFIRMED = "confirmed"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        UNDONE = "undone"

    facility: ClassVar[None] = None  # cash is the fund's: no partner has a part in it

    number = models.CharField(max_length=20, unique=True)
    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="cash_pairs")
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="undoings"
    )
    amount = models.DecimalField(**MONEY)
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)
    proposed_on = models.DateField()
    confirmed_on = models.DateField(null=True, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(condition=~Q(reason=""), name="servicing_cashpair_says_why"),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "undone"])
                | Q(checker__isnull=False, confirmed_on__isnull=False),
                name="servicing_cashpair_confirmed_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=Q(undoes__isnull=True) | ~Q(state="undone"),
                name="servicing_cashpair_undoing_stays",
            ),
            models.UniqueConstraint(
                fields=["undoes"],
                condition=Q(state__in=["proposed", "confirmed"]),
                name="servicing_cashpair_undone_once",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class CashPairSide(Sealed):
    """One line or one movement of a pair with its amount. `live` while the pair is proposed or confirmed: each line and
    each movement is in one such pair at most."""

    pair = models.ForeignKey(CashPair, on_delete=models.PROTECT, related_name="sides")
    line = models.ForeignKey(
        BankImportRow, null=True, blank=True, on_delete=models.PROTECT, related_name="pair_sides"
    )
    entry = models.ForeignKey(JournalEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    amount = models.DecimalField(**MONEY)
    live = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["pair", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(line__isnull=True) ^ Q(entry__isnull=True),
                name="servicing_cashpairside_one_thing",
            ),
            models.CheckConstraint(condition=~Q(amount=0), name="servicing_cashpairside_amount"),
            models.UniqueConstraint(
                fields=["line"], condition=Q(live=True), name="servicing_cashpairside_line_once"
            ),
            models.UniqueConstraint(
                fields=["entry"], condition=Q(live=True), name="servicing_cashpairside_entry_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pair}: {self.line or self.entry}"
