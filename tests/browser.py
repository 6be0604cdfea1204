"""People at a real browser: headless Chromium against the running web server.

`people("ada@harbour.example")` opens a browser of that person's own (cookies, downloads) at the running server and
gives its page; asked again with the same name it gives the same page. A test fails afterwards when any page broke its
content security policy or threw an error. `accessible(page)` checks a page against WCAG 2.2 AA.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Error, Page

from tests.stack import Stack

People = Callable[[str], Page]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Debian's Chromium, not a downloaded one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("The browser tests need Chromium: install the package chromium.", pytrace=False)
    return {
        "executable_path": chromium,
        "args": ["--no-sandbox", "--disable-quic", "--disable-dev-shm-usage"],
    }


@pytest.fixture(scope="session")
def _event_loop_allowed() -> Iterator[None]:
    """Playwright's loop runs in the test's thread, where Django would refuse to reach the database."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def people(_event_loop_allowed: None, running: Stack, browser: Browser) -> Iterator[People]:
    """A function from a person's name to that person's page."""
    pages: dict[str, Page] = {}
    wrong: list[str] = []

    def heard(who: str) -> Callable[[ConsoleMessage], None]:
        def listen(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text or "Content-Security-Policy" in message.text:
                wrong.append(f"{who}: {message.text}")

        return listen

    def failed(who: str) -> Callable[[Error], None]:
        return lambda error: wrong.append(f"{who}: {error}")

    def person(name: str) -> Page:
        if name not in pages:
            context = browser.new_context(
                base_url=running.url, locale="en-GB", viewport={"width": 1280, "height": 900}
            )
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.on("console", heard(name))
            page.on("pageerror", failed(name))
            pages[name] = page
        return pages[name]

    yield person
    for page in pages.values():
        page.context.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Fails with what a reader with a disability would stumble over on the page."""

    def check(page: Page) -> None:
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
        assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"

    return check
