"""A treasurer in a real browser: from signing up to papers, owners and an account; and the same without JavaScript."""

from collections.abc import Callable
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from playwright.sync_api import Browser, Page

from loanfund.parties.models import KybPaper, Membership, Partner, User
from tests.browser import People
from tests.parties.test_pages import looks_right
from tests.portal.visits import code_of, fund_open
from tests.stack import Stack

WORD = "a long enough passphrase"


@pytest.fixture(scope="module")
def fund(module_db: str) -> None:
    fund_open()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "register.pdf").write_bytes(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n")
    (tmp_path / "invoice.pdf").write_bytes(b"MZ" + bytes(3000))
    return tmp_path


def signs_up(page: Page, name: str, email: str) -> None:
    """Registers, opens the link of the mail, signs in."""
    page.goto("/account/signup/")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email").fill(email)
    page.locator("#id_password1").fill(WORD)
    page.locator("#id_password2").fill(WORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Look in your mail").wait_for()
    address = EmailAddress.objects.get(email=email)
    page.goto(f"/account/confirm-email/{EmailConfirmationHMAC.create(address).key}/")
    page.get_by_role("button", name="Yes, confirm it").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(WORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("heading", name="Welcome").wait_for()


def registers(page: Page, legal_name: str, registration: str) -> Partner:
    """Fills in the company's form, first without its number, as people do."""
    page.get_by_role("link", name="Register it").click()
    page.get_by_label("Legal name").fill(legal_name)
    page.get_by_label("Country of registration").select_option(label="Switzerland")
    page.get_by_label("What the company is").select_option("fund")
    page.get_by_label("What it mainly does").select_option("fund")
    page.get_by_label("Registered address").fill("Quay 1, Zug")
    page.get_by_role("button", name="Register the company").click()
    page.get_by_role("alert").get_by_text("Registration number").wait_for()
    assert page.get_by_label("Legal name").input_value() == legal_name
    page.get_by_label("Registration number").fill(registration)
    page.get_by_role("button", name="Register the company").click()
    page.get_by_role("heading", name="Papers").wait_for()
    return Partner.objects.get(registration_number=registration)


def hands_in(page: Page, files: Path) -> None:
    """A program that is called a PDF is turned away; the register itself is taken."""
    page.get_by_role("link", name="Hand in Certificate of incorporation").click()
    page.get_by_label("File").set_input_files(files / "invoice.pdf")
    page.get_by_label("Valid until").fill("2031-05-01")
    page.get_by_role("button", name="Hand it in").click()
    page.get_by_role("alert").get_by_text("not a file that can be taken here").wait_for()
    assert page.get_by_label("Valid until").input_value() == "2031-05-01"
    page.get_by_label("File").set_input_files(files / "register.pdf")
    page.get_by_role("button", name="Hand it in").click()
    page.get_by_text("version 1, is handed in").wait_for()


def test_a_treasurer_registers_a_company_and_brings_it_in_order(
    fund: None, people: People, accessible: Callable[[Page], None], files: Path
) -> None:
    page = people("ada")
    signs_up(page, "Ada Holt", "ada@harbour.example")
    looks_right(page, accessible)
    partner = registers(page, "Harbour Digital AG", "CHE-77")
    looks_right(page, accessible)
    hands_in(page, files)
    page.get_by_role("link", name="Owners", exact=True).click()
    page.get_by_role("link", name="Name the first").click()
    page.get_by_label("Full name").wait_for()
    looks_right(page, accessible)
    page.get_by_label("Full name").fill("Ida Berg")
    page.get_by_label("Country of residence").select_option(label="Switzerland")
    page.get_by_label("Date of birth").fill("1970-02-03")
    page.get_by_label("Share in per cent").fill("62.5")
    page.get_by_role("button", name="Name this owner").dblclick()
    page.get_by_text("add up to 62.5 %").wait_for()
    assert partner.beneficial_owners.count() == 1
    looks_right(page, accessible)
    for path in (
        "",
        "notices/",
        "company/",
        "company/people/",
        "company/accounts/",
    ):
        page.goto(f"/partners/{partner.number}/{path}")
        looks_right(page, accessible)
    page.goto(f"/partners/{partner.number}/")
    page.go_back()
    assert Partner.objects.filter(registration_number="CHE-77").count() == 1


@pytest.mark.usefixtures("_event_loop_allowed")
def test_the_same_goes_without_javascript(fund: None, running: Stack, browser: Browser, files: Path) -> None:
    context = browser.new_context(base_url=running.url, java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(15_000)
    page = context.new_page()
    signs_up(page, "Bo Lund", "bo@quay.example")
    partner = registers(page, "Quay Capital SA", "CHE-78")
    hands_in(page, files)
    assert KybPaper.objects.get(partner=partner).file.name == "register.pdf"
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("link", name="Invite a person").click()
    page.get_by_text("set up a second factor first").wait_for()
    bo = User.objects.get(email="bo@quay.example")
    TOTP.activate(bo, generate_totp_secret())
    page.goto(f"/partners/{partner.number}/company/people/invite/")
    page.locator("#id_name").fill("Cy Dahl")
    page.get_by_label("E-mail address").fill("cy@quay.example")
    page.get_by_label("What the person may do").select_option("signatory")
    page.get_by_role("button", name="Send the invitation").click()
    page.get_by_role("alert").get_by_text("Code of your second factor").wait_for()
    page.get_by_label("Code of your second factor").fill(code_of(bo))
    page.get_by_role("button", name="Send the invitation").click()
    page.get_by_text("The invitation is on its way to cy@quay.example.").wait_for()
    assert Membership.objects.get(partner=partner).role == "owner"
    context.close()
