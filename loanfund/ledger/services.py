"""The one door into the book."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import DatabaseError, connection, transaction

from loanfund.audit.errors import OtherContent, Refused, refusals, sqlstate
from loanfund.audit.services import actor_label, record
from loanfund.calculation.money import currency as currency_of
from loanfund.ledger.chart import AccountRef, EntryDraft, Leg, family, minimum, normal_side, over_limit
from loanfund.ledger.models import AccountingPeriod, AccountKind, Book, JournalEntry

__all__ = ["AccountRef", "EntryDraft", "Leg", "LimitReached", "close_period", "open_book", "post_entries"]

LIMIT_BROKEN = "LF003"
OTHER_CONTENT = "LF005"

_LIMIT_SENTENCES = {
    AccountKind.CASH: "The fund holds {before} {currency} in cash, {change} {currency} is asked for: pay in capital or"
    " wait for receipts.",
    AccountKind.UNAPPLIED: "Only {before} {currency} is held unapplied, {change} {currency} is asked for.",
    AccountKind.M_AVAILABLE: "The fund has {before} {currency} left to promise, {change} {currency} is asked for.",
    AccountKind.M_RESERVED: "Only {before} {currency} is reserved for this, {change} {currency} is asked for.",
    AccountKind.M_UNDRAWN: "The facility has {before} {currency} left to draw, {change} {currency} is asked for.",
    AccountKind.M_EARMARKED: "Only {before} {currency} of this facility is earmarked, {change} is asked for.",
    AccountKind.M_HEADROOM: "The limit of {owner} leaves {before} {currency}, {change} {currency} is asked for.",
}
_LIMIT_SENTENCE = "{label} {owner} stands at {before} {currency}: {change} {currency} less is past its limit."


class LimitReached(Refused):
    """A promise past a limit. `kind`, `owner`, `currency` name the account, `left` is what it had, `asked` what was
    wanted of it, both in whole currency units."""

    def __init__(
        self, *, kind: AccountKind, owner: str, currency: str, left: Decimal, asked: Decimal
    ) -> None:
        decimals = currency_of(currency).decimals
        super().__init__(
            _LIMIT_SENTENCES.get(kind, _LIMIT_SENTENCE).format(
                label=kind.label,
                owner=owner or "the fund",
                currency=currency,
                before=f"{left:,.{decimals}f}",
                change=f"{asked:,.{decimals}f}",
            ),
            code=LIMIT_BROKEN,
        )
        self.kind, self.owner, self.currency, self.left, self.asked = kind, owner, currency, left, asked


@contextmanager
def _book_refusals() -> Iterator[None]:
    """As `refusals`, with the two that callers tell apart: a limit reached, and a key with another content."""
    try:
        yield
    except DatabaseError as error:
        state = sqlstate(error)
        if state == LIMIT_BROKEN and error.__cause__ is not None:
            detail = json.loads(error.__cause__.diag.message_detail)  # type: ignore[attr-defined] # psycopg's own
            raise LimitReached(
                kind=AccountKind(detail["kind"]),
                owner=detail["owner"],
                currency=detail["currency"],
                left=Decimal(detail["before"]),
                asked=abs(Decimal(detail["change"])),
            ) from error
        with refusals():
            try:
                raise
            except DatabaseError:
                if state == OTHER_CONTENT:
                    raise OtherContent(str(error.__cause__).partition("\n")[0], code=state) from error
                raise


@transaction.atomic
def open_book(*, name: str, currency: str, actor: AbstractBaseUser | None, on: date) -> Book:
    """Open a set of books that reports in `currency`."""
    book = Book.objects.create(name=name, currency=currency_of(currency).code, opened_on=on)
    record(actor=actor, action="book.opened", obj=book, on=on, after={"name": name, "currency": currency})
    return book


@transaction.atomic
def close_period(
    *, book: Book, starts_on: date, ends_on: date, actor: AbstractBaseUser | None, on: date
) -> AccountingPeriod:
    """Close the books from `starts_on` to `ends_on`, both included: nothing can be booked into them any more.

    Periods follow one another without gaps. Refused when `ends_on` is not past or the period does not follow the last.
    """
    if ends_on >= on:
        raise Refused(
            f"{ends_on.isoformat()} is not over yet: close the period after the business date has passed it."
        )
    with refusals(), transaction.atomic():
        period = AccountingPeriod.objects.create(
            book=book, starts_on=starts_on, ends_on=ends_on, closed_on=on
        )
    record(
        actor=actor,
        action="period.closed",
        obj=period,
        on=on,
        after={"book": book.pk, "starts_on": starts_on, "ends_on": ends_on},
    )
    return period


def _refuse_unbalanced(
    draft: EntryDraft, legs: Mapping[tuple[AccountRef, str], tuple[Decimal, bool]]
) -> None:
    """The database refuses these too; here the sentence comes before a transaction is lost."""
    if len(legs) < 2:
        raise Refused(f"Entry {draft.key} needs a debit and a credit.", field="legs")
    off: dict[tuple[str, int], Decimal] = {}
    for (ref, side), (amount, _) in legs.items():
        where = (ref.currency, family(ref.kind).value)
        off[where] = off.get(where, Decimal(0)) + (amount if side == "D" else -amount)
    for (currency, _), difference in off.items():
        if difference != 0:
            raise Refused(
                f"Entry {draft.key} does not balance: {difference} {currency} is missing.", field="legs"
            )


@dataclass
class _Arrays:
    """The drafts as the parallel arrays that `ledger_post` takes."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    legs: list[tuple[Any, ...]] = field(default_factory=list)
    accounts: dict[tuple[int, AccountKind, str, str], int] = field(default_factory=dict)

    def position(self, book_id: int, kind: AccountKind, owner: str, currency: str) -> int:
        return self.accounts.setdefault((book_id, kind, owner, currency), len(self.accounts) + 1)

    def add(self, draft: EntryDraft) -> None:
        self.entries.append(
            (
                draft.book_id,
                draft.key,
                draft.kind,
                draft.booking_date,
                draft.value_date,
                draft.memo,
                draft.cause,
            )
        )
        legs: dict[tuple[AccountRef, str], tuple[Decimal, bool]] = {}
        for leg in draft.legs:
            if not leg.amount.is_finite() or leg.amount <= 0:
                raise Refused(f"Entry {draft.key}: {leg.amount} is not an amount above zero.", field="amount")
            amount, fact = legs.get((leg.account, leg.side), (Decimal(0), False))
            legs[leg.account, leg.side] = (amount + leg.amount, fact or leg.fact)
        _refuse_unbalanced(draft, legs)
        for (ref, side), (amount, fact) in legs.items():
            account = self.position(draft.book_id, AccountKind(ref.kind), ref.owner, ref.currency)
            over = over_limit(ref.kind)
            if fact and over is not None and side != normal_side(ref.kind):
                self.position(draft.book_id, over, ref.owner, ref.currency)
            self.legs.append((len(self.entries), account, side, amount, fact))

    def arguments(self) -> list[Any]:
        accounts = [
            (book, kind.value, owner, currency, currency_of(currency).decimals, normal_side(kind), family(kind).value,
             minimum(kind), over_limit(kind))
            for book, kind, owner, currency in self.accounts
        ]  # fmt: skip
        columns = [
            column for rows in (self.entries, self.legs, accounts) for column in zip(*rows, strict=True)
        ]
        return [_array(column) for column in columns]


