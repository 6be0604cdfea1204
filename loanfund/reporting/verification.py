"""Proof that the books hold: every app's invariants in one list, each a small function."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec

from loanfund.audit.invariants import Finding, Invariant, verify_chain
from loanfund.audit.selectors import ChainHead
from loanfund.origination.models import Decision
from loanfund.servicing.models import CloseRun

APPS = ("audit", "parties", "reference", "ledger", "facilities", "origination", "servicing", "reporting")


def all_invariants(apps: Iterable[str] = APPS) -> list[Invariant]:
    """The invariants of each app, lowest layer first, so that the deepest cause of a break is named first."""
    found: list[Invariant] = []
    for app in apps:
        name = f"loanfund.{app}.invariants"
        if find_spec(name) is not None:
            found.extend(import_module(name).INVARIANTS)
    return [_chain if one is verify_chain else one for one in found]


def kept_heads() -> list[ChainHead]:
    """The chain's heads as closes and decisions noted them: only these show that a tail of the chain was cut off."""
    closes = CloseRun.objects.exclude(chain_head="").values_list("chain_head", flat=True)
    decisions = Decision.objects.exclude(audit_head="").values_list("audit_head", flat=True)
    return [ChainHead.from_text(text) for text in (*closes, *decisions)]


def _chain() -> Finding:
    return verify_chain(kept_heads())


def verify_books(*, apps: Iterable[str] = APPS) -> list[Finding]:
    """Run every invariant and return what each one saw. A check that saw no rows has proven nothing: it is a failure
    wherever there is business on the books (`Finding.passed`)."""
    return [invariant() for invariant in all_invariants(apps)]
