"""Entries of a fund's book, dated on the fund's day."""

from datetime import date

from loanfund.facilities.models import Fund
from loanfund.ledger.chart import EntryDraft, Leg


def draft(fund: Fund, *, key: str, kind: str, legs: tuple[Leg, ...], on: date, cause: str = "") -> EntryDraft:
    """An entry booked and valued on `on` in the book of `fund`."""
    return EntryDraft(
        key=key, kind=kind, book_id=fund.book_id, booking_date=on, value_date=on, legs=legs, cause=cause
    )
