"""What happens in other packages and concerns us: connected when the app is ready."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.signals import user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from loanfund.parties.models import User
from loanfund.parties.services.signing_in import note_sign_in


@receiver(user_logged_in, dispatch_uid="parties.signed_in")
def signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    """Keeps every sign-in on record, whichever page or passkey it came through."""
    note_sign_in(
        person=user,
        address=request.META.get("REMOTE_ADDR", ""),
        browser=request.headers.get("user-agent", ""),
        now=timezone.now(),
    )


@receiver(authenticator_added, dispatch_uid="parties.set_up")
def set_up(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    """Whoever has just set up an app or a passkey has used it: what needs the second factor does not ask again at once."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
