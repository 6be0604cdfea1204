"""Asking for money in the portal: once, to the cent, by who may; and every mistake answered with a sentence."""

import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from loanfund.facilities.models import ConditionEvidence, Facility
from loanfund.facilities.services import accept_evidence
from loanfund.parties import roles
from loanfund.parties.models import SettlementAccount
from loanfund.servicing.models import Drawdown
from tests.parties.cast import joins, person
from tests.portal.visits import send, signed_in, words
from tests.servicing.world import World, assert_books_hold, bullet, make_world

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@pytest.fixture
def world() -> World:
    world = make_world()
    world.sign(bullet())
    SettlementAccount.objects.create(
        partner=world.partner, kind="bank", label="Main", currency="USD", holder=world.partner.legal_name,
        institution="Bank", address="CH-1", maker=world.borrower, state="confirmed",
        usable_from=world.today, checker=world.checker, checked_at="2026-03-01T10:00Z",
    )  # fmt: skip
    return world


def page_of(world: World, *parts: str) -> str:
    return "/".join(["", "partners", world.partner.number, *parts, ""])


def asked(world: World, **entries: Any) -> dict[str, Any]:
    account = SettlementAccount.objects.get(partner=world.partner)
    wanted = {"amount": "250,000.00", "wanted_on": "2026-03-02", "settlement_account": str(account.pk)}
    return {**wanted, "purpose": "Margin", **entries}


def test_a_drawdown_is_asked_for_once_however_often_the_form_is_sent(world: World) -> None:
    client, number = signed_in(world.borrower, both_factors=True), world.facility.number
    path, key = page_of(world, "facilities", number, "drawdowns", "new"), str(uuid.uuid4())
    for _ in range(2):
        answer = send(client, path, request_id=key, **asked(world))
        assert answer.status_code == 302
    made = Drawdown.objects.get()
    assert (made.amount, made.wanted_on, made.requested_by) == (
        Decimal(250_000),
        date(2026, 3, 2),
        world.borrower,
    )
    page = words(client.get(answer.headers["Location"]))
    assert "USD 250,000.00 for 2 Mar 2026" in page.replace("\xa0", " ")
    assert "Margin" in page
    assert_books_hold()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"amount": "10000000.01"}, "has 10,000,000.00 USD left to draw"),
        ({"amount": "-5"}, "Give an amount above zero"),
        ({"amount": "0"}, "Give an amount above zero"),
        ({"amount": "1" * 30}, "more money than there is"),
        ({"amount": "1e5"}, "This is no amount"),
        ({"amount": "NaN"}, "This is no amount"),
        ({"amount": "10.005"}, "USD has 2 decimals"),
        ({"amount": ""}, "This field is required"),
        ({"wanted_on": "2026-09-03"}, "Drawdowns can be made from 02 March 2026 to 02 September 2026"),
        ({"wanted_on": "2026-03-07"}, "not a business day"),
        ({"wanted_on": "soon"}, "This is no day"),
        ({"settlement_account": "999999"}, "Choose an account from the list"),
    ],
)
def test_a_mistake_is_named_and_what_was_typed_stays(
    world: World, entries: dict[str, str], said: str
) -> None:
    client = signed_in(world.borrower, both_factors=True)
    path = page_of(world, "facilities", world.facility.number, "drawdowns", "new")
    answer = send(client, path, **asked(world, **entries))
    assert answer.status_code == 422
    assert said in words(answer).replace("\xa0", " ")
    kept = answer.content.decode()
    assert "Margin" in kept
    for name, value in asked(world, **entries).items():
        # A choice that was never offered cannot stay; all that was typed does.
        assert value in kept or name == "settlement_account"
    assert not Drawdown.objects.exists()


def test_the_last_cent_can_be_drawn(world: World) -> None:
    client = signed_in(world.borrower, both_factors=True)
    path = page_of(world, "facilities", world.facility.number, "drawdowns", "new")
    send(client, path, **asked(world, amount="10,000,000.00"))
    assert Drawdown.objects.get().amount == Decimal(10_000_000)
    assert "Everything is drawn or asked for" in words(client.get(path))


def test_without_a_second_factor_no_money_is_asked_for(world: World) -> None:
    path = page_of(world, "facilities", world.facility.number, "drawdowns", "new")
    answer = send(signed_in(world.borrower), path, **asked(world))
    assert answer.headers["Location"] == "/account/2fa/"
    assert not Drawdown.objects.exists()


@pytest.mark.parametrize(("role", "status"), [("signatory", 302), ("preparer", 403), ("viewer", 403)])
def test_only_who_binds_the_company_asks_for_money(world: World, role: str, status: int) -> None:
    colleague = person("Colleague")
    joins(colleague, world.partner, role)
    path = page_of(world, "facilities", world.facility.number, "drawdowns", "new")
    assert send(signed_in(colleague, both_factors=True), path, **asked(world)).status_code == status
    assert Drawdown.objects.exists() is (status == 302)


