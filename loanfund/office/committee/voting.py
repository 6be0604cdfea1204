"""What the committee's people may do with a proposal: open, vote, recuse, close, cast, take it off the table."""

from collections.abc import Iterator
from functools import partial

from django import forms

from loanfund.office.committee.seen import SeenForm
from loanfund.office.operations.acts import Act, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.seat import Seat
from loanfund.origination import services
from loanfund.origination.models import Proposal, Vote
from loanfund.origination.selectors import partner_of
from loanfund.parties import roles

MEMBERS = (roles.COMMITTEE_MEMBER, roles.CHAIR)
DESK = (roles.CHAIR, roles.ANALYST)
VOTES = [
    (Vote.Choice.APPROVE, "Approve"),
    (Vote.Choice.DECLINE, "Decline"),
    (Vote.Choice.ABSTAIN, "Abstain"),
]


class VoteForm(SeenForm):
    """One ballot, final once cast."""

    choice = forms.ChoiceField(label="Your vote", choices=VOTES, widget=forms.RadioSelect)
    reason = forms.CharField(
        label="Why",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Stands in the decision's certificate. Nobody reads it before the vote is closed.",
    )


class CastingForm(SeenForm):
    """The chair's second ballot after a tie."""

    choice = forms.ChoiceField(label="Casting vote", choices=VOTES[:2], widget=forms.RadioSelect)
    reason = forms.CharField(label="Why", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))


class RecuseForm(SeenForm):
    """Stepping aside, for this vote or for everything about this partner."""

    reason = forms.CharField(
        label="Why you step aside", max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
    declare = forms.BooleanField(
        label="I have an interest in this partner",
        required=False,
        help_text="Declares the conflict for good: no ballot of yours about this partner counts, now or later.",
    )


def voting_acts(seat: Seat, one: Proposal, allowed: set[str]) -> Iterator[Act]:
    """The acts on one proposal, the ballot first."""
    seen = {"initial": {"seen": one.digest}}
    yield Act(
        "vote",
        "Cast my vote",
        partial(_vote, seat, one),
        right=seat.holds(*MEMBERS),
        ready="vote" in allowed,
        form=VoteForm,
        title="Your vote",
        says="A ballot is final, and sealed until the vote is closed.",
        arguments=seen,
    )
    yield Act(
        "cast",
        "Decide",
        partial(_cast, seat, one),
        right=seat.holds(roles.CHAIR),
        ready="cast_deciding_vote" in allowed,
        form=CastingForm,
        title="Break the tie",
        says="As many approve as decline. Your casting vote decides.",
        arguments=seen,
    )
    yield Act(
        "open",
        "Open the vote",
        partial(_open, seat, one),
        right=seat.holds(*MEMBERS, roles.ANALYST, roles.OPERATIONS_MAKER),
        ready="open_voting" in allowed,
        title="Open the vote",
        says="Every member who may vote is told.",
    )
    yield Act(
        "close",
        "Close the vote",
        partial(_close, seat, one),
        right=seat.holds(*DESK),
        ready="close_voting" in allowed,
        title="Close the vote",
        says="Enough members have taken part. The ballots are counted and the decision is taken.",
    )
    yield from _stepping_back(seat, one, allowed)


def _stepping_back(seat: Seat, one: Proposal, allowed: set[str]) -> Iterator[Act]:
    """Acts that take somebody out of the vote, or the vote off the table."""
    yield Act(
        "recuse",
        "Recuse myself",
        partial(_recuse, seat, one),
        right=seat.holds(*MEMBERS),
        ready="recuse" in allowed,
        form=RecuseForm,
        danger=True,
        title="Recuse myself",
        arguments={"initial": {"seen": one.digest}},
    )
    yield Act(
        "decline-tie",
        "Let the tie stand as a decline",
        partial(_decline_tie, seat, one),
        right=seat.holds(*DESK),
        ready="decline_tie" in allowed,
        form=ReasonForm,
        danger=True,
        title="No casting vote",
        says="A tie without a casting vote is a decline.",
    )
    yield Act(
        "return",
        "Take it off the table",
        partial(_return, seat, one),
        right=seat.holds(*DESK),
        ready="return_to_check" in allowed,
        form=ReasonForm,
        danger=True,
        title="Take it off the table",
        says="The proposal and its ballots become void, and nothing is decided.",
    )


def _vote(seat: Seat, one: Proposal, entries: Entries) -> Done:
    services.cast_vote(
        proposal=one,
        choice=entries["choice"],
        reason=entries["reason"],
        seen_digest=entries["seen"],
        actor=seat.user,
        on=seat.on,
    )
    return Done("Your vote is cast. " + _stands(one))


def _stands(one: Proposal) -> str:
    state = Proposal.objects.values_list("state", flat=True).get(pk=one.pk)
    return {
        Proposal.State.APPROVED: f"It settled the matter: {one.number} is approved.",
        Proposal.State.DECLINED: f"It settled the matter: {one.number} is declined.",
        Proposal.State.TIED: "It is a tie now, and waits for the chair.",
    }.get(Proposal.State(state), "It stays sealed until the vote is closed.")


def _recuse(seat: Seat, one: Proposal, entries: Entries) -> Done:
    services.cast_vote(
        proposal=one,
        choice=Vote.Choice.RECUSE,
        reason=entries["reason"],
        seen_digest=entries["seen"],
        actor=seat.user,
        on=seat.on,
    )
    if not entries["declare"]:
        return Done("You have stepped aside from this vote.")
    services.declare_conflict(
        user=seat.user, partner=partner_of(one), reason=entries["reason"], actor=seat.user, on=seat.on
    )
    return Done("You have stepped aside, and your interest in this partner is declared.")


def _cast(seat: Seat, one: Proposal, entries: Entries) -> Done:
    decision = services.cast_deciding_vote(
        proposal=one,
        choice=entries["choice"],
        reason=entries["reason"],
        seen_digest=entries["seen"],
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"{one.number} is {decision.get_outcome_display()} by your casting vote.")


def _open(seat: Seat, one: Proposal, entries: Entries) -> Done:
    services.open_voting(proposal=one, actor=seat.user, on=seat.on)
    return Done(f"{one.number} is open for votes, and the members are told.")


def _close(seat: Seat, one: Proposal, entries: Entries) -> Done:
    decision = services.close_voting(proposal=one, actor=seat.user, on=seat.on)
    if decision is None:
        return Done("It is a tie. The chair may cast the deciding vote.")
    return Done(f"{one.number} is {decision.get_outcome_display()}: {decision.reason}")


def _decline_tie(seat: Seat, one: Proposal, entries: Entries) -> Done:
    services.decline_tie(proposal=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is declined.")


def _return(seat: Seat, one: Proposal, entries: Entries) -> Done:
    services.return_to_check(proposal=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is off the table.")
