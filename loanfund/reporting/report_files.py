"""A report as CSV or XLSX, whatever its columns are."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from loanfund.reporting.csv_format import safe_text
from loanfund.reporting.reports.report import Cell, Column, Kind, Report
from loanfund.reporting.xlsx_format import MADE_AT

PER_CENT = {Kind.RATE: "0.000000%", Kind.SHARE: "0.00%"}


def as_csv(report: Report) -> bytes:
    """UTF-8 CSV with the line ends of a COPY: the columns' names, then the rows, every number in full."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.name for column in report.columns)
    writer.writerows(map(_plain, row) for row in report.rows)
    return out.getvalue().encode()


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, str):
        return safe_text(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def as_xlsx(report: Report) -> bytes:
    """A workbook: typed cells, a frozen header with a filter, totals as formulas beside their exact text."""
    out = io.BytesIO()
    write_xlsx(report, report.rows, out)
    return out.getvalue()


def write_xlsx(report: Report, rows: Iterable[tuple[Cell, ...]], out: io.BytesIO | Path) -> None:
    """Write a workbook row by row in constant memory; `rows` may be more than the report holds."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(str(out) if isinstance(out, Path) else out, options)
    book.set_properties({"title": report.title, "created": MADE_AT})
    styles = _styles(book, report.decimals)
    sheet = book.add_worksheet(report.title[:31])
    head = 3 + len(report.notes) + len(report.checks)
    for index, column in enumerate(report.columns):
        sheet.set_column(index, index, _width(column))
    sheet.write_string(0, 0, report.title, styles["title"])
    sheet.write_string(1, 0, f"{report.fund}, {report.currency}, {report.period}", styles["label"])
    for line, words in enumerate([*report.notes, *_tied(report)], start=2):
        sheet.write_string(line, 0, words, styles["label"])
    for index, column in enumerate(report.columns):
        sheet.write_string(head, index, column.label, styles["head"])
    sheet.freeze_panes(head + 1, 0)
    last, sums = _write_rows(sheet, styles, report.columns, rows, head)
    if last == head:
        sheet.write_string(head + 1, 0, "Nothing here.", styles["label"])
    else:
        sheet.autofilter(head, 0, last, len(report.columns) - 1)
        for index, total in sums.items():
            letter = xl_col_to_name(index)
            formula = f"=SUM({letter}{head + 2}:{letter}{last + 1})"
            sheet.write_formula(last + 1, index, formula, styles["total"], float(total))
        for index, total in sums.items():
            sheet.write_string(last + 2, index, f"{total:f}", styles["total_text"])
    book.close()


def _tied(report: Report) -> Iterator[str]:
    for check in report.checks:
        same = (
            "ties to the ledger"
            if not check.difference
            else f"differs from the ledger by {check.difference:f}"
        )
        yield f"{check.what}: {check.report:,.{report.decimals}f}, {same}"


def _write_rows(
    sheet: Any,
    styles: dict[str, Any],
    columns: tuple[Column, ...],
    rows: Iterable[tuple[Cell, ...]],
    line: int,
) -> tuple[int, dict[int, Decimal]]:
    """Write the rows below `line`; the last line written, and the sum of each column that has one."""
    sums = {index: Decimal(0) for index, column in enumerate(columns) if column.total}
    formats = [styles.get(column.kind, styles["text"]) for column in columns]
    text, number = sheet.write_string, sheet.write_number
    for row in rows:
        line += 1
        for index, cell in enumerate(row):
            if cell is None or cell == "":
                continue
            if isinstance(cell, str):
                text(line, index, safe_text(cell), formats[index])
            elif isinstance(cell, datetime):
                sheet.write_datetime(line, index, cell.replace(tzinfo=None), formats[index])
            elif isinstance(cell, date):
                sheet.write_datetime(line, index, cell, formats[index])
            else:
                number(line, index, cell, formats[index])
                if index in sums and isinstance(cell, Decimal):
                    sums[index] += cell
    return line, sums


def _width(column: Column) -> int:
    if column.kind in (Kind.MONEY, Kind.EXACT, Kind.MOMENT):
        return 20
    if column.kind is Kind.TEXT:
        return 30 if column.name in {"name", "reason", "text", "description", "account", "due"} else 18
    return 14


def _styles(book: xlsxwriter.Workbook, decimals: int) -> dict[str, Any]:
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
        "title": book.add_format({"bold": True, "font_size": 14, "font_color": "#12324A"}),
        "label": book.add_format({"font_color": "#51626F"}),
        "head": book.add_format(head),
        "text": book.add_format({}),
        "total": book.add_format({"num_format": money, "bold": True, "top": 1}),
        "total_text": book.add_format({"bold": True, "align": "right"}),
        Kind.INT: book.add_format({"num_format": "0"}),
        Kind.DATE: book.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
        Kind.MOMENT: book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"}),
        Kind.MONEY: book.add_format({"num_format": money}),
        Kind.EXACT: book.add_format({"num_format": "#,##0.000000000000"}),
        Kind.RATE: book.add_format({"num_format": PER_CENT[Kind.RATE]}),
        Kind.SHARE: book.add_format({"num_format": PER_CENT[Kind.SHARE]}),
    }
