"""The history of an object as a reader takes it: who did what, when, and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models

from loanfund.audit.models import AuditEvent
from loanfund.audit.selectors import history_of
from loanfund.audit.services import SYSTEM
from loanfund.audit.words import words_of
from loanfund.parties.models import User

BAD = ("rejected", "refused", "failed", "reversed", "cancelled", "withdrawn", "stopped")
GOOD = ("settled", "booked", "accepted", "satisfied", "confirmed", "paid", "signed", "cured")


@dataclass(frozen=True)
class Told:
    """One line of a timeline; `tone` is ok, bad or nothing."""

    title: str
    at: datetime
    who: str
    detail: str
    tone: str


def told(events: Iterable[AuditEvent]) -> list[Told]:
    """Events of the audit log as lines, each with the person's name. One query, however many events."""
    rows = list(events)
    addresses = {row.actor for row in rows}
    names = dict(User.objects.filter(email__in=addresses).values_list("email", "name"))
    return [_line(row, names.get(row.actor, row.actor)) for row in rows]


def timeline(obj: models.Model, *, newest: int = 100) -> list[Told]:
    """What happened to one object, oldest first; the `newest` lines of a long history."""
    rows = list(history_of(obj).order_by("-id")[:newest])
    return told(reversed(rows))


def _line(row: AuditEvent, name: str) -> Told:
    verb = row.action.rpartition(".")[2]
    tone = "bad" if verb.endswith(BAD) else "ok" if verb in GOOD else ""
    who = "the system" if row.actor == SYSTEM else name
    return Told(words_of(row.action), row.at, who, row.reason, tone)
