"""What a page lets this person do now: each act with its form, sent once, refused in a sentence."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.parties.models import User
from loanfund.parties.serving import request_key

Entries = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """What an act did, in a sentence, and the page to show next (the same one when empty)."""

    said: str
    to: str = ""


@dataclass(frozen=True)
class Act:
    """One thing to do on a page.

    `do` gets the form's cleaned entries, and the form itself as "form", calls one service, and tells what was done.
    `right` says whether the person's roles allow it at all, `ready` whether it can be done now by this person: the state
    is right and nobody checks what they made. Only an act with both is shown; one without `ready` that is sent all the
    same reaches the service, whose refusal says why. An `inline` act stands beside its row, not among the page's cards.
    `look` are the words of a second button that only shows what the act would do; the page answers that one itself.
    """

    name: str
    words: str
    do: Callable[[Entries], Done]
    right: bool
    ready: bool = True
    form: type[forms.Form] = forms.Form
    title: str = ""
    says: str = ""
    danger: bool = False
    inline: bool = False
    look: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """The acts of one page with their forms, the one that was sent with what was typed in it."""

    def __init__(self, request: HttpRequest, acts: Iterable[Act]) -> None:
        self.request = request
        self.acts = {act.name: act for act in acts}
        sent = request.POST.get("act", "") if request.method == "POST" else ""
        self.sent = self.acts.get(sent)
        self.forms = {name: self._form(act, bound=name == sent) for name, act in self.acts.items()}

    def _form(self, act: Act, *, bound: bool) -> forms.Form:
        data: dict[str, Any] = {"data": self.request.POST, "files": self.request.FILES} if bound else {}
        return act.form(prefix=act.name, **data, **act.arguments)

    @property
    def offers(self) -> list[tuple[Act, forms.Form]]:
        """What may be shown: the acts that this person may do now."""
        return [
            (act, self.forms[act.name])
            for act in self.acts.values()
            if act.right and act.ready and not act.inline
        ]

    def offer(self, name: str) -> tuple[Act, forms.Form] | None:
        """One act by name, when this person may do it now."""
        act = self.acts.get(name)
        return (act, self.forms[name]) if act is not None and act.right and act.ready else None

    def answer(self, *, back: str = "") -> HttpResponse | None:
        """Do what was sent and lead to the next page; None when the page is to be shown (again), with any errors."""
        if self.request.method != "POST":
            return None
        act = self.sent
        if act is None or not act.right:
            raise PermissionDenied("This is for other roles than yours.")
        form, here = self.forms[act.name], back or self.request.get_full_path()
        if not form.is_valid():
            return (
                None
                if act.ready
                else self._tell("This has been decided already. Here is how it stands.", here)
            )
        try:
            done = self._once(act, form)
        except OtherContent as other:
            return self._tell(other.sentence, here)
        except Refused as refused:
            if not act.ready:
                return self._tell(refused.sentence, here)
            form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
            return None
        messages.success(self.request, done.said)
        return redirect(done.to or here)

    @property
    def status(self) -> int:
        """422 for a page that comes back with errors, else 200."""
        return 422 if self.sent is not None else 200

    def _tell(self, sentence: str, here: str) -> HttpResponse:
        messages.error(self.request, sentence)
        return redirect(here)

    def _once(self, act: Act, form: forms.Form) -> Done:
        user = self.request.user
        assert isinstance(user, User)

        def do() -> Answer:
            done = act.do(form.cleaned_data | {"form": form})
            return Answer(200, {"said": done.said, "to": done.to})

        answer = once(
            scope=f"office:{user.pk}", key=request_key(self.request), digest=sent_digest(self.request), act=do
        )
        return Done(**answer.body)


def sent_digest(request: HttpRequest) -> str:
    """The digest of what a form sends: its address, every entry but the token, and the bytes of its files."""
    parts = [request.path]
    for name, values in sorted(request.POST.lists()):
        if name != "csrfmiddlewaretoken":
            parts += [name, *values]
    for name, uploaded in sorted(request.FILES.items()):
        parts += [name, _file_digest(uploaded)]
    return content_digest(*parts)


def _file_digest(uploaded: Any) -> str:
    assert isinstance(uploaded, UploadedFile)
    hashed = hashlib.sha256()
    for chunk in uploaded.chunks():
        hashed.update(chunk)
    uploaded.seek(0)
    return hashed.hexdigest()
