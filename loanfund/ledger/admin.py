"""The book in the admin: to read. What is wrong is put right by a new entry, never here."""

from decimal import Decimal

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from loanfund.audit.admin import ReadOnlyAdmin, ReadOnlyInline
from loanfund.ledger.models import Account, AccountingPeriod, Book, JournalEntry, Posting


class PostingInline(ReadOnlyInline):
    """The legs of an entry."""

    model = Posting
    fk_name = "entry"
    fields = ["line", "account", "side", "amount", "instead_of"]
    ordering = ["line"]


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """Entries with both dates, the newest first."""

    list_display = ["id", "booking_date", "value_date", "kind", "key", "memo", "cause"]
    list_filter = ["book", "booking_date", "kind"]
    search_fields = ["=key", "=cause"]
    ordering = ["-id"]
    inlines = [PostingInline]
    show_full_result_count = False


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts with their kept balances."""

    list_display = ["kind", "owner", "currency", "held", "minimum", "maximum"]
    list_filter = ["book", "kind", "currency"]
    search_fields = ["=owner"]
    ordering = ["kind", "owner"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return super().get_queryset(request).select_related("kept")

    @admin.display(description="balance")
    def held(self, account: Account) -> Decimal:
        """The kept balance on the account's normal side."""
        net = account.kept.debit - account.kept.credit
        return round(net if account.normal_side == "D" else -net, account.decimals)


@admin.register(AccountingPeriod)
class AccountingPeriodAdmin(ReadOnlyAdmin):
    """Which periods are closed, and when that was done."""

    list_display = ["book", "starts_on", "ends_on", "closed_on", "closed_at"]
    ordering = ["-ends_on"]


@admin.register(Book)
class BookAdmin(ReadOnlyAdmin):
    """The books: a fund has one."""

    list_display = ["name", "currency", "opened_on"]
