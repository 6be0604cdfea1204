"""The finance desk's reports tie to the ledger on every day, and a past day's report stays as it was."""

import csv
import hashlib
import io
import itertools
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import openpyxl
import pytest

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.ledger.models import JournalEntry
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reporting.reports import REPORTS, Kind, Report
from loanfund.reporting.selectors import explain_entry, explain_nights
from loanfund.reporting.services import Stream, export_report, read_report, reports_for
from loanfund.servicing.models import Receipt
from tests.servicing.world import World, bullet, make_world, person

EARLY, LATE = date(2026, 4, 9), date(2026, 6, 20)
SPAN = {"first_day": "2026-03-02", "last_day": str(LATE), "as_of": str(LATE)}


@dataclass
class Desk:
    """A fund with a late payer, a back-valued receipt and money that nobody is known for; and what was read in April."""

    world: World
    finance: User
    early: dict[str, Report]


@pytest.fixture(scope="module")
def desk(module_db: str) -> Desk:
    world = make_world()
    finance = person("Finance", roles.FINANCE)
    world.sign(bullet(arrangement_fee="25000.00"), arrangement_fee=Decimal("25000.00"))
    world.sign(bullet(rate="0.05", months=1, commitment_fee="0.01"), commitment=Decimal(5_000_000))
    world.draw(Decimal(6_000_000))
    world.draw(Decimal(2_000_000), facility=world.facilities[1])
    world.request(Decimal(500_000), facility=world.facilities[1])
    world.close_through(date(2026, 4, 10))
    given = {"first_day": "2026-03-02", "last_day": str(EARLY), "as_of": str(EARLY)}
    early = {slug: read_report(actor=finance, fund=world.fund, slug=slug, given=given) for slug in REPORTS}
    world.receive(Decimal("1000000.00"), value_date=date(2026, 3, 20), reference="FAC-0001 early")
    world.receive(Decimal("777.00"), reference="who is this")
    world.close_through(date(2026, 6, 21))
    return Desk(world, finance, early)


def read(desk: Desk, slug: str, **changes: str) -> Report:
    return read_report(actor=desk.finance, fund=desk.world.fund, slug=slug, given={**SPAN, **changes})


@pytest.mark.parametrize("slug", REPORTS)
@pytest.mark.parametrize("day", ["2026-03-02", "2026-04-10", "2026-06-02", str(LATE)])
def test_every_report_ties_to_the_ledger_on_any_day(desk: Desk, slug: str, day: str) -> None:
    report = read(desk, slug, as_of=day, last_day=day)
    assert [check for check in report.checks if check.difference] == []
    assert all(len(row) == len(report.columns) for row in report.rows)


@pytest.mark.parametrize("slug", REPORTS)
def test_a_past_days_report_is_what_it_was_whatever_was_booked_since(desk: Desk, slug: str) -> None:
    again = read(desk, slug, as_of=str(EARLY), last_day=str(EARLY))
    assert (again.rows, again.totals) == (desk.early[slug].rows, desk.early[slug].totals)


def test_the_roll_forward_adds_up_row_by_row_and_shows_corrections_apart(desk: Desk) -> None:
    report = read(desk, "accrual-roll-forward", first_day="2026-04-10")
    for *_, opening, accrued, due, corrections, closing in report.rows:
        assert opening + accrued + due + corrections == closing  # type: ignore[operator] # money
    assert report.totals["corrections"] < 0
    assert report.totals["closing"] > 0


def test_income_counts_the_arrangement_fee_and_each_month_once(desk: Desk) -> None:
    report = read(desk, "income")
    names = [column.name for column in report.columns]
    assert [row[names.index("month")] for row in report.rows] == ["2026-03", "2026-04", "2026-05", "2026-06"]
    assert report.totals["other_fees"] == Decimal("25000.00")
    assert report.totals["commitment_fee"] > 0


def test_a_late_sum_stands_under_its_age(desk: Desk) -> None:
    report = read(desk, "arrears")
    names = [column.name for column in report.columns]
    first, second = (dict(zip(names, row, strict=True)) for row in report.rows)
    assert (first["days"], second["days"]) == (0, 79)
    assert second["late_3"] > 0  # type: ignore[operator] # the interest of March is 79 days late
    assert first["late_0"] == 0


def test_the_ladder_and_the_forecast_bring_the_principal_home(desk: Desk) -> None:
    ladder, forecast = read(desk, "maturity-ladder"), read(desk, "cash-forecast")
    assert ladder.totals["principal"] == read(desk, "arrears").totals["principal"]
    rows = [
        dict(zip([column.name for column in forecast.columns], row, strict=True)) for row in forecast.rows
    ]
    assert all(before["closing"] == after["opening"] for before, after in itertools.pairwise(rows))
    assert forecast.totals["out"] == Decimal("-500000.00")
    assert len(rows) == 13


def test_money_that_nobody_is_known_for_is_a_receipt_of_its_own(desk: Desk) -> None:
    rows = read(desk, "unapplied").rows
    assert ("who is this", Decimal("777.00")) in {(row[4], row[7]) for row in rows}


