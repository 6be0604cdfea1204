"""Interest statements: of each month as it was kept when the month was closed, and for any period, of the company, a
facility or a loan; the same files that finance takes out."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility
from loanfund.parties.models import Partner
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.forms import StatementForm
from loanfund.reporting.models import MonthStatement, StatementExport
from loanfund.reporting.selectors import being_made, month_statements
from loanfund.reporting.services import KEPT, Export, export_statement, take_month
from loanfund.servicing.models import Loan

LATEST = 20


@partner_page
def statements(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The months gone by as they were kept, one press each; or choose of what, for which days and in which format."""
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
        "months": month_statements(visit.partner),
        "being_made": being_made(visit.partner),
        "has_facility": len(subjects) > 1,
        "formats": KEPT,
        "taken": taken.order_by("-id")[:LATEST],
    }
    return show(
        request, visit, "portal/borrowing/statements.html", context, status=422 if form.is_bound else 200
    )


@partner_page
@require_POST
def month(request: HttpRequest, visit: Visit, kept: int) -> HttpResponse:
    """The file of a month as it was kept."""
    statement = get_object_or_404(MonthStatement, pk=kept, partner=visit.partner)
    try:
        export = take_month(
            statement=statement, fmt=request.POST.get("fmt", ""), actor=visit.user, on=visit.on
        )
    except Refused as refused:
        messages.error(request, refused.sentence)
        return redirect("portal:statements", visit.partner.number)
    return _file(export)


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
