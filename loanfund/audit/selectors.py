"""Reads of the audit log."""

import re
from dataclasses import dataclass

from django.db import models

from loanfund.audit.models import AuditEvent, AuditLink


@dataclass(frozen=True)
class ChainHead:
    """The last link of the chain: its number and its hash as 64 hex digits. Keep it elsewhere, in a close run or on a
    certificate: only a head kept elsewhere shows that the tail was cut off."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def from_text(cls, text: str) -> "ChainHead":
        """A head as `str` wrote it; ValueError for anything else."""
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]*)", text)
        if found is None:
            raise ValueError(f"{text!r} is no head of a chain.")
        return cls(int(found[1]), found[2])


EMPTY_CHAIN = ChainHead(0, "")


def object_label(obj: models.Model) -> tuple[str, str]:
    """How an object is named in the log: ("facilities.facility", "17")."""
    return obj._meta.label_lower, str(obj.pk)


def history_of(obj: models.Model) -> models.QuerySet[AuditEvent]:
    """Every event about one object, oldest first."""
    object_type, object_id = object_label(obj)
    return AuditEvent.objects.filter(object_type=object_type, object_id=object_id).order_by("id")


def chain_head() -> ChainHead:
    """The newest committed link; (0, "") on an empty chain."""
    last = AuditLink.objects.order_by("-seq").first()
    return ChainHead(last.seq, bytes(last.hash).hex()) if last else EMPTY_CHAIN
