"""Every sequence of actions on a vote, tried on the real database: what may never come about never does.

The walk is exhaustive: from each state every action is taken on a savepoint, and every state not seen before is walked
on from. What a decision may rest on is worked out here a second time, from the rows alone.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from loanfund.audit.errors import Refused
from loanfund.facilities.selectors import fund_position
from loanfund.origination import services
from loanfund.origination.models import (
    Application,
    CommitteeMember,
    ConflictDeclaration,
    Decision,
    Proposal,
    Vote,
)
from loanfund.parties import roles
from loanfund.parties.models import Membership, User
from tests.origination.cast import Cast, make_cast

Action = Callable[[], object]
MATRIX = [{"segment": "", "up_to": None, "members_needed": 3, "approvals_needed": 2, "chair_casts": True}]
LIMITS = {"partner_limit": None, "group_limit": None, "segment_limits": {}, "tenor_limits": {}}


class Undo(Exception):
    """Takes a savepoint back."""


def walk(
    actions: Callable[[], Iterator[tuple[str, Action]]], state: Callable[[], object], check: Action
) -> int:
    """Take every action from every state that can be reached; return how many states there were."""
    seen = {state()}

    def step(path: tuple[str, ...]) -> None:
        for name, action in actions():
            try:
                with transaction.atomic():
                    try:
                        action()
                    except Refused:
                        raise Undo from None
                    check()
                    now = state()
                    if now not in seen:
                        seen.add(now)
                        step((*path, name))
                    raise Undo
            except Undo:
                continue
            except AssertionError as error:
                raise AssertionError(f"after {' > '.join((*path, name))}") from error

    step(())
    return len(seen)


@pytest.fixture
def room(db: None) -> Cast:
    """A committee in which the proposer (Anna) and the memo's author (Aron) hold seats too, and Paul of the partner."""
    cast = make_cast(seats=("mia", "max"), matrix=MATRIX, **LIMITS)
    member = Group.objects.get(name=roles.COMMITTEE_MEMBER)
    for name in ("anna", "aron", "paul"):
        cast[name].groups.add(member)
        cast.seat(name)
    return cast


def snapshot() -> object:
    """The state of everything that a vote depends on, as comparable values."""
    return (
        frozenset(Application.objects.values_list("pk", "state")),
        frozenset(Proposal.objects.values_list("pk", "state")),
        frozenset(Vote.objects.values_list("proposal", "voter", "choice", "casting")),
        frozenset(CommitteeMember.objects.exclude(left_on=None).values_list("user", flat=True)),
        frozenset(ConflictDeclaration.objects.values_list("user", flat=True)),
        frozenset(members()),
    )


def seated() -> set[int]:
    """Who holds a seat."""
    return set(CommitteeMember.objects.filter(left_on=None).values_list("user", flat=True))


def members() -> set[int]:
    """Who holds a role of the committee, as a seat alone does not carry a ballot."""
    held = User.objects.filter(groups__name__in=[roles.COMMITTEE_MEMBER, roles.CHAIR])
    return set(held.values_list("pk", flat=True))


def check_decisions(cast: Cast) -> None:
    """No approval counts a ballot that may not count, nor rests on too few; the fund reserves what it approved."""
    counting = members()
    for decision in Decision.objects.filter(outcome="approved").select_related("proposal__application"):
        proposal = decision.proposal
        application = proposal.application
        assert application is not None
        barred = {proposal.proposer_id, proposal.preparer_id}
        barred |= set(Membership.objects.filter(partner=application.partner).values_list("user", flat=True))
        barred |= set(
            CommitteeMember.objects.filter(left_on__lte=decision.decided_on).values_list("user", flat=True)
        )
        barred |= set(ConflictDeclaration.objects.values_list("user", flat=True))
        ballots = [
            vote
            for vote in proposal.votes.all()
            if vote.voter_id in counting - barred and vote.choice != "recuse"
        ]
        taking_part = {vote.voter_id for vote in ballots}
        approvals = sum(vote.choice == "approve" for vote in ballots)
        declines = sum(vote.choice == "decline" for vote in ballots)
        assert len(taking_part) >= proposal.members_needed
        assert approvals >= proposal.approvals_needed
        assert approvals > declines
        assert (decision.approvals, decision.declines) == (approvals, declines)
    position = fund_position(cast.fund)
    assert position.adds_up
    assert 0 <= position.reserved <= position.size
    live = Application.objects.filter(state__in=["approved", "offered"])
    assert position.reserved == sum((item.approved_amount or 0 for item in live), Decimal(0))


