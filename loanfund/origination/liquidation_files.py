"""The CSV of liquidations: its template, and reading it row by row. Pure: text in, rows out, nothing half taken."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from loanfund.audit.errors import Refused

COLUMNS = (
    "time_utc", "venue", "account", "reference", "market", "instrument", "side", "quantity", "price", "loss",
)  # fmt: skip
EXAMPLE = (
    "2025-10-10T21:20:05Z", "EXAMPLE", "main-7", "EXAMPLE-1", "futures", "BTC-PERP", "long", "12.5", "104250.50",
    "98765.43",
)  # fmt: skip
LONGEST = {"venue": 60, "account": 80, "reference": 80, "instrument": 40}
CHOICES = {"market": ("futures", "margin", "other"), "side": ("long", "short")}
FINEST = {"quantity": 18, "price": 18, "loss": 12}
NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
MOST_BYTES = 64 * 1024 * 1024
MOST_ROWS = 500_000
MOST_ERRORS = 50


@dataclass(frozen=True, slots=True)
class LiquidationRow:
    """One liquidation as the file gives it: `row` counts data rows from 1, the loss is in the fund's currency."""

    row: int
    occurred_at: datetime
    venue: str
    account: str
    reference: str
    market: str
    instrument: str
    side: str
    quantity: Decimal
    price: Decimal
    loss: Decimal


@dataclass(frozen=True)
class RowError:
    """What is wrong with one cell: the line of the file (the header is line 1), the column, and what to do."""

    line: int
    column: str
    sentence: str

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {self.sentence}"


class BadLiquidations(Refused):
    """The file cannot be taken. `errors` holds the first of its faults, `count` how many there are."""

    def __init__(self, errors: list[RowError], count: int) -> None:
        more = f" And {count - len(errors)} more." if count > len(errors) else ""
        super().__init__(" ".join(str(error) for error in errors[:5]) + more, field="file")
        self.errors = errors
        self.count = count


def template() -> str:
    """The CSV to fill in: its header and one example row, which must be taken out again."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, EXAMPLE])
    return text.getvalue()


def read_liquidations(content: bytes) -> list[LiquidationRow]:
    """Every row of the file. Raises BadLiquidations with the faults by line and column, or Refused for a file that is
    too large, no text, or empty."""
    if len(content) > MOST_BYTES:
        raise Refused(
            f"The file is larger than {MOST_BYTES // 1024 // 1024} MB. Send it in parts.", field="file"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(
            "The file is not UTF-8 text. Save it as “CSV UTF-8” and upload it again.", field="file"
        ) from None
    if "\x00" in text:
        raise Refused("The file is not a CSV text. Save it as “CSV UTF-8” and upload it again.", field="file")
    reader = csv.reader(io.StringIO(text, newline=""))
    faults = _Faults()
    try:
        places = _places(next(reader, []))
        rows = list(_rows(reader, places, faults))
    except csv.Error as error:
        raise Refused(f"Line {reader.line_num} is not CSV: {error}.", field="file") from error
    if faults.count:
        raise BadLiquidations(faults.first, faults.count)
    if not rows:
        raise Refused("The file has no liquidations beneath its header.", field="file")
    return rows


class _Faults:
    def __init__(self) -> None:
        self.first: list[RowError] = []
        self.count = 0

    def add(self, line: int, column: str, sentence: str) -> None:
        self.count += 1
        if len(self.first) < MOST_ERRORS:
            self.first.append(RowError(line, column, sentence))


def _places(header: list[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    twice = [name for name in COLUMNS if names.count(name) > 1]
    faults = [RowError(1, name, "this column is missing; take the template.") for name in missing]
    faults += [RowError(1, name or "(empty)", "this column is not known; take it out.") for name in unknown]
    faults += [RowError(1, name, "this column stands twice; take one out.") for name in twice]
    if faults:
        raise BadLiquidations(faults, len(faults))
    return {name: names.index(name) for name in COLUMNS}


def _rows(reader: Iterator[list[str]], places: dict[str, int], faults: _Faults) -> Iterator[LiquidationRow]:
    seen: dict[tuple[str, str], int] = {}
    number = 0
    for cells in reader:
        line = reader.line_num  # type: ignore[attr-defined] # csv's reader has it, its protocol does not
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if number > MOST_ROWS:
            raise Refused(f"The file has more than {MOST_ROWS:,} rows. Send it in parts.", field="file")
        if len(cells) != len(places):
            faults.add(line, "(all)", f"this row has {len(cells)} cells, the header has {len(places)}.")
            continue
        values = {name: cells[place].strip() for name, place in places.items()}
        before = faults.count
        row = _row(number, line, values, faults)
        first = seen.setdefault((values["venue"], values["reference"]), line)
        if first != line:
            faults.add(
                line,
                "reference",
                f"{values['reference']!r} stands on line {first} already; a loss counts once.",
            )
        if faults.count == before and row is not None:
            yield row


def _row(number: int, line: int, values: dict[str, str], faults: _Faults) -> LiquidationRow | None:
    before = faults.count
    for name, longest in LONGEST.items():
        if not values[name]:
            faults.add(line, name, "this cell is empty.")
        elif len(values[name]) > longest:
            faults.add(line, name, f"this has {len(values[name])} characters; {longest} are the most.")
    if values["venue"] == "EXAMPLE":
        faults.add(line, "venue", "this is the template's example row; take it out.")
    chosen = {}
    for name, allowed in CHOICES.items():
        chosen[name] = values[name].lower()
        if chosen[name] not in allowed:
            faults.add(line, name, f"{values[name]!r} is not one of {', '.join(allowed)}.")
    when = _moment(values["time_utc"])
    if when is None:
        faults.add(
            line, "time_utc", f"{values['time_utc']!r} is not a UTC time such as 2025-10-10T21:20:05Z."
        )
    numbers = {name: _number(line, name, values[name], faults) for name in FINEST}
    if numbers["quantity"] == 0:
        faults.add(line, "quantity", "a liquidation has a quantity above zero.")
    if faults.count > before or when is None:
        return None
    return LiquidationRow(
        number, when, values["venue"], values["account"], values["reference"], chosen["market"], values["instrument"],
        chosen["side"], numbers["quantity"], numbers["price"], numbers["loss"],
    )  # fmt: skip


def _number(line: int, name: str, text: str, faults: _Faults) -> Decimal:
    if not NUMBER.fullmatch(text):
        faults.add(
            line,
            name,
            f"{text[:40]!r} is not a number such as 1234.56, without sign or thousands separators.",
        )
        return Decimal(1)
    if len(text.partition(".")[2]) > FINEST[name]:
        faults.add(line, name, f"{text!r} has more than {FINEST[name]} decimals.")
    return Decimal(text)


def _moment(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is not None and when.utcoffset() == timedelta(0) else None
