"""A report as a workbook in constant memory.

XlsxWriter makes the workbook around the rows: styles, head, filter, totals. The rows are written as XML beside it, each
cell by its column's kind, and put in its place: that is several times faster than asking it for each cell.
"""

import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from loanfund.reporting.csv_format import safe_text
from loanfund.reporting.reports.report import Cell, Column, Kind, Report
from loanfund.reporting.xlsx_format import MADE_AT, on_paper

SHEET = "xl/worksheets/sheet1.xml"
BEGINNING = date(1899, 12, 30)
SECONDS = 86_400
REMEMBERED = 10_000
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
WIDE = {"set", "name", "reason", "text", "description", "account", "due", "source", "reference"}
NUMBERS = frozenset({Kind.MONEY, Kind.EXACT, Kind.RATE, Kind.SHARE, Kind.INT})
Paint = Callable[[Cell, int], str]


def write_xlsx(report: Report, rows: Iterable[tuple[Cell, ...]], out: IO[bytes]) -> None:
    """Write a workbook of `rows`, which may be more than the report holds. The same rows give the same bytes."""
    head = 3 + len(report.notes) + len(report.checks)
    with tempfile.TemporaryFile() as body:
        last, sums = _write_body(body, report.columns, _styles_of(report, head), rows, head + 1)
        frame = _frame(report, head, last, sums)
        body.seek(0)
        with ZipFile(frame) as made, ZipFile(out, "w", ZIP_DEFLATED) as pack:
            for entry in made.infolist():
                # A fixed time keeps the same content the same bytes.
                place = ZipInfo(entry.filename, date_time=(2025, 10, 14, 0, 0, 0))
                place.compress_type = ZIP_DEFLATED
                with pack.open(place, "w") as sheet:
                    if entry.filename != SHEET:
                        sheet.write(made.read(entry))
                        continue
                    before, after = _around_pattern(made.read(entry).decode(), head + 2)
                    sheet.write(before.encode())
                    shutil.copyfileobj(body, sheet, 1 << 20)
                    sheet.write(after.encode())


def _around_pattern(xml: str, row: int) -> tuple[str, str]:
    begins = xml.index(f'<row r="{row}"')
    ends = xml.index("</row>", begins) + len("</row>")
    return xml[:begins], xml[ends:]


def _styles_of(report: Report, head: int) -> list[str]:
    """The number of each column's style, read from a workbook without rows."""
    with ZipFile(_frame(report, head, head + 1, {})) as made:
        xml = made.read(SHEET).decode()
    before, after = _around_pattern(xml, head + 2)
    return re.findall(r's="(\d+)"', xml[len(before) : len(xml) - len(after)])


def _write_body(
    body: IO[bytes],
    columns: tuple[Column, ...],
    styles: list[str],
    rows: Iterable[tuple[Cell, ...]],
    line: int,
) -> tuple[int, dict[int, Decimal]]:
    """Write the rows' XML below `line`; the last line written, and the sum of each column that has one."""
    sums = {index: Decimal(0) for index, column in enumerate(columns) if column.total}
    paints = [
        _paint(column.kind, xl_col_to_name(index), style)
        for index, (column, style) in enumerate(zip(columns, styles, strict=True))
    ]
    for row in rows:
        line += 1
        cells = [
            paint(cell, line)
            for paint, cell in zip(paints, row, strict=True)
            if cell is not None and cell != ""
        ]
        body.write(f'<row r="{line}">{"".join(cells)}</row>'.encode())
        for index in sums:
            cell = row[index]
            if isinstance(cell, Decimal):
                sums[index] += cell
    return line, sums


def _paint(kind: Kind, letter: str, style: str) -> Paint:
    """How a column's cell is written as XML."""
    if kind in NUMBERS:
        return lambda cell, line: f'<c r="{letter}{line}" s="{style}"><v>{cell}</v></c>'
    if kind in (Kind.DATE, Kind.MOMENT):
        return lambda cell, line: f'<c r="{letter}{line}" s="{style}"><v>{_serial(cell)}</v></c>'
    known: dict[str, str] = {}

    def text(cell: Cell, line: int) -> str:
        words = str(cell)
        shown = known.get(words)
        if shown is None:
            if len(known) >= REMEMBERED:
                known.clear()
            plain = escape(NOT_IN_XML.sub("", safe_text(words)))
            shown = known[words] = f'<is><t xml:space="preserve">{plain}</t></is>'
        return f'<c r="{letter}{line}" s="{style}" t="inlineStr">{shown}</c>'

    return text


