"""Ballots, the count, and the decision with what follows from it in the same transaction."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from loanfund.audit.errors import Refused, refusals
from loanfund.audit.selectors import chain_head
from loanfund.audit.services import record
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import Facility
from loanfund.facilities.services import (
    grant_authority,
    grant_headroom,
    lock_business_date,
    reserve,
    waive_condition,
)
from loanfund.facilities.services.numbers import next_number
from loanfund.origination.ballots import TIED, settled
from loanfund.origination.models import Application, CommitteeMember, Decision, Proposal, Vote
from loanfund.origination.rights import must_have_role
from loanfund.origination.selectors.committee import Standing, seats_on, standing, why_not_count
from loanfund.origination.services.applications import promise_reference
from loanfund.origination.services.moves import locked_application, move, must_say
from loanfund.parties.models import User
from loanfund.parties.roles import ANALYST, CHAIR, COMMITTEE_MEMBER
from loanfund.parties.services import notify_partner


@transaction.atomic
def cast_vote(
    *, proposal: Proposal, choice: str, reason: str, seen_digest: str, actor: User, on: date
) -> Vote:
    """Cast one ballot: approve, decline, abstain or recuse, with its reason. It is final, and sealed until the close.

    `seen_digest` is the digest of the text the member read: another text is refused. When no ballot still to come can
    change the outcome the vote is closed and the decision taken. Should the fund have no room for what was approved, the
    ballot stands, the vote stays open, and closing it says what is left.
    """
    must_have_role(actor, COMMITTEE_MEMBER, CHAIR)
    if choice not in Vote.Choice.values:
        raise Refused("Choose approve, decline, abstain or recuse.", field="choice")
    said = must_say(reason, "why you vote so")
    locked = _locked(proposal)
    if locked.state != Proposal.State.VOTING:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; it is not open for votes.", code="state"
        )
    seat = _seat_for(locked, choice, seen_digest, actor, on)
    if Vote.objects.filter(proposal=locked, voter=actor).exists():
        raise Refused("You have voted on this. A ballot is final.", code="voted")
    with refusals(), transaction.atomic():
        vote = Vote.objects.create(
            proposal=locked,
            seat=seat,
            voter=actor,
            choice=choice,
            reason=said,
            digest=seen_digest,
            cast_on=on,
        )
    # The log says that a ballot was cast, not how: it stays sealed until the close.
    record(actor=actor, action="vote.cast", obj=locked, on=on, after={"digest": seen_digest})
    now = standing(locked, on)
    if settled(now.tally, now.need, left=len(now.may_still_vote)):
        _try_to_decide(locked, now, actor=actor, on=on)
    return vote


@transaction.atomic
def close_voting(*, proposal: Proposal, actor: User, on: date) -> Decision | None:
    """Close an open vote and take the decision; None when it is tied and waits for the chair.

    For the chair and for analysts. Refused while too few have voted; when too few remain who may, it says that the
    quorum is lost, and the proposal has to come off the table.
    """
    must_have_role(actor, CHAIR, ANALYST)
    locked = _locked(proposal)
    if locked.state != Proposal.State.VOTING:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; it is not open for votes.", code="state"
        )
    now = standing(locked, on)
    if now.tally.outcome is None:
        if now.quorum_lost:
            able = now.tally.taking_part + len(now.may_still_vote)
            raise Refused(
                f"The quorum is lost: {locked.members_needed} members are needed and only {able} may vote. "
                "Return the proposal to the check and table it again when more may.",
                code="quorum_lost",
            )
        raise Refused(now.tally.reason, code="quorum")
    return _decide(locked, now, actor=actor, on=on)


@transaction.atomic
def cast_deciding_vote(
    *, proposal: Proposal, choice: str, reason: str, seen_digest: str, actor: User, on: date
) -> Decision:
    """The chair breaks a tie by a casting ballot, approve or decline."""
    must_have_role(actor, CHAIR)
    if choice not in {Vote.Choice.APPROVE, Vote.Choice.DECLINE}:
        raise Refused("The casting vote approves or declines.", field="choice")
    said = must_say(reason, "why you decide so")
    locked = _locked(proposal)
    if locked.state != Proposal.State.TIED:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; there is no tie to break.", code="state"
        )
    seat = _seat_for(locked, choice, seen_digest, actor, on)
    chair = standing(locked, on).chair
    if chair is None or chair.pk != actor.pk:
        raise Refused("Only the chair who may vote on this casts.", code="forbidden")
    with refusals(), transaction.atomic():
        Vote.objects.create(
            proposal=locked, seat=seat, voter=actor, choice=choice, reason=said, casting=True, digest=seen_digest,
            cast_on=on,
        )  # fmt: skip
    decision = _decide(locked, standing(locked, on), actor=actor, on=on)
    if decision is None:
        raise AssertionError("a casting ballot breaks the tie")
    return decision


@transaction.atomic
def decline_tie(*, proposal: Proposal, reason: str, actor: User, on: date) -> Decision:
    """End a tie without a casting vote: it is a decline. For the chair and for analysts, when the chair will not cast."""
    must_have_role(actor, CHAIR, ANALYST)
    said = must_say(reason, "why the chair does not cast")
    locked = _locked(proposal)
    if locked.state != Proposal.State.TIED:
        raise Refused(f"{locked.number} is {locked.get_state_display()}; there is no tie.", code="state")
    return _record(
        locked, standing(locked, on), "declined", f"A tie without a casting vote: {said}", actor=actor, on=on
    )


def _locked(proposal: Proposal) -> Proposal:
    """The proposal, with its fund's date, its facility or application, and its own row locked in that order."""
    about = Proposal.objects.select_related("committee__fund").get(pk=proposal.pk)
    lock_business_date(about.committee.fund)
    if about.facility_id:
        Facility.objects.select_for_update(of=("self",)).get(pk=about.facility_id)
    if about.application_id:
        Application.objects.select_for_update(of=("self",)).get(pk=about.application_id)
    found = Proposal.objects.select_for_update(of=("self",)).select_related(
        "application__partner__group", "facility__partner__group", "facility__fund", "committee__fund"
    )
    return found.get(pk=proposal.pk)


