"""A character that nobody types and no table holds is refused in a sentence, wherever it is sent."""

import pytest
from django.test import Client

from tests.portal.visits import signed_in
from tests.servicing.world import bullet, make_world

pytestmark = pytest.mark.django_db
WORDS = "This could not be read"


@pytest.mark.parametrize(
    "address", ["/account/login/?next=%00", "/account/login/?%00=1", "/account/login/%00"]
)
def test_no_address_holds_a_null_character(address: str) -> None:
    answer = Client().get(address)
    assert answer.status_code in {400, 404}
    if answer.status_code == 400:
        assert WORDS in answer.content.decode()


def test_a_page_that_looks_a_loan_up_by_its_entry_refuses_one_too() -> None:
    world = make_world()
    world.sign(bullet())
    path = f"/partners/{world.partner.number}/facilities/{world.facility.number}/payoff/"
    client = signed_in(world.borrower)
    assert client.get(path, {"loan": "LN-1"}).status_code in {200, 404}
    assert client.get(path, {"loan": "LN\x00"}).status_code == 400


def test_no_entry_of_a_form_holds_one() -> None:
    answer = Client().post("/account/login/", {"login": "ada\x00@partner.example", "password": "x"})
    assert (answer.status_code, WORDS in answer.content.decode()) == (400, True)
