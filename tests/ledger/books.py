"""A book with money in it, for tests of what the book refuses."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import count

from loanfund.ledger.chart import AccountRef, EntryDraft, Leg, credit, debit
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import Book, JournalEntry
from loanfund.ledger.selectors import balance
from loanfund.ledger.services import open_book, post_entries

ON = date(2026, 3, 2)
_keys = count(1)


def a_book(name: str = "Harbour fund", currency: str = "USD") -> Book:
    return open_book(name=name, currency=currency, actor=None, on=ON)


def move(
    source: K,
    target: K,
    amount: str,
    *,
    by: str = "",
    to: str = "",
    fact: bool = False,
    currency: str = "USD",
) -> tuple[Leg, ...]:
    """Credit `source` of owner `by`, debit `target` of owner `to`."""
    return credit(source, currency, by, Decimal(amount), fact=fact) + debit(
        target, currency, to, Decimal(amount), fact=fact
    )


def draft(
    book: Book, legs: Iterable[Leg], *, key: str = "", booked: date = ON, value: date = ON, kind: str = "test"
) -> EntryDraft:
    return EntryDraft(key or f"test-{next(_keys)}", kind, book.pk, booked, value, tuple(legs))


def post(
    book: Book, legs: Iterable[Leg], *, key: str = "", booked: date = ON, value: date = ON
) -> JournalEntry:
    return post_entries(entries=[draft(book, legs, key=key, booked=booked, value=value)], actor=None, on=ON)[
        0
    ]


def held(book: Book, kind: K, owner: str = "") -> Decimal:
    return balance(AccountRef(kind, book.currency, owner), book_id=book.pk)
