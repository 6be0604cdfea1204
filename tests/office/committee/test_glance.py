"""The fund at a glance: what each rung of the maturity ladder shows is what its link leads to."""

import re
from decimal import Decimal
from html import unescape

import pytest

from loanfund.parties import roles
from tests.office.desks import sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
RUNG = re.compile(r'<th scope="row">([^<]+)</th><td class="num"><a href="([^"]+)">([^<]+)</a>')


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    return made


def test_a_rung_of_the_ladder_leads_to_the_facilities_it_counts(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    rungs = {
        label: (unescape(href), amount)
        for label, href, amount in RUNG.findall(finance.get("/office/").content.decode())
    }
    assert {label: amount for label, (_, amount) in rungs.items() if amount != "0.00"} == {
        "In 6 to 12 months": "1,000,000.00"
    }
    for label, (href, amount) in rungs.items():
        page = text_of(finance.get(href))
        assert (world.facility.number in page) == (amount != "0.00"), label


def test_days_that_are_none_narrow_nothing(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    assert world.facility.number in text_of(finance.get("/office/facilities/?ends_from=soon&ends_to="))
    assert world.facility.number not in text_of(finance.get("/office/facilities/?ends_to=2026-12-31"))
