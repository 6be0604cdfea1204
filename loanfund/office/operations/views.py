"""The operations desk: facilities, conditions, drawdowns, receipts, instructions and closes, each in a module of its own.

Importing them puts their pages into the office.
"""

from loanfund.office.operations import (
    closes,
    conditions,
    drawdowns,
    facilities,
    instructions,
    receipt,
    receipts,
    refunds,
)

__all__ = [
    "closes",
    "conditions",
    "drawdowns",
    "facilities",
    "instructions",
    "receipt",
    "receipts",
    "refunds",
]
