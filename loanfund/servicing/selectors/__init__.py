"""Reads of servicing."""

from loanfund.servicing.selectors.facilities import (
    OpenDue,
    available_commitment,
    dues,
    last_night,
    nights,
    principal,
)
from loanfund.servicing.selectors.receipts import unapplied, unassigned

__all__ = [
    "OpenDue",
    "available_commitment",
    "dues",
    "last_night",
    "nights",
    "principal",
    "unapplied",
    "unassigned",
]
