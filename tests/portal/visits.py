"""Visits to the portal in tests: a fund that is open, a browser without script, and what it reads and sends."""

import html
import re
import time
import uuid
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.http import HttpRequest, HttpResponse
from django.test import Client

from loanfund.facilities.models import Fund
from loanfund.facilities.services import open_fund
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.second_factor import has_second_factor
from tests.parties.cast import TODAY, person


def fund_open() -> Fund:
    """The fund, open on the cast's day."""
    return open_fund(
        code="TF",
        name="Test fund",
        currency="USD",
        size=Decimal(100_000_000),
        calendar="US-FED",
        receipt_cut_off=clock_time(17),
        actor=person("Administrator", roles.ADMINISTRATOR),
        on=TODAY,
    )


def signed_in(user: User, *, both_factors: bool = False, ago: float = 0, again: bool = False) -> Client:
    """A browser without script in which the person has signed in; with both factors, `ago` seconds ago, if asked for;
    `again`: and confirmed with the second one since."""
    client = Client()
    client.force_login(user)
    if both_factors:
        if not has_second_factor(user):
            TOTP.activate(user, generate_totp_secret())
        request = HttpRequest()
        request.session = client.session
        record_authentication(request, user, "mfa", reauthenticated=again or None)
        request.session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] -= ago
        request.session.save()
    return client


def code_of(user: User) -> str:
    """What the person's authenticator app shows now."""
    secret = Authenticator.objects.get(user=user, type="totp").wrap().instance.data["secret"]
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def send(client: Client, path: str, *, request_id: str = "", **entries: Any) -> HttpResponse:
    """Send a form of the page as it would be sent, with a number of its own unless one is given."""
    answer = client.post(path, {"request_id": request_id or str(uuid.uuid4()), **entries})
    assert isinstance(answer, HttpResponse)
    return answer


def words(answer: Any) -> str:
    """The page's words without its tags, spaces as one."""
    plain = html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r"\s+", " ", plain)