def test_what_holds_a_drawdown_up_is_said_before_anything_is_typed(world: World) -> None:
    client = signed_in(world.borrower, both_factors=True)
    SettlementAccount.objects.update(state="retired")
    world.partner.kyb_valid_until = date(2026, 3, 1)
    world.partner.save()
    Facility.objects.update(event_of_default=True)
    page = words(client.get(page_of(world, "facilities", world.facility.number, "drawdowns", "new")))
    assert "An event of default continues" in page
    assert "The check of your company is not in date" in page
    assert "No confirmed USD account" in page


def test_a_request_is_withdrawn_with_a_reason_and_only_while_money_has_not_left(world: World) -> None:
    client = signed_in(world.borrower, both_factors=True)
    drawdown = world.request(Decimal(250_000))
    path = page_of(world, "drawdowns", drawdown.number, "cancel")
    assert send(client, path, reason=" ").status_code == 422
    assert send(client, path, reason="not needed").status_code == 302
    drawdown.refresh_from_db()
    assert (drawdown.state, drawdown.reason) == ("cancelled", "not needed")
    assert "cannot be withdrawn" in words(client.get(path))
    assert send(client, path, reason="again").status_code == 422


@pytest.fixture
def condition_world() -> World:
    world = make_world()
    world.sign(bullet(), conditions=[{"text": "Board resolution.", "scope": "first"}])
    return world


def test_a_condition_is_shown_with_a_file_and_met_once_the_lender_agrees(condition_world: World) -> None:
    world = condition_world
    client, number = signed_in(world.borrower, both_factors=True), world.facility.number
    path = page_of(world, "facilities", number, "conditions", "1")
    assert "1 condition precedent is open" in words(client.get(page_of(world, "facilities", number)))
    send(client, path, file=SimpleUploadedFile("resolution.pdf", PDF), note="Signed by all.")
    evidence = ConditionEvidence.objects.get()
    assert evidence.file is not None
    assert (evidence.file.name, evidence.note, evidence.maker) == (
        "resolution.pdf", "Signed by all.", world.borrower,
    )  # fmt: skip
    assert "the lender checks it" in words(client.get(page_of(world, "facilities", number, "conditions")))
    accept_evidence(evidence=evidence, actor=person("Analyst", roles.ANALYST), on=world.today)
    assert "Met." in words(client.get(page_of(world, "facilities", number, "conditions")))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("resolution.pdf", b"MZ\x90\x00\x03 this is a program", "resolution.pdf"),
        ("program.exe", b"MZ\x90\x00\x03", "program.exe"),
        ("empty.pdf", b"", "The file is empty"),
        (None, b"", "Add the file, or say below"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    condition_world: World, name: str | None, content: bytes, said: str
) -> None:
    world = condition_world
    path = page_of(world, "facilities", world.facility.number, "conditions", "1")
    entries: dict[str, Any] = {"file": SimpleUploadedFile(name, content)} if name else {}
    note = "We passed it on Monday." if name else ""
    answer = send(signed_in(world.borrower, both_factors=True), path, note=note, **entries)
    assert answer.status_code == 422
    assert said in words(answer)
    assert note in words(answer)
    assert not ConditionEvidence.objects.exists()


def test_a_session_that_ended_loses_nothing_that_was_typed(world: World) -> None:
    client = signed_in(world.borrower, both_factors=True)
    path = page_of(world, "facilities", world.facility.number, "drawdowns", "new")
    assert client.get(path).status_code == 200
    client.logout()
    answer = send(client, path, amount="123,456.78", purpose="two venues until May")
    assert answer.status_code == 302
    assert "/account/login/" in answer.headers["Location"]
    assert "what you typed is kept" in words(client.get(answer.headers["Location"]))
    client.force_login(world.borrower)
    page = client.get(path).content.decode()
    assert 'value="123,456.78"' in page
    assert "two venues until May" in page


def test_a_rest_below_the_smallest_drawdown_is_offered_whole() -> None:
    world = make_world(drawdown_minimum="100000", drawdown_multiple="10000")
    world.sign(bullet(), commitment=Decimal("1050000.25"))
    world.draw(Decimal(1_000_000))
    SettlementAccount.objects.create(
        partner=world.partner, kind="bank", label="Main", currency="USD", holder=world.partner.legal_name,
        institution="Bank", address="CH-1", maker=world.borrower, state="confirmed",
        usable_from=world.today, checker=world.checker, checked_at="2026-03-01T10:00Z",
    )  # fmt: skip
    client = signed_in(world.borrower, both_factors=True)
    path = page_of(world, "facilities", world.facility.number, "drawdowns", "new")
    page = client.get(path).content.decode()
    assert 'value="50,000.25"' in page
    assert "All of it: it is less than the smallest other drawdown" in page
    send(client, path, request_id=str(uuid.uuid4()), **asked(world, amount="50,000.25"))
    assert Drawdown.objects.filter(amount=Decimal("50000.25")).exists()
