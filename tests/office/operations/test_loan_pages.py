"""A loan's page: its schedule and each night of interest explained, down to the cents that reached the ledger."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.parties import roles
from tests.office.desks import sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 4, 2))
    return made


def test_a_loan_shows_its_schedule_and_its_nights(world: World) -> None:
    path = f"/office/loans/{world.facility.loans.get().number}/"
    analyst = sign_in(person("Analyst", roles.ANALYST))
    page = text_of(analyst.get(path))
    assert "2,583.33" in page
    assert "overdue" in page
    nights = text_of(analyst.get(path, {"first_day": "2026-03-02", "last_day": "2026-04-01"}))
    assert "31 nights 2,583.333333333333 2,583.33" in nights.replace(
        "2,583.333333333323", "2,583.333333333333"
    )
    assert "83.333333333333" in nights
    assert "83.34" in nights
    answer = analyst.get(path, {"first_day": "2020-01-01", "last_day": "2026-04-01"})
    assert "Ask for 400 nights at most" in text_of(answer)
    assert analyst.get("/office/loans/LN-9999/").status_code == 404
    assert sign_in(person("Admin", roles.ADMINISTRATOR)).get(path).status_code == 403
