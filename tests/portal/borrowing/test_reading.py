"""What a borrower reads of its facilities and loans, what it tries and gives notice of, and what it takes out."""

import csv
import io
from copy import deepcopy
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loanfund.reporting.models import StatementExport
from loanfund.reporting.services import export_statement
from loanfund.servicing.models import Accrual, Event, Instruction
from loanfund.servicing.services import book_instruction, propose_instruction
from loanfund.servicing.services.instructions import content_digest
from tests.parties.cast import joins, person
from tests.portal.visits import send, signed_in, words
from tests.servicing.world import World, bullet, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made_once(module_db: str) -> World:
    world = make_world()
    world.sign(bullet(rate="0.035", months=1))
    world.draw(Decimal(1_000_000))
    world.close_through(date(2026, 4, 6))
    return world


@pytest.fixture
def world(made_once: World, db: None) -> World:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def client_of(world: World) -> Client:
    return signed_in(world.borrower, both_factors=True)


def page_of(world: World, *parts: str) -> str:
    return "/".join(["", "partners", world.partner.number, *parts, ""])


def loan_of(world: World) -> str:
    return world.facility.loans.get().number


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return words(answer).replace("\xa0", " ")


def test_what_is_owed_stands_with_its_day_and_how_late_it_is(world: World) -> None:
    page = read(client_of(world), page_of(world, "facilities", world.facility.number, "payments"))
    # 3.5 % on a million for the 31 nights from 2 March to 2 April, ACT/360; the business date is 7 April.
    assert f"2 Apr 2026 3,013.89 5 days interest {loan_of(world)} 3,013.89 0.00 3,013.89 5 days" in page
    assert "Schedule" in page


def test_each_night_of_interest_is_explained_and_they_add_up_to_what_is_booked(world: World) -> None:
    asked = urlencode({"first_day": "2026-03-02", "last_day": "2026-04-01"})
    page = read(client_of(world), page_of(world, "loans", loan_of(world), "explain") + f"?{asked}")
    assert "Interest, booked USD 3,013.89" in page
    assert "Interest, exact 3,013.888888888889" in page
    posted = Accrual.objects.filter(accrual_date__range=("2026-03-02", "2026-04-01"))
    assert sum(posted.values_list("posted", flat=True)) == Decimal("3013.89")


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"first_day": "2026-04-01", "last_day": "2026-03-01"}, "lies before the first"),
        ({"first_day": "2020-01-01", "last_day": "2026-03-01"}, "at most 400 days"),
        ({"first_day": "then", "last_day": "2026-03-01"}, "This is no day"),
        ({"first_day": "2027-01-01", "last_day": "2027-01-02"}, "No night in these days"),
    ],
)
def test_days_that_make_no_sense_are_answered_in_words(world: World, days: dict[str, str], said: str) -> None:
    path = page_of(world, "loans", loan_of(world), "explain")
    assert said in read(client_of(world), f"{path}?{urlencode(days)}")


def test_trying_a_prepayment_shows_what_booking_it_brings_and_stores_nothing(world: World) -> None:
    client, path = client_of(world), page_of(world, "loans", loan_of(world), "what-if")
    tried = {"amount": "250,000", "value_date": "2026-05-04", "effect": "instalment"}
    before = Event.objects.count(), Instruction.objects.count()
    page = read(client, f"{path}?{urlencode(tried)}")
    assert "You would save" in page
    assert "4 May 2026 " in page
    assert (Event.objects.count(), Instruction.objects.count()) == before
    for wrong, said in (
        ({"amount": "2000000"}, "1,000,000"),
        ({"value_date": "2026-03-01"}, "today or a day to come"),
    ):
        assert said in read(client, f"{path}?{urlencode(tried | wrong)}")


def test_what_was_tried_is_what_the_booked_notice_leads_to(world: World) -> None:
    client = client_of(world)
    tried = {"amount": "250000", "value_date": "2026-05-04", "effect": "instalment"}
    page = read(client, page_of(world, "loans", loan_of(world), "what-if") + f"?{urlencode(tried)}")
    sent = send(client, page_of(world, "loans", loan_of(world), "prepay"), **tried)
    assert sent.status_code == 302
    made = Instruction.objects.get()
    assert (made.kind, made.amount, made.maker) == ("prepayment", Decimal(250_000), world.borrower)
    book_instruction(instruction=made, seen_digest=content_digest(made), actor=world.checker, on=world.today)
    booked = read(client, page_of(world, "loans", loan_of(world)))
    # June: 3.5 % on 750,000 for the 31 nights from 2 May, ACT/360; two nights on what was paid early are due with it.
    june = "2,260.42"
    assert june in page
    assert june in booked


def test_a_notice_is_withdrawn_by_who_gave_it(world: World) -> None:
    client = client_of(world)
    path = page_of(world, "facilities", world.facility.number, "cancel")
    sent = send(client, path, amount="9,000,000.01", reason="not needed")
    assert "9,000,000.00 USD is undrawn" in words(sent)
    sent = send(client, path, amount="1,000,000", reason="not needed")
    here = sent.headers["Location"]
    send(client, here, withdraw="1", reason="needed after all")
    made = Instruction.objects.get()
    assert (made.state, made.refusal_reason) == ("withdrawn", "needed after all")


