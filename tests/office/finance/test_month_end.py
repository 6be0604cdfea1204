"""The month end's list: what holds, what does not, and where to look."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.parties import roles
from loanfund.servicing import services
from tests.office.desks import sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
PATH = "/office/month-end/"


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 3, 31))
    return made


def test_a_month_is_ready_when_everything_holds_and_names_what_does_not(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    page = text_of(finance.get(PATH))
    assert "March 2026 ready to lock" in page
    assert "Closes complete Holds: 30 of 30 days" in page
    assert "Sub-ledger equals ledger Holds:" in page
    services.enter_receipt(
        fund=world.fund,
        amount=Decimal(10),
        value_date=date(2026, 3, 30),
        reference="late news",
        actor=world.maker,
        on=world.today,
    )
    page = text_of(finance.get(PATH, {"month": "2026-03"}))
    assert "not ready" in page
    assert "Receipts booked Does not hold: 1 waits" in page
    assert "Closes complete Does not hold: 0 of 30 days" in text_of(finance.get(PATH, {"month": "2026-04"}))
    assert "Outside the fund's time" in text_of(finance.get(PATH, {"month": "2020-01"}))
    assert "Enter a month such as" in text_of(finance.get(PATH, {"month": "March"}))


def test_who_sees_the_list(world: World) -> None:
    for role in roles.ALL:
        sees = role in {roles.FINANCE, roles.OPERATIONS_CHECKER, roles.AUDITOR}
        assert (sign_in(person(role.replace(" ", ""), role)).get(PATH).status_code == 200) == sees, role
