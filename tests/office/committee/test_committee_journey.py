"""From an application handed in to its certificate and its offer, by people at real browsers: nothing is done for them."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from loanfund.origination.models import Application, Decision, Offer, Proposal
from tests.browser import People
from tests.office.committee.room import at, before, submitted
from tests.office.desks import sign_in
from tests.origination.cast import Cast, make_cast
from tests.stack import Stack

WIDTHS = (1440, 1024)


@pytest.fixture
def cast(running: Stack) -> Cast:
    return make_cast()


def seated(people: People, cast: Cast, name: str, running: Stack) -> Page:
    """The person's browser, signed in with both factors."""
    page = people(name)
    client: Client = sign_in(cast[name])
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": running.url}])
    return page


def press(page: Page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).first.click()
    page.wait_for_load_state()
    assert not page.locator(".error-summary").count(), page.locator(".error-summary").first.inner_text()


def unfold(page: Page, words: str) -> None:
    page.locator("summary", has_text=words).first.click()


def looks_right(page: Page, accessible: Callable[[Page], None]) -> None:
    """Readable by everybody, in light and in dark, and no wider than the window. Colours are the same at any width."""
    for width, scheme in zip(WIDTHS, ("light", "dark"), strict=True):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # links change their colour over a moment
        assert (
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        )
        accessible(page)


def test_three_members_take_an_application_to_a_certificate_and_an_offer(
    running: Stack, people: People, accessible: Callable[[Page], None], cast: Cast
) -> None:
    application = submitted(cast)
    anna = seated(people, cast, "anna", running)
    _weigh(anna, application, accessible)
    proposal = _table(anna, application, accessible)
    members = [seated(people, cast, name, running) for name in ("carl", "mia", "max")]
    members[0].goto(before(proposal))
    press(members[0], "Open the vote")
    for number, member in enumerate(members):
        member.goto("/office/")
        member.get_by_role("link", name="Open for your vote").click()
        member.get_by_label("Approve", exact=True).check()
        member.get_by_label("Why", exact=False).first.fill(f"Reason {number}")
        if number == 0:
            looks_right(member, accessible)
        press(member, "Cast my vote")
    anna.goto(before(proposal))
    for number in range(len(members)):
        assert anna.get_by_text(f"Reason {number}").count() == 1
    looks_right(anna, accessible)
    with anna.expect_download() as coming:
        anna.get_by_role("link", name="Certificate (PDF)").click()
    assert coming.value.suggested_filename == f"{Decision.objects.get().number}.pdf"
    _offer(people, cast, running, application, accessible)
    for address in ("/office/", "/office/applications/", "/office/proposals/?state=all", "/office/committee/",
                    "/office/reserved-matters/"):  # fmt: skip
        anna.goto(address)
        looks_right(anna, accessible)


def _weigh(anna: Page, application: Application, accessible: Callable[[Page], None]) -> None:
    anna.goto("/office/")
    anna.get_by_role("link", name="Handed in, to be taken up").click()
    anna.get_by_role("link", name=application.number, exact=True).click()
    press(anna, "Start the check")
    for _ in range(application.documents.count()):
        anna.locator("#papers").get_by_role("button", name="Accept", exact=True).first.click()
        anna.wait_for_load_state()
    unfold(anna, "Write the memo")
    anna.get_by_label("Credit memo").fill("The loss is proven, and the dues are covered.")
    press(anna, "Save as a new version")
    looks_right(anna, accessible)


def _table(anna: Page, application: Application, accessible: Callable[[Page], None]) -> Proposal:
    anna.get_by_role("link", name="Write the proposal").click()
    anna.get_by_label("Amount to approve").fill("1,500,000")
    anna.get_by_label("What the committee is asked").fill("Lend less than asked, on the usual terms.")
    press(anna, "Show what it comes to")
    assert anna.get_by_text("Limits after USD 1,500,000.00").count() == 1
    looks_right(anna, accessible)
    press(anna, "Put it to the committee")
    proposal = Proposal.objects.get(application=application)
    anna.wait_for_url(f"**{before(proposal)}")
    return proposal


def _offer(
    people: People, cast: Cast, running: Stack, application: Application, accessible: Callable[[Page], None]
) -> None:
    otto, olga = (seated(people, cast, name, running) for name in ("otto", "olga"))
    otto.goto(at(application))
    press(otto, "Prepare the offer")
    offer = Offer.objects.get()
    assert otto.get_by_role("button", name="Send the offer").count() == 0
    olga.goto(f"/office/offers/{offer.number}/")
    looks_right(olga, accessible)
    press(olga, "Send the offer")
    offer.refresh_from_db()
    assert offer.state == Offer.State.SENT
