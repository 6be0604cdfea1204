"""The book: double entry, append-only, balances kept by the database.

The rules live in the database (`migrations/0002_rules.py`): an entry balances per currency and family, has all its
legs, falls into no closed period, and takes no account past its limit.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly, KeptByDatabase


class Side(models.TextChoices):
    """The two sides of an entry."""

    DEBIT = "D", "debit"
    CREDIT = "C", "credit"


class AccountKind(models.TextChoices):
    """The chart of accounts. `docs/postings.md` says what each is for and what moves it."""

    CASH = "CASH", "Cash"
    LOAN_PRINCIPAL = "LOAN_PRINCIPAL", "Loan principal"
    CAPITALISED_INTEREST = "CAPITALISED_INTEREST", "Capitalised interest"
    ACCRUED_INTEREST = "ACCRUED_INTEREST", "Accrued interest"
    ACCRUED_DEFAULT_INTEREST = "ACCRUED_DEFAULT_INTEREST", "Accrued default interest"
    ACCRUED_COMMITMENT_FEE = "ACCRUED_COMMITMENT_FEE", "Accrued commitment fee"
    INTEREST_DUE = "INTEREST_DUE", "Interest due"
    DEFAULT_INTEREST_DUE = "DEFAULT_INTEREST_DUE", "Default interest due"
    FEES_DUE = "FEES_DUE", "Fees due"
    COSTS_DUE = "COSTS_DUE", "Costs due"
    OVER_LIMIT = "OVER_LIMIT", "Over limit (receipts to recover)"
    BANK_OVERDRAFT = "BANK_OVERDRAFT", "Bank overdraft"
    UNAPPLIED = "UNAPPLIED", "Unapplied receipts"
    DISBURSEMENTS_IN_TRANSIT = "DISBURSEMENTS_IN_TRANSIT", "Disbursements in transit"
    REFUNDS_IN_TRANSIT = "REFUNDS_IN_TRANSIT", "Refunds in transit"
    LOSS_ALLOWANCE = "LOSS_ALLOWANCE", "Loss allowance"
    INTEREST_SUSPENSE = "INTEREST_SUSPENSE", "Interest in suspense"
    INTEREST_INCOME = "INTEREST_INCOME", "Interest income"
    DEFAULT_INTEREST_INCOME = "DEFAULT_INTEREST_INCOME", "Default interest income"
    COMMITMENT_FEE_INCOME = "COMMITMENT_FEE_INCOME", "Commitment fee income"
    ARRANGEMENT_FEE_INCOME = "ARRANGEMENT_FEE_INCOME", "Arrangement fee income"
    PREPAYMENT_FEE_INCOME = "PREPAYMENT_FEE_INCOME", "Prepayment fee income"
    LATE_FEE_INCOME = "LATE_FEE_INCOME", "Late fee income"
    RECOVERY_INCOME = "RECOVERY_INCOME", "Recovery income"
    COSTS_RECHARGED = "COSTS_RECHARGED", "Costs recharged to borrowers"
    WAIVER_EXPENSE = "WAIVER_EXPENSE", "Waiver expense"
    IMPAIRMENT_EXPENSE = "IMPAIRMENT_EXPENSE", "Impairment expense"
    BANK_CHARGES = "BANK_CHARGES", "Bank charges"
    FUND_CAPITAL = "FUND_CAPITAL", "Fund capital"

    M_SIZE = "M_SIZE", "Fund size"
    M_AVAILABLE = "M_AVAILABLE", "Available"
    M_RESERVED = "M_RESERVED", "Reserved"
    M_UNDRAWN = "M_UNDRAWN", "Committed, undrawn"
    M_EARMARKED = "M_EARMARKED", "Earmarked"
    M_DRAWN = "M_DRAWN", "Drawn"
    M_REPAID = "M_REPAID", "Repaid, not re-lent"
    M_WRITTEN_OFF = "M_WRITTEN_OFF", "Written off"
    M_OVER_LIMIT = "M_OVER_LIMIT", "Over limit (fund)"

    M_LIMIT = "M_LIMIT", "Policy limit"
    M_HEADROOM = "M_HEADROOM", "Headroom under the limit"
    M_PROMISED = "M_PROMISED", "Promised under the limit"
    M_OVER_HEADROOM = "M_OVER_HEADROOM", "Over limit (headroom)"


class Family(models.IntegerChoices):
    """Three sets of accounts that never mix within an entry's balance: each sums to zero on its own."""

    MONEY = 0, "money"
    FUND = 1, "memorandum: the fund's size"
    HEADROOM = 2, "memorandum: policy limits"


class Book(AppendOnly):
    """One set of books: a fund has one. `currency` is the one it reports in."""

    name = models.TextField(unique=True)
    currency = models.CharField(max_length=8)
    opened_on = models.DateField()

    def __str__(self) -> str:
        return self.name


