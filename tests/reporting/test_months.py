"""All partners' statements of a month in one run: made by workers, kept as one ZIP that can be checked."""

import csv
import hashlib
import io
import time
import zipfile
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.storage import default_storage

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.parties import roles
from loanfund.parties.models import Partner, User
from loanfund.parties.services import register_partner
from loanfund.reporting.invariants import INVARIANTS
from loanfund.reporting.models import MonthItem, MonthRun, StatementExport
from loanfund.reporting.packing import BOOKS
from loanfund.reporting.selectors import month_progress, statement_for, waits_for_a_worker
from loanfund.reporting.services import ask_month, claim_items, finish_run, make_item, open_month
from loanfund.reporting.tasks import take_up
from loanfund.servicing.services import import_payments
from tests.servicing.world import World, bullet, make_world, person
from tests.stack import Stack

NOW = datetime(2026, 4, 1, 6, tzinfo=UTC)
MARCH = date(2026, 3, 1)


def make_lenders_month() -> tuple[World, User]:
    """Two partners with a loan each, through March."""
    world = make_world()
    world.sign(bullet())
    world.draw(Decimal(6_000_000))
    second = register_partner(
        legal_name="Blue Heron Markets LLP",
        registration_number="CHE-2",
        country="CH",
        partner_type="market_maker",
        segment="market_maker",
        actor=world.borrower,
        on=world.today,
    )
    second.kyb_status, second.kyb_valid_until = Partner.KybStatus.APPROVED, date(2030, 1, 1)
    second.save()
    world.partner = second
    world.sign(bullet(rate="0.05", months=1))
    world.draw(Decimal(1_000_000), facility=world.facilities[1])
    world.close_through(date(2026, 4, 1))
    return world, person("Finance", roles.FINANCE)


@pytest.fixture(scope="module")
def made_once(module_db: str) -> tuple[World, User]:
    return make_lenders_month()


@pytest.fixture
def month(made_once: tuple[World, User], db: None) -> tuple[World, User]:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def ask(month: tuple[World, User], *formats: str) -> MonthRun:
    world, finance = month
    return ask_month(
        fund=world.fund, month=MARCH, actor=finance, on=world.today, formats=formats or ("pdf", "csv")
    )


def work(run: MonthRun, now: datetime = NOW) -> MonthRun:
    for item in claim_items(run_id=run.pk, now=now):
        make_item(item_id=item)
    return finish_run(run_id=run.pk, now=now)


def unzipped(run: MonthRun, finance: User) -> dict[str, bytes]:
    with open_month(run=run, actor=finance, on=run.asked_on) as opened, zipfile.ZipFile(opened) as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def test_the_zip_holds_each_statement_a_manifest_and_all_lines(
    month: tuple[World, User], django_capture_on_commit_callbacks: object
) -> None:
    world, finance = month
    run = work(ask(month))
    assert run.state == MonthRun.State.DONE
    files = unzipped(run, finance)
    numbers = sorted(facility.partner.number for facility in world.facilities)
    assert len(files) == 2 * 2 + len(BOOKS) + 4
    sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name in sums
    } == sums
    manifest = list(csv.DictReader(io.StringIO(files["manifest.csv"].decode())))
    assert sorted({row["partner"] for row in manifest}) == numbers
    for facility in world.facilities:
        statement = statement_for(subject=facility.partner, first_day=MARCH, last_day=date(2026, 3, 31))
        (row,) = (
            row
            for row in manifest
            if row["partner"] == facility.partner.number and row["file"].endswith("pdf")
        )
        assert Decimal(row["closing_owed"]) == statement.closing.owed
        lines = [
            line
            for line in csv.DictReader(io.StringIO(files["all-lines.csv"].decode()))
            if line["partner"] == facility.partner.number
        ]
        assert len(lines) == len(statement.lines)


def marks(files: dict[str, bytes]) -> list[dict[str, str]]:
    return [
        row for row in csv.DictReader(io.StringIO(files["tie-out.csv"].decode())) if row["mark"] == "BREAK"
    ]


def test_the_pack_ties_out_statements_books_and_rows(month: tuple[World, User]) -> None:
    files = unzipped(work(ask(month)), month[1])
    assert marks(files) == []
    sheet = list(csv.DictReader(io.StringIO(files["tie-out.csv"].decode())))
    assert {"statements", "trial-balance", "receipts", "arrears", "reconciliation"} <= {
        row["source"] for row in sheet
    }
    assert {Decimal(row["difference"]) for row in sheet} == {Decimal(0)}
    owed = next(row for row in sheet if row["source"] == "statements")
    assert Decimal(owed["figure"]) > 7_000_000
    assert files["books/general-ledger.csv"].startswith(b"booking_date,value_date,entry,")


def test_a_line_of_the_bank_that_is_not_in_the_book_breaks_the_tie_out(month: tuple[World, User]) -> None:
    world, finance = month
    import_payments(
        fund=world.fund,
        layout="bank",
        name="march.csv",
        text="reference,amount,currency,value_date,sender\nunknown fee,-12.50,USD,2026-03-20,Bank\n",
        actor=world.maker,
        on=world.today,
        closing_balance=Decimal(1),
        closing_on=date(2026, 3, 31),
    )
    files = unzipped(work(ask(month)), finance)
    broken = {row["what"]: row for row in marks(files) if row["source"] == "reconciliation"}
    assert (
        "-12.50 with the reference unknown fee is not in the book" in broken["march.csv, line 2"]["sentence"]
    )
    explained = broken["Bank statement on 31 March 2026, as the book explains it"]
    assert explained["sentence"] == "beside the closing balance"
    assert Decimal(explained["difference"]) != 0
    assert b"march.csv, line 2" in files["books/reconciliation.csv"]