def test_an_amendment_is_read_term_by_term_and_consented_to(world: World) -> None:
    document = {**world.facility.terms.get().document, "default_margin": "0.05"}
    made = propose_instruction(
        kind="amendment", facility=world.facility, value_date=world.today, reason="agreed", actor=world.maker,
        on=world.today, details={"terms": document},
    )  # fmt: skip
    client = client_of(world)
    here = page_of(world, "facilities", world.facility.number, "requests", made.number)
    task = f"Consent to a change of {world.facility.number}"
    assert task in read(client, page_of(world))
    assert "5.00 % on top" in read(client, here)
    send(client, here, consent="1", seen="0" * 64)
    made.refresh_from_db()
    assert made.consent_by is None
    send(client, here, consent="1", seen=made.proposed_digest)
    made.refresh_from_db()
    assert made.consent_by == world.borrower
    assert task not in read(client, page_of(world))


def test_the_payoff_amount_is_the_principal_and_the_interest_to_the_day(world: World) -> None:
    path = page_of(world, "facilities", world.facility.number, "payoff")
    page = read(client_of(world), f"{path}?on=2026-04-12")
    # 3,013.89 due, and 3.5 % on a million for the 10 nights from 2 April; default interest from the 6th, after the grace.
    assert "Principal USD 1,000,000.00" in page
    assert "Interest USD 3,986.11" in page
    assert "Ask for a day from" in read(client_of(world), f"{path}?on=2020-01-01")


@pytest.mark.parametrize("fmt", ["csv", "xlsx", "pdf"])
def test_the_borrower_takes_out_the_statement_that_finance_takes_out(world: World, fmt: str) -> None:
    asked = {"of": world.facility.number, "first_day": "2026-03-01", "last_day": "2026-03-31", "fmt": fmt}
    answer = client_of(world).post(page_of(world, "statements"), asked)
    finance = person("Finance", "Finance")
    same = export_statement(
        actor=finance, on=world.today, subject=world.facility, first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 31), fmt=fmt,
    )  # fmt: skip
    assert answer.content == same.bytes
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{same.name}"'
    assert set(StatementExport.objects.values_list("made_by", "sha256")) == {
        (world.borrower.pk, same.sha256), (finance.pk, same.sha256),
    }  # fmt: skip
    if fmt == "csv":
        assert len(list(csv.reader(io.StringIO(answer.content.decode())))) > 3


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"last_day": "2026-04-07"}, "Days are complete up to 6 Apr 2026"),
        ({"first_day": "2026-04-02", "last_day": "2026-04-01"}, "lies before the first"),
        ({"of": "FAC-9999"}, "Select a valid choice"),
        ({"fmt": "docx"}, "Select a valid choice"),
    ],
)
def test_a_statement_that_cannot_be_is_refused_in_words(
    world: World, entries: dict[str, str], said: str
) -> None:
    asked = {"of": world.facility.number, "first_day": "2026-03-01", "last_day": "2026-03-31", "fmt": "csv"}
    answer = client_of(world).post(page_of(world, "statements"), asked | entries)
    assert answer.status_code == 422
    assert said in words(answer)
    assert not StatementExport.objects.exists()


def test_a_viewer_reads_everything_and_finds_no_button(world: World) -> None:
    viewer = person("Viewer")
    joins(viewer, world.partner, "viewer")
    page = read(signed_in(viewer), page_of(world, "facilities", world.facility.number))
    assert "Request a drawdown" not in page
    assert "Cancel undrawn commitment" not in page


def count(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)


def test_a_page_costs_as_many_queries_with_many_receipts_and_nights_as_with_few(world: World) -> None:
    client, number = client_of(world), world.facility.number
    pages = [
        page_of(world, "facilities"),
        page_of(world, "facilities", number, "payments"),
        page_of(world, "loans", loan_of(world)),
        page_of(world, "loans", loan_of(world), "explain"),
        page_of(world, "statements"),
    ]
    few = [count(client, page) for page in pages]
    for _ in range(6):
        world.receive(Decimal("10.00"))
    world.close_through(date(2026, 5, 10))
    assert [count(client, page) for page in pages] == few
    assert max(few) <= 45


def test_many_receipts_are_paged_and_the_newest_come_first(world: World) -> None:
    for n in range(1, 31):
        world.receive(Decimal(n), reference=f"{world.facility.number} wire {n:02d}")
    client, path = client_of(world), page_of(world, "facilities", world.facility.number, "payments")
    first, second = read(client, path), read(client, f"{path}?page=2")
    assert "wire 30" in first
    assert "wire 05" not in first
    assert "Page 1 of 2" in first
    assert "wire 05" in second
    assert "wire 30" not in second
    folded = read(client, page_of(world, "loans", loan_of(world)))
    assert "before" in folded
