"""Visits to the portal in tests: a fund that is open, a browser without script, and what it reads and sends."""

import html
import re
import uuid
from datetime import time
from decimal import Decimal
from typing import Any

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpResponse
from django.test import Client

from loanfund.facilities.models import Fund
from loanfund.facilities.services import open_fund
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.second_factor import has_second_factor
from loanfund.reference.services import ensure_calendars, ensure_reference_rates
from tests.parties.cast import TODAY, person


def fund_open() -> Fund:
    """The fund, open on the cast's day."""
    ensure_calendars()
    ensure_reference_rates()
    return open_fund(
        code="TF",
        name="Test fund",
        currency="USD",
        size=Decimal(100_000_000),
        calendar="US-FED",
        receipt_cut_off=time(17),
        actor=person("Administrator", roles.ADMINISTRATOR),
        on=TODAY,
    )


def signed_in(user: User, *, both_factors: bool = False) -> Client:
    """A browser without script in which the person has signed in; with an authenticator app if asked for."""
    if both_factors and not has_second_factor(user):
        TOTP.activate(user, generate_totp_secret())
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, path: str, *, request_id: str = "", **entries: Any) -> HttpResponse:
    """Send a form of the page as it would be sent, with a number of its own unless one is given."""
    answer = client.post(path, {"request_id": request_id or str(uuid.uuid4()), **entries})
    assert isinstance(answer, HttpResponse)
    return answer


def words(answer: Any) -> str:
    """The page's words without its tags, spaces as one."""
    plain = html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r"\s+", " ", plain)
