"""The ZIP of a month: each statement, the books beneath them, a manifest with every SHA-256, and a tie-out sheet."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.core.files.storage import default_storage

from loanfund.calculation.money import currency as currency_of
from loanfund.reporting.csv_format import COLUMNS
from loanfund.reporting.models import MonthItem, MonthRun
from loanfund.reporting.report_files import as_csv
from loanfund.reporting.report_streams import csv_blocks
from loanfund.reporting.reports import REPORTS, Check, ReportSpec
from loanfund.reporting.verification import verify_books

BOOKS = (
    "trial-balance", "general-ledger", "accruals", "accrual-roll-forward", "income", "receipts", "arrears", "utilisation",
    "fixings", "unapplied", "exceptions", "reconciliation",
)  # fmt: skip
"""The reports that the pack holds, by slug."""
IN_ORDER = {"accruals": (1, 4, 5)}
"""The columns that order a report which streams in no order of its own: the same month twice is the same file."""
PROVEN = ("audit", "ledger", "facilities", "servicing")
TIE_OUT = ("source", "what", "figure", "ledger", "difference", "sentence", "mark")
MANIFEST = ("partner", "legal_name", "file", "sha256", "bytes", "closing_owed", "note")
IN_MEMORY = 8 * 1024 * 1024
READABLE = 0o644 << 16

Made = tempfile.SpooledTemporaryFile[bytes]


@contextmanager
def packed(run: MonthRun, items: Sequence[MonthItem]) -> Iterator[Made]:
    """A temporary file with the ZIP of a run's items, at its start. The same statements give the same bytes.

    `books/` holds the reports that the statements rest on, `tie-out.csv` every sum that has to be the same in two places
    and every row that an invariant found wrong. `manifest.csv` has one row a file, and one for each partner whose
    statement could not be made, with the reason; `SHA256SUMS` is for `sha256sum --check`; `all-lines.csv` has every line
    of every statement after its partner's number.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as made:
        with ZipFile(made, "w", ZIP_DEFLATED) as pack:
            sums = list(_statements(pack, items))
            sums += _books(pack, run)
            sums.append(_put(pack, "all-lines.csv", _all_lines(items)))
            sums.append(_put(pack, "tie-out.csv", tie_out(run, items)))
            sums.append(_put(pack, "manifest.csv", _manifest(items)))
            _put(pack, "SHA256SUMS", "".join(f"{digest}  {name}\n" for digest, name in sums).encode())
        made.seek(0)
        yield made


def _put(pack: ZipFile, name: str, content: bytes) -> tuple[str, str]:
    pack.writestr(_entry(name), content)
    return hashlib.sha256(content).hexdigest(), name


def _entry(name: str) -> ZipInfo:
    # A fixed time keeps the same content the same bytes.
    entry = ZipInfo(name, date_time=(2025, 10, 14, 0, 0, 0))
    entry.compress_type, entry.external_attr = ZIP_DEFLATED, READABLE
    return entry


def _statements(pack: ZipFile, items: Sequence[MonthItem]) -> Iterator[tuple[str, str]]:
    for item in items:
        for part in item.files:
            if part["asked"]:
                yield _put(pack, f"{item.partner.number}/{part['name']}", _read(part["path"]))


def _books(pack: ZipFile, run: MonthRun) -> Iterator[tuple[str, str]]:
    """Each report of the month as CSV; a large one goes from the database into the ZIP block by block."""
    for slug in BOOKS:
        spec = REPORTS[slug]
        values = _values(spec, run)
        name = f"books/{slug}.csv"
        if spec.query is None:
            yield _put(pack, name, as_csv(spec.build(run.fund, **values)))
            continue
        digest = hashlib.sha256()
        with pack.open(_entry(name), "w", force_zip64=True) as file:
            for block in csv_blocks(spec, run.fund, values, by=IN_ORDER.get(slug, ())):
                digest.update(block)
                file.write(block)
        yield digest.hexdigest(), name


def _values(spec: ReportSpec, run: MonthRun) -> dict[str, Any]:
    # The month in which the fund was opened begins with that day.
    first_day = max(run.first_day, run.fund.opened_on)
    given = {"as_of": run.last_day, "first_day": first_day, "last_day": run.last_day}
    return spec.values(run.fund, given)


def tie_out(run: MonthRun, items: Sequence[MonthItem]) -> bytes:
    """Every sum that has to be the same in two places, with its difference; then each row that an invariant found wrong.

    A statement that could not be made, a difference and a broken row each have "BREAK" in the last column; a sheet without
    one ties out.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(TIE_OUT)
    for item in items:
        if item.state == MonthItem.State.FAILED:
            writer.writerow(("statement", item.partner.number, "", "", "", item.reason, "BREAK"))
    stated = sum((Decimal(item.files[0]["closing"]) for item in items if item.files), Decimal(0))
    arrears = REPORTS["arrears"].build(run.fund, as_of=run.last_day)
    checks = [("statements", Check("Owed on all statements", stated, arrears.totals["owed"]))]
    unexplained: list[tuple[str, ...]] = []
    for slug in BOOKS:
        report = REPORTS[slug].build(run.fund, **_values(REPORTS[slug], run))
        checks += [(slug, check) for check in report.checks]
        unexplained += [(slug, what, "", "", "", sentence, "BREAK") for what, sentence in report.broken]
    places = Decimal(1).scaleb(-currency_of(run.fund.currency).decimals)
    for source, check in checks:
        mark = "BREAK" if check.difference else ""
        figures = tuple(_exact(value, places) for value in (check.report, check.ledger, check.difference))
        beside = "" if check.against == "the ledger" else f"beside {check.against}"
        writer.writerow((source, check.what, *figures, beside, mark))
    writer.writerows(unexplained)
    for finding in verify_books(apps=PROVEN):
        for broken in finding.breaks:
            writer.writerow((finding.check, broken.object, "", "", "", broken.sentence, "BREAK"))
    return out.getvalue().encode()


def _exact(value: Decimal, places: Decimal) -> str:
    """A sum with the currency's decimals; with all it has when it has more."""
    rounded = value.quantize(places)
    return f"{rounded if rounded == value else value:f}"


def _read(path: str) -> bytes:
    with default_storage.open(path, "rb") as part:
        content: bytes = part.read()
    return content


def _manifest(items: Sequence[MonthItem]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(MANIFEST)
    for item in items:
        who = (item.partner.number, item.partner.legal_name)
        if item.state == MonthItem.State.FAILED:
            writer.writerow((*who, "", "", "", "", item.reason))
        for part in item.files:
            if part["asked"]:
                name = f"{item.partner.number}/{part['name']}"
                writer.writerow((*who, name, part["sha256"], part["size"], part["closing"], ""))
    return out.getvalue().encode()


def _all_lines(items: Sequence[MonthItem]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ("partner", *COLUMNS))
    writer.writeheader()
    for item in items:
        for part in item.files:
            if part["name"].endswith(".csv"):
                rows = csv.DictReader(io.StringIO(_read(part["path"]).decode(), newline=""))
                writer.writerows(
                    {"partner": item.partner.number, **row} for row in rows if row["record"] == "line"
                )
    return out.getvalue().encode()
