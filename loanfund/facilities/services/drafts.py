"""Entries of a fund's book, dated on the fund's day."""

from datetime import date

from loanfund.facilities.models import Fund
from loanfund.ledger.chart import EntryDraft, Leg


def draft(
    fund: Fund,
    *,
    key: str,
    kind: str,
    legs: tuple[Leg, ...],
    on: date,
    cause: str = "",
    value_date: date | None = None,
) -> EntryDraft:
    """An entry booked on `on` in the book of `fund`; valued then too unless told."""
    return EntryDraft(
        key=key,
        kind=kind,
        book_id=fund.book_id,
        booking_date=on,
        value_date=value_date or on,
        legs=legs,
        cause=cause,
    )
