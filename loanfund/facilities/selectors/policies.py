"""Which policy rules on a day, and what it asks of a vote."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.audit.errors import Refused
from loanfund.calculation.money import currency
from loanfund.facilities.models import Fund, FundPolicy


def policy_in_force(fund: Fund, on: date) -> FundPolicy:
    """The newest policy version in force on `on`. Refused when the fund has none yet."""
    found = (
        FundPolicy.objects.filter(fund=fund, state=FundPolicy.State.IN_FORCE, effective_from__lte=on)
        .order_by("-effective_from", "-version")
        .first()
    )
    if found is None:
        raise Refused(
            f"{fund.name} has no policy in force on {on}. Propose one and have a second person confirm it."
        )
    return found


@dataclass(frozen=True)
class MatrixNeed:
    """What a vote needs: how many members must take part, how many must approve, and whether the chair breaks a tie."""

    members_needed: int
    approvals_needed: int
    chair_casts: bool


def needed_votes(policy: FundPolicy, *, segment: str, amount: Decimal) -> MatrixNeed:
    """The row of the approval matrix for an amount in the fund's currency.

    A row that names the segment goes before one for any segment; among those, the smallest `up_to` that holds the
    amount. Refused when no row holds it.
    """
    rows = [row for row in policy.matrix.all() if row.segment in {"", segment}]
    rows = [row for row in rows if row.up_to is None or amount <= row.up_to]
    if not rows:
        written = currency(policy.fund.currency).written(amount)
        raise Refused(
            f"The approval matrix of policy {policy.version} has no row for {written} in segment {segment}. "
            "Add one to a new policy version.",
            field="amount",
        )
    named = [row for row in rows if row.segment == segment and segment] or rows
    chosen = min(named, key=lambda row: (row.up_to is None, row.up_to or 0))
    return MatrixNeed(chosen.members_needed, chosen.approvals_needed, chosen.chair_casts)
