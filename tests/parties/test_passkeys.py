"""A passkey from its making to its removal, in a real browser on a computer with a (virtual) fingerprint reader."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from playwright.sync_api import CDPSession, Page, expect

from loanfund.parties.models import SettlementAccount
from loanfund.servicing.models import Drawdown
from tests.browser import People
from tests.parties.test_pages import looks_right
from tests.servicing.world import World, bullet, make_world
from tests.stack import Stack

PASSPHRASE = "a long enough passphrase"
READER = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Computer:
    """Somebody's browser with a fingerprint reader, which knows its owner's finger until told otherwise."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.line: CDPSession = page.context.new_cdp_session(page)
        self.line.send("WebAuthn.enable")
        self.reader = self.line.send("WebAuthn.addVirtualAuthenticator", {"options": READER})[
            "authenticatorId"
        ]

    def held(self) -> list[Any]:
        """What the reader holds."""
        return list(
            self.line.send("WebAuthn.getCredentials", {"authenticatorId": self.reader})["credentials"]
        )

    def finger(self, *, known: bool) -> None:
        """Whether the finger on the reader is the owner's from now on."""
        given = {"authenticatorId": self.reader, "isUserVerified": known}
        self.line.send("WebAuthn.setUserVerified", given)


@pytest.fixture
def world(running: Stack) -> World:
    made = make_world()
    made.sign(bullet())
    SettlementAccount.objects.create(
        partner=made.partner, kind="bank", label="Main", currency="USD", holder=made.partner.legal_name,
        institution="Bank", address="CH-1", maker=made.borrower, state="confirmed",
        usable_from=made.today, checker=made.checker, checked_at="2026-03-01T10:00Z",
    )  # fmt: skip
    EmailAddress.objects.create(user=made.borrower, email=made.borrower.email, verified=True, primary=True)
    return made


def signs_in(page: Page, email: str) -> None:
    page.goto("/account/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in", exact=True).click()


def signs_out(page: Page) -> None:
    page.goto("/account/logout/")
    page.get_by_role("button", name="Sign out").last.click()
    page.wait_for_url("**/account/login/**")


def adds_a_passkey(computer: Computer) -> None:
    """With the password typed once more; it is to sign her in by itself."""
    page = computer.page
    page.goto("/account/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSPHRASE)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Your name for it").fill("Laptop")
    page.get_by_label("Let it sign me in by itself").check()
    page.get_by_role("button", name="Add it").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    page.goto("/account/2fa/webauthn/")
    expect(page.get_by_text("Passkey: signs you in by itself")).to_be_visible()
    assert [one["isResidentCredential"] for one in computer.held()] == [True]


def draws(page: Page, world: World, purpose: str) -> None:
    """Asks for 250,000, from the form to the button."""
    page.goto(f"/partners/{world.partner.number}/facilities/{world.facility.number}/drawdowns/new/")
    page.get_by_label("Amount").fill("250,000.00")
    page.get_by_label("What it is for").fill(purpose)
    page.get_by_role("button", name="Send the request").click()


def test_a_passkey_is_added_signs_in_confirms_a_drawdown_and_is_removed(
    world: World, people: People, accessible: Any
) -> None:
    page, address = people("tess"), world.borrower.email
    computer, pages = Computer(page), f"/partners/{world.partner.number}"
    signs_in(page, address)
    page.wait_for_url(lambda url: urlsplit(url).path == f"{pages}/")
    page.goto(f"{pages}/facilities/{world.facility.number}/drawdowns/new/")
    page.get_by_text("set up a second factor first").wait_for()
    adds_a_passkey(computer)

    signs_out(page)
    signs_in(page, address)
    page.wait_for_url("**/account/2fa/authenticate/")
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.wait_for_url(lambda url: urlsplit(url).path == f"{pages}/")

    signs_out(page)
    computer.finger(known=False)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("alert").get_by_text("No passkey was used").wait_for()
    looks_right(page, accessible)
    computer.finger(known=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: urlsplit(url).path == f"{pages}/")
    draws(page, world, "margin in May")
    page.get_by_text("is asked for. You can follow it here.").wait_for()

    # An hour on, the sign-in no longer counts: what was typed waits while she confirms.
    an_hour_passes()
    draws(page, world, "margin in June")
    page.get_by_role("heading", name="Is it you?").wait_for()
    looks_right(page, accessible)
    assert Drawdown.objects.count() == 1
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.get_by_text("Nothing of it is sent yet").wait_for()
    assert page.get_by_label("Amount").input_value() == "250,000.00"
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("is asked for. You can follow it here.").wait_for()
    assert list(Drawdown.objects.values_list("purpose", flat=True).order_by("id")) == [
        "margin in May",
        "margin in June",
    ]

    page.goto("/account/2fa/webauthn/")
    page.get_by_role("link", name="Remove Laptop").click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_text("No key yet").wait_for()
    assert not Authenticator.objects.filter(user=world.borrower).exists()


def an_hour_passes() -> None:
    """Since a second factor was used in any session."""
    for session in Session.objects.all():
        kept = session.get_decoded()
        for record in kept.get("account_authentication_methods", []):
            record["at"] -= 3600
        Session.objects.filter(pk=session.pk).update(session_data=SessionStore().encode(kept))
