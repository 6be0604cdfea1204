"""Two owners in real browsers, from an application to a signed facility; and the same forms without JavaScript."""

from collections.abc import Callable
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page

from loanfund.facilities.models import Facility
from loanfund.origination import services
from loanfund.origination.models import Application, Offer, OfferSignature, Proposal
from loanfund.parties.models import User
from tests.browser import People
from tests.origination.cast import CSV, Cast, make_cast
from tests.parties.test_pages import looks_right
from tests.portal.visits import code_of, signed_in
from tests.stack import Stack

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
PAPERS = ("Audited accounts of the last year", "Statement of the liquidations", "Statement of net assets")


@pytest.fixture(scope="module")
def cast(module_db: str) -> Cast:
    return make_cast()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "paper.pdf").write_bytes(PDF)
    (tmp_path / "losses.csv").write_bytes(CSV)
    (tmp_path / "wrong.csv").write_bytes(CSV.replace(b"PERP,long", b"PERP,up"))
    return tmp_path


def enters(context: BrowserContext, running: Stack, user: User) -> Page:
    """The person's page, signed in with both factors."""
    cookie = signed_in(user, both_factors=True).cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": running.url}])
    return context.pages[0] if context.pages else context.new_page()


def applies(page: Page, cast: Cast, files: Path) -> Application:
    """From the empty list to the receipt; a wrong amount and a wrong file on the way."""
    page.goto(f"/partners/{cast.partner.number}/applications/")
    page.get_by_role("link", name="Start an application").or_(
        page.get_by_role("link", name="New application")
    ).click()
    page.get_by_label("Amount in USD").fill("-2000000")
    page.get_by_label("Months until the last repayment").fill("12")
    page.get_by_label("What the money is for").fill("To keep making markets.")
    page.get_by_role("button", name="Save as a draft").click()
    page.get_by_role("alert").get_by_text("This is below zero").wait_for()
    assert page.get_by_label("What the money is for").input_value() == "To keep making markets."
    page.get_by_label("Amount in USD").fill("2,000,000")
    page.get_by_role("button", name="Save as a draft").click()
    page.get_by_text("is saved as a draft").wait_for()
    mine = Application.objects.latest("id")
    page.get_by_role("link", name="Purpose and figures").click()
    page.get_by_label("Net assets at the snapshot").fill("5000000")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Liquidation records").click()
    page.get_by_label("CSV file").set_input_files(files / "wrong.csv")
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("row").filter(has_text="'up' is not one of long, short").wait_for()
    page.get_by_label("CSV file").set_input_files(files / "losses.csv")
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_text("44.00% beside a line of 30.00%").wait_for()
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_role("link", name="Papers", exact=True).click()
    for label in PAPERS:
        page.get_by_role("link", name=f"Hand in {label}").click()
        page.locator("input[type=file]").set_input_files(files / "paper.pdf")
        page.get_by_role("button", name="Hand it in").click()
        page.get_by_text("paper.pdf is handed in").wait_for()
    page.get_by_role("link", name="Back to the list").click()
    return mine


def hands_in(page: Page, mine: Application) -> None:
    page.get_by_role("link", name="Check your answers").click()
    page.get_by_role("button", name="Hand the application in").click()
    page.get_by_role("heading", name="Receipt").wait_for()
    mine.refresh_from_db()
    assert mine.state == "submitted"


def asked(cast: Cast, mine: Application) -> None:
    """The analyst takes it up and asks."""
    services.start_check(application=mine, actor=cast["anna"], on=cast.day)
    services.ask_question(application=mine, text="How was it hedged?", actor=cast["anna"], on=cast.day)


def answers(page: Page, mine: Application, files: Path) -> None:
    page.get_by_role("link", name="Follow the application").click()
    page.get_by_role("link", name="Go there").click()
    page.get_by_role("link", name="Answer").click()
    page.get_by_label("Your answer").fill("With futures.")
    page.locator("input[type=file]").set_input_files([files / "paper.pdf", files / "losses.csv"])
    page.get_by_role("button", name="Send the answer").click()
    page.get_by_text("Your answer is sent. The check goes on.").wait_for()
    mine.refresh_from_db()
    assert mine.state == "checking"


