"""From a draft to a signed facility, by the people who may."""

from decimal import Decimal

import pytest

from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import fund_position
from loanfund.origination import services
from loanfund.origination.models import Application
from tests.origination.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_an_application_becomes_a_facility_signed_by_two(cast: Cast) -> None:
    offer = cast.sent_offer("2000000")
    assert fund_position(cast.fund).reserved == Decimal(2_000_000)
    sign = {"offer": offer, "seen_digest": offer.digest, "on": cast.day}
    _, none = services.sign_offer(signed_name="Pia", actor=cast["pia"], **sign)
    assert none is None
    _, facility = services.sign_offer(signed_name="Paul", actor=cast["paul"], **sign)
    assert isinstance(facility, Facility)
    position = fund_position(cast.fund)
    assert (position.reserved, position.undrawn) == (Decimal(0), Decimal(2_000_000))
    assert position.adds_up
    assert Application.objects.get().state == "accepted"
    assert facility.agreement_digest == offer.digest
    assert facility.terms.get().version == 1
    assert facility.conditions.count() == 4