def test_the_same_month_twice_is_the_same_file(month: tuple[World, User]) -> None:
    first, second = work(ask(month)), work(ask(month))
    assert first.pk != second.pk
    assert first.sha256 == second.sha256


def test_who_asked_and_who_took_it_out_stand_in_the_log(month: tuple[World, User]) -> None:
    _, finance = month
    run = work(ask(month))
    auditor = person("Auditor", roles.AUDITOR)
    open_month(run=run, actor=auditor, on=run.asked_on).close()
    told = AuditEvent.objects.filter(object_type="reporting.monthrun", object_id=str(run.pk)).order_by("id")
    assert [(event.action, event.actor) for event in told] == [
        ("month_run.asked", finance.email),
        ("month_run.finished", "system"),
        ("month_run.taken_out", auditor.email),
    ]
    assert StatementExport.objects.filter(made_by=finance).count() == 4


def test_a_worker_that_went_silent_loses_its_items_to_the_next(month: tuple[World, User]) -> None:
    run = ask(month)
    assert len(claim_items(run_id=run.pk, now=NOW)) == 2
    assert claim_items(run_id=run.pk, now=NOW + timedelta(seconds=60)) == []
    assert finish_run(run_id=run.pk, now=NOW).state == MonthRun.State.ASKED
    assert not waits_for_a_worker(run.pk, NOW + timedelta(seconds=10))
    assert waits_for_a_worker(run.pk, NOW + timedelta(seconds=60))
    later = work(run, NOW + timedelta(minutes=5))
    assert later.state == MonthRun.State.DONE
    assert month_progress(run).per_cent == 100


def test_what_cannot_be_made_is_named_and_stops_nobody_else(month: tuple[World, User]) -> None:
    world, finance = month
    run = ask(month)
    finance.groups.clear()
    done = work(run)
    assert done.state == MonthRun.State.FAILED
    assert {item.reason for item in run.items.all()} == {
        "You may not make all statements of a month; this is for Finance."
    }
    another = person("Auditor", roles.AUDITOR)
    files = unzipped(done, another)
    assert "You may not make" in files["manifest.csv"].decode()
    assert world.facilities


def test_a_month_that_is_not_over_or_a_second_run_is_refused(month: tuple[World, User]) -> None:
    world, finance = month
    with pytest.raises(Refused, match="April 2026 is not over"):
        ask_month(fund=world.fund, month=date(2026, 4, 1), actor=finance, on=world.today)
    with pytest.raises(Refused, match="No facility was signed"):
        ask_month(fund=world.fund, month=date(2026, 2, 1), actor=finance, on=world.today)
    with pytest.raises(Refused, match="You may not make all statements"):
        ask_month(fund=world.fund, month=MARCH, actor=world.maker, on=world.today)
    ask(month)
    with pytest.raises(Refused, match="being made already"):
        ask(month)


def test_a_file_that_was_changed_is_not_handed_out_and_is_found(month: tuple[World, User]) -> None:
    _, finance = month
    run = work(ask(month))
    with default_storage.open(run.path, "r+b") as kept:
        kept.write(b"PKxx")
    with pytest.raises(Refused, match="its digest differs"):
        open_month(run=run, actor=finance, on=run.asked_on)
    broken = [one for invariant in INVARIANTS for one in invariant().breaks]
    assert [one.object for one in broken] == [f"reporting_monthrun:{run.pk}"]


def test_a_worker_makes_the_month_that_a_button_asked_for(
    running: Stack, made_once: tuple[World, User]
) -> None:
    run = ask(made_once)
    take_up.delay()
    for _ in range(300):
        run.refresh_from_db()
        if run.state != MonthRun.State.ASKED:
            break
        time.sleep(0.1)
    assert run.state == MonthRun.State.DONE, running.worker.output()
    assert not MonthItem.objects.filter(run=run).exclude(state="done").exists()
    assert "tie-out.csv" in unzipped(run, made_once[1])


def test_one_altered_row_is_named_on_the_tie_out_sheet(
    module_db: str, running: Stack, superuser_sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """The month is made again after someone with every right changed a posted night by a cent."""
    world_fund = MonthRun.objects.latest("pk").fund
    finance = User.objects.get(email="finance@example.org")
    superuser_sql(
        "SET session_replication_role = replica; "
        "UPDATE servicing_accrual SET posted = posted + 0.01 WHERE accrual_date = '2026-03-10' AND loan_id ="
        " (SELECT min(id) FROM servicing_loan)"
    )
    run = ask_month(
        fund=world_fund, month=MARCH, actor=finance, on=world_fund.business_date, formats=("csv",)
    )
    made = work(run, datetime.now(UTC))
    found = marks(unzipped(made, finance))
    assert any(row["what"].startswith("servicing_accrual") for row in found), found
    apart = {row["source"]: Decimal(row["difference"]) for row in found if row["difference"]}
    assert apart["accrual-roll-forward"] == Decimal("0.01")
