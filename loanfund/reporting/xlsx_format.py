"""An interest statement as a workbook: typed cells, totals as formulas, a frozen header.

A spreadsheet holds numbers as doubles, so each total also stands beside its formula as exact text; the CSV
is the exact export.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from loanfund.reporting.csv_format import safe_text
from loanfund.reporting.statement import Balances, Statement

# A workbook carries its time of making; a fixed one keeps the same statement the same bytes.
MADE_AT = datetime(2025, 10, 14, tzinfo=UTC).replace(tzinfo=None)

NUMBERS = frozenset({"int", "money", "exact", "rate"})
Cell = str | int | date | Decimal | None
Column = tuple[str, int, str]


def render(statement: Statement) -> bytes:
    """The statement as an .xlsx file; the same statement gives the same bytes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"title": f"Interest statement {statement.scope}", "created": MADE_AT})
    formats = _formats(book, statement.decimals)
    _summary(book, formats, statement)
    _lines(book, formats, statement)
    _interest(book, formats, statement)
    _allocations(book, formats, statement)
    _dues(book, formats, statement)
    _ahead(book, formats, statement)
    book.close()
    return out.getvalue()


def _formats(book: xlsxwriter.Workbook, decimals: int) -> dict[str, Any]:
    places = "." + "0" * decimals if decimals else ""
    money = f"#,##0{places};[Red]-#,##0{places}"
    head = {
        "bold": True,
        "bg_color": "#12324A",
        "font_color": "#FFFFFF",
        "text_wrap": True,
        "valign": "vcenter",
    }
    return {
        "title": book.add_format({"bold": True, "font_size": 16, "font_color": "#12324A"}),
        "label": book.add_format({"font_color": "#51626F"}),
        "head": book.add_format(head),
        "number_head": book.add_format(head | {"align": "right"}),
        "text": book.add_format({}),
        "int": book.add_format({"num_format": "0"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
        "money": book.add_format({"num_format": money}),
        "exact": book.add_format({"num_format": "#,##0.000000000000"}),
        "rate": book.add_format({"num_format": "0.000000%"}),
        "total": book.add_format({"num_format": money, "bold": True, "top": 1}),
        "total_text": book.add_format({"bold": True, "top": 1, "align": "right"}),
    }


def on_paper(sheet: Any, head: int | None = None) -> None:
    """How a sheet is printed: A4 across, as wide as one page, its header on each page, and the page's number."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&L&A&RPage &P of &N")
    if head is not None:
        sheet.repeat_rows(head)


def _summary(book: xlsxwriter.Workbook, formats: dict[str, Any], statement: Statement) -> None:
    sheet = book.add_worksheet("Statement")
    on_paper(sheet)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 2, 22)
    sheet.write_string(0, 0, "Interest statement", formats["title"])
    facts = (
        ("Fund", statement.fund),
        ("Partner", f"{statement.partner_number} {statement.partner_name}"),
        ("Statement of", statement.scope),
        ("Booking dates", f"{statement.first_day} to {statement.last_day}"),
        ("Business date", statement.business_date.isoformat()),
        ("Currency", statement.currency),
        ("Rests on estimated fixings", "yes" if statement.estimated else "no"),
        ("Digest", statement.digest()),
    )
    for row, (label, value) in enumerate(facts, start=2):
        sheet.write_string(row, 0, label, formats["label"])
        sheet.write_string(row, 1, safe_text(value), formats["text"])
    top = len(facts) + 3
    for column, label in enumerate(("Component", "Opening", "Closing")):
        sheet.write_string(top, column, label, formats["number_head" if column else "head"])
    row = top
    for row, name in enumerate(Balances.__dataclass_fields__, start=top + 1):
        sign = -1 if name == "unapplied" else 1
        sheet.write_string(row, 0, name.replace("_", " ").capitalize(), formats["text"])
        sheet.write_number(row, 1, sign * getattr(statement.opening, name), formats["money"])
        sheet.write_number(row, 2, sign * getattr(statement.closing, name), formats["money"])
    sheet.write_string(row + 1, 0, "Owed", formats["total_text"])
    for column, letter, balances in ((1, "B", statement.opening), (2, "C", statement.closing)):
        formula = f"=SUM({letter}{top + 2}:{letter}{row + 1})"
        sheet.write_formula(row + 1, column, formula, formats["total"], balances.owed)
    sheet.write_string(row + 2, 0, "Owed, exact", formats["label"])
    sheet.write_string(row + 2, 1, f"{statement.opening.owed:f}", formats["total_text"])
    sheet.write_string(row + 2, 2, f"{statement.closing.owed:f}", formats["total_text"])


def _table(
    book: xlsxwriter.Workbook,
    formats: dict[str, Any],
    name: str,
    columns: tuple[Column, ...],
    rows: list[tuple[Cell, ...]],
    totals: dict[int, Decimal],
) -> None:
    """One sheet: header frozen, a filter over it, typed cells, and a sum below each column of `totals`."""
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)
    on_paper(sheet, head=0)
    for index, (label, width, kind) in enumerate(columns):
        sheet.set_column(index, index, width)
        sheet.write_string(0, index, label, formats["number_head" if kind in NUMBERS else "head"])
    for number, row in enumerate(rows, start=1):
        for index, value in enumerate(row):
            _cell(sheet, number, index, value, formats[columns[index][2]])
    if not rows:
        sheet.write_string(1, 0, "Nothing in this period.", formats["label"])
        return
    last = len(rows) + 1
    for index, exact in totals.items():
        letter = xlsxwriter.utility.xl_col_to_name(index)
        sheet.write_formula(last, index, f"=SUM({letter}2:{letter}{last})", formats["total"], exact)
        sheet.write_string(last + 1, index, f"{exact:f}", formats["total_text"])


def _cell(sheet: Any, row: int, column: int, value: Cell, style: Any) -> None:
    if value is None:
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, style)
    elif isinstance(value, str):
        sheet.write_string(row, column, safe_text(value), style)
    else:
        sheet.write_number(row, column, value, style)


def _lines(book: xlsxwriter.Workbook, formats: dict[str, Any], statement: Statement) -> None:
    columns: tuple[Column, ...] = (
        ("Booking date", 13, "date"),
        ("Value date", 13, "date"),
        ("Facility", 12, "text"),
        ("Loan", 12, "text"),
        ("Kind", 18, "text"),
        ("Text", 46, "text"),
        ("Debit", 18, "money"),
        ("Credit", 18, "money"),
        ("Owed after", 18, "money"),
        ("Reference", 24, "text"),
        ("Note", 12, "text"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            line.booking_date,
            line.value_date,
            line.facility,
            line.loan,
            line.kind.value,
            line.text,
            line.debit or None,
            line.credit or None,
            line.balance,
            line.reference,
            "estimated" if line.estimated else "",
        )
        for line in statement.lines
    ]
    _table(book, formats, "Movements", columns, rows, {6: statement.debits, 7: statement.credits})


def _interest(book: xlsxwriter.Workbook, formats: dict[str, Any], statement: Statement) -> None:
    columns: tuple[Column, ...] = (
        ("Facility", 12, "text"),
        ("Loan", 12, "text"),
        ("First day", 13, "date"),
        ("Last day", 13, "date"),
        ("Days", 7, "int"),
        ("Principal", 20, "money"),
        ("Rate a year", 14, "rate"),
        ("Basis", 14, "text"),
        ("Day count fraction", 18, "text"),
        ("Interest, exact", 24, "exact"),
        ("Interest posted", 18, "money"),
        ("Note", 20, "text"),
        ("Interest period from", 18, "date"),
    )
    rows: list[tuple[Cell, ...]] = []
    for piece in statement.interest:
        notes = [
            word for word, on in (("estimated", piece.estimated), ("correction", piece.correction)) if on
        ]
        rows.append(
            (
                piece.facility,
                piece.loan,
                piece.first_day,
                piece.last_day,
                piece.days,
                piece.principal,
                piece.rate,
                piece.basis,
                f"{piece.numerator}/{piece.denominator}",
                piece.interest_exact,
                piece.interest,
                ", ".join(notes),
                piece.period_start,
            )
        )
    _table(book, formats, "Interest", columns, rows, {10: statement.interest_total})


def _allocations(book: xlsxwriter.Workbook, formats: dict[str, Any], statement: Statement) -> None:
    columns: tuple[Column, ...] = (
        ("Receipt", 14, "text"),
        ("Value date", 13, "date"),
        ("Paid", 22, "text"),
        ("Loan", 12, "text"),
        ("Due date", 13, "date"),
        ("Amount", 18, "money"),
    )
    rows: list[tuple[Cell, ...]] = [
        (paid.receipt, paid.value_date, paid.component, paid.loan, paid.due_date, paid.amount)
        for paid in statement.allocations
    ]
    total = sum((paid.amount for paid in statement.allocations), Decimal(0))
    _table(book, formats, "Allocations", columns, rows, {5: total})


def _dues(book: xlsxwriter.Workbook, formats: dict[str, Any], statement: Statement) -> None:
    columns: tuple[Column, ...] = (
        ("Due date", 13, "date"),
        ("Facility", 12, "text"),
        ("Loan", 12, "text"),
        ("Due", 22, "text"),
        ("Amount", 18, "money"),
        ("Days past due", 14, "int"),
    )
    rows: list[tuple[Cell, ...]] = [
        (due.due_date, due.facility, due.loan, due.component, due.amount, due.days_past_due)
        for due in statement.dues
    ]
    total = sum((due.amount for due in statement.dues), Decimal(0))
    _table(book, formats, "Dues", columns, rows, {4: total})


def _ahead(book: xlsxwriter.Workbook, formats: dict[str, Any], statement: Statement) -> None:
    columns: tuple[Column, ...] = (
        ("Due date", 13, "date"),
        ("Facility", 12, "text"),
        ("Loan", 12, "text"),
        ("Will be due", 22, "text"),
        ("Amount", 18, "money"),
        ("Note", 14, "text"),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            due.due_date,
            due.facility,
            due.loan,
            due.component,
            due.amount,
            "estimated" if due.estimated else "",
        )
        for due in statement.ahead
    ]
    total = sum((due.amount for due in statement.ahead), Decimal(0))
    _table(book, formats, "Ahead", columns, rows, {4: total})