def test_no_sequence_approves_with_a_ballot_that_may_not_count(room: Cast) -> None:
    proposal = room.voting()
    day = room.day
    choices = {
        "carl": ("approve", "decline"),
        "mia": ("approve", "decline"),
        "max": ("approve", "recuse"),
        "anna": ("approve",),
        "aron": ("approve",),
        "paul": ("approve",),
        "eve": ("approve",),
    }

    def leave(name: str) -> None:
        seat = room.seats[name]
        services.propose_leave(seat=seat, reason="gone", actor=room["ada"], on=day)
        services.confirm_leave(seat=seat, actor=room["abel"], on=day)

    def conflict() -> None:
        services.declare_conflict(
            user=room["max"], partner=room.partner, reason="shares", actor=room["max"], on=day
        )

    def actions() -> Iterator[tuple[str, Action]]:
        proposal.refresh_from_db()
        for name, ways in choices.items():
            for way in ways:
                yield f"{name} {way}", lambda name=name, way=way: room.vote(proposal, name, way)
        if proposal.state in {"voting", "tied"}:
            # One or the other: both at once only make the walk longer.
            if room["mia"].pk in members():
                yield "mia leaves", lambda: leave("mia")
            if room["mia"].pk in seated():
                yield "mia loses the role", room["mia"].groups.clear
            yield "max declares a conflict", conflict
        yield "close", lambda: services.close_voting(proposal=proposal, actor=room["carl"], on=day)
        for way in ("approve", "decline"):
            yield (
                f"chair casts {way}",
                lambda way=way: services.cast_deciding_vote(
                    proposal=proposal,
                    choice=way,
                    reason="a tie",
                    seen_digest=proposal.digest,
                    actor=room["carl"],
                    on=day,
                ),
            )
        yield (
            "take off the table",
            lambda: services.return_to_check(proposal=proposal, reason="not yet", actor=room["anna"], on=day),
        )

    def check() -> None:
        proposal.refresh_from_db()
        check_decisions(room)

    states = walk(actions, snapshot, check)
    assert states > 60


def test_no_sequence_of_two_approvals_reserves_more_than_the_fund_has(db: None) -> None:
    cast = make_cast(size="3000000", seats=("mia", "max"), matrix=MATRIX, **LIMITS)
    proposals = [cast.voting("2000000"), cast.voting("1500000")]
    for proposal in proposals:
        cast.vote(proposal, "carl", "approve")

    def actions() -> Iterator[tuple[str, Action]]:
        for number, proposal in enumerate(proposals):
            for name in ("mia", "max"):
                yield f"{name} approves {number}", lambda p=proposal, n=name: cast.vote(p, n, "approve")
            yield (
                f"close {number}",
                lambda p=proposal: services.close_voting(proposal=p, actor=cast["carl"], on=cast.day),
            )
            yield (
                f"withdraw {number}",
                lambda p=proposal: services.withdraw_application(
                    application=p.application, reason="not needed", actor=cast["pia"], on=cast.day
                ),
            )

    def check() -> None:
        check_decisions(cast)
        assert Application.objects.filter(state__in=["approved", "offered"]).count() <= 1

    assert walk(actions, snapshot, check) > 20


def refused_by_the_database(action: Action) -> str:
    try:
        with transaction.atomic():
            action()
    except DatabaseError as error:
        return str(error)
    raise AssertionError("the database let it through")


def test_the_database_refuses_the_proposers_ballot_whoever_writes_it(room: Cast) -> None:
    proposal = room.voting()
    for name in ("anna", "aron", "paul"):
        said = refused_by_the_database(
            lambda name=name: Vote.objects.create(
                proposal=proposal, seat=room.seats[name], voter=room[name], choice="approve", reason="mine",
                digest=proposal.digest, cast_on=room.day,
            )
        )  # fmt: skip
        assert "has no vote" in said


def test_the_database_refuses_a_ballot_on_another_text(room: Cast) -> None:
    proposal = room.voting()
    said = refused_by_the_database(
        lambda: Vote.objects.create(
            proposal=proposal, seat=room.seats["mia"], voter=room["mia"], choice="approve", reason="yes",
            digest="0" * 64, cast_on=room.day,
        )
    )  # fmt: skip
    assert "not the text" in said


def test_the_database_refuses_a_decision_without_the_votes(room: Cast) -> None:
    proposal = room.voting()
    room.vote(proposal, "mia", "approve")
    said = refused_by_the_database(
        lambda: Decision.objects.create(
            number="DEC-9999", proposal=proposal, outcome="approved", reason="because", amount=proposal.amount,
            approvals=3, declines=0, abstentions=0, recusals=0, votes=[], document={}, digest="0" * 64,
            proposal_digest=proposal.digest, audit_head="", decided_on=room.day, recorded_by=room["carl"],
        )
    )  # fmt: skip
    assert "cannot be approved: 1 took part" in said


def test_the_database_refuses_an_approval_without_its_decision_and_its_money(room: Cast) -> None:
    proposal = room.voting()
    pk = proposal.application_id
    assert "decision" in refused_by_the_database(
        lambda: Application.objects.filter(pk=pk).update(state="approved")
    )


@pytest.mark.parametrize("target", ["accepted", "offered", "tabled", "draft", "lapsed"])
def test_the_database_refuses_a_state_that_no_action_leads_to(room: Cast, target: str) -> None:
    application = room.application()
    assert application.state == "draft"
    if target != "draft":
        refused_by_the_database(lambda: Application.objects.filter(pk=application.pk).update(state=target))
    else:
        services.withdraw_application(application=application, reason="no", actor=room["pia"], on=room.day)
        refused_by_the_database(lambda: Application.objects.filter(pk=application.pk).update(state=target))


def test_a_proposal_cannot_be_edited_even_around_the_service(room: Cast) -> None:
    proposal = room.tabled()
    refused_by_the_database(lambda: Proposal.objects.filter(pk=proposal.pk).update(amount=1))
    with connection.cursor() as cursor:
        refused_by_the_database(
            lambda: cursor.execute(
                "UPDATE origination_proposal SET digest = 'x' WHERE id = %s", [proposal.pk]
            )
        )
