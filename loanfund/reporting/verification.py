"""Proof that the books hold: every app's invariants in one list, each a small function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

from loanfund.audit.invariants import Break, Finding, Invariant, carried_through, verify_chain
from loanfund.audit.selectors import ChainHead
from loanfund.origination.models import Decision
from loanfund.servicing.models import CloseRun

APPS = ("audit", "parties", "reference", "ledger", "facilities", "origination", "servicing", "reporting")


def all_invariants(apps: Iterable[str] = APPS) -> list[Invariant]:
    """The invariants of each app, lowest layer first, so that the deepest cause of a break is named first. None of them
    stops the others."""
    found: list[Invariant] = []
    for app in apps:
        name = f"loanfund.{app}.invariants"
        if find_spec(name) is not None:
            found.extend(import_module(name).INVARIANTS)
    return carried_through(*(_chain if one is verify_chain else one for one in found))


def _chain() -> Finding:
    """The chain against its heads as closes and decisions noted them: only these show that a tail was cut off."""
    heads, unreadable = [], []
    for model, noted in ((CloseRun, "chain_head"), (Decision, "audit_head")):
        table = model._meta.db_table
        for key, text in model._default_manager.exclude(**{noted: ""}).values_list("pk", noted):
            try:
                heads.append(ChainHead.from_text(text))
            except ValueError:
                unreadable.append(
                    Break(f"{table}:{key}", f"{text!r}, which {table} {key} notes, is no head of the chain.")
                )
    finding = verify_chain(heads)
    return replace(finding, breaks=[*finding.breaks, *unreadable])


def verify_books(*, apps: Iterable[str] = APPS) -> list[Finding]:
    """Run every invariant and return what each one saw. A check that saw no rows has proven nothing: it is a failure
    wherever there is business on the books (`Finding.passed`)."""
    return [invariant() for invariant in all_invariants(apps)]
