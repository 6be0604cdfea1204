"""The operations desk, each subject in a module of its own. Importing them puts their pages into the office."""

from loanfund.office.operations import (
    accounts,
    closes,
    conditions,
    drawdowns,
    facilities,
    instructions,
    people,
    policies,
    receipt,
    receipts,
    refunds,
)

__all__ = [
    "accounts",
    "closes",
    "conditions",
    "drawdowns",
    "facilities",
    "instructions",
    "people",
    "policies",
    "receipt",
    "receipts",
    "refunds",
]
