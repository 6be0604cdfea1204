"""Writing the audit log, in the transaction of the change itself."""

from datetime import date
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models, transaction

from loanfund.audit.models import AuditEvent
from loanfund.audit.selectors import object_label

SYSTEM = "system"
"""The actor's name when no person asked: the nightly close, an import at start-up."""


def actor_label(actor: AbstractBaseUser | AnonymousUser | None) -> tuple[str, str]:
    """(id, name) of an actor as the log keeps them; the name is the sign-in name, or "system" for None."""
    if actor is None:
        return "", SYSTEM
    return str(actor.pk or ""), actor.get_username() or SYSTEM


@transaction.atomic
def record(
    *,
    actor: AbstractBaseUser | AnonymousUser | None,
    action: str,
    on: date,
    obj: models.Model | None = None,
    object_type: str = "",
    object_id: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Append one event; it is linked into the chain when the transaction commits.

    `action` is "noun.verb" in lower case, such as "facility.signed". `before` and `after` hold only what the change
    touched; Decimals, dates and UUIDs become strings. A batch records once, with its counts.
    """
    if obj is not None:
        object_type, object_id = object_label(obj)
    actor_id, name = actor_label(actor)
    return AuditEvent.objects.create(
        on=on,
        actor_id=actor_id,
        actor=name,
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=before,
        after=after,
        reason=reason,
    )
