"""Taking a statement out of the books: rights, the file, and a line in the log."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Facility
from loanfund.parties import roles
from loanfund.parties.models import Partner, User
from loanfund.parties.selectors import has_role, membership
from loanfund.reporting import csv_format, json_format, pdf_format, xlsx_format
from loanfund.reporting.models import StatementExport
from loanfund.reporting.selectors import Subject, partner_of, statement_for
from loanfund.reporting.statement import LAYOUT, Statement, file_stem

READERS = (roles.FINANCE, roles.AUDITOR, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
"""The lender's roles that may take out any partner's statement."""

FORMATS: dict[str, tuple[str, Callable[[Statement], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", csv_format.render),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_format.render),
    "pdf": ("application/pdf", pdf_format.render),
    "json": ("application/json", json_format.render),
}


@dataclass(frozen=True)
class Export:
    """A file to hand out: its name, media type, bytes, and their SHA-256 in hexadecimal."""

    name: str
    content_type: str
    bytes: bytes
    sha256: str


def require_reader(actor: User, partner: Partner) -> None:
    """Refuse whoever is neither a member of the partner nor in one of `READERS`.

    To someone with no place at the lender either, nothing is said about the partner (code "not_found").
    """
    if membership(actor, partner) is not None or has_role(actor, *READERS):
        return
    if actor.is_staff:
        raise Refused(f"You may not take out statements; this is for {', '.join(READERS)}.", code="forbidden")
    raise Refused("There is no such statement.", code="not_found")


@transaction.atomic
def export_statement(
    *,
    actor: User,
    on: date,
    subject: Subject,
    first_day: date,
    last_day: date,
    fmt: str,
    known_at: datetime | None = None,
) -> Export:
    """Take out the interest statement of a partner, facility or loan as "csv", "xlsx", "pdf" or "json".

    Members of the partner may take out their own, `READERS` any. Each export leaves a row (`StatementExport`) and an event
    in the log with who asked and for what. The same statement gives the same bytes. Refused with a sentence: no right, an
    unknown format, a period that is not over or runs backwards, lines that do not tie to the ledger (DoesNotTie).
    """
    partner = partner_of(subject)
    require_reader(actor, partner)
    if fmt not in FORMATS:
        raise Refused(f"Choose one of {', '.join(FORMATS)}.", field="format")
    statement = statement_for(subject=subject, first_day=first_day, last_day=last_day, known_at=known_at)
    return take_out(actor=actor, on=on, subject=subject, statement=statement, fmt=fmt, known_at=known_at)


def take_out(
    *,
    actor: User,
    on: date,
    subject: Subject,
    statement: Statement,
    fmt: str,
    known_at: datetime | None = None,
) -> Export:
    """Render a statement and leave its row and its event; for services that have checked the right to it."""
    export = StatementExport(
        fund=_fund_facility(subject).fund,
        partner=partner_of(subject),
        of=type(subject).__name__.lower(),
        number=subject.number,
        first_day=statement.first_day,
        last_day=statement.last_day,
        known_at=known_at,
        fmt=fmt,
        layout=LAYOUT,
        document_digest=statement.digest(),
        made_by=actor,
        made_on=on,
    )
    return hand_out(export=export, content=FORMATS[fmt][1](statement))


def hand_out(*, export: StatementExport, content: bytes) -> Export:
    """Leave the row and the event of a file that leaves, made now or kept since its month was closed."""
    export.sha256, export.size = hashlib.sha256(content).hexdigest(), len(content)
    export.save()
    after = {
        "of": export.number,
        "first_day": export.first_day,
        "last_day": export.last_day,
        "known_at": export.known_at,
        "format": export.fmt,
        "sha256": export.sha256,
    }
    record(actor=export.made_by, action="statement.exported", obj=export, on=export.made_on, after=after)
    name = f"{file_stem(export.number, export.first_day, export.last_day)}.{export.fmt}"
    return Export(name, FORMATS[export.fmt][0], content, export.sha256)


def _fund_facility(subject: Subject) -> Facility:
    """A facility of the subject, which says whose fund it is; a statement has one fund only."""
    if isinstance(subject, Partner):
        return subject.facilities.select_related("fund").order_by("number")[0]
    return subject if isinstance(subject, Facility) else subject.facility
