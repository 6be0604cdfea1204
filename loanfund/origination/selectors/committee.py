"""Reads of the committee: who may vote, how a vote stands, and what may be shown of it."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from loanfund.origination.ballots import Ballot, Need, Tally, count, quorum_lost
from loanfund.origination.models import CommitteeMember, ConflictDeclaration, Proposal, Vote
from loanfund.origination.rights import stands_with
from loanfund.parties.models import Partner, User
from loanfund.parties.roles import CHAIR, COMMITTEE_MEMBER
from loanfund.parties.selectors import has_role

CLOSED = {Proposal.State.APPROVED, Proposal.State.DECLINED, Proposal.State.VOID}


def seats_on(committee_id: int, on: date) -> QuerySet[CommitteeMember]:
    """The seats held on a day: confirmed, begun, and not left."""
    return CommitteeMember.objects.filter(
        Q(left_on__isnull=True) | Q(left_on__gt=on),
        committee_id=committee_id,
        state=CommitteeMember.State.SEATED,
        joined_on__lte=on,
    ).select_related("user")


def partner_of(proposal: Proposal) -> Partner:
    """The partner that a proposal is about."""
    about = proposal.application or proposal.facility
    if about is None:
        raise AssertionError("the table refuses a proposal about nothing")
    return about.partner


def why_not_count(proposal: Proposal, user: User, on: date) -> str:
    """Why this person's ballot does not count on a day; empty when it does."""
    if not user.is_active:
        return "no longer active"
    if user.pk == proposal.proposer_id:
        return "made the proposal"
    if user.pk == proposal.preparer_id:
        return "prepared the credit memo" if proposal.application_id else "made the change that is voted on"
    if not seats_on(proposal.committee_id, on).filter(user=user).exists():
        return "holds no seat"
    if not has_role(user, COMMITTEE_MEMBER, CHAIR):
        return "lost the role of a member"
    partner = partner_of(proposal)
    if stands_with(user, partner):
        return "belongs to the applicant"
    if ConflictDeclaration.objects.filter(user=user, partner=partner).exists():
        return "declared a conflict"
    return ""


@dataclass(frozen=True)
class Standing:
    """How a vote stands: the count, who may still vote, whether the quorum is lost and whether the chair can cast.

    Holds what sealed ballots must not show: never render `tally` or `ballots` while voting is open.
    """

    tally: Tally
    need: Need
    ballots: tuple[Ballot, ...]
    votes: tuple[Vote, ...]
    may_still_vote: tuple[User, ...]
    chair: User | None

    @property
    def quorum_lost(self) -> bool:
        return quorum_lost(self.tally, self.need, left=len(self.may_still_vote))


def standing(proposal: Proposal, on: date) -> Standing:
    """Count a proposal's ballots as of a day: seats, conflicts and memberships as they are then."""
    seats = list(seats_on(proposal.committee_id, on))
    votes = list(proposal.votes.select_related("voter", "seat").order_by("id"))
    reasons = {
        user.pk: why_not_count(proposal, user, on)
        for user in {seat.user for seat in seats} | {vote.voter for vote in votes}
    }
    chairs = {seat.user_id for seat in seats if seat.role == CommitteeMember.Role.CHAIR}
    recused = {vote.voter_id for vote in votes if vote.choice == Vote.Choice.RECUSE}
    ballots = tuple(
        Ballot(
            voter_id=vote.voter_id,
            choice=vote.choice,
            chair=vote.voter_id in chairs,
            casting=vote.casting,
            why_not=reasons[vote.voter_id]
            or ("not the chair" if vote.casting and vote.voter_id not in chairs else ""),
        )
        for vote in votes
    )
    need = Need(proposal.members_needed, proposal.approvals_needed, proposal.chair_casts)
    voted = {vote.voter_id for vote in votes}
    chair = next(
        (seat.user for seat in seats if seat.user_id in chairs - recused and not reasons[seat.user_id]), None
    )
    tally = count(ballots, need, chair_can_cast=chair is not None)
    left = tuple(seat.user for seat in seats if seat.user_id not in voted and not reasons[seat.user_id])
    return Standing(tally, need, ballots, tuple(votes), left, chair)


@dataclass(frozen=True)
class Progress:
    """What anybody may see of an open vote: how many have voted, how many are needed, who is awaited. No choices."""

    voted: int
    members_needed: int
    approvals_needed: int
    awaited: tuple[User, ...]
    quorum_lost: bool
    waits_for_chair: bool


def progress(proposal: Proposal, on: date) -> Progress:
    """How far a vote has come, without giving away a ballot."""
    now = standing(proposal, on)
    return Progress(
        voted=len({vote.voter_id for vote in now.votes}),
        members_needed=proposal.members_needed,
        approvals_needed=proposal.approvals_needed,
        awaited=now.may_still_vote,
        quorum_lost=now.quorum_lost and proposal.state in {Proposal.State.TABLED, Proposal.State.VOTING},
        waits_for_chair=proposal.state == Proposal.State.TIED,
    )


def visible_votes(proposal: Proposal, viewer: User) -> QuerySet[Vote]:
    """The ballots that may be shown: one's own while voting is open, all of them once it is closed."""
    votes = Vote.objects.filter(proposal=proposal).select_related("voter", "seat").order_by("id")
    return votes if proposal.state in CLOSED else votes.filter(voter=viewer)


def waiting_for_vote(user: User, on: date) -> list[Proposal]:
    """The proposals on which this person may vote and has not."""
    seats = CommitteeMember.objects.filter(user=user, state=CommitteeMember.State.SEATED).values(
        "committee_id"
    )
    open_now = (
        Proposal.objects.filter(committee_id__in=seats, state=Proposal.State.VOTING)
        .exclude(votes__voter=user)
        .select_related("application__partner", "facility__partner", "committee")
    )
    return [proposal for proposal in open_now if not why_not_count(proposal, user, on)]
