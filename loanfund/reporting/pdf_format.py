"""An interest statement as PDF/UA: branded, paginated, tagged, with the digest of its content in the footer."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst

from loanfund.reporting.statement import Balances, DueLine, Statement

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
    rows = []
    for piece in statement.interest:
        notes = [
            word for word, on in (("estimated", piece.estimated), ("correction", piece.correction)) if on
        ]
        rows.append(
            [
                piece.loan,
                _day(piece.first_day),
                _day(piece.last_day),
                str(piece.days),
                _money(piece.principal, statement.decimals),
                f"{(piece.rate * 100).normalize():f} %",
                piece.basis,
                f"{piece.numerator}/{piece.denominator}",
                _money(piece.interest, statement.decimals),
                ", ".join(notes),
            ]
        )
    return rows


def _signed(balances: Balances, name: str, money: Any) -> str:
    amount: Decimal = getattr(balances, name)
    text: str = money(-amount if name == "unapplied" and amount else amount)
    return text


def _money(amount: Decimal, decimals: int) -> str:
    return f"{amount:,.{decimals}f}"


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"
