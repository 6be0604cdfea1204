"""Signing in: the second factor of demo people, and what is vendored for the pages."""

import hashlib
import io
import math
import re
import time
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from loanfund.audit.models import AuditEvent
from loanfund.parties import roles, second_factor, vendoring
from loanfund.parties.models import Notice, User
from tests.parties.cast import person

VENDOR = Path(vendoring.__file__).parent / "static" / "vendor"
debug = override_settings(DEBUG=True)


def said(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def demo_person(name: str, *held: str) -> User:
    user = person(name, *held)
    user.set_password(second_factor.DEMO_PASSWORD)
    user.save()
    with debug:
        second_factor.give_demo_second_factor(user)
    return user


@pytest.mark.django_db
def test_an_analyst_of_the_demo_signs_in_with_the_printed_code() -> None:
    analyst, client = demo_person("Analyst", roles.ANALYST), Client()
    answer = client.post("/account/login/", {"login": analyst.email, "password": second_factor.DEMO_PASSWORD})
    assert answer.headers["Location"] == "/account/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
    with debug:
        code = said("demo_code", analyst.email).strip()
    assert re.fullmatch(r"\d{6}", code)
    client.post("/account/2fa/authenticate/", {"code": code})
    assert client.session["_auth_user_id"] == str(analyst.pk)
    assert client.get("/office/").status_code == 200


@pytest.mark.django_db
def test_a_code_works_once() -> None:
    analyst = demo_person("Analyst", roles.ANALYST)
    with debug:
        code = second_factor.demo_code(analyst.email)
    for client, signed_in in ((Client(), True), (Client(), False)):
        client.post("/account/login/", {"login": analyst.email, "password": second_factor.DEMO_PASSWORD})
        client.post("/account/2fa/authenticate/", {"code": code})
        assert ("_auth_user_id" in client.session) is signed_in


@pytest.mark.django_db
@override_settings(MFA_TOTP_PERIOD=1)
def test_a_code_that_was_used_stays_used_as_long_as_it_is_accepted() -> None:
    analyst = demo_person("Analyst", roles.ANALYST)
    secret = second_factor.demo_secret(analyst.email)
    code = format_hotp_value(hotp_value(secret, int(time.time())))
    for client, signed_in in ((Client(), True), (Client(), False)):
        client.post("/account/login/", {"login": analyst.email, "password": second_factor.DEMO_PASSWORD})
        client.post("/account/2fa/authenticate/", {"code": code})
        assert ("_auth_user_id" in client.session) is signed_in
        # Its second is over, and a code of the second before is accepted still.
        time.sleep(math.floor(time.time()) + 1.05 - time.time())


@pytest.mark.django_db
def test_the_password_alone_changes_no_second_factor() -> None:
    analyst, client = demo_person("Analyst", roles.ANALYST), Client()
    client.force_login(analyst)
    page = "/account/2fa/webauthn/add/"
    asked = client.get(page).headers["Location"]
    assert asked.startswith("/account/2fa/reauthenticate/")
    word = {"password": second_factor.DEMO_PASSWORD, "next": page}
    assert (
        client.post("/account/reauthenticate/", word).headers["Location"].startswith(asked.partition("?")[0])
    )
    assert client.get(page).status_code == 302
    with debug:
        client.post(asked, {"code": second_factor.demo_code(analyst.email)})
    assert client.get(page).status_code == 200


@pytest.mark.django_db
def test_the_office_stays_shut_without_a_second_factor_and_to_partners() -> None:
    client = Client()
    assert client.get("/office/").headers["Location"].startswith("/office/login/")
    client.force_login(person("Analyst", roles.ANALYST))
    answer = client.get("/office/", follow=True)
    assert answer.redirect_chain[-1][0] == "/account/2fa/"
    assert b"The office asks for a second factor" in answer.content
    client.force_login(demo_person("Partner"))
    assert client.get("/office/", follow=True).status_code == 403


@pytest.mark.django_db
def test_outside_of_debug_nobody_has_a_known_code() -> None:
    analyst = demo_person("Analyst", roles.ANALYST)
    for command in (["demo_code", analyst.email], ["sign_ins"]):
        with pytest.raises(CommandError, match="only with DEBUG"):
            said(*command)


@pytest.mark.django_db
def test_codes_are_printed_of_demo_people_only() -> None:
    real = person("Real")
    with debug, pytest.raises(CommandError, match="nobody of the demo"):
        said("demo_code", real.email)


@pytest.mark.django_db
def test_the_sign_ins_name_one_person_a_role() -> None:
    demo_person("Analyst", roles.ANALYST)
    demo_person("Another", roles.ANALYST)
    demo_person("Clerk", roles.FINANCE)
    person("Real", roles.CHAIR)
    with debug:
        text = said("sign_ins")
    assert text.count("Analyst") == 1
    assert "clerk@example.org" in text
    assert "Chair" not in text
    assert second_factor.DEMO_PASSWORD in text


@pytest.mark.django_db
def test_whoever_registers_gives_a_name_and_must_confirm_the_address(mailoutbox) -> None:  # type: ignore[no-untyped-def]
    word = "a long enough passphrase"
    form = {"name": "Ada Holt", "email": "Ada@Harbour.example", "password1": word, "password2": word}
    answer = Client().post("/account/signup/", form)
    assert answer.headers["Location"] == "/account/confirm-email/"
    assert User.objects.get(email="ada@harbour.example").name == "Ada Holt"
    assert [mail.to for mail in mailoutbox] == [["ada@harbour.example"]]
    client = Client()
    client.post("/account/login/", {"login": "ada@harbour.example", "password": word})
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_after_repeated_failures_signing_in_is_shut_for_a_while() -> None:
    owner, client = person("Owner"), Client()
    for _ in range(6):
        answer = client.post("/account/login/", {"login": owner.email, "password": "wrong"})
    assert b"Too many failed" in answer.content


def test_what_is_vendored_is_what_its_page_says_and_small() -> None:
    page = (VENDOR / "VENDORED.md").read_text()
    named = dict(re.findall(r"^\| `([\w.-]+)` \|.*`([0-9a-f]{64})` \|$", page, re.MULTILINE))
    files = [one for one in VENDOR.iterdir() if one.suffix != ".md"]
    assert {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in files} == named
    assert not any(b"sourceMappingURL" in one.read_bytes() for one in files)
    own = list((VENDOR.parent / "fund").iterdir())
    assert sum(one.stat().st_size for one in [*files, *own]) < 270_000


def test_a_rule_stays_only_when_something_uses_all_its_classes() -> None:
    css = ".btn,.carousel{color:red}@media (min-width:1px){.d-md-none{display:none}.carousel a{x:y}}@keyframes a{b{c:d}}"
    assert vendoring.trimmed(css) == ".btn{color:red}@media (min-width:1px){.d-md-none{display:none}}"
    assert vendoring.without_unread_variables(":root{--a:1;--b:var(--a);--c:2}i{x:var(--c)}") == (
        ":root{--c:2}i{x:var(--c)}"
    )


@pytest.mark.django_db
def test_a_sign_in_is_on_record_and_told_to_the_person() -> None:
    analyst, client = demo_person("Analyst", roles.ANALYST), Client()
    with debug:
        code = second_factor.demo_code(analyst.email)
    client.post("/account/login/", {"login": analyst.email, "password": second_factor.DEMO_PASSWORD})
    assert not AuditEvent.objects.filter(action="user.signed_in").exists()
    client.post("/account/2fa/authenticate/", {"code": code}, headers={"user-agent": "Lynx"})
    event = AuditEvent.objects.get(action="user.signed_in")
    assert event.after["browser"] == "Lynx"
    assert "with Lynx" in Notice.objects.get(recipient=analyst).body


@pytest.mark.django_db
def test_nobody_edits_roles_or_second_factors_as_plain_rows() -> None:
    assert not {Group, EmailAddress, Authenticator} & set(admin.site._registry)


@pytest.mark.django_db
def test_somebody_sees_where_they_are_signed_in_and_signs_the_others_out() -> None:
    traveller, here, elsewhere = person("Traveller"), Client(), Client()
    EmailAddress.objects.create(user=traveller, email=traveller.email, verified=True, primary=True)
    for client, agent in ((here, "Firefox Windows"), (elsewhere, "Safari iPhone")):
        word = {"login": traveller.email, "password": "a long enough passphrase"}
        client.post("/account/login/", word, headers={"user-agent": agent})
    first = here.get("/account/sessions/")
    assert first.status_code == 200, first.headers
    page = first.content.decode()
    assert "Firefox on Windows" in page
    assert "Safari on iPhone" in page
    here.post("/account/sessions/")
    assert here.get("/account/sessions/").status_code == 200
    assert elsewhere.get("/account/sessions/").headers["Location"].startswith("/account/login/")


@pytest.mark.django_db
def test_guessing_at_a_code_is_shut_out_too() -> None:
    analyst, client = demo_person("Guessed", roles.ANALYST), Client()
    client.post("/account/login/", {"login": analyst.email, "password": second_factor.DEMO_PASSWORD})
    for _ in range(6):
        answer = client.post("/account/2fa/authenticate/", {"code": "000000"})
    assert b"Too many" in answer.content
    assert "_auth_user_id" not in client.session
