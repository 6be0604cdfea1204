"""The desks in a browser, against the running web server, worker and beat: from a drawdown to the statement of it."""

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.servicing.models import CloseRun, Drawdown, Loan, Receipt
from tests import stack
from tests.browser import People
from tests.office.desks import sign_in
from tests.servicing.world import World, assert_books_hold, bullet, make_world, person


def at_desk(people: People, user: User) -> Page:
    """The person's browser, signed in with both factors."""
    page = people(user.email)
    cookie = sign_in(user).cookies[settings.SESSION_COOKIE_NAME].value
    page.goto("/healthz")
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": page.url}])
    return page


def looks_right(page: Page, accessible: Callable[[Page], None]) -> None:
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # links fade from one scheme's colour to the other's
        accessible(page)
    for width in (1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} at {width}"


@pytest.fixture
def world(running: stack.Stack) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    return made


def draw(world: World, people: People, accessible: Callable[[Page], None]) -> Loan:
    """Three people take a drawdown to a loan."""
    drawdown = world.request(Decimal(1_200_000))
    checker, releaser, maker = (at_desk(people, one) for one in (world.checker, world.releaser, world.maker))
    checker.goto("/office/drawdowns/")
    looks_right(checker, accessible)
    checker.get_by_role("link", name=drawdown.number).click()
    checker.get_by_role("button", name="Approve").wait_for()
    looks_right(checker, accessible)
    checker.get_by_role("button", name="Approve").click()
    expect(checker.get_by_text("a third person has to release it")).to_be_visible()
    expect(checker.get_by_role("button", name="Release")).to_have_count(0)
    releaser.goto(f"/office/drawdowns/{drawdown.number}/")
    releaser.get_by_role("button", name="Release").dblclick()
    expect(releaser.get_by_text("is released: pay")).to_be_visible()
    maker.goto(f"/office/drawdowns/{drawdown.number}/")
    maker.get_by_label("Bank reference").fill("FT-2026-0302-1")
    maker.get_by_role("button", name="Record the settlement").click()
    expect(maker.get_by_text("bears interest from")).to_be_visible()
    looks_right(maker, accessible)
    assert Drawdown.objects.get().releases == 1
    return Loan.objects.get()


def close(maker: Page, accessible: Callable[[Page], None]) -> None:
    """The button, then the page that follows the close to its end by itself."""
    maker.goto("/office/closes/")
    looks_right(maker, accessible)
    maker.get_by_role("button", name="Close 2 March 2026").click()
    expect(maker.get_by_role("button", name="Close 3 March 2026")).to_be_visible(timeout=90_000)
    assert CloseRun.objects.get().state == "done"


def test_from_a_drawdown_to_its_statement(
    world: World, people: People, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    loan = draw(world, people, accessible)
    maker, checker = people(world.maker.email), people(world.checker.email)
    with stack.service("beat"):
        close(maker, accessible)
    world.close_through(date(2026, 4, 1))

    maker.goto("/office/receipts/enter/")
    looks_right(maker, accessible)
    maker.get_by_label("Amount").fill("3,100.00")
    maker.get_by_label("Reference").fill(f"{loan.number} interest of March")
    maker.get_by_role("button", name="Enter the receipt").click()
    expect(maker.get_by_text("the reference names").first).to_be_visible()
    expect(maker.get_by_role("button", name="Book")).to_have_count(0)
    checker.goto(maker.url)
    expect(checker.get_by_role("cell", name="3,100.00")).to_be_visible()
    looks_right(checker, accessible)
    checker.get_by_role("button", name="Book USD").click()
    expect(checker.get_by_text("is booked.")).to_be_visible()
    assert Receipt.objects.get().state == "booked"
    world.close_through(date(2026, 4, 2))

    finance = at_desk(people, person("Fin", roles.FINANCE))
    finance.goto("/office/statements/")
    finance.get_by_role("textbox", name="Of").fill(world.partner.number)
    finance.get_by_label("First day").fill("2026-03-02")
    finance.get_by_label("Last day").fill("2026-04-02")
    finance.get_by_role("button", name="Show the statement").click()
    expect(finance.get_by_text("It ties to the ledger.")).to_be_visible()
    looks_right(finance, accessible)
    for kind in ("PDF", "XLSX", "CSV"):
        with finance.expect_download() as begun:
            finance.get_by_role("button", name=kind, exact=True).click()
        begun.value.save_as(tmp_path / f"statement.{kind.lower()}")
    assert (tmp_path / "statement.pdf").read_bytes().startswith(b"%PDF")
    rows = list(csv.reader((tmp_path / "statement.csv").open()))
    assert any(cell == "3100.00" for row in rows for cell in row)
    assert_books_hold()
