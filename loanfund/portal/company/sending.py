"""Sending a form of the company's pages: once, with what was typed kept when something is wrong with it."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from loanfund.audit.errors import InFlight, OtherContent, Refused
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.audit.models import IdempotencyKey
from loanfund.parties.models import User
from loanfund.parties.serving import request_key
from loanfund.portal.access import PartnerView, Visit
from loanfund.portal.confirming import forget_code, prove_once

P = ParamSpec("P")
CHUNK = 1 << 16
A_MOMENT = timedelta(minutes=10)
AGAIN = "This form was sent already with other words. Here is how things stand; open it anew to change them."
Act = Callable[[dict[str, Any]], tuple[str, str]]
"""Gets the form's cleaned entries, calls one service, and gives what was done in a sentence and the next address."""


def person_of(request: HttpRequest) -> User:
    """Who is signed in; only for views behind a sign-in."""
    user = request.user
    assert isinstance(user, User)
    return user


def changed_by(*roles: str) -> Callable[[PartnerView[P]], Callable[..., HttpResponseBase]]:
    """A page of a partner that everybody there may read, and only these roles may send: a 403 to the others."""

    def guarded(view: PartnerView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def page(request: HttpRequest, visit: Visit, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method == "POST" and not visit.may(*roles):
                raise PermissionDenied("Your role at the company does not allow this.")
            return view(request, visit, *args, **kwargs)

        return page

    return guarded


def send(request: HttpRequest, form: forms.Form, act: Act, *, back: str) -> HttpResponse | None:
    """Do what a valid form asks for, once however often it is sent, and lead on; None when the form has to be shown
    again. What a service refuses stands in the form, beside its field. `back` is where a form sent twice with other
    words leads. A code in the form is used up first, in a transaction of its own: it stays used when the act is refused.
    """
    if not form.is_valid():
        return None
    user, entries = person_of(request), dict(form.cleaned_data)
    code = entries.pop("code", "") if "code" in form.fields else ""

    def do() -> Answer:
        said, to = act(entries)
        return Answer(200, {"said": said, "to": to})

    try:
        key = f"{request_key(request)} {request.path}"
        if code:
            prove_once(user, code, key)
            forget_code(form)
        digest = _digest(request)
        answer = _just_sent(user, digest) or once(scope=f"portal:{user.pk}", key=key, digest=digest, act=do)
    except OtherContent:
        messages.error(request, AGAIN)
        return redirect(back)
    except InFlight as waiting:
        messages.warning(request, waiting.sentence)
        return redirect(back)
    except Refused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return None
    messages.success(request, answer.body["said"])
    return redirect(answer.body["to"])


def _just_sent(user: User, digest: str) -> Answer | None:
    """The answer to the last thing that the person did, when it was this, a moment ago: the page that the back button
    loads anew carries a new number, and the browser fills in what was typed."""
    last = IdempotencyKey.objects.filter(scope=f"portal:{user.pk}").order_by("-pk").first()
    if last is None or last.digest != digest or timezone.now() - last.created_at > A_MOMENT:
        return None
    return Answer(last.status, last.body, repeated=True)


def press(request: HttpRequest, act: Callable[[], str], *, to: str) -> HttpResponse:
    """Do what one button asks for, once, and lead to `to` with what was done or why it was not."""
    form = forms.Form(request.POST)
    answer = send(request, form, lambda _: (act(), to), back=to)
    if answer is None:
        for sentence in form.non_field_errors():
            messages.error(request, str(sentence))
        return redirect(to)
    return answer


def _digest(request: HttpRequest) -> str:
    """Of what a form sends: its address, the bytes of its files, and every entry but the token, its number and a code."""
    parts: list[str] = [request.path]
    for name, values in sorted(request.POST.lists()):
        if name not in {"csrfmiddlewaretoken", "request_id", "code"}:
            parts += [name, *map(str, values)]
    for name, upload in sorted(request.FILES.items()):
        hashed = hashlib.sha256()
        for chunk in upload.chunks(CHUNK):  # type: ignore[union-attr]  # one file a field
            hashed.update(chunk)
        upload.seek(0)  # type: ignore[union-attr]  # one file a field
        parts += [name, hashed.hexdigest()]
    return content_digest(*parts)
