"""Confirming an act that binds the company with a second factor, at the moment of the act."""

import time

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from loanfund.audit.errors import Refused
from loanfund.parties.models import User

LATELY = 300
"""Seconds for which a confirmation by passkey counts."""
WRONG = "This code does not fit. Wait for the next one in your app and type it here."


def types_codes(user: User) -> bool:
    """Whether the person's second factor is one that shows codes, not a passkey alone."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def confirmed_lately(request: HttpRequest) -> bool:
    """Whether a person without codes has just confirmed with the passkey. A password typed again is not enough."""
    records = get_authentication_records(request, request.user)
    factors = [one for one in records if one.get("reauthenticated") and one.get("method") == "mfa"]
    return bool(factors) and time.time() - factors[-1]["at"] < LATELY


def confirm(user: User, code: str) -> None:
    """Use up one code of the person's authenticator or a recovery code. Refused, naming `code`, for a wrong or used
    one, or after too many wrong ones."""
    form = ReauthenticateForm({"code": code.replace(" ", "")}, user=user)
    if form.is_valid():
        form.save()
        return
    known = form.errors.as_data().get("code", [])
    if any(error.code == "rate_limited" or "too many" in str(error).lower() for error in known):
        raise Refused("Too many wrong codes. Wait a few minutes, then try again.", field="code")
    raise Refused(WRONG, field="code")
