"""Confirming with the second factor what moves money, says where money goes, or binds the company: at that moment.

A code is typed into the form that it confirms; whoever has a passkey alone is led to it and back to the form.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from loanfund.audit.errors import Refused
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.parties.codes import ConfirmingForm
from loanfund.parties.models import User
from loanfund.parties.second_factor import has_second_factor, types_codes
from loanfund.portal.access import PartnerView, Visit, second_factor_first
from loanfund.portal.keeping import CONFIRM, keep_typed

P = ParamSpec("P")
Form = TypeVar("Form", bound=forms.Form)

LATELY = 300
"""Seconds for which a second factor, once used in this session, counts."""
WRONG = "This code does not fit. Wait for the next one in your app and type it here."
BY_PASSKEY = "by_passkey"
"""The name of the button with which somebody who also has an app prefers the passkey."""


class CodeField(forms.CharField):
    """Six digits of an app, or a recovery code. `each_time`: asked for however lately one was given."""

    def __init__(self, *, each_time: bool = False) -> None:
        self.each_time = each_time
        super().__init__(
            label="Code of your second factor",
            max_length=20,
            widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
            help_text="From your authenticator app, or one of your recovery codes. It confirms that it is you.",
            error_messages={"required": "Type the code that your app shows now."},
        )


def confirmed_lately(request: HttpRequest, *, again: bool = False) -> bool:
    """Whether the second factor was used in this session a moment ago. A password typed again is not enough.

    `again`: signing in with it does not count, only confirming with it afterwards.
    """
    used = [one for one in get_authentication_records(request, request.user) if one.get("method") == "mfa"]
    counted = [one["at"] for one in used if one.get("reauthenticated") or not again]
    return bool(counted) and time.time() - max(counted) < LATELY


def confirm(user: User, code: str) -> None:
    """Use up one code of the person's authenticator or a recovery code. Refused, naming `code`, for a wrong or used
    one, or after too many wrong ones."""
    form = ConfirmingForm({"code": code.replace(" ", "")}, user=user)
    if form.is_valid():
        form.save()
        return
    known = form.errors.as_data().get("code", [])
    if any(error.code == "rate_limited" or "too many" in str(error).lower() for error in known):
        raise Refused("Too many wrong codes. Wait a few minutes, then try again.", field="code")
    raise Refused(WRONG, field="code")


def prove_once(user: User, code: str, key: str) -> None:
    """Use up a code for one request, however often it is sent. Refused as `confirm`, and when the request that brought
    the code is older than a code counts. Its own transaction, so that the code stays used whatever becomes of the act."""

    def act() -> Answer:
        confirm(user, code)
        return Answer(200, {"at": time.time()})

    digest = content_digest(code)
    proof = once(scope=f"portal:{user.pk}:code", key=f"{key} {digest}", digest=digest, act=act)
    if time.time() - proof.body["at"] > LATELY:
        raise Refused(WRONG, field="code")


def forget_code(form: forms.Form) -> None:
    """Take a code that is used up out of its form, which may be shown again: with an empty field, or none while the code
    counts."""
    field = form.fields["code"]
    if isinstance(field, CodeField) and field.each_time:
        form.data = dict(form.data.items()) | {"code": ""}
    else:
        del form.fields["code"]


def with_code(request: HttpRequest, visit: Visit, form: Form) -> Form:
    """The form of a view that is `confirmed`, with a field for a code when none was given lately; `sending.send` takes
    it. Who has no app is led to the passkey when the form is sent."""
    if types_codes(visit.user) and not confirmed_lately(request):
        form.fields["code"] = CodeField()
        keys = Authenticator.objects.filter(user=visit.user, type=Authenticator.Type.WEBAUTHN)
        form.offers_passkey = keys.exists()  # type: ignore[attr-defined]  # for the page
    return form


def confirmed(view: PartnerView[P]) -> Callable[..., HttpResponseBase]:
    """Before anything that moves money or says where it goes: a second factor, and used lately when a form is sent.

    The view's forms go through `with_code`. Who has a passkey alone, or asks for it, confirms with it and finds the form
    again with what was typed.
    """

    guarded = second_factor_first(view)

    @wraps(view)
    def page(request: HttpRequest, visit: Visit, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        asked = request.method == "POST" and not confirmed_lately(request) and has_second_factor(visit.user)
        if asked and (BY_PASSKEY in request.POST or not types_codes(visit.user)):
            keep_typed(request, CONFIRM)
            way = reverse("mfa_reauthenticate_webauthn")
            return redirect(f"{way}?{urlencode({'next': request.path})}")
        return guarded(request, visit, *args, **kwargs)

    return page
