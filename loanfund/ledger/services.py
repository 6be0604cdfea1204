"""The one door into the book."""

from collections.abc import Sequence
from datetime import date

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from loanfund.audit.services import record
from loanfund.ledger.chart import AccountRef, EntryDraft, Leg
from loanfund.ledger.models import Book, JournalEntry

__all__ = ["AccountRef", "EntryDraft", "Leg", "open_book", "post_entries"]


@transaction.atomic
def open_book(*, name: str, currency: str, actor: AbstractBaseUser | None, on: date) -> Book:
    """Open a set of books that reports in `currency`."""
    book = Book.objects.create(name=name, currency=currency, opened_on=on)
    record(actor=actor, action="book.opened", obj=book, on=on, after={"name": name, "currency": currency})
    return book


@transaction.atomic
def post_entries(
    *, entries: Sequence[EntryDraft], actor: AbstractBaseUser | None, on: date
) -> list[JournalEntry]:
    """Post entries, all or none; return the journal entries in the order given. One call a transaction."""
    raise NotImplementedError
