"""People of the stories at their browsers: how they sign up and in, set up a second factor, read mail and press buttons."""

import email
import re
import time
from dataclasses import dataclass, field
from datetime import date
from email import policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import override_settings
from playwright.sync_api import Locator, Page

from loanfund.facilities.models import Facility, Fund
from loanfund.origination.models import Application
from loanfund.parties.models import Partner, User
from loanfund.parties.second_factor import demo_secret, give_demo_second_factor
from tests.browser import People
from tests.parties.cast import person

PASSPHRASE = "a long enough passphrase"
PERIOD = 30
SECONDS_TO_TYPE = 5
OPENED = date(2026, 3, 2)
"""The day on which the stories' fund opens."""
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


class Mailbox:
    """The mail that the running system has sent, read from the folder it goes to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def link(self, to: str, part: str, *, seconds: float = 60) -> str:
        """The address in the newest mail to `to` that holds `part`; waits until the mail is there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for text in self._texts(to):
                found = re.search(rf"https?://\S*{re.escape(part)}\S*", text)
                if found:
                    return found.group().rstrip(".")
            time.sleep(0.5)
        raise AssertionError(f"no mail to {to} with {part}")

    def _texts(self, to: str) -> list[str]:
        found = []
        for file in sorted(self.folder.glob("*"), key=lambda one: one.stat().st_mtime, reverse=True):
            for raw in file.read_bytes().split(b"-" * 79 + b"\n"):
                message = email.message_from_bytes(raw, policy=policy.default)
                body = message.get_body(("plain",)) if to in str(message["To"]) else None
                if body is not None:
                    found.append(str(body.get_content()))
        return found


class Authenticator:
    """An authenticator app of somebody who types each code once, the last one too while it is still taken."""

    def __init__(self, secret: str) -> None:
        self.secret, self.used = secret, 0

    def code(self) -> str:
        """The oldest code that is taken now and was not typed yet; waits for the next when there is none."""
        while (step := max(self.used + 1, _oldest_taken())) > int(time.time()) // PERIOD:
            time.sleep(0.25)
        self.used = step
        return str(format_hotp_value(hotp_value(self.secret, step)))


def _oldest_taken() -> int:
    """The last half minute's number, or this one's when its last seconds run and it might be over before it is sent."""
    return int(time.time() + SECONDS_TO_TYPE) // PERIOD - 1


def of_the_lender(name: str, *roles: str) -> User:
    """Somebody with these roles and an authenticator whose secret the test knows."""
    user = person(name, *roles)
    with override_settings(DEBUG=True):
        give_demo_second_factor(user)
    return user


def at_desk(page: Page, user: User) -> Page:
    """The office, after the person has signed in with password and code."""
    page.goto("/office/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code").fill(Authenticator(demo_secret(user.email)).code())
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(
        lambda url: urlsplit(url).path == "/office/"
    )  # the sign-in page names it too, as what is next
    return page


def signs_up(page: Page, name: str, address: str, mail: Mailbox) -> None:
    """Registers, follows the link of the mail, and signs in."""
    page.goto("/account/signup/")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Email").fill(address)
    page.locator("[name=password1]").fill(PASSPHRASE)
    page.locator("[name=password2]").fill(PASSPHRASE)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Look in your mail").wait_for()
    page.goto(mail.link(address, "/account/confirm-email/"))
    page.get_by_role("button", name="Yes, confirm it").click()
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login" not in url)


def sets_up_codes(page: Page) -> Authenticator:
    """Switches the authenticator app on, as the page asks before money moves."""
    page.goto("/account/2fa/totp/activate/")
    page.get_by_label("Password").fill(PASSPHRASE)
    page.get_by_role("button", name="Go on").click()
    app = Authenticator(page.locator("#authenticator_secret").inner_text().strip())
    page.get_by_label("code", exact=False).last.fill(app.code())
    page.get_by_role("button", name="Switch it on").click()
    page.wait_for_url(lambda url: "activate" not in url)
    return app


def does(page: Page, act: str, **entries: Any) -> None:
    """Sends one act of an office page with its entries by field name, and waits for what it says."""
    form = page.locator(f"form.act-{act}").first
    if not form.is_visible():
        form.locator("xpath=ancestor::details[1]/summary").click()
    for name, value in entries.items():
        _fill(form.locator(f'[name="{act}-{name}"]'), value)
    form.locator("button.btn-primary, button.btn-danger").last.click()
    page.locator(".messagelist, .messages").first.wait_for()


def _fill(field: Locator, value: Any) -> None:
    if field.count() > 1:
        field.and_(field.page.locator(f'[value="{value}"]')).check()
    elif field.evaluate("one => one.tagName") == "SELECT":
        field.select_option(str(value))
    elif field.get_attribute("type") == "file":
        field.set_input_files(value)
    else:
        field.fill(str(value))


@dataclass
class Story:
    """Who takes part, what they have on their desks, and where the story has got to."""

    people: People
    mail: Mailbox
    files: Path
    staff: dict[str, User]
    fund: Fund
    codes: dict[str, Authenticator] = field(default_factory=dict)

    @property
    def partner(self) -> Partner:
        return Partner.objects.get()

    @property
    def application(self) -> Application:
        return Application.objects.get()

    @property
    def facility(self) -> Facility:
        return Facility.objects.get()

    def desk(self, name: str) -> Page:
        """The page of somebody at the lender, signed in when first asked for."""
        page = self.people(name)
        return page if page.url != "about:blank" else at_desk(page, self.staff[name])

    def goes(self, name: str, *parts: str) -> Page:
        """Somebody of the partner opens one of its pages."""
        page = self.people(name)
        page.goto("/".join(["/partners", self.partner.number, *parts, ""]))
        return page
