"""Reading reports and taking them out: rights, the file, and a line in the log. Large ones are streamed."""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from io import BufferedRandom
from typing import Any

from django.db import connection, transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Fund
from loanfund.parties.models import User
from loanfund.parties.selectors import has_role
from loanfund.reporting.report_files import as_csv, as_xlsx
from loanfund.reporting.report_sheets import write_xlsx
from loanfund.reporting.report_streams import csv_blocks
from loanfund.reporting.reports import REPORTS, Report, ReportSpec
from loanfund.reporting.reports.report import hash_joins
from loanfund.reporting.services.statements import FORMATS, Export

BLOCK = 64 * 1024
SHEET_ROWS = 1_000_000
"""What a worksheet can hold (1,048,576) less its head and totals."""


def reports_for(actor: User) -> list[ReportSpec]:
    """The reports that this person may read."""
    return [spec for spec in REPORTS.values() if has_role(actor, *spec.rights)]


def read_report(*, actor: User, fund: Fund, slug: str, given: Mapping[str, Any]) -> Report:
    """A report to look at. Refused for an unknown one (code "not_found"), without the right, or a wrong parameter."""
    spec, fund = _spec(actor, slug), Fund.objects.get(pk=fund.pk)
    return spec.build(fund, **spec.values(fund, given))


def _spec(actor: User, slug: str) -> ReportSpec:
    spec = REPORTS.get(slug)
    if spec is None:
        raise Refused("There is no such report.", code="not_found")
    if not has_role(actor, *spec.rights):
        raise Refused(f"You may not read this report; it is for {', '.join(spec.rights)}.", code="forbidden")
    return spec


@dataclass(frozen=True)
class Stream:
    """A file to hand out as it is made: its name, media type, and blocks of bytes."""

    name: str
    content_type: str
    blocks: Iterator[bytes]


@transaction.atomic
def export_report(
    *, actor: User, on: date, fund: Fund, slug: str, given: Mapping[str, Any], fmt: str
) -> Export | Stream:
    """Take out a report as "csv" or "xlsx"; the log keeps who and which parameters.

    A large report is a `Stream`: its CSV is read from the database as it is sent, its workbook is written to a file on
    disk, so a million rows take no more memory than a thousand. Refused as in `read_report`, and for an unknown format or
    a workbook beyond a sheet's rows.
    """
    spec, fund = _spec(actor, slug), Fund.objects.get(pk=fund.pk)
    values = spec.values(fund, given)
    if fmt not in {"csv", "xlsx"}:
        raise Refused("Choose one of csv, xlsx.", field="format")
    name = f"{slug}-{'-'.join(str(value) for value in values.values() if value is not None)}.{fmt}"
    content_type = FORMATS[fmt][0]
    after = {"report": slug, "format": fmt, **values}
    if spec.query is not None and fmt == "csv":
        record(actor=actor, action="report.exported", obj=fund, on=on, after=after)
        return Stream(name, content_type, csv_blocks(spec, fund, values))
    if spec.query is not None:
        file = _large_xlsx(spec, fund, values)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        record(actor=actor, action="report.exported", obj=fund, on=on, after={**after, "sha256": digest})
        return Stream(name, content_type, _blocks(file))
    report = spec.build(fund, **values)
    content = as_csv(report) if fmt == "csv" else as_xlsx(report)
    digest = hashlib.sha256(content).hexdigest()
    record(actor=actor, action="report.exported", obj=fund, on=on, after={**after, "sha256": digest})
    return Export(name, content_type, content, digest)


def _blocks(file: BufferedRandom) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def _large_xlsx(spec: ReportSpec, fund: Fund, values: Mapping[str, Any]) -> BufferedRandom:
    """The whole of a large report as a workbook in a file without a name, row by row from a cursor on the server."""
    assert spec.query is not None
    out = tempfile.TemporaryFile()  # noqa: SIM115 - `_blocks` closes it when it was sent
    look = replace(spec.build(fund, **values), notes=(), cut=False, sums=None)
    connection.ensure_connection()
    joins = hash_joins() if spec.hashed else nullcontext()
    with joins, connection.chunked_cursor() as cursor:
        cursor.execute(spec.query(fund, **values))
        rows = itertools.chain.from_iterable(iter(lambda: cursor.fetchmany(2_000), []))
        counted = _at_most(rows)
        write_xlsx(look, counted, out)
    out.seek(0)
    return out


def _at_most(rows: Iterator[Any]) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number == SHEET_ROWS:
            raise Refused(
                f"This is more than the {SHEET_ROWS:,} rows that a worksheet takes. Take the CSV, or a shorter period.",
                field="format",
            )
        yield row
