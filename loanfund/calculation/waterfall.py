"""The waterfall: which sums a payment pays, and how much of each."""

import re
from collections.abc import Iterable, Sequence

from loanfund.calculation.state import DueState
from loanfund.calculation.terms import Component


def loan_number(name: str) -> tuple[tuple[str, int], ...]:
    """A loan's name as its place among loans: by the number in it, so that LN-9 comes before LN-10; no loan first."""
    return tuple((text, int(number)) for text, number in re.findall(r"(\D*)(\d+)", name)) or ((name, 0),)


def in_paying_order(dues: Iterable[DueState], waterfall: Sequence[Component]) -> list[DueState]:
    """Open dues by class as the waterfall says, within a class the oldest due date first, then the loan's number."""
    rank = {component: place for place, component in enumerate(waterfall)}
    return sorted(
        (due for due in dues if due.outstanding),
        key=lambda due: (rank[due.component], due.due_date, loan_number(due.loan), due.key),
    )


def allocate(
    amount: int, dues: Iterable[DueState], waterfall: Sequence[Component]
) -> list[tuple[DueState, int]]:
    """How an amount in minor units is shared out; what is left over when all is paid appears nowhere.

    Nothing is changed: the caller books the shares.
    """
    shares = []
    for due in in_paying_order(dues, waterfall):
        if amount <= 0:
            break
        paid = min(amount, due.outstanding)
        shares.append((due, paid))
        amount -= paid
    return shares