def _seat_for(proposal: Proposal, choice: str, seen_digest: str, actor: User, on: date) -> CommitteeMember:
    if seen_digest != proposal.digest:
        raise Refused("The proposal is not the one you read. Open it again before you vote.", code="digest")
    seat = seats_on(proposal.committee_id, on).filter(user=actor).first()
    if seat is None:
        raise Refused(f"You hold no seat in {proposal.committee.name}.", code="forbidden")
    why_not = why_not_count(proposal, actor, on)
    if why_not and choice != Vote.Choice.RECUSE:
        raise Refused(
            f"You may only recuse yourself here: someone who {_who(why_not)} has no vote.", code="recuse"
        )
    return seat


def _who(why_not: str) -> str:
    return {"no longer active": "is no longer active"}.get(why_not, why_not)


def _try_to_decide(proposal: Proposal, now: Standing, *, actor: User, on: date) -> None:
    try:
        with transaction.atomic():
            _decide(proposal, now, actor=actor, on=on)
    except Refused as refused:
        record(actor=actor, action="proposal.not_decided", obj=proposal, on=on, reason=refused.sentence)


def _decide(proposal: Proposal, now: Standing, *, actor: User, on: date) -> Decision | None:
    if now.tally.outcome == TIED:
        proposal.state = Proposal.State.TIED
        proposal.save(update_fields=["state"])
        record(actor=actor, action="proposal.tied", obj=proposal, on=on, reason=now.tally.reason)
        return None
    if now.tally.outcome is None:
        raise Refused(now.tally.reason, code="quorum")
    return _record(proposal, now, now.tally.outcome, now.tally.reason, actor=actor, on=on)


