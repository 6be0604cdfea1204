"""Reading a bank's statement or a list of stablecoin transfers, money in and money out. Text in, values out."""

import csv
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo

from loanfund.audit.errors import Refused

COLUMNS = {
    "bank": ("reference", "amount", "currency", "value_date", "sender"),
    "stablecoin": ("hash", "time", "asset", "amount", "sender", "reference"),
}
MAX_ROWS = 20_000
Value = TypeVar("Value")
_AMOUNT = re.compile(r"-?\d{1,18}(\.\d{1,12})?")


@dataclass(frozen=True)
class Payment:
    """One payment as the file tells it. `amount` is in `asset`, whole units, below zero when money went out; `problem` is
    empty when the line can be read."""

    line: int
    cells: dict[str, str]
    reference: str = ""
    amount: Decimal = Decimal(0)
    asset: str = ""
    value_date: date = date.min
    sender: str = ""
    transfer_hash: str = ""
    problem: str = ""

    @property
    def fingerprint(self) -> str:
        """What makes two payments the same one: the transfer's hash, or all that a bank says about it."""
        parts = (
            ["hash", self.transfer_hash.lower()]
            if self.transfer_hash
            else [
                "bank",
                self.reference,
                str(self.amount.normalize()),
                self.value_date.isoformat(),
                self.sender,
            ]
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read_payments(text: str, layout: str, *, zone: str, cut_off: time) -> list[Payment]:
    """Every line of a file as a payment, or as a line with its problem.

    Bank columns: reference, amount, currency, value_date (YYYY-MM-DD), sender. Stablecoin columns: hash, time (ISO 8601
    with its offset), asset, amount, sender, reference. Money that went out has an amount below zero. A time becomes a
    value date in the fund's `zone`: after the `cut_off` it counts as the next day's. Raises Refused for a file without
    these columns or with too many lines.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    wanted = COLUMNS[layout]
    present = [name.strip().lower() for name in reader.fieldnames or []]
    missing = [name for name in wanted if name not in present]
    if missing:
        raise Refused(
            f"The file has no column {', '.join(missing)}. A {layout} file has the columns {', '.join(wanted)}.",
            field="file",
        )
    reader.fieldnames = present
    found = []
    for row in reader:
        cells = {name: (row.get(name) or "").strip() for name in wanted}
        found.append(read_payment(reader.line_num, cells, layout, zone=zone, cut_off=cut_off))
        if len(found) > MAX_ROWS:
            raise Refused(f"The file has more than {MAX_ROWS:,} lines. Split it.", field="file")
    return found


def value_date_of(moment: datetime, *, zone: str, cut_off: time) -> date:
    """The day a moment counts for in a fund: its local date, or the next day when it is past the cut-off."""
    local = moment.astimezone(ZoneInfo(zone))
    return local.date() + timedelta(days=1) if local.time() > cut_off else local.date()


def read_payment(line: int, cells: dict[str, str], layout: str, *, zone: str, cut_off: time) -> Payment:
    """One line of a file from its cells; what cannot be read is said in its `problem`."""
    problems: list[str] = []

    def read(name: str, parse: Callable[[str], Value], fallback: Value) -> Value:
        try:
            return parse(cells[name])
        except (ValueError, InvalidOperation):
            problems.append(f"{name} {cells[name][:40]!r} cannot be read")
            return fallback

    amount = read("amount", _amount, Decimal(0))
    if layout == "bank":
        value_date = read("value_date", date.fromisoformat, date.min)
        transfer_hash, asset = "", cells["currency"].upper()
    else:
        value_date = read(
            "time", lambda text: value_date_of(_moment(text), zone=zone, cut_off=cut_off), date.min
        )
        transfer_hash, asset = cells["hash"], cells["asset"].upper()
        if not transfer_hash:
            problems.append("hash is empty")
    if not cells["reference"] and not transfer_hash:
        problems.append("reference is empty")
    too_long = [name for name in ("reference", "sender") if len(cells[name]) > 140]
    problems += [f"{name} is longer than 140 characters" for name in too_long]
    return Payment(
        line=line,
        cells=cells,
        reference=cells["reference"][:140],
        amount=amount,
        asset=asset,
        value_date=value_date,
        sender=cells["sender"][:140],
        transfer_hash=transfer_hash,
        problem="; ".join(problems),
    )


def _amount(text: str) -> Decimal:
    plain = text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text) else text
    if not _AMOUNT.fullmatch(plain) or not Decimal(plain):
        raise ValueError(text)
    return Decimal(plain)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
