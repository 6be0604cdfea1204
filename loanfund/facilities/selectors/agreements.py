"""Reads of one facility: its terms on a day, its conditions, what the committee has allowed."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.facilities.models import (
    Authority,
    ConditionEvidence,
    ConditionPrecedent,
    Facility,
    FacilityTerms,
)


def current_terms(facility: Facility) -> FacilityTerms:
    """The newest version of a facility's terms."""
    return facility.terms.order_by("-version")[0]


def terms_on(facility: Facility, day: date) -> FacilityTerms:
    """The version that governs `day`: of those effective by then, the newest. The first before anything is effective."""
    found = facility.terms.filter(effective_from__lte=day).order_by("-version").first()
    return found or facility.terms.order_by("version")[0]


@dataclass(frozen=True)
class ConditionStanding:
    """One condition and whether it is met for a drawdown, with the evidence that says so or waits to be checked."""

    condition: ConditionPrecedent
    met: bool
    evidence: ConditionEvidence | None


def conditions_standing(facility: Facility, drawdown: str = "") -> list[ConditionStanding]:
    """Every condition of a facility, in order, and whether it is met.

    A condition of each drawdown is met for `drawdown` (a number such as "DD-0003") by evidence accepted for that one.
    """
    found = []
    conditions = facility.conditions.prefetch_related("evidence").order_by("position")
    for condition in conditions:
        each = condition.scope == ConditionPrecedent.Scope.EACH
        shown = [item for item in condition.evidence.all() if item.drawdown == (drawdown if each else "")]
        accepted = [item for item in shown if item.state == ConditionEvidence.State.ACCEPTED]
        waived = condition.state == ConditionPrecedent.State.WAIVED
        met = waived or condition.state == ConditionPrecedent.State.SATISFIED or (each and bool(accepted))
        best = accepted or shown
        found.append(ConditionStanding(condition, met, best[0] if best else None))
    return found


def open_conditions(facility: Facility, drawdown: str = "") -> list[ConditionPrecedent]:
    """The conditions not yet met for `drawdown`; without one, those of the first drawdown only."""
    return [
        standing.condition
        for standing in conditions_standing(facility, drawdown)
        if not standing.met and (drawdown or standing.condition.scope == ConditionPrecedent.Scope.FIRST)
    ]


def authority_for(
    facility: Facility, *, kind: str, digest: str, on: date, amount: Decimal | None = None
) -> Authority | None:
    """The committee's leave for one act of `kind`, whose content has `digest`, still open on `on`; None when there is none.

    With an `amount` the leave must reach that far.
    """
    found = facility.authorities.filter(kind=kind, digest=digest, granted_on__lte=on, expires_on__gte=on)
    if amount is not None:
        found = found.filter(amount__gte=amount)
    return found.order_by("-id").first()
