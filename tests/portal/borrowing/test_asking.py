"""What a borrower asks the lender for in the portal: from the form to the answer, once, by those who may."""

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.parties.models import Membership
from loanfund.servicing.models import BorrowerRequest
from loanfund.servicing.services import answer_request, ask_lender
from tests.office.desks import send as press
from tests.office.desks import sign_in
from tests.parties.cast import joins, person
from tests.portal.visits import send, signed_in, words
from tests.servicing.world import OPENED, World, bullet, make_world

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
SENT = {"amount": "2,500.00", "day": "2026-03-08", "reference": "0xabc"}


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(OPENED + timedelta(days=5))
    return made


def asking(world: World, what: str = "") -> str:
    base = f"/partners/{world.partner.number}/facilities/{world.facility.number}/ask/"
    return f"{base}{what}/" if what else base


def page_of(world: World) -> str:
    return f"/partners/{world.partner.number}/requests/{BorrowerRequest.objects.get().number}/"


def test_a_payment_is_reported_with_its_proof_found_by_the_desk_and_answered(world: World) -> None:
    client, desk = signed_in(world.borrower, both_factors=True), sign_in(world.maker)
    sent = send(client, asking(world, "payment"), **SENT, file=SimpleUploadedFile("proof.pdf", PDF))
    assert sent.headers["Location"] == page_of(world)
    assert "with the lender" in words(client.get(page_of(world))).lower()
    assert client.get(page_of(world) + "paper/").status_code == 200
    receipt = world.receive(Decimal(2500))
    number = BorrowerRequest.objects.get().number
    office = f"/office/requests/{number}/"
    assert "1 Requests of borrowers to answer" in words(desk.get("/office/"))
    assert "the same amount" in words(desk.get(office))
    hint = words(desk.get(f"/office/receipts/{receipt.number}/"))
    assert f"Borrowers who reported such a payment {number}" in hint
    assert press(desk, office, "answer", receipt="RC-9999", answer="Thanks.").status_code == 422
    assert press(desk, office, "answer", receipt=receipt.number, answer="It is here.").status_code == 302
    assert "Requests of borrowers" not in words(desk.get("/office/"))
    page = words(client.get(page_of(world)))
    assert "It is here." in page
    assert receipt.number in page


def test_a_confirmation_is_asked_for_made_and_downloaded(world: World) -> None:
    client, desk = signed_in(world.borrower), sign_in(world.maker)
    send(client, asking(world, "balance-confirmation"), day="2026-03-07", text="Audit & Co")
    office = f"/office/requests/{BorrowerRequest.objects.get().number}/"
    assert press(desk, office, "answer", answer="As asked.").status_code == 302
    answer = client.get(page_of(world) + "confirmation/")
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content).startswith(b"%PDF")  # type: ignore[attr-defined] # a file is streamed


def test_a_holiday_leads_to_a_proposal_and_a_refusal_says_why(world: World) -> None:
    client, desk = signed_in(world.borrower, both_factors=True), sign_in(world.maker)
    loan = world.facility.loans.get().number
    asked = {"loan": loan, "day": "2026-03-08", "until": "2026-06-30", "text": "custody is closed"}
    send(client, asking(world, "payment-holiday"), **asked)
    office = f"/office/requests/{BorrowerRequest.objects.get().number}/"
    assert press(desk, office, "answer", answer="We put it forward.").status_code == 302
    made = BorrowerRequest.objects.get().instruction
    assert made is not None
    assert made.number in words(client.get(page_of(world)))
    send(client, asking(world, "payment-holiday"), **asked | {"day": "2026-03-09"})
    second = BorrowerRequest.objects.latest("pk")
    assert (
        press(desk, f"/office/requests/{second.number}/", "decline", answer="One is enough.").status_code
        == 302
    )
    assert "One is enough." in words(client.get(asking(world)))


