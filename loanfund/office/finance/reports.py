"""The finance desk's reports: one page for all of them, as of any day, on screen, as CSV and as a workbook."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Fund
from loanfund.office.finance.explaining import cell_href, total_href
from loanfund.office.finance.statements import download, last_month
from loanfund.office.operations.fields import DayField
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.reporting.reports import Column, Kind, Report, ReportSpec
from loanfund.reporting.services import Stream, export_report, read_report, reports_for

READERS = (roles.FINANCE, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.AUDITOR)
ROWS_SHOWN = 500
WORDS = {"name", "reference", "standing", "reason", "why", "text", "description", "memo", "source"}
"""Columns that hold a sentence or a payer's words: they need room where one is longer than `LONG`."""
LONG = 24
SHORT = {"month", "code", "journal"}
"""Columns of a few letters that are never broken."""
NUMBERS = (Kind.INT, Kind.MONEY, Kind.EXACT, Kind.RATE, Kind.SHARE)


@page("reports/", name="reports", readers=READERS, menu="Reports", section="Finance")
def reports(request: HttpRequest) -> HttpResponse:
    """Every report that this person may read."""
    seat = take_seat(request)
    return show(request, "office/finance/reports.html", {"specs": reports_for(seat.user)}, title="Reports")


class AskForm(forms.Form):
    """What one report asks for: days and choices."""

    def __init__(self, *args: Any, spec: ReportSpec, fund: Fund, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first, last = last_month(fund.business_date)
        days = {"first_day": max(first, fund.opened_on), "last_day": max(last, fund.opened_on)}
        for parameter in spec.parameters:
            if parameter.choices:
                field: forms.Field = forms.ChoiceField(
                    label=parameter.label, choices=parameter.choices, required=False
                )
            elif parameter.may_be_ahead:
                field = DayField(label=parameter.label, required=False)
            else:
                usual = days.get(parameter.name, _day_before(fund))
                field = DayField(label=parameter.label, initial=usual)
            self.fields[parameter.name] = field

    def asked(self) -> dict[str, Any]:
        """The values that were sent, else those that stand in the fields of a fresh form."""
        if self.is_bound:
            return dict(self.cleaned_data)
        return {name: self.get_initial_for_field(field, name) for name, field in self.fields.items()}


def _day_before(fund: Fund) -> date:
    """The last day that is closed; the first of all when none is."""
    return max(fund.opened_on, date.fromordinal(fund.business_date.toordinal() - 1))


@page("reports/<slug:slug>/", name="report", readers=READERS, actors=READERS)
def report(request: HttpRequest, slug: str) -> HttpResponseBase:
    """One report: what it asks, its rows, what they tie to, and its files."""
    seat = take_seat(request)
    spec = next((one for one in reports_for(seat.user) if one.slug == slug), None)
    if spec is None:
        raise Http404("There is no such report for your roles.")
    taking = request.method == "POST"
    data = request.POST if taking else request.GET
    asked = any(parameter.name in data for parameter in spec.parameters)
    form = AskForm(data if asked else None, spec=spec, fund=seat.fund)
    made: Report | None = None
    if not form.is_bound or form.is_valid():
        try:
            if taking:
                return _file(seat, slug, form.asked(), request.POST.get("format", ""))
            made = read_report(actor=seat.user, fund=seat.fund, slug=slug, given=form.asked())
        except Refused as refused:
            if not form.is_bound:
                form = AskForm(form.asked(), spec=spec, fund=seat.fund)
            form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
    context = {
        "spec": spec,
        "form": form,
        "report": made,
        "table": _table(made, seat.fund, form.asked()) if made else None,
        "sent": {name: form[name].value() for name in form.fields},
        "trail": [("Reports", reverse("admin:reports"))],
    }
    status = 422 if form.errors else 200
    return show(request, "office/finance/report.html", context, title=spec.title, status=status)


def _file(seat: Seat, slug: str, given: dict[str, Any], fmt: str) -> HttpResponseBase:
    out = export_report(actor=seat.user, fund=seat.fund, slug=slug, given=given, fmt=fmt, on=seat.on)
    if isinstance(out, Stream):
        answer = StreamingHttpResponse(out.blocks, content_type=out.content_type)
        answer.headers["Content-Disposition"] = f'attachment; filename="{out.name}"'
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cache-Control"] = "private, no-store"
        return answer
    return download(out.bytes, out.name, out.content_type)


@dataclass(frozen=True)
class Cell:
    """One cell of the table on the page: what it holds, how it is written, and where it leads; a `wide` one holds words, a
    `short` one is never broken."""

    kind: str
    value: Any
    href: str
    number: bool
    wide: bool = False
    short: bool = False


@dataclass(frozen=True)
class Table:
    """A report's rows for the page; `more` are those that are only in the files."""

    heads: list[tuple[str, bool]]
    rows: list[list[Cell]]
    totals: list[tuple[Any, str]]
    more: int


def _table(made: Report, fund: Fund, asked: dict[str, Any]) -> Table:
    sums, rows = made.totals, made.rows[:ROWS_SHOWN]
    names = [column.name for column in made.columns]
    # A column of words in which nothing stands takes room from those that say something; the files have it.
    kept = [
        index
        for index, column in enumerate(made.columns)
        if column.kind in NUMBERS or any(row[index] for row in rows)
    ]
    wide = {
        index
        for index in kept
        if names[index] in WORDS and any(len(str(row[index] or "")) > LONG for row in rows)
    }

    def cells(row: tuple[Any, ...]) -> list[Cell]:
        named = dict(zip(names, row, strict=True))
        found = []
        for index in kept:
            column, value = made.columns[index], row[index]
            href = cell_href(made, fund.opened_on, asked, column.name, named) if value else ""
            found.append(_cell(column, value, href, wide=index in wide))
        return found

    columns = [made.columns[index] for index in kept]
    return Table(
        heads=[(column.label, column.kind in NUMBERS) for column in columns],
        rows=[cells(row) for row in rows],
        totals=[
            (sums[column.name], total_href(made, fund.opened_on, asked, column.name))
            if column.name in sums
            else ("", "")
            for column in columns
        ]
        if sums and made.rows
        else [],
        more=max(len(made.rows) - ROWS_SHOWN, 0),
    )


PAGES = {
    "FAC": "admin:facility",
    "LN": "admin:loan",
    "RC": "admin:receipt",
    "APP": "admin:application",
    "DD": "admin:drawdown",
    "RF": "admin:refund",
    "JN": "admin:journal",
}
"""The page of a thing by the letters of its number."""


def _cell(column: Column, value: Any, explained: str, *, wide: bool) -> Cell:
    number, href = column.kind in NUMBERS, explained
    if column.kind is Kind.ENTRY and value:
        href = reverse("admin:entry", args=[int(value)])
    elif column.kind in {Kind.FACILITY, Kind.LOAN, Kind.RECEIPT} and value:
        name = PAGES.get(str(value).partition("-")[0])
        href = reverse(name, args=[value]) if name else ""
    return Cell(str(column.kind), value, href, number, wide, column.name in SHORT)