def test_the_journal_import_balances_each_journal_and_numbers_each_account(desk: Desk) -> None:
    sums: dict[object, Decimal] = {}
    for _, journal, code, *_, debit, credit, _currency in read(desk, "journal-import").rows:
        assert isinstance(code, str)
        assert code.isdigit()
        sums[journal] = sums.get(journal, Decimal(0)) + debit - credit  # type: ignore[operator] # money
    assert set(sums.values()) == {Decimal(0)}


@pytest.mark.parametrize("slug", REPORTS)
def test_a_csv_has_the_rows_that_are_shown(desk: Desk, slug: str) -> None:
    taken = export_report(
        actor=desk.finance, on=desk.world.today, fund=desk.world.fund, slug=slug, given=SPAN, fmt="csv"
    )
    content = b"".join(taken.blocks) if isinstance(taken, Stream) else taken.bytes
    head, *rows = csv.reader(io.StringIO(content.decode()))
    report = read(desk, slug)
    assert head == [column.name for column in report.columns]
    assert len(rows) == len(report.rows)
    for index, column in enumerate(report.columns):
        if column.kind is Kind.MONEY:
            shown = sum((row[index] or Decimal(0) for row in report.rows), Decimal(0))
            assert sum(Decimal(row[index] or 0) for row in rows) == shown
    assert AuditEvent.objects.filter(action="report.exported").latest("id").after["report"] == slug


@pytest.mark.parametrize("slug", ["trial-balance", "general-ledger", "accruals", "fixings"])
def test_a_workbook_has_typed_cells_and_totals_as_formulas(desk: Desk, slug: str) -> None:
    taken = export_report(
        actor=desk.finance, on=desk.world.today, fund=desk.world.fund, slug=slug, given=SPAN, fmt="xlsx"
    )
    assert isinstance(taken, Stream) == (REPORTS[slug].query is not None)
    content = b"".join(taken.blocks) if isinstance(taken, Stream) else taken.bytes
    logged = AuditEvent.objects.filter(action="report.exported").latest("id").after
    assert logged["sha256"] == hashlib.sha256(content).hexdigest()
    report = read(desk, slug)
    sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
    frozen = sheet.freeze_panes
    assert isinstance(frozen, str)
    top = int(frozen[1:])
    assert sheet["A1"].value == report.title
    for index, column in enumerate(report.columns, start=1):
        if column.total:
            cells = [sheet.cell(row, index).value for row in range(top, top + len(report.rows))]
            assert {type(cell) for cell in cells} <= {int, float, type(None)}
            formula = sheet.cell(top + len(report.rows), index).value
            assert isinstance(formula, str)
            assert formula.startswith("=SUM(")
            exact = sheet.cell(top + len(report.rows) + 1, index).value
            assert Decimal(str(exact)) == report.totals[column.name]


def test_each_role_reads_what_is_its_own(desk: Desk) -> None:
    maker = desk.world.maker
    assert {spec.slug for spec in reports_for(desk.finance)} == set(REPORTS)
    assert "trial-balance" not in {spec.slug for spec in reports_for(maker)}
    assert reports_for(desk.world.borrower) == []
    with pytest.raises(Refused, match="You may not read this report"):
        read_report(actor=maker, fund=desk.world.fund, slug="trial-balance", given=SPAN)


@pytest.mark.parametrize(
    ("slug", "given", "field"),
    [
        ("trial-balance", {"as_of": "yesterday"}, "as_of"),
        ("trial-balance", {"as_of": "2026-12-31"}, "as_of"),
        ("trial-balance", {"as_of": "2026-04-01", "detail": "none"}, "detail"),
        ("income", {"first_day": "2026-04-02", "last_day": "2026-04-01"}, "last_day"),
        ("nothing", {}, ""),
    ],
)
def test_a_wrong_parameter_is_named(desk: Desk, slug: str, given: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        read_report(actor=desk.finance, fund=desk.world.fund, slug=slug, given=given)
    assert refused.value.field == field


def test_a_figure_is_explained_down_to_its_nights_entries_event_and_people(desk: Desk) -> None:
    loan = desk.world.facilities[0].loans.get()
    nights = explain_nights(loan, first_day=date(2026, 3, 20), last_day=date(2026, 3, 22))
    assert [(night.night.day, night.posted) for night in nights] == [
        (20, Decimal("500.00")),
        (21, Decimal("500.00")),
        (22, Decimal("500.00")),
    ]
    assert nights[0].entry is not None
    posted = explain_entry(nights[0].entry)
    assert (posted.kind, posted.booking_date) == ("daily accrual", date(2026, 3, 20))
    receipt = Receipt.objects.get(reference="FAC-0001 early")
    entry = JournalEntry.objects.filter(cause=f"receipt:{receipt.pk}").latest("id")
    trail = explain_entry(entry.pk)
    assert trail.cause == f"{receipt.number}, FAC-0001 early"
    assert trail.event is not None
    assert trail.event["kind"] == "received"
    assert {("receipt.entered", "maker@example.org"), ("receipt.booked", "checker@example.org")} <= {
        (step.action, step.actor) for step in trail.steps
    }
    assert sum(leg.debit or 0 for leg in trail.legs) == sum(leg.credit or 0 for leg in trail.legs)
    with pytest.raises(Refused, match="There is no entry 0"):
        explain_entry(0)
