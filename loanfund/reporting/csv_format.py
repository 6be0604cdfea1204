"""The exact export: an interest statement as CSV, one record a row, every number in full.

The columns are documented in docs/statements.md. Text that a spreadsheet would take for a formula is
escaped with an apostrophe; numbers are left alone, a negative one included.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from loanfund.reporting.statement import Balances, Statement

COLUMNS = (
    "record",
    "booking_date",
    "value_date",
    "facility",
    "loan",
    "component",
    "text",
    "first_day",
    "last_day",
    "days",
    "principal",
    "rate",
    "basis",
    "fraction",
    "interest_exact",
    "debit",
    "credit",
    "balance",
    "currency",
    "reference",
    "note",
    "period_start",
)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Row = dict[str, str]


def safe_text(text: str) -> str:
    """Text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def render(statement: Statement) -> bytes:
    """The statement as UTF-8 CSV with CRLF line ends (RFC 4180); the same statement gives the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    for row in rows(statement):
        writer.writerow({"currency": statement.currency, **row})
    return out.getvalue().encode()


def rows(statement: Statement) -> Iterator[Row]:
    """Every record of the statement in the order of the printed one."""
    yield {
        "record": "statement",
        "first_day": statement.first_day.isoformat(),
        "last_day": statement.last_day.isoformat(),
        "text": safe_text(f"{statement.partner_number} {statement.partner_name}"),
        "reference": statement.digest(),
        "note": "estimated fixings" if statement.estimated else "",
    }
    yield from _balances("opening", statement.first_day, statement.opening)
    for line in statement.lines:
        yield {
            "record": "line",
            "booking_date": line.booking_date.isoformat(),
            "value_date": line.value_date.isoformat(),
            "facility": line.facility,
            "loan": line.loan,
            "component": line.kind.value,
            "text": safe_text(line.text),
            "debit": _amount(line.debit),
            "credit": _amount(line.credit),
            "balance": f"{line.balance:f}",
            "reference": safe_text(line.reference),
            "note": "estimated" if line.estimated else "",
        }
    yield from _interest(statement)
    for paid in statement.allocations:
        yield {
            "record": "allocation",
            "value_date": paid.value_date.isoformat(),
            "loan": paid.loan,
            "component": paid.component,
            "last_day": paid.due_date.isoformat() if paid.due_date else "",
            "credit": _amount(paid.amount),
            "reference": safe_text(paid.receipt),
        }
    for due in statement.dues:
        yield {
            "record": "due",
            "value_date": due.due_date.isoformat(),
            "facility": due.facility,
            "loan": due.loan,
            "component": due.component,
            "days": str(due.days_past_due),
            "debit": _amount(due.amount),
        }
    for due in statement.ahead:
        yield {
            "record": "ahead",
            "value_date": due.due_date.isoformat(),
            "facility": due.facility,
            "loan": due.loan,
            "component": due.component,
            "debit": _amount(due.amount),
            "note": "estimated" if due.estimated else "",
        }
    yield from _balances("closing", statement.last_day, statement.closing)


def _interest(statement: Statement) -> Iterator[Row]:
    for piece in statement.interest:
        notes = [
            word for word, on in (("estimated", piece.estimated), ("correction", piece.correction)) if on
        ]
        yield {
            "record": "interest",
            "facility": piece.facility,
            "loan": piece.loan,
            "component": "Interest",
            "first_day": piece.first_day.isoformat(),
            "last_day": piece.last_day.isoformat(),
            "days": str(piece.days),
            "principal": f"{piece.principal:f}",
            "rate": f"{piece.rate:f}",
            "basis": piece.basis,
            "fraction": f"{piece.numerator}/{piece.denominator}",
            "interest_exact": f"{piece.interest_exact:f}",
            "debit": f"{piece.interest:f}",
            "note": ", ".join(notes),
            "period_start": piece.period_start.isoformat() if piece.period_start else "",
        }


def _balances(record: str, on: date, balances: Balances) -> Iterator[Row]:
    for name in Balances.__dataclass_fields__:
        yield {
            "record": record,
            "booking_date": on.isoformat(),
            "component": name.replace("_", " ").capitalize(),
            "balance": f"{getattr(balances, name):f}",
        }
    yield {
        "record": record,
        "booking_date": on.isoformat(),
        "component": "Owed",
        "balance": f"{balances.owed:f}",
    }


def _amount(amount: Decimal) -> str:
    return f"{amount:f}" if amount else ""