def _record(
    proposal: Proposal, now: Standing, outcome: str, reason: str, *, actor: User, on: date
) -> Decision:
    """Write the decision, and in the same transaction do what it means."""
    key, number = next_number(Decision, "DEC")
    votes = [_vote_line(vote, ballot) for vote, ballot in zip(now.votes, now.ballots, strict=True)]
    document = {
        "number": number,
        "outcome": outcome,
        "reason": reason,
        "decided_on": on,
        "votes": votes,
        "proposal": proposal.document,
        "proposal_digest": proposal.digest,
    }
    with refusals(), transaction.atomic():
        decision = Decision.objects.create(
            pk=key, number=number, proposal=proposal, outcome=outcome, reason=reason, amount=proposal.amount,
            approvals=now.tally.approvals, declines=now.tally.declines, abstentions=now.tally.abstentions,
            recusals=now.tally.recusals, votes=votes, document=plain(document), proposal_digest=proposal.digest,
            digest=digest(document), audit_head=str(chain_head()), decided_on=on, recorded_by=actor,
        )  # fmt: skip
    if proposal.application is not None:
        _decide_application(proposal, decision, actor=actor, on=on)
    elif outcome == Decision.Outcome.APPROVED:
        FOLLOWS.get(proposal.kind, _grant)(proposal, decision, actor, on)
    proposal.state, proposal.closed_on = Proposal.State(outcome), on
    proposal.save(update_fields=["state", "closed_on"])
    after = {"number": number, "outcome": outcome, "votes": votes, "digest": decision.digest}
    record(actor=actor, action="proposal.decided", obj=proposal, on=on, after=after, reason=reason)
    return decision


def _vote_line(vote: Vote, ballot: Any) -> dict[str, Any]:
    return {
        "member": vote.voter.get_full_name() or vote.voter.email,
        "role": vote.seat.role,
        "choice": vote.choice,
        "reason": vote.reason,
        "casting": vote.casting,
        "counted": ballot.counts,
        "why_not": ballot.why_not,
    }


def _decide_application(proposal: Proposal, decision: Decision, *, actor: User, on: date) -> None:
    if proposal.application is None or proposal.amount is None:
        raise AssertionError("the table refuses a proposal of this kind without application and amount")
    application = locked_application(proposal.application)
    application.decision = decision
    if decision.outcome == Decision.Outcome.DECLINED:
        move(application, "decline", actor=actor, on=on, reason=decision.reason, fields=("decision",))
    else:
        reserve(
            fund=application.fund,
            partner=application.partner,
            reference=promise_reference(application),
            amount=proposal.amount,
            tenor_months=proposal.terms["tenor_months"],
            actor=actor,
            on=on,
        )
        application.approved_amount = proposal.amount
        fields = ("decision", "approved_amount")
        with refusals(), transaction.atomic():
            move(application, "approve", actor=actor, on=on, reason=decision.reason, fields=fields)
    notify_partner(
        partner=application.partner,
        kind="decision",
        key=f"decision:{decision.pk}",
        subject=f"{application.number} is {decision.outcome}",
        body=f"The committee has {decision.outcome} {application.number} on {on.day} {on:%B %Y}.",
        on=on,
    )


def _grant(proposal: Proposal, decision: Decision, actor: User, on: date) -> None:
    grant_authority(
        facility=_facility(proposal),
        kind=proposal.kind,
        subject_digest=digest(proposal.document["rests_on"]),
        decision_number=decision.number,
        expires_on=on + timedelta(days=proposal.policy.decision_validity_days),
        actor=actor,
        on=on,
        amount=proposal.amount,
    )


def _waive(proposal: Proposal, decision: Decision, actor: User, on: date) -> None:
    condition = _facility(proposal).conditions.get(position=proposal.document["rests_on"]["condition"])
    waive_condition(condition=condition, decision_number=decision.number, actor=actor, on=on)


def _exceed(proposal: Proposal, decision: Decision, actor: User, on: date) -> None:
    subject = proposal.document["rests_on"]
    grant_headroom(
        fund=_facility(proposal).fund,
        owner=subject["owner"],
        amount=Decimal(subject["amount"]),
        decision_number=decision.number,
        actor=actor,
        on=on,
    )


def _facility(proposal: Proposal) -> Facility:
    if proposal.facility is None:
        raise AssertionError("the table refuses a proposal of this kind without a facility")
    return proposal.facility


FOLLOWS: dict[str, Callable[[Proposal, Decision, User, date], None]] = {
    Proposal.Kind.CONDITION_WAIVER: _waive,
    Proposal.Kind.LIMIT_EXCEEDED: _exceed,
}
"""What an approval of each kind does beyond granting the authority to act."""
