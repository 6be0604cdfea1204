"""The first page: where the application is, how much may be drawn, what is owed, and what to do, at a fixed price."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.facilities.models import Facility
from loanfund.origination.services import ask_question
from loanfund.parties.models import Notice
from loanfund.parties.services import notify_partner
from tests.origination.cast import make_cast
from tests.parties.cast import joins, person
from tests.portal.visits import send, signed_in, words
from tests.servicing.world import bullet, make_world

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


def test_a_borrower_reads_what_may_be_drawn_what_is_owed_and_when_to_pay() -> None:
    world = make_world()
    world.sign(bullet())
    world.draw(Decimal(4_000_000))
    page = words(signed_in(world.borrower).get(f"/partners/{world.partner.number}/"))
    assert "You may draw USD\xa06,000,000.00".replace("\xa0", " ") in page.replace("\xa0", " ")
    assert "You owe USD 4,000,000.00" in page.replace("\xa0", " ")
    # 3 % on 4 million for the 92 days from 2 March to 2 June, ACT/360.
    assert "Next payment USD 30,666.67 due 2 Jun 2026" in page.replace("\xa0", " ")
    assert "nothing is late" in page


def test_what_is_late_stands_first_and_goes_when_it_is_paid() -> None:
    world = make_world()
    facility = world.sign(bullet(months=1))
    world.draw(Decimal(4_000_000))
    world.close_through(date(2026, 4, 4))
    client, path = signed_in(world.borrower), f"/partners/{world.partner.number}/"
    page = words(client.get(path))
    assert "late for 3 days" in page
    assert f"Pay what is overdue on {facility.number}" in page
    world.receive(Decimal(20_000))
    assert "nothing is late" in words(client.get(path))


def test_nothing_can_be_drawn_once_the_facility_is_closed_to_drawdown() -> None:
    world = make_world()
    facility = world.sign(bullet())
    Facility.objects.filter(pk=facility.pk).update(state=Facility.State.CLOSED_TO_DRAWDOWN)
    page = words(signed_in(world.borrower).get(f"/partners/{world.partner.number}/"))
    assert "nothing is open to drawdown" in page


def queries(path: str, client: object) -> int:
    client.get(path)  # type: ignore[attr-defined]  # the first look works out what the cache keeps
    with CaptureQueriesContext(connection) as captured:
        client.get(path)  # type: ignore[attr-defined]  # as above
    return len(captured)


def test_the_page_costs_as_many_queries_for_three_facilities_as_for_one() -> None:
    world = make_world()
    world.sign(bullet())
    world.draw(Decimal(1_000_000))
    client, path = signed_in(world.borrower), f"/partners/{world.partner.number}/"
    one = queries(path, client)
    for _ in range(2):
        world.draw(Decimal(1_000_000), facility=world.sign(bullet()))
    for number in range(12):
        notify_partner(
            partner=world.partner,
            kind="test",
            key=f"k{number}",
            subject="Hello",
            body="There.",
            on=world.today,
        )
    assert queries(path, client) == one <= MOST_QUERIES


def test_an_applicant_sees_what_waits_and_for_whom() -> None:
    cast = make_cast()
    application = cast.checking()
    client, path = signed_in(cast["pia"]), f"/partners/{cast.partner.number}/"
    assert "Waits for the lender's check of its papers and figures" in words(client.get(path))
    ask_question(
        application=application,
        text="Whose account is main-7?",
        actor=cast["anna"],
        on=cast.day,
    )
    page = words(client.get(path))
    assert f"Answer a question on {application.number}" in page
    assert "Waits for your answer to the analyst" in page
    viewer = person("Viewer")
    joins(viewer, cast.partner, "viewer")
    assert "Answer a question" not in words(signed_in(viewer).get(path))


def test_each_signatory_is_asked_to_sign_until_they_have() -> None:
    cast = make_cast()
    offer = cast.sent_offer()
    page = words(signed_in(cast["pia"]).get(f"/partners/{cast.partner.number}/"))
    assert f"Sign the offer of {offer.application.number}" in page
    assert "Waits for your signatures under the offer" in page


def test_a_notice_leads_to_what_it_is_about_and_is_read_then() -> None:
    world = make_world()
    world.sign(bullet())
    notify_partner(
        partner=world.partner,
        kind="due",
        key="k",
        subject="FAC-0001: 10.00 USD is due today",
        body="Pay it.",
        on=world.today,
    )
    client, base = signed_in(world.borrower), f"/partners/{world.partner.number}/"
    assert "1 not read yet" in words(client.get(f"{base}notices/"))
    notice = Notice.objects.get(key__startswith="k:")
    answer = send(client, f"{base}notices/{notice.pk}/")
    assert answer.headers["Location"].startswith(f"{base}facilities/")
    assert "Everything is read" in words(client.get(f"{base}notices/"))


def test_nobody_reads_the_notices_of_another() -> None:
    world = make_world()
    notify_partner(
        partner=world.partner, kind="test", key="k", subject="For one", body="There.", on=world.today
    )
    other = person("Colleague")
    joins(other, world.partner, "signatory")
    client, base = signed_in(other), f"/partners/{world.partner.number}/notices/"
    assert "For one" not in words(client.get(base))
    assert send(client, f"{base}{Notice.objects.get(key__startswith='k:').pk}/").status_code == 404


def test_many_notices_come_in_pages_and_are_all_read_at_once() -> None:
    world = make_world()
    for number in range(30):
        notify_partner(
            partner=world.partner,
            kind="test",
            key=f"k{number}",
            subject=f"No. {number}",
            body="x",
            on=world.today,
        )
    client, base = signed_in(world.borrower), f"/partners/{world.partner.number}/notices/"
    assert "Page 1 of 2" in words(client.get(base))
    send(client, f"{base}read/")
    assert not Notice.objects.filter(recipient=world.borrower, read_at=None).exists()
