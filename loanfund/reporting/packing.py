"""The ZIP of a month: each statement, a manifest with every SHA-256, and one CSV of all lines."""

import csv
import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.core.files.storage import default_storage

from loanfund.reporting.csv_format import COLUMNS
from loanfund.reporting.models import MonthItem

MANIFEST = ("partner", "legal_name", "file", "sha256", "bytes", "closing_owed", "note")
IN_MEMORY = 8 * 1024 * 1024
READABLE = 0o644 << 16

Made = tempfile.SpooledTemporaryFile[bytes]


@contextmanager
def packed(items: Sequence[MonthItem]) -> Iterator[Made]:
    """A temporary file with the ZIP of a run's items, at its start. The same statements give the same bytes.

    `manifest.csv` has one row a file, and one for each partner whose statement could not be made, with the reason;
    `SHA256SUMS` is for `sha256sum --check`; `all-lines.csv` has every line of every statement after its partner's number.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as made:
        with ZipFile(made, "w", ZIP_DEFLATED) as pack:
            sums = list(_statements(pack, items))
            sums.append(_put(pack, "all-lines.csv", _all_lines(items)))
            sums.append(_put(pack, "manifest.csv", _manifest(items)))
            _put(pack, "SHA256SUMS", "".join(f"{digest}  {name}\n" for digest, name in sums).encode())
        made.seek(0)
        yield made


def _put(pack: ZipFile, name: str, content: bytes) -> tuple[str, str]:
    # A fixed time keeps the same content the same bytes.
    entry = ZipInfo(name, date_time=(2025, 10, 14, 0, 0, 0))
    entry.compress_type, entry.external_attr = ZIP_DEFLATED, READABLE
    pack.writestr(entry, content)
    return hashlib.sha256(content).hexdigest(), name


def _statements(pack: ZipFile, items: Sequence[MonthItem]) -> Iterator[tuple[str, str]]:
    for item in items:
        for part in item.files:
            if part["asked"]:
                yield _put(pack, f"{item.partner.number}/{part['name']}", _read(part["path"]))


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
