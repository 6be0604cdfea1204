"""An interest statement as PDF/UA: branded, paginated, tagged, with the digest of its content in the footer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import typst

from loanfund.reporting.statement import Balances, DueLine, InterestLine, Statement

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "reporting" / "statement.typ"
FONTS = Path(__file__).parent / "fonts"


def render(statement: Statement) -> bytes:
    """The statement as a PDF; the same statement gives the same bytes, on any day and any machine."""
    options: dict[str, Any] = {
        "format": "pdf",
        "font_paths": [FONTS],
        "ignore_system_fonts": True,
        "sys_inputs": {"data": json.dumps(_data(statement))},
        "pdf_standards": ["ua-1"],
        "timestamp": 0,
    }
    pdf: bytes = typst.compile(TEMPLATE.read_bytes(), **options)
    return pdf


def _data(statement: Statement) -> dict[str, Any]:
    def money(amount: Decimal) -> str:
        return _money(amount, statement.decimals)

    lines_total = ["", "", "", "", "Total", money(statement.debits), money(statement.credits)]
    return {
        "title": f"Interest statement {statement.scope}, {statement.first_day} to {statement.last_day}",
        "fund": statement.fund,
        "scope": statement.scope,
        "currency": statement.currency,
        "period": f"{_day(statement.first_day)} to {_day(statement.last_day)}",
        "digest": statement.digest(),
        "facts": _facts(statement),
        "notice": "Some figures rest on an estimated fixing and will be trued up."
        if statement.estimated
        else "",
        "balances": [
            [
                name.replace("_", " ").capitalize(),
                _signed(statement.opening, name, money),
                _signed(statement.closing, name, money),
            ]
            for name in Balances.__dataclass_fields__
        ],
        "owed": ["Owed", money(statement.opening.owed), money(statement.closing.owed)],
        "lines": _lines(statement),
        "lines_total": [*lines_total, money(statement.closing.owed)],
        "interest": _interest(statement),
        "interest_total": [*[""] * 7, "Total", money(statement.interest_total), ""],
        "allocations": [
            [
                p.receipt,
                _day(p.value_date),
                p.component,
                p.loan,
                _day(p.due_date) if p.due_date else "",
                money(p.amount),
            ]
            for p in statement.allocations
        ],
        "allocations_total": [
            *[""] * 4,
            "Total",
            money(sum((p.amount for p in statement.allocations), Decimal(0))),
        ],
        "dues": [[*_due(due), str(due.days_past_due), money(due.amount)] for due in statement.dues],
        "dues_total": [*[""] * 4, "Total", money(sum((due.amount for due in statement.dues), Decimal(0)))],
        "ahead": [
            [*_due(due), "estimated" if due.estimated else "", money(due.amount)] for due in statement.ahead
        ],
        "ahead_total": [*[""] * 4, "Total", money(sum((due.amount for due in statement.ahead), Decimal(0)))],
    }


def _facts(statement: Statement) -> list[list[str]]:
    return [
        ["Partner", f"{statement.partner_number} {statement.partner_name}"],
        ["Statement of", statement.scope],
        ["Booking dates", f"{_day(statement.first_day)} to {_day(statement.last_day)}"],
        ["Business date", _day(statement.business_date)],
        ["Currency", statement.currency],
    ]


def _due(due: DueLine) -> list[str]:
    return [_day(due.due_date), due.facility, due.loan, due.component]


def _lines(statement: Statement) -> list[list[str]]:
    def amount(value: Decimal) -> str:
        return _money(value, statement.decimals) if value else ""

    return [
        [
            _day(line.booking_date),
            _day(line.value_date),
            line.loan or line.facility,
            line.kind.value,
            f"{line.text} {line.reference}".strip(),
            amount(line.debit),
            amount(line.credit),
            _money(line.balance, statement.decimals),
        ]
        for line in statement.lines
    ]


def _interest(statement: Statement) -> list[list[str]]:
    """A row for each stretch on one principal within an interest period; the CSV and the workbook have each rate."""
    rows = []
    for pieces in _stretches(statement.interest):
        first, last = pieces[0], pieces[-1]
        length = sum((Fraction(piece.numerator, piece.denominator) for piece in pieces), Fraction(0))
        notes = [
            word
            for word, on in (
                ("average rate", len(pieces) > 1),
                ("estimated", any(piece.estimated for piece in pieces)),
                ("correction", first.correction),
            )
            if on
        ]
        rows.append(
            [
                first.loan,
                _day(first.first_day),
                _day(last.last_day),
                str(sum(piece.days for piece in pieces)),
                _money(first.principal, statement.decimals),
                f"{_average(pieces, length):f} %",
                first.basis,
                f"{length.numerator}/{length.denominator}",
                _money(sum((piece.interest for piece in pieces), Decimal(0)), statement.decimals),
                ", ".join(notes),
            ]
        )
    return rows


def _stretches(lines: tuple[InterestLine, ...]) -> Iterator[list[InterestLine]]:
    stretch: list[InterestLine] = []
    for line in lines:
        if stretch and not _goes_on(stretch[-1], line):
            yield stretch
            stretch = []
        stretch.append(line)
    if stretch:
        yield stretch


def _goes_on(before: InterestLine, line: InterestLine) -> bool:
    same = ("loan", "principal", "basis", "correction", "period_start")
    return not line.correction and all(getattr(before, name) == getattr(line, name) for name in same)


def _average(pieces: list[InterestLine], length: Fraction) -> Decimal:
    """The rate a year that gives the stretch's interest; of a single run its own. In per cent, to four decimals."""
    rate = pieces[0].rate
    if len(pieces) > 1 and length and pieces[0].principal:
        exact = sum((Fraction(piece.interest_exact) for piece in pieces), Fraction(0))
        found = exact / Fraction(pieces[0].principal) / length
        rate = Decimal(found.numerator) / Decimal(found.denominator)
    return (rate * 100).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _signed(balances: Balances, name: str, money: Any) -> str:
    amount: Decimal = getattr(balances, name)
    text: str = money(-amount if name == "unapplied" and amount else amount)
    return text


def _money(amount: Decimal, decimals: int) -> str:
    return f"{amount:,.{decimals}f}"


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"
