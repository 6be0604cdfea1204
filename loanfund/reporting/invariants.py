"""What must always hold about what was taken out of the books."""

from loanfund.audit.errors import Refused
from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.facilities.models import Facility
from loanfund.parties.models import Partner
from loanfund.reporting.models import StatementExport
from loanfund.reporting.selectors import Subject, statement_for
from loanfund.reporting.statement import LAYOUT
from loanfund.servicing.models import Loan

SUBJECTS: dict[str, type[Partner] | type[Facility] | type[Loan]] = {
    StatementExport.Of.PARTNER: Partner,
    StatementExport.Of.FACILITY: Facility,
    StatementExport.Of.LOAN: Loan,
}


def verify_statements() -> Finding:
    """Every statement that was taken out is what the books say again today: each is made anew, once, and compared.

    Exports of an older layout are left to their seals. One whose statement no longer ties is a break as well.
    """
    seen, breaks = 0, []
    made: dict[tuple[object, ...], str] = {}
    for export in StatementExport.objects.filter(layout=LAYOUT).order_by("id").iterator():
        seen += 1
        place = (export.of, export.number, export.first_day, export.last_day)
        if place not in made:
            made[place] = _digest(export)
        if made[place] != export.document_digest:
            breaks.append(
                Break(
                    f"reporting_statementexport:{export.pk}",
                    f"The statement {export} has another content today: {made[place]}.",
                )
            )
    return Finding("statements taken out", seen, breaks)


def _digest(export: StatementExport) -> str:
    subject: Subject = SUBJECTS[export.of].objects.get(number=export.number)
    try:
        return statement_for(subject=subject, first_day=export.first_day, last_day=export.last_day).digest()
    except Refused as refusal:
        return refusal.sentence


INVARIANTS: list[Invariant] = [verify_statements]
