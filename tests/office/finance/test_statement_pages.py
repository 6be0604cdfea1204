"""Statements on the finance desk: shown, taken out in every format, refused in a sentence, only to whom it may concern."""

import csv
import io
from copy import deepcopy
from datetime import date
from decimal import Decimal

import pytest

from loanfund.parties import roles
from loanfund.reporting.models import StatementExport
from tests.office.desks import sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
PATH = "/office/statements/"


@pytest.fixture(scope="module")
def made_once(module_db: str) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 4, 2))
    made.receive(Decimal("2583.55"))
    made.close_through(date(2026, 4, 3))
    return made


@pytest.fixture
def world(made_once: World, db: None) -> World:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def asked(world: World, **changes: str) -> dict[str, str]:
    return {"of": world.facility.number, "first_day": "2026-03-02", "last_day": "2026-04-03"} | changes


def test_a_statement_is_shown_and_every_file_of_it_is_taken_out_and_logged(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    page = text_of(finance.get(PATH, asked(world)))
    assert "It ties to the ledger." in page
    assert "2,750.00" in page
    assert "2,583.55" in page
    starts = {"csv": b"", "xlsx": b"PK", "pdf": b"%PDF", "json": b"{"}
    for fmt, start in starts.items():
        answer = finance.post(PATH, asked(world) | {"format": fmt})
        assert answer.status_code == 200
        assert answer.content.startswith(start)
        assert answer.headers["Content-Disposition"].endswith(f'.{fmt}"')
    assert {row.fmt for row in StatementExport.objects.all()} == set(starts)
    rows = list(
        csv.reader(io.StringIO(finance.post(PATH, asked(world) | {"format": "csv"}).content.decode()))
    )
    assert any("2583.55" in cell for row in rows for cell in row)


def test_a_partner_by_name_a_loan_by_number_and_neither(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    assert world.partner.number in text_of(finance.get(PATH, asked(world, of="northlight")))
    loan = world.facility.loans.get()
    assert "It ties" in text_of(finance.get(PATH, asked(world, of=loan.number.lower())))
    answer = finance.get(PATH, asked(world, of="Nobody & Sons"))
    assert answer.status_code == 422
    assert "Nothing has this number or name." in text_of(answer)
    assert "Nobody &amp; Sons" in answer.content.decode()


def test_a_period_that_is_not_over_or_runs_backwards_is_refused_in_a_sentence(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    answer = finance.post(PATH, asked(world, last_day="2026-04-30") | {"format": "pdf"})
    assert "The books are closed through 03 April 2026" in text_of(answer)
    assert "The period ends before it begins." in text_of(
        finance.get(PATH, asked(world, last_day="2026-03-01"))
    )
    assert "Enter a day such as" in text_of(finance.get(PATH, asked(world, first_day="soon")))
    assert "choose days from then on" in text_of(
        finance.get(PATH, asked(world, first_day="0001-01-01", last_day="0001-01-01"))
    )
    assert "Choose one of" in text_of(finance.post(PATH, asked(world) | {"format": "exe"}))
    assert not StatementExport.objects.exists()


@pytest.mark.parametrize(
    ("role", "takes"),
    [
        (roles.FINANCE, True),
        (roles.AUDITOR, True),
        (roles.OPERATIONS_CHECKER, True),
        (roles.ANALYST, False),
        (roles.ADMINISTRATOR, False),
    ],
)
def test_who_may_take_out_statements(world: World, role: str, takes: bool) -> None:
    client = sign_in(person("Somebody", role))
    assert client.get(PATH).status_code == (200 if takes else 403)
    assert client.post(PATH, asked(world) | {"format": "csv"}).status_code == (200 if takes else 403)
    assert StatementExport.objects.exists() == takes