def decided(cast: Cast, mine: Application) -> Offer:
    """The lender's people do what is theirs: papers, memo, vote, offer."""
    for document in mine.documents.all():
        services.check_document(document=document, accepted=True, actor=cast["anna"], on=cast.day)
    services.assess_impact(application=mine, actor=cast["anna"], on=cast.day)
    services.write_memo(application=mine, body="Sound.", actor=cast["aron"], on=cast.day)
    mine.refresh_from_db()
    proposal = services.table_proposal(
        application=mine, committee=cast.committee, actor=cast["anna"], on=cast.day, summary="Lend as asked."
    )
    proposal = services.open_voting(proposal=proposal, actor=cast["carl"], on=cast.day)
    for name in ("carl", "mia", "max", "moe"):
        proposal.refresh_from_db()
        if proposal.state == Proposal.State.VOTING:
            cast.vote(proposal, name, "approve")
    mine.refresh_from_db()
    offer = services.make_offer(application=mine, actor=cast["otto"], on=cast.day)
    return services.send_offer(offer=offer, seen_digest=offer.digest, actor=cast["olga"], on=cast.day)


def signs(page: Page, cast: Cast, mine: Application, user: User) -> None:
    page.goto(f"/partners/{cast.partner.number}/applications/{mine.number}/offer/")
    page.get_by_label("Your full name, as signature").fill(f"{user.name} Example")
    page.get_by_label("Code of your second factor").fill(code_of(user))
    page.get_by_role("button", name="Sign the offer").click()


def test_two_owners_apply_answer_and_accept(
    cast: Cast, running: Stack, people: People, accessible: Callable[[Page], None], files: Path
) -> None:
    pia, paul = (enters(people(name).context, running, cast[name]) for name in ("pia", "paul"))
    mine = applies(pia, cast, files)
    here = f"/partners/{cast.partner.number}/applications/"
    for step in ("", "request/", "purpose/", "liquidations/", "papers/", "terms/", "check/", "withdraw/"):
        pia.goto(f"{here}{mine.number}/{step}")
        looks_right(pia, accessible)
    pia.goto(f"{here}{mine.number}/terms/")
    before = pia.locator("#preview").inner_text()
    pia.get_by_label("Months until the last repayment").fill("24")
    pia.get_by_text("This differs from what is saved").wait_for()
    assert pia.locator("#preview").inner_text() != before
    pia.goto(f"{here}{mine.number}/purpose/")
    pia.get_by_label("Net assets at the snapshot").fill("11000000")
    pia.get_by_text("20.00% beside a line of 30.00%").wait_for()
    pia.goto(f"{here}{mine.number}/")
    hands_in(pia, mine)
    looks_right(pia, accessible)
    pia.go_back()
    pia.reload()
    assert Application.objects.filter(state="submitted").count() == 1
    asked(cast, mine)
    pia.goto(f"{here}{mine.number}/receipt/")
    answers(pia, mine, files)
    looks_right(pia, accessible)
    offer = decided(cast, mine)
    signs(pia, cast, mine, cast["pia"])
    pia.get_by_text("One more signatory has to sign").wait_for()
    looks_right(pia, accessible)
    assert not Facility.objects.exists()
    signs(paul, cast, mine, cast["paul"])
    facility = paul.get_by_role("link", name="FAC-")
    facility.wait_for()
    looks_right(paul, accessible)
    with paul.expect_download() as download:
        paul.get_by_role("link", name="The offer as text").click()
    assert offer.digest in download.value.path().read_text()
    facility.click()
    paul.wait_for_load_state()
    assert Facility.objects.get().number in paul.url
    pia.goto(here)
    looks_right(pia, accessible)


@pytest.mark.usefixtures("_event_loop_allowed")
def test_the_same_goes_without_javascript(cast: Cast, running: Stack, browser: Browser, files: Path) -> None:
    context = browser.new_context(base_url=running.url, java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(15_000)
    # A code counts once, and she may have signed with this half minute's code in the journey above.
    Authenticator.objects.filter(user=cast["pia"]).delete()
    page = enters(context, running, cast["pia"])
    mine = applies(page, cast, files)
    page.get_by_role("link", name="Look at the terms").click()
    page.get_by_label("Months until the last repayment").fill("24")
    page.get_by_role("button", name="Work it out").click()
    page.get_by_text("This differs from what is saved").wait_for()
    page.get_by_role("link", name="Back to the list").click()
    hands_in(page, mine)
    asked(cast, mine)
    answers(page, mine, files)
    offer = decided(cast, mine)
    signs(page, cast, mine, cast["pia"])
    page.get_by_text("One more signatory has to sign").wait_for()
    assert OfferSignature.objects.get(offer=offer).signed_name == "Pia Example"
    context.close()
