"""Counting a vote. Pure: ballots in, an outcome out; the same rules are held by a trigger on the decision."""

from collections.abc import Sequence
from dataclasses import dataclass

APPROVE, DECLINE, ABSTAIN, RECUSE = "approve", "decline", "abstain", "recuse"
APPROVED, DECLINED, TIED = "approved", "declined", "tied"


@dataclass(frozen=True)
class Need:
    """What the matrix asks for: members taking part, approvals among them, and whether the chair breaks a tie."""

    members: int
    approvals: int
    chair_casts: bool


@dataclass(frozen=True)
class Ballot:
    """One ballot as it stands at the count. `why_not` is empty when it counts, else why it does not."""

    voter_id: int
    choice: str
    chair: bool = False
    casting: bool = False
    why_not: str = ""

    @property
    def counts(self) -> bool:
        return not self.why_not and self.choice != RECUSE


@dataclass(frozen=True)
class Tally:
    """The count: how many took part (approve, decline or abstain), and what it comes to.

    `outcome` is None until enough have taken part, "tied" while the chair has still to cast.
    """

    approvals: int
    declines: int
    abstentions: int
    recusals: int
    taking_part: int
    outcome: str | None
    reason: str


def count(ballots: Sequence[Ballot], need: Need, *, chair_can_cast: bool) -> Tally:
    """Count the ballots. More must approve than decline, and as many as the matrix needs; a tie is a decline unless the
    chair casts, whose casting ballot then counts once more.

    `chair_can_cast` says that a chair is seated who may vote on this.
    """
    regular = [ballot for ballot in ballots if ballot.counts and not ballot.casting]
    cast = [ballot for ballot in ballots if ballot.counts and ballot.casting]
    approvals = sum(ballot.choice == APPROVE for ballot in regular)
    declines = sum(ballot.choice == DECLINE for ballot in regular)
    abstentions = sum(ballot.choice == ABSTAIN for ballot in regular)
    recusals = len({ballot.voter_id for ballot in ballots if ballot.choice == RECUSE})
    outcome, reason = _outcome(approvals, declines, len(regular), cast, need, chair_can_cast=chair_can_cast)
    approvals += sum(ballot.choice == APPROVE for ballot in cast)
    declines += sum(ballot.choice == DECLINE for ballot in cast)
    return Tally(approvals, declines, abstentions, recusals, len(regular), outcome, reason)


def _outcome(
    approvals: int,
    declines: int,
    taking_part: int,
    cast: Sequence[Ballot],
    need: Need,
    *,
    chair_can_cast: bool,
) -> tuple[str | None, str]:
    if taking_part < need.members:
        return None, f"{taking_part} of the {need.members} members needed have voted."
    if approvals == declines:
        if not need.chair_casts or not chair_can_cast or approvals + 1 < need.approvals:
            return DECLINED, f"A tie of {approvals} to {declines} is a decline."
        if not cast:
            return TIED, f"A tie of {approvals} to {declines}; the chair casts."
        if cast[0].choice == APPROVE:
            return APPROVED, f"The chair's casting vote broke a tie of {approvals} to {declines}."
        return DECLINED, f"The chair's casting vote declined a tie of {approvals} to {declines}."
    if approvals < declines:
        return DECLINED, f"{declines} declined and {approvals} approved."
    if approvals < need.approvals:
        return DECLINED, f"{approvals} approved; {need.approvals} approvals are needed."
    return APPROVED, f"{approvals} approved and {declines} declined."


def settled(tally: Tally, need: Need, *, left: int) -> bool:
    """Whether no ballot still to come can change the outcome; `left` members may still vote."""
    if tally.outcome is None:
        return False
    if left == 0:
        return True
    if tally.outcome == APPROVED:
        return tally.approvals > tally.declines + left
    if tally.outcome == DECLINED:
        hopeless = tally.approvals + left + (1 if need.chair_casts else 0) < need.approvals
        return hopeless or tally.declines > tally.approvals + left
    return False


def quorum_lost(tally: Tally, need: Need, *, left: int) -> bool:
    """Whether too few members remain who may take part: the vote can no longer come to a decision."""
    return tally.taking_part + left < need.members
