"""What must always hold about what was taken out of the books."""

import hashlib
from datetime import timedelta

from django.core.files.storage import default_storage

from loanfund.audit.errors import Refused
from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.facilities.models import Facility, Fund
from loanfund.parties.models import Partner
from loanfund.reporting.models import MonthFile, MonthRun, MonthStatement, StatementExport
from loanfund.reporting.selectors import Subject, statement_for
from loanfund.reporting.statement import LAYOUT
from loanfund.servicing.models import Loan

ONE_DAY = timedelta(days=1)
SUBJECTS: dict[str, type[Partner] | type[Facility] | type[Loan]] = {
    StatementExport.Of.PARTNER: Partner,
    StatementExport.Of.FACILITY: Facility,
    StatementExport.Of.LOAN: Loan,
}


def verify_statements() -> Finding:
    """Each facility's statement of its fund's last closed month ties to the ledger; every statement that was taken out is
    what the books say again today, as is every one that was kept for a month; the ZIP of every month made for all partners
    is the one that was kept."""
    seen, breaks = 0, []
    for rows, found in (_ties(), _exports(), _kept_months(), _months()):
        seen += rows
        breaks += found
    return Finding("statements", seen, breaks)


def _ties() -> tuple[int, list[Break]]:
    seen, breaks = 0, []
    for fund in Fund.objects.order_by("id"):
        last_day = fund.business_date.replace(day=1) - ONE_DAY
        signed = fund.facilities.filter(signed_on__lte=last_day).select_related("fund", "partner")
        for facility in signed.order_by("id").iterator():
            seen += 1
            try:
                statement_for(subject=facility, first_day=last_day.replace(day=1), last_day=last_day)
            except Refused as refused:
                breaks.append(Break(f"facilities_facility:{facility.pk}", refused.sentence))
    return seen, breaks


def _exports() -> tuple[int, list[Break]]:
    """Each content is made anew once. Exports of an older layout are left to their seals."""
    seen, breaks = 0, []
    made: dict[tuple[object, ...], str] = {}
    for export in StatementExport.objects.filter(layout=LAYOUT).order_by("id").iterator():
        seen += 1
        place = (export.of, export.number, export.first_day, export.last_day)
        if place not in made:
            made[place] = _digest(export)
        if made[place] != export.document_digest:
            sentence = f"The statement {export} has another content today: {made[place]}."
            breaks.append(Break(f"reporting_statementexport:{export.pk}", sentence))
    return seen, breaks


def _kept_months() -> tuple[int, list[Break]]:
    """The content is what the books say again, and the bytes are the ones that were made of it."""
    seen, breaks = 0, []
    for kept in MonthStatement.objects.filter(layout=LAYOUT).order_by("id").iterator():
        seen += 1
        today = _digest(kept)
        if today != kept.document_digest:
            sentence = f"The statement kept of {kept} has another content today: {today}."
            breaks.append(Break(f"reporting_monthstatement:{kept.pk}", sentence))
    for file in MonthFile.objects.order_by("id").iterator(chunk_size=50):
        seen += 1
        if hashlib.sha256(bytes(file.content)).hexdigest() != file.sha256:
            breaks.append(
                Break(f"reporting_monthfile:{file.pk}", "The bytes are not the ones that were kept.")
            )
    return seen, breaks


def _digest(export: StatementExport | MonthStatement) -> str:
    subject: Subject = SUBJECTS[export.of].objects.get(number=export.number)
    try:
        return statement_for(subject=subject, first_day=export.first_day, last_day=export.last_day).digest()
    except Refused as refusal:
        return refusal.sentence


def _months() -> tuple[int, list[Break]]:
    seen, breaks = 0, []
    for run in MonthRun.objects.exclude(path="").order_by("id"):
        seen += 1
        if not default_storage.exists(run.path):
            breaks.append(Break(f"reporting_monthrun:{run.pk}", f"The file of {run} is gone."))
            continue
        with default_storage.open(run.path, "rb") as kept:
            digest = hashlib.file_digest(kept, "sha256").hexdigest()
        if digest != run.sha256:
            breaks.append(Break(f"reporting_monthrun:{run.pk}", f"The file of {run} was changed."))
    return seen, breaks


INVARIANTS: list[Invariant] = [verify_statements]
