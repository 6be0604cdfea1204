"""Interest statements for any period: of the company, a facility or a loan; the same files that finance takes out."""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility
from loanfund.parties.models import Partner
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.forms import StatementForm
from loanfund.reporting.models import StatementExport
from loanfund.reporting.services import Export, export_statement
from loanfund.servicing.models import Loan

LATEST = 20


@partner_page
def statements(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Choose of what, for which days and in which format; the months gone by stand ready, one press each."""
    subjects = _subjects(visit)
    last = visit.on - timedelta(days=1)
    first = last.replace(day=1)
    form = StatementForm(
        request.POST or None,
        subjects=subjects,
        last=last,
        initial={"first_day": first, "last_day": last, "of": visit.partner.number},
    )
    if request.method == "POST" and form.is_valid():
        try:
            return _file(_taken(visit, form.cleaned_data))
        except Refused as refused:
            field = {"format": "fmt"}.get(refused.field, refused.field)
            form.add_error(field if field in form.fields else None, refused.sentence)
    taken = StatementExport.objects.filter(partner=visit.partner, made_by=visit.user)
    context = {
        "form": form,
        "months": _months(visit) if len(subjects) > 1 else [],
        "has_facility": len(subjects) > 1,
        "formats": ("pdf", "xlsx", "csv"),
        "taken": taken.order_by("-id")[:LATEST],
    }
    return show(
        request, visit, "portal/borrowing/statements.html", context, status=422 if form.is_bound else 200
    )


def _subjects(visit: Visit) -> list[tuple[str, str]]:
    """The company, then each facility with its loans beneath it."""
    found = [(visit.partner.number, f"{visit.partner.legal_name}, everything")]
    for facility in (
        Facility.objects.filter(partner=visit.partner).prefetch_related("loans").order_by("number")
    ):
        found.append((facility.number, f"Facility {facility.number}"))
        found += [(loan.number, f"– loan {loan.number}") for loan in facility.loans.all()]
    return found


@transaction.atomic
def _taken(visit: Visit, entries: dict[str, Any]) -> Export:
    return export_statement(
        actor=visit.user,
        on=visit.on,
        subject=_subject(visit, entries["of"]),
        first_day=entries["first_day"],
        last_day=entries["last_day"],
        fmt=entries["fmt"],
    )


def _subject(visit: Visit, number: str) -> Partner | Facility | Loan:
    if number == visit.partner.number:
        return visit.partner
    if number.startswith("FAC"):
        return get_object_or_404(Facility, number=number, partner=visit.partner)
    return get_object_or_404(Loan, number=number, facility__partner=visit.partner)


def _file(export: Export) -> HttpResponse:
    answer = HttpResponse(export.bytes, content_type=export.content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{export.name}"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _months(visit: Visit) -> list[tuple[date, date]]:
    """The first and last day of each month that is over since the first facility was signed, the newest first."""
    signed = (
        Facility.objects.filter(partner=visit.partner)
        .order_by("signed_on")
        .values_list("signed_on", flat=True)
    )
    start = signed[0].replace(day=1)
    found = []
    end = visit.on.replace(day=1) - timedelta(days=1)
    while end >= start:
        found.append((end.replace(day=1), end))
        end = end.replace(day=1) - timedelta(days=1)
    return found