class Account(AppendOnly):
    """One account, opened on demand. `owner` is "facility:17", "loan:4", "partner:9", or "" for the fund's own.

    `minimum` and `maximum` bound the balance on its normal side; NULL is no bound. `decimals` is the finest an amount
    may be.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="accounts")
    kind = models.CharField(max_length=32, choices=AccountKind.choices)
    owner = models.TextField(blank=True, default="")
    currency = models.CharField(max_length=8)
    decimals = models.PositiveSmallIntegerField()
    normal_side = models.CharField(max_length=1, choices=Side.choices)
    family = models.PositiveSmallIntegerField(choices=Family.choices)
    minimum = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    maximum = models.DecimalField(max_digits=38, decimal_places=12, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "kind", "owner", "currency"], name="ledger_account_once"),
            models.CheckConstraint(condition=Q(normal_side__in=["D", "C"]), name="ledger_account_side"),
            models.CheckConstraint(condition=Q(decimals__lte=12), name="ledger_account_decimals"),
        ]
        indexes = [models.Index(fields=["owner"], name="ledger_account_owner")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.owner} {self.currency}".replace("  ", " ")


class Balance(KeptByDatabase):
    """The kept balance of an account: all debits and all credits ever posted to it."""

    account = models.OneToOneField(Account, on_delete=models.PROTECT, primary_key=True, related_name="kept")
    debit = models.DecimalField(max_digits=38, decimal_places=12)
    credit = models.DecimalField(max_digits=38, decimal_places=12)

    def __str__(self) -> str:
        return f"{self.debit} / {self.credit}"


class DayMovement(KeptByDatabase):
    """An account's debits and credits of one booking date: what a balance as of a date is read from."""

    pk = models.CompositePrimaryKey("account_id", "booking_date")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="days", db_index=False, db_constraint=False
    )
    booking_date = models.DateField()
    debit = models.DecimalField(max_digits=38, decimal_places=12)
    credit = models.DecimalField(max_digits=38, decimal_places=12)

    def __str__(self) -> str:
        return f"{self.booking_date.isoformat()}: {self.debit} / {self.credit}"


class JournalEntry(AppendOnly):
    """The header of one entry. `key` names the business event: it posts once however often it is retried.

    `digest` is over book, kind, value date and legs (what makes two entries the same), not over booking date or memo.
    `cause` is the object the entry follows from, such as "receipt:12" or, on a correction, the event corrected.
    """

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="entries")
    key = models.TextField(unique=True)
    digest = models.BinaryField()
    kind = models.TextField()
    leg_count = models.PositiveIntegerField()
    booking_date = models.DateField()
    value_date = models.DateField()
    known_at = models.DateTimeField(db_default=Now())
    memo = models.TextField(blank=True, default="")
    cause = models.TextField(blank=True, default="")

    class Meta:
        verbose_name_plural = "journal entries"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["book", "booking_date"], name="ledger_entry_booked")]
        constraints = [
            models.CheckConstraint(condition=Q(leg_count__gte=2), name="ledger_entry_legs"),
            models.CheckConstraint(condition=~Q(key=""), name="ledger_entry_key"),
            models.CheckConstraint(condition=~Q(kind=""), name="ledger_entry_kind"),
        ]

    def __str__(self) -> str:
        return self.key


class Posting(AppendOnly):
    """One leg. `line` counts from 1 within its entry. `instead_of` is set on a leg that went to an over-limit account
    because the account it was meant for stood at its limit."""

    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, related_name="legs", db_index=False, db_constraint=False
    )
    line = models.PositiveIntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    side = models.CharField(max_length=1, choices=Side.choices)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    instead_of = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False, null=True
    )

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["account", "id"], name="ledger_posting_account")]
        constraints = [
            models.UniqueConstraint(fields=["entry", "line"], name="ledger_posting_line"),
            models.CheckConstraint(condition=Q(line__gte=1), name="ledger_posting_line_from_one"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_posting_positive"),
            models.CheckConstraint(condition=Q(side__in=["D", "C"]), name="ledger_posting_side"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.amount}"


class AccountingPeriod(AppendOnly):
    """A closed period: no entry may carry a booking date on or before `ends_on` any more."""

    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="closed_periods")
    starts_on = models.DateField()
    ends_on = models.DateField()
    closed_on = models.DateField()
    closed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "closed accounting period"
        constraints = [
            models.UniqueConstraint(fields=["book", "starts_on"], name="ledger_period_starts_once"),
            models.UniqueConstraint(fields=["book", "ends_on"], name="ledger_period_ends_once"),
            models.CheckConstraint(
                condition=Q(ends_on__gte=models.F("starts_on")), name="ledger_period_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_on.isoformat()} to {self.ends_on.isoformat()}"
