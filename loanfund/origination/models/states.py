"""The life of an application as one table: which action leads from which state to which, and whose it is.

The database holds the same moves (a trigger built from `MOVES`), so a state cannot be written that no action leads to.
"""

from dataclasses import dataclass

from django.db import models


class State(models.TextChoices):
    DRAFT = "draft", "draft"
    SUBMITTED = "submitted", "submitted"
    CHECKING = "checking", "completeness check"
    INFORMATION_REQUESTED = "information_requested", "information requested"
    TABLED = "tabled", "tabled"
    VOTING = "voting", "voting"
    APPROVED = "approved", "approved"
    DECLINED = "declined", "declined"
    OFFERED = "offered", "offer made"
    ACCEPTED = "accepted", "accepted"
    LAPSED = "lapsed", "lapsed"
    WITHDRAWN = "withdrawn", "withdrawn"


FINAL = frozenset({State.DECLINED, State.ACCEPTED, State.LAPSED, State.WITHDRAWN})
RESERVED = frozenset({State.APPROVED, State.OFFERED})
"""States in which an amount of the fund is reserved for the application."""

PARTNER, ANALYST, COMMITTEE, OPERATIONS, CLOSE = "partner", "analyst", "committee", "operations", "close"


@dataclass(frozen=True)
class Transition:
    """One action: the states it starts from, the one it leads to, who may take it, and whether two people must."""

    action: str
    sources: frozenset[State]
    target: State
    right: str
    four_eyes: bool = False


def _row(
    action: str, sources: set[State], target: State, right: str, *, four_eyes: bool = False
) -> Transition:
    return Transition(action, frozenset(sources), target, right, four_eyes)


S = State
TRANSITIONS: dict[str, Transition] = {
    row.action: row
    for row in (
        _row("submit", {S.DRAFT}, S.SUBMITTED, PARTNER),
        _row("start_check", {S.SUBMITTED}, S.CHECKING, ANALYST),
        _row("request_information", {S.CHECKING}, S.INFORMATION_REQUESTED, ANALYST),
        _row("answer_information", {S.INFORMATION_REQUESTED}, S.CHECKING, PARTNER),
        _row("resume_check", {S.INFORMATION_REQUESTED}, S.CHECKING, ANALYST),
        _row("return_to_partner", {S.SUBMITTED, S.CHECKING}, S.DRAFT, ANALYST),
        _row("table", {S.CHECKING}, S.TABLED, ANALYST),
        _row("return_to_check", {S.TABLED, S.VOTING}, S.CHECKING, ANALYST),
        _row("open_voting", {S.TABLED}, S.VOTING, COMMITTEE),
        _row("approve", {S.VOTING}, S.APPROVED, COMMITTEE, four_eyes=True),
        _row("decline", {S.VOTING}, S.DECLINED, COMMITTEE, four_eyes=True),
        _row("make_offer", {S.APPROVED}, S.OFFERED, OPERATIONS, four_eyes=True),
        _row("retract_offer", {S.OFFERED}, S.APPROVED, OPERATIONS, four_eyes=True),
        _row("accept", {S.OFFERED}, S.ACCEPTED, PARTNER, four_eyes=True),
        _row("lapse", {S.OFFERED, S.APPROVED}, S.LAPSED, CLOSE),
        _row(
            "withdraw",
            {
                S.DRAFT, S.SUBMITTED, S.CHECKING, S.INFORMATION_REQUESTED, S.TABLED, S.VOTING, S.APPROVED, S.OFFERED,
            },
            S.WITHDRAWN,
            PARTNER,
        ),
    )
}  # fmt: skip

MOVES: list[tuple[str, str]] = sorted(
    {(source.value, row.target.value) for row in TRANSITIONS.values() for source in row.sources}
)
"""Every pair of states (from, to) that some action leads between."""
