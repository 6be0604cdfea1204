"""The statements of a month: made once it is closed, kept byte for byte, announced once, and nobody else's."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.test import Client

from loanfund.audit.errors import Refused
from loanfund.audit.models import IdempotencyKey
from loanfund.facilities.postings import loan_owner
from loanfund.ledger.models import Account, AccountKind
from loanfund.parties import roles
from loanfund.parties.models import Notice, Partner, User
from loanfund.parties.services import register_partner
from loanfund.reporting import tasks
from loanfund.reporting.invariants import verify_statements
from loanfund.reporting.models import MonthFile, MonthStatement, StatementExport
from loanfund.reporting.selectors import being_made, month_statements
from loanfund.reporting.services import KEPT, Export, export_statement, make_months, take_month
from tests.parties.cast import joins
from tests.portal.visits import signed_in
from tests.reporting.test_months import make_lenders_month
from tests.servicing.world import World, bullet, make_world, person


@pytest.fixture(scope="module")
def made_once(module_db: str) -> World:
    """A loan drawn on 2 March 2026 through to 6 May, and a partner who never had a facility."""
    world = make_world()
    world.sign(bullet(months=1))
    world.draw(Decimal(1_000_000))
    for name, role in (("Sig", "signatory"), ("View", "viewer")):
        joins(person(name), world.partner, role)
    world.close_through(date(2026, 5, 5))
    return world


@pytest.fixture
def world(made_once: World, db: None) -> World:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def made(world: World, fund: Any = None) -> list[MonthStatement]:
    for _ in range(2):
        tasks.make_closed_months()
    return list(month_statements(world.partner))


def taken(world: World, kept: MonthStatement, fmt: str, actor: User | None = None) -> Export:
    return take_month(statement=kept, fmt=fmt, actor=actor or world.borrower, on=world.today)


def test_each_closed_month_is_made_once_and_the_newest_in_every_form(world: World) -> None:
    assert being_made(world.partner) == [date(2026, 4, 30), date(2026, 3, 31)]
    april, march = made(world)
    assert (march.first_day, march.last_day) == (date(2026, 3, 1), date(2026, 3, 31))
    assert march.owed == Decimal("1002500")  # 30 nights of 3 % on a million, ACT/360
    assert set(april.files.values_list("fmt", flat=True)) == set(KEPT)
    assert set(march.files.values_list("fmt", flat=True)) == {"csv"}
    assert not being_made(world.partner)


def test_only_the_newest_is_announced_once_to_those_who_act(world: World) -> None:
    made(world)
    notices = Notice.objects.filter(kind="statement")
    assert {one.subject for one in notices} == {"Your statement of April 2026 is ready"}
    assert sorted(one.recipient.name for one in notices if one.recipient) == ["Borrower", "Sig"]
    assert notices[0].link == f"/partners/{world.partner.number}/statements/"
    assert "you owed 1," in notices[0].body


def test_nothing_is_made_or_told_before_the_last_day_is_closed(world: World) -> None:
    made(world)
    world.close_through(date(2026, 5, 30))
    assert len(made(world)) == 2
    assert not being_made(world.partner)
    world.close_through(date(2026, 5, 31))
    assert len(made(world)) == 3
    assert Notice.objects.filter(kind="statement", subject__contains="May 2026").count() == 2


@pytest.mark.parametrize("fmt", KEPT)
def test_what_is_kept_is_what_is_made_on_demand_as_known_then(world: World, fmt: str) -> None:
    for kept in made(world):
        asked = {"subject": world.partner, "first_day": kept.first_day, "last_day": kept.last_day, "fmt": fmt}
        then = export_statement(actor=world.borrower, on=world.today, known_at=kept.known_at, **asked)
        for _ in range(2):
            export = taken(world, kept, fmt)
            assert (export.bytes, export.name, export.content_type) == (
                then.bytes, then.name, then.content_type,
            )  # fmt: skip
    assert MonthFile.objects.filter(fmt=fmt).count() == 2
    logged = StatementExport.objects.filter(made_by=world.borrower).values_list("sha256", "known_at")
    assert len(logged) == 6
    assert len(set(logged)) == 2


def test_what_is_booked_afterwards_leaves_the_kept_bytes_alone(world: World) -> None:
    _, march = made(world)
    before = taken(world, march, "pdf").sha256
    world.receive(Decimal(700))
    world.close_through(date(2026, 6, 2))
    june_second = made(world)
    assert len(june_second) == 3
    assert taken(world, march, "pdf").sha256 == before


def test_a_month_without_anything_is_not_made_and_nobody_told(world: World) -> None:
    made(world)
    second = world.partner = register_partner(
        legal_name="Blue Heron Markets LLP", registration_number="CHE-2", country="CH", partner_type="market_maker",
        segment="market_maker", actor=world.borrower, on=world.today,
    )  # fmt: skip
    second.kyb_status, second.kyb_valid_until = Partner.KybStatus.APPROVED, date(2030, 1, 1)
    second.save()
    world.sign(bullet(months=1, signed_on=world.today.isoformat(), maturity="2027-05-06"))
    world.close_through(date(2026, 6, 1))
    assert not made(world)
    assert not being_made(second)
    assert not Notice.objects.filter(kind="statement", partner=second).exists()


def test_a_killed_worker_goes_on_where_it_was(world: World) -> None:
    assert not make_months(fund=world.fund, on=world.today, most=1)
    kept = MonthStatement.objects.get()
    # As if it had been killed after the partner's month, before the month was marked as whole.
    IdempotencyKey.objects.filter(scope="reporting:monthly", key__startswith="month:").delete()
    assert make_months(fund=world.fund, on=world.today, most=10)
    assert kept in made(world)
    assert MonthStatement.objects.count() == 2
    assert Notice.objects.filter(kind="statement").count() == 2


def test_one_that_does_not_tie_is_not_made_and_holds_up_no_other(
    committed_db: str, superuser_sql: Callable[..., Any]
) -> None:
    world, _ = make_lenders_month()
    wrong, sound = (facility.partner for facility in world.facilities)
    (loan,) = world.facility.loans.all()
    account = Account.objects.get(owner=loan_owner(loan.pk), kind=AccountKind.LOAN_PRINCIPAL)
    change = f"UPDATE ledger_daymovement SET debit = debit + %s WHERE account_id = {account.pk}"
    off = "SET session_replication_role = replica"
    superuser_sql(f"{off}; {change.replace('%s', '1')}")
    tasks.make_closed_months()
    assert [len(month_statements(one)) for one in (wrong, sound)] == [0, 1]
    assert being_made(wrong) == [date(2026, 3, 31)]
    superuser_sql(f"{off}; {change.replace('%s', '-1')}")
    tasks.make_closed_months()
    assert [len(month_statements(one)) for one in (wrong, sound)] == [1, 1]


def test_an_outsider_gets_nothing_and_finance_gets_the_same_bytes(world: World) -> None:
    april, _ = made(world)
    with pytest.raises(Refused, match="no such statement"):
        taken(world, april, "csv", person("Otto"))
    with pytest.raises(Refused, match="Choose one of"):
        taken(world, april, "json")
    finance = person("Fin", roles.FINANCE)
    assert taken(world, april, "pdf", finance).bytes == taken(world, april, "pdf").bytes


def test_the_portal_lists_the_months_and_hands_out_the_kept_file(world: World) -> None:
    base, client = f"/partners/{world.partner.number}/statements/", signed_in(world.borrower)
    waiting = client.get(base).content.decode()
    assert "its statement is being made" in waiting
    april, march = made(world)
    page = client.get(base).content.decode()
    assert "being made" not in page
    assert f"{base}{april.pk}/" in page
    assert f"{base}{march.pk}/" in page
    answer = client.post(f"{base}{april.pk}/", {"fmt": "pdf"})
    assert hashlib.sha256(answer.content).hexdigest() == april.files.get(fmt="pdf").sha256
    assert answer.headers["Content-Disposition"].endswith('-2026-04-01-2026-04-30.pdf"')
    wrong: Client = signed_in(person("Otto"))
    assert wrong.post(f"{base}{april.pk}/", {"fmt": "pdf"}).status_code == 404
    sent_wrong = client.post(f"{base}{april.pk}/", {"fmt": "docx"}, follow=True)
    assert "Choose one of pdf, xlsx, csv." in sent_wrong.content.decode()


def test_the_kept_bytes_cannot_be_changed_and_a_change_that_was_forced_is_found(world: World) -> None:
    april, _ = made(world)
    seen = verify_statements()
    assert not seen.breaks
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE reporting_monthfile SET content = 'x'::bytea")
    assert taken(world, april, "csv").bytes
