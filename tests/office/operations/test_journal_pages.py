"""Entries by hand on the office's pages: what each role is offered, and one entry from the form to the book."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.ledger.models import AccountKind
from loanfund.parties import roles
from loanfund.servicing import services
from loanfund.servicing.models import HandJournal
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

LIST = "/office/journals/"
NEW = "/office/journals/propose/"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
CHARGE = {
    "kind": "bank_charge", "amount": "12.50", "value_date": "2026-03-02", "reference": "BANK-77", "facility": "",
    "reason": "fee of February",
}  # fmt: skip


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    return made


def test_two_people_of_finance_take_a_bank_charge_from_its_paper_to_the_book(world: World) -> None:
    fin, fay = (sign_in(person(name, roles.FINANCE)) for name in ("Fin", "Fay"))
    paper = SimpleUploadedFile("charge.pdf", PDF)
    page = said(fin, send(fin, NEW, "propose", **CHARGE, document=paper))
    assert "Another person books it" in page
    one = f"{LIST}{HandJournal.objects.get().number}/"
    assert offers(fin, one) == {"refuse"}
    assert "You proposed it" in text_of(fin.get(one))
    assert send(fin, one, "book").status_code == 302
    assert world.held(AccountKind.BANK_CHARGES) == 0
    shown = text_of(fay.get(one))
    assert "Bank charges 12.50" in shown
    assert "Cash 12.50" in shown
    assert fay.get(f"{one}paper/").status_code == 200
    assert "is booked" in said(fay, send(fay, one, "book"))
    assert world.held(AccountKind.BANK_CHARGES) == Decimal("12.50")
    assert offers(fay, one) == set()


def test_sending_the_form_twice_proposes_one_entry(world: World) -> None:
    fin = sign_in(person("Fin", roles.FINANCE))
    for _ in range(2):
        send(fin, NEW, "propose", request_id="0d2f3a9e-6d0b-4c39-9f6e-3c0a5b6f7a11", **CHARGE)
    assert HandJournal.objects.count() == 1


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"amount": "-5"}, "above zero"),
        ({"amount": "1" * 30}, "too large"),
        ({"value_date": "2026-03-03"}, "Choose a value date"),
        ({"kind": "allowance"}, "name it"),
        ({"kind": "allowance", "facility": "FAC-9999"}, "There is no facility FAC-9999"),
    ],
)
def test_what_is_wrong_is_said_beside_the_form_and_what_was_typed_stays(
    world: World, entry: dict[str, str], sentence: str
) -> None:
    fin = sign_in(person("Fin", roles.FINANCE))
    answer = send(fin, NEW, "propose", **CHARGE | entry)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert "fee of February" in answer.content.decode()
    assert not HandJournal.objects.exists()


@pytest.mark.parametrize(
    ("role", "reads", "proposes", "decides"),
    [
        (roles.FINANCE, True, True, True),
        (roles.OPERATIONS_MAKER, True, True, False),
        (roles.OPERATIONS_CHECKER, True, False, True),
        (roles.AUDITOR, True, False, False),
        (roles.ANALYST, False, False, False),
        (roles.ADMINISTRATOR, False, False, False),
    ],
)
def test_each_role_at_the_journals(
    world: World, role: str, reads: bool, proposes: bool, decides: bool
) -> None:
    journal = services.propose_journal(
        fund=world.fund,
        kind="bank_charge",
        amount=Decimal(5),
        value_date=world.today,
        reference="B",
        reason="fee",
        actor=world.maker,
        on=world.today,
    )
    client, one = sign_in(person("Somebody", role)), f"{LIST}{journal.number}/"
    assert client.get(LIST).status_code == (200 if reads else 403)
    assert client.get(one).status_code == (200 if reads else 403)
    assert (send(client, NEW, "propose", **CHARGE).status_code != 403) == proposes
    if reads:
        assert offers(client, one) == ({"book", "refuse"} if decides else set())
    if not decides:
        assert send(client, one, "book").status_code == 403
        assert world.held(AccountKind.BANK_CHARGES) == 0


def test_the_list_costs_the_same_with_ten_entries_and_with_a_hundred(world: World) -> None:
    client = sign_in(person("Fin", roles.FINANCE))
    costs = []
    for many in (10, 90):
        for _ in range(many):
            services.propose_journal(
                fund=world.fund,
                kind="bank_charge",
                amount=Decimal(5),
                value_date=world.today,
                reference="B",
                reason="fee",
                actor=world.maker,
                on=world.today,
            )
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert costs[0] <= 25
