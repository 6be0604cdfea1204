"""The three CSV layouts in which fixings arrive, read into one shape. Pure: text in, rows out.

- ours: `date,rate_percent`;
- the New York Fed's download of reference rates: `Effective Date,Rate Type,Rate (%),...`, days as MM/DD/YYYY, several
  rate types in one file;
- FRED's: `observation_date,SOFR` (an older header says `DATE`), with "." or nothing where there is no value.
"""

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from loanfund.audit.errors import Refused

MOST_ERRORS = 20


@dataclass(frozen=True)
class FileRow:
    """One published value: the line of the file it stood on (the header is 1), its day, and its per cent figure."""

    line: int
    date: date
    percent: Decimal


@dataclass(frozen=True)
class Layout:
    """Which columns of a file hold the day, the per cent figure and, if several rates share it, the rate's name."""

    name: str
    day: str
    percent: str
    kind: str = ""
    gaps: bool = False


class BadFile(Refused):
    """The file cannot be taken. `errors` is one sentence a fault, each naming line and column."""

    def __init__(self, errors: list[str]) -> None:
        more = f" And {len(errors) - MOST_ERRORS} more." if len(errors) > MOST_ERRORS else ""
        super().__init__(" ".join(errors[:MOST_ERRORS]) + more, field="file")
        self.errors = errors


def read_fixings(text: str, code: str) -> list[FileRow]:
    """The values of rate `code` in a file, by day, oldest first.

    Raises BadFile with every fault found: an unknown header, a day that is no day, a figure that is no number, a day
    given twice with different figures.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), skipinitialspace=True)
    layout = _layout([name.strip() for name in reader.fieldnames or []], code)
    reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    rows: dict[date, FileRow] = {}
    errors: list[str] = []
    for raw in reader:
        line = reader.line_num
        if _is_footnote(raw, layout):
            continue
        if layout.kind and (raw[layout.kind] or "").strip().upper() != code.upper():
            continue
        figure = (raw[layout.percent] or "").strip()
        if layout.gaps and figure in {"", ".", "#N/A"}:
            continue
        row = _row(line, (raw[layout.day] or "").strip(), figure, layout, errors)
        if row is None:
            continue
        known = rows.setdefault(row.date, row)
        if known.percent != row.percent:
            errors.append(
                f"Line {line}, column {layout.day}: {row.date} stands on line {known.line} with another rate."
            )
    if not rows and not errors:
        errors.append(f"The file has no value of {code}.")
    if errors:
        raise BadFile(errors)
    return [rows[day] for day in sorted(rows)]


def _layout(header: list[str], code: str) -> Layout:
    names = set(header)
    if {"date", "rate_percent"} <= names:
        return Layout("ours", "date", "rate_percent")
    if {"Effective Date", "Rate Type", "Rate (%)"} <= names:
        return Layout("New York Fed", "Effective Date", "Rate (%)", kind="Rate Type")
    for day in ("observation_date", "DATE"):
        if day in names and len(header) > 1:
            column = code if code in names else header[1] if len(header) == 2 else ""
            if column:
                return Layout("FRED", day, column, gaps=True)
    found = ", ".join(header) or "nothing"
    raise BadFile([
        f"Line 1: the columns are {found}. Give date,rate_percent, or the New York Fed's Effective Date,Rate Type,"
        f"Rate (%), or FRED's observation_date,{code}."
    ])  # fmt: skip


def _is_footnote(raw: dict[str, str | None], layout: Layout) -> bool:
    """Empty lines, and the one-cell notes that some downloads put beneath the data."""
    others = [value for name, value in raw.items() if name != layout.day and isinstance(value, str)]
    return not any(value.strip() for value in others) and not (raw[layout.day] or "")[:4].isdigit()


def _row(line: int, day: str, figure: str, layout: Layout, errors: list[str]) -> FileRow | None:
    when = _day(day)
    if when is None:
        errors.append(
            f"Line {line}, column {layout.day}: {day!r} is not a day such as 2026-08-20 or 08/20/2026."
        )
    try:
        percent = Decimal(figure)
        if not percent.is_finite() or not -100 < percent < 1000 or percent.as_tuple().exponent < -10:  # type: ignore[operator] # a finite number's exponent is an int
            raise InvalidOperation
    except InvalidOperation:
        errors.append(
            f"Line {line}, column {layout.percent}: {figure!r} is not a rate in per cent such as 3.63."
        )
        return None
    return FileRow(line, when, percent) if when else None


def _day(text: str) -> date | None:
    for pattern in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None
