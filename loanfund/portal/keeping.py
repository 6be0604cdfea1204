"""What somebody typed is not lost: neither when the session has ended, nor while a passkey is asked for."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase

KEPT = "typed"
MOST_CHARACTERS = 20_000
NOT_TYPED = {"csrfmiddlewaretoken", "request_id", "seen", "code", "by_passkey"}
ENDED = (
    "Your session had ended, so nothing was saved yet. Sign in again: what you typed is kept and stands in the form; "
    "only files have to be chosen again."
)
BACK = (
    "Here is what you typed before your session ended. Nothing of it is saved yet: look it over and send it."
)
CONFIRM = "Here is what you typed. Nothing of it is sent yet: look it over and send it."

Page = Callable[..., HttpResponseBase]


def keep_typed(request: HttpRequest, back: str) -> bool:
    """Keep the words of a form in the session until its page is opened again, which then says `back`. False when they
    are too many."""
    typed = {name: value for name, value in request.POST.items() if name not in NOT_TYPED}
    if sum(map(len, map(str, typed.values()))) > MOST_CHARACTERS:
        return False
    request.session[KEPT] = {"path": request.path, "typed": typed, "back": back}
    return True


def typed_kept(view: Page) -> Page:
    """Around a page with a form: sent without a session, its words wait in the browser's next session."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST" and not request.user.is_authenticated:
            if keep_typed(request, BACK):
                messages.warning(request, ENDED)
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return page


def typed_before(request: HttpRequest) -> dict[str, str]:
    """What was typed into this page's form before somebody had to sign in or confirm: given once, with a sentence; else
    nothing."""
    kept = request.session.get(KEPT)
    if request.method != "GET" or not kept or kept["path"] != request.path:
        return {}
    del request.session[KEPT]
    messages.warning(request, kept["back"])
    typed: dict[str, str] = kept["typed"]
    return typed