def _serial(cell: Cell) -> str:
    """A date or a moment in UTC as a spreadsheet counts: days since the end of 1899."""
    if isinstance(cell, datetime):
        seconds = cell.hour * 3600 + cell.minute * 60 + cell.second
        whole = (cell.date() - BEGINNING).days
        return f"{whole + Decimal(seconds) / SECONDS:.10f}"
    assert isinstance(cell, date)
    return str((cell - BEGINNING).days)


def _frame(report: Report, head: int, last: int, sums: dict[int, Decimal]) -> io.BytesIO:
    """The workbook around the rows, which end on `last` (counted from 1): a row of styles stands in their place."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"title": report.title, "created": MADE_AT})
    styles = _formats(book, report.decimals)
    sheet = book.add_worksheet(report.title[:31])
    for index, column in enumerate(report.columns):
        sheet.set_column(index, index, _width(column))
        name = "number_head" if column.kind in NUMBERS else "head"
        sheet.write_string(head, index, column.label, styles[name])
        sheet.write_blank(head + 1, index, None, styles.get(column.kind, styles["text"]))
    sheet.write_string(0, 0, report.title, styles["title"])
    sheet.write_string(1, 0, f"{report.fund}, {report.currency}, {report.period}", styles["label"])
    for line, words in enumerate([*report.notes, *_tied(report)], start=2):
        sheet.write_string(line, 0, words, styles["label"])
    on_paper(sheet, head=head)
    sheet.freeze_panes(head + 1, 0)
    if last == head + 1:
        sheet.write_string(head + 2, 0, "Nothing here.", styles["label"])
    else:
        sheet.autofilter(head, 0, last - 1, len(report.columns) - 1)
        for index, total in sums.items():
            letter = xl_col_to_name(index)
            formula = f"=SUM({letter}{head + 2}:{letter}{last})"
            sheet.write_formula(last, index, formula, styles["total"], total)
            sheet.write_string(last + 1, index, f"{total:f}", styles["total_text"])
    book.close()
    out.seek(0)
    return out


def _tied(report: Report) -> Iterator[str]:
    for check in report.checks:
        same = (
            f"ties to {check.against}"
            if not check.difference
            else f"differs from {check.against} by {check.difference:f}"
        )
        yield f"{check.what}: {check.report:,.{report.decimals}f}, {same}"


def _width(column: Column) -> int:
    if column.kind in (Kind.MONEY, Kind.EXACT, Kind.MOMENT):
        return 20
    if column.kind is Kind.TEXT:
        return 30 if column.name in WIDE else 18
    return 14


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
        "title": book.add_format({"bold": True, "font_size": 14, "font_color": "#12324A"}),
        "label": book.add_format({"font_color": "#51626F"}),
        "head": book.add_format(head),
        "number_head": book.add_format(head | {"align": "right"}),
        "text": book.add_format({"align": "left"}),
        "total": book.add_format({"num_format": money, "bold": True, "top": 1}),
        "total_text": book.add_format({"bold": True, "align": "right"}),
        Kind.INT: book.add_format({"num_format": "0"}),
        Kind.DATE: book.add_format({"num_format": "yyyy-mm-dd", "align": "left"}),
        Kind.MOMENT: book.add_format({"num_format": "yyyy-mm-dd hh:mm", "align": "left"}),
        Kind.MONEY: book.add_format({"num_format": money}),
        Kind.EXACT: book.add_format({"num_format": "#,##0.000000000000"}),
        Kind.RATE: book.add_format({"num_format": "0.000000%"}),
        Kind.SHARE: book.add_format({"num_format": "0.00%"}),
    }
