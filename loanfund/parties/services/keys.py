"""Keys to the API: shown once, kept only as a digest."""

import hashlib
import secrets
from datetime import date, datetime

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties.models import ApiKey, Membership, Partner, User
from loanfund.parties.services.rights import require_place

MAKERS = (Membership.Role.OWNER, Membership.Role.SIGNATORY)


def key_digest(secret: str) -> str:
    """What is kept of a key. It has 256 random bits, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def make_api_key(
    *,
    partner: Partner,
    label: str,
    scope: str,
    actor: User,
    on: date,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key that acts as the actor for this partner; returns the row and the secret, which is shown once."""
    require_place(actor=actor, partner=partner, roles=MAKERS, to="make an API key")
    if scope not in ApiKey.Scope.values:
        raise Refused("Choose whether the key may only read, or also write.", field="scope")
    if expires_at is not None and expires_at <= now:
        raise Refused(
            "Choose a later day: with this one the key would be over before it is used.", field="last_day"
        )
    prefix = f"lf_{secrets.token_hex(4)}"
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        partner=partner,
        user=actor,
        label=label.strip() or prefix,
        prefix=prefix,
        digest=key_digest(secret),
        scope=scope,
        expires_at=expires_at,
    )
    record(actor=actor, action="api_key.made", obj=key, on=on, after={"prefix": prefix, "scope": scope})
    return key, secret


@transaction.atomic
def revoke_api_key(*, key: ApiKey, actor: User, on: date, now: datetime) -> None:
    """End a key at once."""
    require_place(actor=actor, partner=key.partner, roles=MAKERS, to="revoke an API key")
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        record(actor=actor, action="api_key.revoked", obj=key, on=on, before={"prefix": key.prefix})
