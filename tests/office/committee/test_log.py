"""The log in words: which object, under the number that people know, with its page for those who may open it."""

import re

import pytest
from django.test import Client

from loanfund.audit.models import AuditEvent
from loanfund.audit.services import record
from loanfund.origination import services
from loanfund.parties import roles
from tests.office.committee.room import queries
from tests.office.desks import sign_in, text_of
from tests.origination.cast import Cast, make_cast, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def links(client: Client, path: str) -> set[str]:
    return set(re.findall(r'href="(/office/[^"?]+)"', client.get(path).content.decode()))


def test_an_object_is_called_by_its_number_and_whose_it_is(cast: Cast) -> None:
    proposal = cast.voting()
    audra = sign_in(make_user("audra", (roles.AUDITOR,)))
    page = text_of(audra.get("/office/log/"))
    assert f"Proposal {proposal.number} of {proposal.application.number}" in page
    page = text_of(audra.get("/office/log/", {"q": proposal.application.number}))
    whose = f"{cast.partner.number}, {cast.partner.legal_name}"
    assert f"Application {proposal.application.number} of {whose}" in page
    assert f"/office/proposals/{proposal.number}/" in links(audra, "/office/log/")


def test_a_number_finds_the_changes_of_what_it_stands_for(cast: Cast) -> None:
    proposal = cast.voting()
    other = cast.voting("600000")
    audra = sign_in(make_user("audra", (roles.AUDITOR,)))
    page = text_of(audra.get("/office/log/", {"q": proposal.number.lower()}))
    assert f"Proposal {proposal.number}" in page
    assert f"Proposal {other.number}" not in page


def test_a_link_is_there_for_those_only_who_may_open_the_page(cast: Cast) -> None:
    proposal = cast.voting()
    ada = sign_in(make_user("addy", (roles.ADMINISTRATOR,)))
    page, found = text_of(ada.get("/office/log/")), links(ada, "/office/log/")
    assert f"Application {proposal.application.number}" in page
    for path in found:
        assert ada.get(path).status_code == 200, path


def test_what_changed_is_read_value_by_value_with_the_exact_record_beneath(cast: Cast) -> None:
    event = record(
        actor=cast["anna"], action="partner.details_changed", obj=cast.partner, on=cast.day,
        before={"seat": {"city": "Zug", "open": False}, "names": ["A", "B"]},
        after={"seat": {"city": "Bern", "open": True}, "rows": [{"day": "2026-03-02"}]},
    )  # fmt: skip
    del event
    key = AuditEvent.objects.filter(action="partner.details_changed").latest("pk").pk
    page = text_of(sign_in(make_user("audra", (roles.AUDITOR,))).get(f"/office/log/{key}/"))
    assert "Seat, city Zug Bern" in page
    assert "Seat, open no yes" in page
    assert "Names A, B –" in page
    assert "Rows, 1, day – 2026-03-02" in page
    assert '"city": "Bern"' in page.replace("&quot;", '"')


def test_what_is_there_no_more_and_what_never_was_keep_their_place(cast: Cast) -> None:
    record(
        actor=None,
        action="partner.details_changed",
        object_type="parties.partner",
        object_id="999999",
        on=cast.day,
    )
    record(actor=None, action="partner.details_changed", object_type="gone.thing", object_id="x", on=cast.day)
    page = text_of(sign_in(make_user("audra", (roles.AUDITOR,))).get("/office/log/"))
    assert "Partner 999999" in page
    assert "Gone.thing x" in page


def test_more_of_the_same_cost_no_more_queries(cast: Cast) -> None:
    audra = sign_in(make_user("audra", (roles.AUDITOR,)))
    first = cast.voting()
    services.return_to_check(proposal=first, reason="again", actor=cast["carl"], on=cast.day)
    audra.get("/office/log/")
    few = queries(audra, "/office/log/")
    for _ in range(3):
        services.return_to_check(
            proposal=cast.voting("600000"), reason="again", actor=cast["carl"], on=cast.day
        )
    assert queries(audra, "/office/log/") == few