@pytest.mark.parametrize(
    ("what", "entries", "sentence"),
    [
        ("payment", SENT | {"amount": "-5"}, "above zero"),
        ("payment", SENT | {"amount": "1" * 30}, "more money than there is"),
        ("payment", SENT | {"day": "2027-01-01"}, "today or before"),
        ("payment", SENT | {"reference": ""}, "required"),
        ("refund", {"amount": "1", "text": "twice"}, "0.00 USD of yours is held"),
        ("balance-confirmation", {"day": "2026-03-08", "text": ""}, "required"),
        ("balance-confirmation", {"day": "2026-03-08", "text": "A"}, "a day that is over"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    world: World, what: str, entries: dict[str, str], sentence: str
) -> None:
    client = signed_in(world.borrower, both_factors=True)
    answer = send(client, asking(world, what), **entries)
    assert answer.status_code == 422
    assert sentence in words(answer)
    for typed in filter(None, entries.values()):
        assert typed in answer.content.decode()
    assert not BorrowerRequest.objects.exists()


def test_a_form_sent_twice_asks_once_and_an_open_request_is_withdrawn(world: World) -> None:
    client, number = signed_in(world.borrower, both_factors=True), str(uuid.uuid4())
    for _ in range(2):
        assert send(client, asking(world, "payment"), request_id=number, **SENT).status_code == 302
    assert BorrowerRequest.objects.count() == 1
    send(client, page_of(world))
    assert BorrowerRequest.objects.get().state == "withdrawn"
    assert "Withdraw it" not in words(client.get(page_of(world)))


def test_before_money_is_asked_back_a_second_factor_is_set_up(world: World) -> None:
    answer = send(signed_in(world.borrower), asking(world, "refund"), amount="1", text="twice")
    assert (answer.status_code, BorrowerRequest.objects.count()) == (302, 0)


def test_a_viewer_reads_and_finds_nothing_to_press(world: World) -> None:
    send(signed_in(world.borrower, both_factors=True), asking(world, "payment"), **SENT)
    viewer = person("Vera")
    joins(viewer, world.partner, Membership.Role.VIEWER)
    client = signed_in(viewer, both_factors=True)
    assert "Report a payment" not in words(client.get(asking(world)))
    assert "Withdraw it" not in words(client.get(page_of(world)))
    assert send(client, page_of(world)).status_code == 403
    assert send(client, asking(world, "payment"), **SENT | {"reference": "other"}).status_code == 403
    assert client.get(asking(world, "gift")).status_code == 404


def test_pages_cost_the_same_with_one_request_and_with_sixty(world: World) -> None:
    client, desk = signed_in(world.borrower, both_factors=True), sign_in(world.maker)
    costs: list[Any] = []
    for many in (1, 59):
        for _ in range(many):
            made = ask_lender(
                facility=world.facility,
                kind="balance_confirmation",
                day=date(2026, 3, 7),
                text="A",
                actor=world.borrower,
                on=world.today,
            )
            answer_request(request=made, answer="No.", declined=True, actor=world.maker, on=world.today)
        cost = []
        for browser, path in ((client, asking(world)), (desk, "/office/requests/?state=all")):
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(path).status_code == 200
            cost.append(len(queries))
        costs.append(cost)
    # The page numbers of more than a page cost one query more.
    assert [after - before for before, after in zip(*costs, strict=True)] in ([0, 0], [0, 1], [1, 0], [1, 1])
    assert max(costs[1]) <= 26
    first, last = (words(client.get(f"{asking(world)}?page={page}")) for page in (1, 3))
    assert "Page 1 of 3" in first
    assert "RQ-0001" not in first
    assert last.count("RQ-") == 10


def test_money_held_is_asked_back_and_the_refund_waits_for_its_second_person(world: World) -> None:
    world.receive(Decimal(700))
    client, desk = signed_in(world.borrower, both_factors=True), sign_in(world.maker)
    assert 'value="700.00"' in client.get(asking(world, "refund")).content.decode()
    assert send(client, asking(world, "refund"), amount="500", text="paid twice").status_code == 302
    office = f"/office/requests/{BorrowerRequest.objects.get().number}/"
    assert press(desk, office, "answer", answer="It goes back.").status_code == 302
    made = BorrowerRequest.objects.get().refund
    assert made is not None
    assert (made.state, made.amount) == ("proposed", Decimal(500))
    assert made.number in words(client.get(page_of(world)))
