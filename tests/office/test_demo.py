"""The demo is on the books through the services alone, its books hold, and its statements can be worked out again."""

import io
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from loanfund.audit.protection import protected_tables
from loanfund.facilities.models import Facility, Fund
from loanfund.origination.models import Application, Meeting, Proposal
from loanfund.origination.models.states import State
from loanfund.parties.checklist import papers_wanted
from loanfund.parties.models import Partner, User
from loanfund.reporting import csv_format, xlsx_format
from loanfund.reporting.reports import REPORTS
from loanfund.reporting.reports.lending import standing
from loanfund.reporting.selectors import Subject, statement_for
from loanfund.reporting.services import Stream, export_report
from loanfund.reporting.verification import verify_books
from loanfund.servicing.models import Accrual, BorrowerRequest, CloseRun, Instruction, Loan
from tests.reporting.recompute import differences
from tests.reporting.sheets import apart, formulas, recalculated
from tests.reporting.tampering import NOT_IN_THE_DEMO, each_value_changed


@pytest.fixture(scope="module")
def demo(module_db: str) -> str:
    out = io.StringIO()
    with override_settings(DEBUG=True):
        call_command("demo", stdout=out)
    return out.getvalue()


def test_the_demo_is_as_large_as_it_says(demo: str) -> None:
    assert Partner.objects.count() == 25
    assert Application.objects.count() == 40
    assert Facility.objects.count() == 18
    assert Loan.objects.count() == 30
    assert Fund.objects.get().business_date == date(2026, 8, 21)


def test_every_state_of_an_application_is_there(demo: str) -> None:
    states = Counter(Application.objects.values_list("state", flat=True))
    assert set(states) == set(State.values)


def test_the_committees_room_has_been_used(demo: str) -> None:
    ahead, july, may = Meeting.objects.order_by("-held_on")
    assert ahead.held_on > Fund.objects.get().business_date
    assert not ahead.minutes
    assert ahead.proposals.count() > 3
    assert "declined" in july.minutes
    assert "allowed" in may.minutes
    matters = Proposal.objects.exclude(kind="application")
    assert sorted(matters.values_list("kind", "state")) == [
        ("amendment", "voting"),
        ("payment_holiday", "approved"),
        ("write_off", "declined"),
    ]
    assert Instruction.objects.get(kind="payment_holiday").authority
    asked = BorrowerRequest.objects.values_list("kind", "state")
    assert {state for _, state in asked} == set(BorrowerRequest.State.values)
    assert {kind for kind, _ in asked} == set(BorrowerRequest.Kind.values)


def test_every_approved_company_is_complete_in_its_papers(demo: str) -> None:
    day = Fund.objects.get().business_date
    for partner in Partner.objects.filter(kyb_status="approved"):
        assert {line.state for line in papers_wanted(partner, day)} <= {"renew soon"}, partner


def test_every_day_was_closed_and_every_loan_accrued(demo: str) -> None:
    assert (
        CloseRun.objects.filter(state=CloseRun.State.DONE).count()
        == (date(2026, 8, 21) - date(2025, 10, 14)).days
    )
    assert set(Accrual.objects.values_list("loan_id", flat=True)) == set(
        Loan.objects.values_list("pk", flat=True)
    )


def test_the_books_hold_and_no_check_saw_nothing(demo: str) -> None:
    findings = verify_books()
    assert [(f.check, f.rows_seen, f.breaks[:3]) for f in findings if not f.passed] == []
    assert len(findings) > 10


def test_any_value_of_any_row_that_a_superuser_changes_is_found_at_its_row(demo: str) -> None:
    """Money, decisions and audit: every table under seal or in the chain, every column."""
    tried = {
        table.name: each_value_changed(
            table.name, f"SELECT object FROM audit_broken_rows('{table.name}')", table.seal_by
        )
        for table in protected_tables()
        if table.under_seal
    }
    for name, kind in (("audit_auditevent", "E"), ("audit_seal", "S")):
        broken = f"SELECT object::text FROM audit_broken_links() WHERE kind = '{kind}'"
        tried[name] = each_value_changed(name, broken)
    assert [line for _, missed in tried.values() for line in missed] == []
    assert {name for name, (changed, _) in tried.items() if not changed} <= NOT_IN_THE_DEMO
    assert sum(changed for changed, _ in tried.values()) > 500


def test_not_a_cent_is_apart_in_any_statement_of_the_demo(demo: str) -> None:
    """With the calculator alone, from the CSV of each statement."""
    fund = Fund.objects.get()
    span = {"first_day": fund.opened_on, "last_day": fund.business_date - timedelta(days=1)}
    subjects: list[Subject] = [
        *Facility.objects.order_by("number"),
        *Loan.objects.order_by("number"),
        *Partner.objects.filter(facilities__fund=fund).distinct(),
    ]
    assert len(subjects) > 60
    apart = {
        subject.number: found
        for subject in subjects
        if (found := differences(csv_format.render(statement_for(subject=subject, **span))))
    }
    assert apart == {}


@pytest.mark.slow
def test_libreoffice_computes_each_total_of_the_demos_workbooks_as_the_ledger_has_it(
    demo: str, tmp_path: Path
) -> None:
    """Every partner's statement and every report, their stored results dropped before."""
    fund = Fund.objects.get()
    last = fund.business_date - timedelta(days=1)
    span = {"first_day": fund.opened_on, "last_day": last}
    owed: dict[str, Decimal] = defaultdict(Decimal)
    for facility, sums in standing(fund, last).items():
        owed[Facility.objects.get(pk=facility).partner.number] += sum(sums.values(), Decimal(0))
    made: dict[str, bytes] = {}
    totals: dict[str, list[Decimal]] = {}
    finance, given = User.objects.get(email="finance@demo.example"), {"as_of": last, **span}
    for partner in Partner.objects.filter(facilities__fund=fund).distinct():
        statement = statement_for(subject=partner, **span)
        made[partner.number] = xlsx_format.render(statement)
        assert statement.closing.owed == owed[partner.number]
        totals[partner.number] = [statement.closing.owed]
    for slug, spec in REPORTS.items():
        report = spec.build(fund, **spec.values(fund, given))
        assert [check for check in report.checks if check.difference] == []
        taken = export_report(
            actor=finance, on=fund.business_date, fund=fund, slug=slug, given=given, fmt="xlsx"
        )
        made[slug] = b"".join(taken.blocks) if isinstance(taken, Stream) else taken.bytes
        totals[slug] = list(report.totals.values()) if report.rows else []
    again = recalculated(made, tmp_path)
    wrong = {name: found for name, content in made.items() if (found := apart(content, again[name]))}
    assert wrong == {}
    for name, content in made.items():
        beside = [Decimal(exact) for _, _, exact in formulas(content)]
        assert [total for total in totals[name] if total not in beside] == [], name
    assert sum(len(list(formulas(content))) for content in made.values()) > 100


def test_loading_it_twice_changes_nothing(demo: str) -> None:
    out = io.StringIO()
    with override_settings(DEBUG=True):
        call_command("demo", stdout=out)
    assert "nothing was changed" in out.getvalue()
    assert Facility.objects.count() == 18


def test_without_debug_there_is_no_demo(demo: str) -> None:
    with pytest.raises(CommandError, match="known passwords"):
        call_command("demo")
