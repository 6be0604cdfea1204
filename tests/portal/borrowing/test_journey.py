"""A treasurer at a browser with a running loan: reads what is owed and why, tries, gives notice, asks, takes out files."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from loanfund.parties.models import SettlementAccount
from loanfund.reporting.services import make_months
from loanfund.servicing.models import BorrowerRequest, Drawdown, Instruction
from tests.browser import People
from tests.portal.visits import code_of, signed_in
from tests.servicing.world import World, bullet, make_world
from tests.stack import Stack

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
HOUR = 3600.0


@pytest.fixture(scope="module")
def world(module_db: str) -> World:
    made = make_world()
    made.sign(bullet(rate="0.035", months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(made.today + timedelta(days=40))
    SettlementAccount.objects.create(
        partner=made.partner, kind="bank", label="Main", currency="USD", holder=made.partner.legal_name,
        institution="Bank", address="CH-1", maker=made.borrower, state="confirmed",
        usable_from=made.today, checker=made.checker, checked_at="2026-03-01T10:00Z",
    )  # fmt: skip
    return made


def enters(page: Page, running: Stack, world: World, *, ago: float = 0) -> str:
    """The treasurer's browser, signed in; gives the address of the partner's pages."""
    cookie = signed_in(world.borrower, both_factors=True, ago=ago).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": running.url}])
    return f"/partners/{world.partner.number}/"


def test_a_treasurer_reads_why_tries_gives_notice_and_takes_it_back(
    running: Stack, people: People, world: World
) -> None:
    page = people("tess")
    page.goto(enters(page, running, world))
    page.get_by_role("link", name=world.facility.number).first.click()
    loan = world.facility.loans.get().number
    page.get_by_role("link", name=loan).first.click()
    expect(page.get_by_role("img", name="Balance and rate")).to_be_visible()
    page.get_by_role("link", name="Explain it, day by day").click()
    # 3.5 % of a million for one of 360 days.
    expect(page.get_by_role("cell", name="97.222222222222").first).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="What if I pay early?").click()
    page.get_by_label("Amount").fill("250,000")
    page.get_by_label("What it changes").select_option(index=1)
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("You would save").wait_for()
    assert not Instruction.objects.exists()
    page.get_by_role("link", name="Give notice of this prepayment").click()
    assert page.get_by_label("Amount").input_value() == "250,000"
    page.get_by_role("button", name="Give notice").dblclick()
    page.get_by_text("is with the lender. Pay the amount on its day.").wait_for()
    assert Instruction.objects.get().amount == Decimal(250_000)
    page.go_back()
    page.get_by_role("button", name="Give notice").click()
    page.wait_for_url("**/requests/**")
    assert Instruction.objects.count() == 1
    page.get_by_label("Why").fill("We keep it.")
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_text("is withdrawn.").wait_for()


def test_a_treasurer_reports_a_payment_reads_a_notice_and_takes_out_a_statement(
    running: Stack, people: People, world: World, tmp_path: Path
) -> None:
    (tmp_path / "proof.pdf").write_bytes(PDF)
    page = people("tess")
    base = enters(page, running, world)
    page.goto(f"{base}facilities/{world.facility.number}/ask/")
    page.get_by_role("link", name="Report a payment").click()
    page.get_by_label("Amount sent").fill("3,013.89")
    page.get_by_role("button", name="Report it").click()
    page.get_by_role("alert").get_by_text("Bank reference or transaction hash").wait_for()
    assert page.get_by_label("Amount sent").input_value() == "3,013.89"
    page.get_by_label("Bank reference").fill("WIRE-4711")
    page.get_by_label("Proof of payment").set_input_files(tmp_path / "proof.pdf")
    page.get_by_role("button", name="Report it").dblclick()
    page.get_by_text("is with the lender.").wait_for()
    assert BorrowerRequest.objects.get().reference == "WIRE-4711"
    page.get_by_role("link", name="Notices", exact=True).click()
    page.get_by_role("button", name="Open").first.click()
    page.wait_for_url(lambda url: "/notices/" not in url)
    make_months(fund=world.fund, on=world.today, most=10)
    page.get_by_role("link", name="Statements", exact=True).click()
    with page.expect_download() as taken:
        page.get_by_role("button", name="PDF of March 2026").click()
    assert taken.value.path().read_bytes().startswith(b"%PDF")


@pytest.mark.usefixtures("_event_loop_allowed")
def test_money_is_asked_for_and_taken_back_without_javascript(
    running: Stack, browser: Browser, world: World
) -> None:
    context = browser.new_context(base_url=running.url, java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(enters(page, running, world, ago=HOUR))
    page.get_by_role("link", name=world.facility.number).first.click()
    page.get_by_role("link", name="Request a drawdown").click()
    page.get_by_label("Amount").fill("250,000")
    page.get_by_label("What it is for").fill("margin in May")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_role("alert").get_by_text("Code of your second factor").wait_for()
    assert page.get_by_label("What it is for").input_value() == "margin in May"
    page.get_by_label("Code of your second factor").fill(code_of(world.borrower))
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("is asked for. You can follow it here.").wait_for()
    drawdown = Drawdown.objects.latest("id")
    page.get_by_role("link", name="Withdraw").click()
    page.get_by_label("Why").fill("not needed")
    page.get_by_role("button", name="Withdraw it").click()
    page.get_by_text("is withdrawn. The amount is available again.").wait_for()
    drawdown.refresh_from_db()
    assert drawdown.state == "cancelled"
    context.close()
