"""A password that was forgotten: reset by mail, held to the rules, and no way around the second factor."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client, override_settings

from loanfund.parties import second_factor
from loanfund.parties.models import User
from tests.parties.cast import person

pytestmark = pytest.mark.django_db
NEW = "another long passphrase"


@pytest.fixture
def owner() -> User:
    cache.clear()  # so many resets an address of the network, in all tests together
    user = person("Owner")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def asked(client: Client, address: str) -> str:
    """The page after asking for a reset."""
    return client.post("/account/password/reset/", {"email": address}, follow=True).content.decode()


def link(mailoutbox: list[Any]) -> str:
    found = re.search(r"https?://[^/]+(/account/password/reset/key/\S+)", mailoutbox[-1].body)
    assert found
    return found[1]


def sets(client: Client, path: str, word: str) -> Any:
    """Opens the link of the mail and types a new password twice."""
    form = client.get(path, follow=True)
    return client.post(form.request["PATH_INFO"], {"password1": word, "password2": word}, follow=True)


def test_a_forgotten_password_is_replaced_and_the_old_one_is_over(owner: User, mailoutbox: list[Any]) -> None:
    client, elsewhere = Client(), Client()
    elsewhere.force_login(owner)
    asked(client, owner.email)
    path = link(mailoutbox)
    assert mailoutbox[-1].to == [owner.email]
    sets(client, path, NEW)
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert (
        elsewhere.get("/account/sessions/").status_code == 302
    )  # signed out where the old password signed in
    assert sets(Client(), path, "yet another passphrase").status_code == 200
    owner.refresh_from_db()
    assert owner.check_password(NEW)  # the link worked once


@pytest.mark.parametrize("word", ["short", "1234567890123", "password1234", "owner@example.org"])
def test_the_rules_of_passwords_hold_for_a_new_one_too(owner: User, mailoutbox: list[Any], word: str) -> None:
    client = Client()
    asked(client, owner.email)
    page = sets(client, link(mailoutbox), word).content.decode()
    assert "error-summary" in page
    owner.refresh_from_db()
    assert not owner.check_password(word)


def test_whether_an_address_is_known_is_not_told(owner: User) -> None:
    def without_numbers(page: str) -> str:
        return re.sub(r'(value|nonce|content)="[^"]*"', "", page)

    known, unknown = asked(Client(), owner.email), asked(Client(), "nobody@example.org")
    assert without_numbers(known) == without_numbers(unknown)


def test_a_new_password_does_not_get_around_the_second_factor(owner: User, mailoutbox: list[Any]) -> None:
    with override_settings(DEBUG=True):
        second_factor.give_demo_second_factor(owner)
    client = Client()
    asked(client, owner.email)
    sets(client, link(mailoutbox), NEW)
    assert "_auth_user_id" not in client.session
    answer = client.post("/account/login/", {"login": owner.email, "password": NEW})
    assert answer.headers["Location"] == "/account/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
