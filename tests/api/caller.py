"""A partner's own system: it calls the API with a key."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from loanfund.parties.models import ApiKey, Partner, SettlementAccount, User
from loanfund.parties.services import make_api_key
from tests.servicing.world import World

BASE = "/api/v1/"


@dataclass
class Answered:
    """What came back."""

    status: int
    body: Any
    headers: Any
    content: bytes


@dataclass
class Caller:
    """Calls with one key. Each POST has an Idempotency-Key of its own unless one is given."""

    secret: str
    key: ApiKey | None = None

    def get(self, address: str, **params: Any) -> Answered:
        return self._call("get", address, data=params)

    def post(self, address: str, body: Any = None, *, key: str | None = None, **files: Any) -> Answered:
        headers = {"Idempotency-Key": str(uuid4()) if key is None else key}
        if files:
            return self._call("post", address, data={**(body or {}), **files}, headers=headers)
        return self._call(
            "post", address, data=json.dumps(body or {}), content_type="application/json", headers=headers
        )

    def patch(self, address: str, body: Any) -> Answered:
        return self._call("patch", address, data=json.dumps(body), content_type="application/json")

    def _call(
        self, method: str, address: str, *, headers: dict[str, str] | None = None, **how: Any
    ) -> Answered:
        bearer = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        path = address if address.startswith("/") else BASE + address
        answer = getattr(Client(), method)(path, headers={**bearer, **(headers or {})}, **how)
        kind = answer.headers.get("Content-Type", "")
        body = json.loads(answer.content) if "json" in kind else None
        return Answered(answer.status_code, body, answer.headers, answer.content)


def caller_of(
    partner: Partner, user: User, *, on: Any, scope: str = "write", expires_at: datetime | None = None
) -> Caller:
    """A caller with a new key of this person for this partner."""
    made_at = min(expires_at or timezone.now(), timezone.now()) - timedelta(days=1)
    key, secret = make_api_key(
        partner=partner, label="system", scope=scope, actor=user, on=on, now=made_at, expires_at=expires_at
    )
    return Caller(secret, key)


def account_of(world: World) -> SettlementAccount:
    """The partner's confirmed account, past its cooling time."""
    return SettlementAccount.objects.create(
        partner=world.partner,
        kind="bank",
        label="Main",
        currency="USD",
        holder="Northlight",
        institution="Example Bank",
        address="CH00 0000",
        maker=world.borrower,
        checker=world.checker,
        checked_at=datetime(2026, 2, 1, tzinfo=UTC),
        state="confirmed",
        usable_from=date(2026, 2, 1),
    )