_PLAIN = (int, Decimal, date)


def _array(values: Sequence[Any]) -> Any:
    """A column as an array: numbers, dates and truths written out here, which is several times quicker for the driver;
    text, which needs its quoting, as a list."""
    if isinstance(values[0], _PLAIN) and None not in values:
        return "{" + ",".join(map(str, values)) + "}"
    return list(values)


_COLUMNS = [column.attname for column in JournalEntry._meta.concrete_fields]
_POST = """
SELECT {columns} FROM ledger_post(
    %s::bigint[], %s::text[], %s::text[], %s::date[], %s::date[], %s::text[], %s::text[],
    %s::int[], %s::int[], %s::text[], %s::numeric[], %s::boolean[],
    %s::bigint[], %s::text[], %s::text[], %s::text[],
    %s::smallint[], %s::text[], %s::smallint[], %s::numeric[], %s::text[],
    %s, %s, %s)
""".replace("{columns}", ", ".join(_COLUMNS))  # nosec B608 # our own column names


@transaction.atomic
def post_entries(
    *, entries: Sequence[EntryDraft], actor: AbstractBaseUser | None, on: date
) -> list[JournalEntry]:
    """Post entries, all or none; return the journal entries in the order given.

    One call a transaction: balances are locked in one order, which a second call would break. A key already posted with
    the same content gives back the entry that is there. Amounts are in whole currency units, positive. Raises Refused
    (a broken rule), its subclass LimitReached (a promise past a limit) or OtherContent (a key used before).
    """
    if not entries:
        return []
    if len({draft.key for draft in entries}) < len(entries):
        raise Refused(
            "Two entries of one posting have the same key: each business event has its own.", field="key"
        )
    arrays = _Arrays()
    with localcontext(prec=60):
        for draft in entries:
            arrays.add(draft)
    with _book_refusals(), connection.cursor() as cursor:
        cursor.execute(_POST, [*arrays.arguments(), *actor_label(actor), on])
        return [JournalEntry.from_db(connection.alias, _COLUMNS, row) for row in cursor.fetchall()]
