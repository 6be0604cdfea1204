"""The browser tests' own tools: they see what they are there to see."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser import People
from tests.stack import Stack


def test_two_people_have_browsers_of_their_own(people: People) -> None:
    ada, ben = people("ada"), people("ben")
    ada.goto("/account/login/")
    ben.goto("/account/login/")
    cookies = [{one["name"]: one["value"] for one in page.context.cookies()} for page in (ada, ben)]
    assert cookies[0]["csrftoken"] != cookies[1]["csrftoken"]
    assert people("ada") is ada


def test_the_sign_in_page_keeps_its_policy_and_can_be_read_by_everyone(
    people: People, accessible: Callable[[Page], None]
) -> None:
    page = people("ada")
    page.goto("/account/login/")
    accessible(page)


def test_an_inline_script_is_stopped_by_the_policy_and_noticed(running: Stack, people: People) -> None:
    heard: list[str] = []
    page = people("ada").context.browser.new_page()  # one that no fixture listens to
    page.on("console", lambda message: heard.append(message.text))
    page.goto(f"{running.url}/account/login/")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))"
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in heard)
    page.close()


def test_what_a_page_takes_from_static_files_is_there(people: People) -> None:
    page = people("ada")
    missing: list[str] = []
    page.on("response", lambda answer: missing.append(answer.url) if answer.status >= 400 else None)
    page.goto("/account/login/")
    assert missing == []


@pytest.mark.django_db
def test_a_plain_database_test_still_runs_beside_the_browser() -> None:
    """Playwright leaves an event loop in this thread, in which Django would refuse to work."""
    from loanfund.parties.models import User

    assert User.objects.count() >= 0
