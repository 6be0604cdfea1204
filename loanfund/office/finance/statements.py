"""Interest statements: chosen, looked at, taken out as a file that ties to the ledger."""

from datetime import UTC, date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility, Fund
from loanfund.office.finance.explaining import line_href, statement_hrefs
from loanfund.office.operations.fields import DayField
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.models import Partner
from loanfund.reporting.models import StatementExport
from loanfund.reporting.selectors import Subject, statement_for
from loanfund.reporting.services import export_statement
from loanfund.servicing.models import Loan

TAKERS = (roles.FINANCE, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.AUDITOR)
FORMATS = (("pdf", "PDF"), ("xlsx", "XLSX"), ("csv", "CSV"), ("json", "JSON"))
LINES_SHOWN = 300


class StatementForm(forms.Form):
    """Of what, for which booking dates, and as known when."""

    of = forms.CharField(
        label="Of",
        max_length=120,
        help_text="A partner, facility or loan: P-0002, FAC-0003, LN-0004, or a partner's name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    first_day = DayField(label="First day")
    last_day = DayField(
        label="Last day", help_text="By booking date; the last day that is closed, or earlier."
    )
    known_at = forms.DateTimeField(
        label="As known at",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text="A moment in UTC. Leave it empty for what is known now.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, fund: Fund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fund = fund

    def clean_of(self) -> Subject:
        """The partner, facility or loan that is named."""
        words = self.cleaned_data["of"].strip()
        found = named(self.fund, words)
        if found is None:
            raise forms.ValidationError(
                "Nothing has this number or name. Give one such as P-0002 or FAC-0003."
            )
        return found


def named(fund: Fund, words: str) -> Subject | None:
    """The partner, facility or loan with this number, or the only partner whose name holds the words."""
    number = words.upper()
    for subjects in (
        Facility.objects.filter(fund=fund, number=number).select_related("partner", "fund"),
        Loan.objects.filter(facility__fund=fund, number=number).select_related(
            "facility__partner", "facility__fund"
        ),
        Partner.objects.filter(number=number),
    ):
        if (found := subjects.first()) is not None:
            return found
    alike = list(Partner.objects.filter(legal_name__icontains=words, facilities__fund=fund).distinct()[:2])
    return alike[0] if len(alike) == 1 else None


def last_month(on: date) -> tuple[date, date]:
    """The first and the last day of the month before the one of a business date."""
    last = on.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


@page("statements/", name="statements", readers=TAKERS, actors=TAKERS, menu="Statements", section="Finance")
def statements(request: HttpRequest) -> HttpResponse:
    """Choose a statement, look at it, take it out; and what was taken out before."""
    seat = take_seat(request)
    taking = request.method == "POST"
    data = request.POST if taking else request.GET
    first, last = last_month(seat.on)
    form = StatementForm(
        data if "of" in data else None,
        fund=seat.fund,
        initial={"first_day": first, "last_day": last},
    )
    statement = None
    if form.is_bound and form.is_valid():
        try:
            if taking:
                return _take_out(seat, form, request.POST.get("format", ""))
            statement = statement_for(**_chosen(form))
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
    exports = StatementExport.objects.filter(fund=seat.fund).select_related("partner", "made_by")
    context = {
        "form": form,
        "statement": statement,
        "lines": [(line, line_href(line)) for line in statement.lines[:LINES_SHOWN]] if statement else (),
        "more": max(len(statement.lines) - LINES_SHOWN, 0) if statement else 0,
        "hrefs": statement_hrefs(statement, seat.fund.opened_on)
        if statement and not form.cleaned_data["known_at"]
        else {},
        "formats": FORMATS,
        "sent": {name: form[name].value() for name in form.fields} if statement else {},
        "listing": listed(request, exports, per_page=20),
    }
    status = 422 if form.errors else 200
    return show(
        request, "office/finance/statements.html", context, title="Interest statements", status=status
    )


def _chosen(form: StatementForm) -> dict[str, Any]:
    entries = form.cleaned_data
    known_at = entries["known_at"]
    return {
        "subject": entries["of"],
        "first_day": entries["first_day"],
        "last_day": entries["last_day"],
        "known_at": known_at.replace(tzinfo=UTC) if known_at else None,
    }


def _take_out(seat: Seat, form: StatementForm, fmt: str) -> HttpResponse:
    export = export_statement(actor=seat.user, on=seat.on, fmt=fmt, **_chosen(form))
    return download(export.bytes, export.name, export.content_type)


def download(content: bytes, name: str, content_type: str) -> HttpResponse:
    """Bytes as a file that is saved, never opened as a page and never kept by a cache."""
    answer = HttpResponse(content, content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
