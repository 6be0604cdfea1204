"""The pages of signing in, in a real browser: usable by everybody, strict about content, light to load."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.test import Client, override_settings
from playwright.sync_api import Page

from loanfund.parties import roles, second_factor
from tests.parties.cast import person

PAGES = ("/account/login/", "/account/signup/", "/account/password/reset/", "/nothing/")
MOST_BYTES = 300_000
WEIGHT = """performance.getEntries().reduce((sum, one) => sum + (one.decodedBodySize || 0), 0)"""
"""What the page and all it loaded weigh, unpacked."""


def misfits(page: Page) -> list[str]:
    """Where the page that is open is wider than its window or too heavy, and what on it is too faint in dark on a phone."""
    wrong = []
    page.wait_for_load_state("load")
    for width in (768, 1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            wrong.append(f"{page.url} is wider than {width} pixels")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    # What differs in dark is the colours.
    found = Axe().run(page, options={"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    page.emulate_media(color_scheme="light")
    if found.violations_count:
        wrong.append(f"{page.url} in dark: {found.generate_report()}")
    weight = page.evaluate(WEIGHT)
    if weight > MOST_BYTES:
        wrong.append(f"{page.url} weighs {weight} bytes")
    return wrong


def looks_right(page: Page, accessible: Callable[[Page], None]) -> None:
    """Fails when the page is anything but readable by everybody at each width, in light and in dark."""
    wrong = misfits(page)
    assert not wrong, "\n".join(wrong)
    accessible(page)


def test_signing_in_is_open_to_everybody_and_light(people, accessible) -> None:  # type: ignore[no-untyped-def]
    page: Page = people("visitor")
    for path in PAGES:
        page.goto(path)
        assert page.evaluate(WEIGHT) > 50_000
        looks_right(page, accessible)
    page.goto("/account/login/")
    page.get_by_label("Email").fill("nobody@example.org")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_selector(".error-summary:focus")
    assert page.get_by_label("Email").input_value() == "nobody@example.org"
    looks_right(page, accessible)


def test_an_analyst_sees_the_office_after_password_and_code(people, accessible) -> None:  # type: ignore[no-untyped-def]
    analyst = person("Analyst", roles.ANALYST)
    with override_settings(DEBUG=True):
        second_factor.give_demo_second_factor(analyst)
    page: Page = people("analyst")
    page.goto("/office/")
    page.get_by_label("Email").fill(analyst.email)
    page.get_by_label("Password").fill("a long enough passphrase")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").wait_for()
    looks_right(page, accessible)
    # A code lasts 30 seconds: take it when it is typed, and not in its last moments.
    left = 30 - time.time() % 30
    page.wait_for_timeout(left * 1000 + 200 if left < 5 else 0)
    with override_settings(DEBUG=True):
        page.get_by_label("Code").fill(second_factor.demo_code(analyst.email))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/office/")
    looks_right(page, accessible)
    page.goto("/account/2fa/")
    looks_right(page, accessible)


def test_an_old_page_says_that_nothing_was_changed(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/account/login/", {"login": "a@example.org"})
    assert answer.status_code == 403
    assert b"Nothing was changed" in answer.content
