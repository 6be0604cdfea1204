"""The second factor: who has one, and the known one of demo people, which exists only with DEBUG."""

import base64
import hashlib
import time
from collections.abc import Iterable

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt, is_mfa_enabled
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser

from loanfund.audit.errors import Refused
from loanfund.parties.models import User

DEMO_SEED = 20251014
DEMO_PASSWORD = "calm harbour 2026"  # nosec B105 # of people who exist only with DEBUG
PERIOD = 30


def has_second_factor(user: User | AnonymousUser) -> bool:
    """Whether the person has an authenticator app, a passkey or a security key."""
    return bool(user.is_authenticated and is_mfa_enabled(user))


def types_codes(user: User) -> bool:
    """Whether the person's second factor is one that shows codes, not a passkey alone."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def demo_secret(email: str, seed: int = DEMO_SEED) -> str:
    """The authenticator secret of a demo person: 32 characters of base32 that follow from the seed and the address."""
    digest = hashlib.sha256(f"second factor of {email} in demo {seed}".encode()).digest()
    return base64.b32encode(digest[:20]).decode()


def give_demo_second_factor(user: User, seed: int = DEMO_SEED) -> None:
    """Give a demo person the authenticator whose codes `manage.py demo_code` prints, and a confirmed address.

    Refused without DEBUG. Twice is as once.
    """
    _only_with_debug()
    EmailAddress.objects.get_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, demo_secret(user.email, seed))


def give_demo_password(users: Iterable[User]) -> None:
    """Let demo people sign in with `DEMO_PASSWORD`: stretched once for them all, since it takes a quarter second and is
    no secret. Refused without DEBUG."""
    _only_with_debug()
    User.objects.filter(pk__in=[user.pk for user in users]).update(password=make_password(DEMO_PASSWORD))


def demo_people(seed: int = DEMO_SEED) -> list[User]:
    """Everybody whose authenticator is the known one. Refused without DEBUG."""
    _only_with_debug()
    apps = Authenticator.objects.filter(type=Authenticator.Type.TOTP).select_related("user")
    return [
        one.user
        for one in apps.order_by("user__is_staff", "user_id")
        if decrypt(one.data["secret"]) == demo_secret(one.user.email, seed)
    ]


def demo_code(email: str, *, now: float | None = None, seed: int = DEMO_SEED) -> str:
    """The six digits that a demo person's app shows at a Unix time. Refused without DEBUG, or for anybody else."""
    if email.lower() not in {person.email for person in demo_people(seed)}:
        raise Refused(f"{email} is nobody of the demo; manage.py sign_ins lists who is.")
    at = time.time() if now is None else now
    return str(format_hotp_value(hotp_value(demo_secret(email.lower(), seed), int(at) // PERIOD)))


def _only_with_debug() -> None:
    if not settings.DEBUG:
        raise Refused("Demo people exist only with DEBUG on: their second factor is no secret.")
