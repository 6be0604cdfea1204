"""A report as CSV or XLSX, whatever its columns are."""

import csv
import io
from datetime import date
from decimal import Decimal

from loanfund.reporting.csv_format import safe_text
from loanfund.reporting.report_sheets import write_xlsx
from loanfund.reporting.reports.report import Cell, Report


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
