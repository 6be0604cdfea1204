"""Answering a repeated request with the answer it got the first time.

The row of the key is written in the transaction of the effect: both exist or neither does.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from loanfund.audit.errors import InFlight, OtherContent
from loanfund.audit.models import IdempotencyKey


@dataclass(frozen=True)
class Answer:
    """What a request was answered: an HTTP status, a JSON value, and whether it is a repetition."""

    status: int
    body: Any
    repeated: bool = False


def content_digest(*parts: str | bytes) -> str:
    """The digest of a request (method, path, body) as 64 hex digits; parts cannot run into one another."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()


@transaction.atomic
def once(*, scope: str, key: str, digest: str, act: Callable[[], Answer]) -> Answer:
    """Run `act` for the first request with this key in this scope (the caller: a user, an API key); for every later one
    give its answer again.

    Raises InFlight while another connection works on the same key, OtherContent when the key came with another digest.
    If `act` raises, nothing is kept and the key may be used again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 8316))", [f"{scope}\x1f{key}"])
        (alone,) = cursor.fetchone()
    if not alone:
        raise InFlight("This request is being worked on already: ask again in a moment.", code="in_flight")
    known = IdempotencyKey.objects.filter(scope=scope, key=key).first()
    if known is not None:
        if known.digest != digest:
            raise OtherContent(
                "This idempotency key was used for another request: send a new key with a new request.",
                code="other_content",
            )
        return Answer(known.status, known.body, repeated=True)
    answer = act()
    IdempotencyKey.objects.create(scope=scope, key=key, digest=digest, status=answer.status, body=answer.body)
    return answer
