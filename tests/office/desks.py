"""The office's desks in tests: the people of `tests.servicing.world` signed in with a second factor, and what they send."""

import re
import uuid
from typing import Any

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpResponse
from django.test import Client

from loanfund.calculation.terms import FacilityTerms
from loanfund.facilities.models import Facility
from loanfund.parties.models import User
from tests.servicing.world import World


def sign_in(user: User) -> Client:
    """A browser without script in which the person has signed in with both factors."""
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    TOTP.activate(user, generate_totp_secret())
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, path: str, act: str, *, request_id: str = "", **entries: Any) -> HttpResponse:
    """Send one act of a page with its entries, as the page's form would."""
    data = {f"{act}-{name}": value for name, value in entries.items() if value is not None}
    answer = client.post(path, {"act": act, "request_id": request_id or str(uuid.uuid4()), **data})
    assert isinstance(answer, HttpResponse)
    return answer


def text_of(answer: Any) -> str:
    """The page's words without its tags, spaces as one."""
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode().replace("&#x27;", "'"))
    return re.sub(r"\s+", " ", plain)


def offers(client: Client, path: str) -> set[str]:
    """The names of the acts that the page offers to this person."""
    return set(re.findall(r'name="act" value="([^"]+)"', client.get(path).content.decode()))


def said(client: Client, answer: Any) -> str:
    """The page that an act leads to, as words."""
    assert answer.status_code == 302, text_of(answer)
    return text_of(client.get(answer.url))


def sign_plain(world: World, terms: FacilityTerms, **changes: Any) -> Facility:
    """A facility with these terms."""
    return world.sign(terms.to_document(calendars_by_name=True), **changes)
