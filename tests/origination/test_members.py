"""A ballot is a member's: it takes the seat and the role, on the day of the count."""

import pytest
from django.db import DatabaseError, transaction

from loanfund.origination import selectors
from loanfund.origination.models import Decision, Vote
from loanfund.parties import services as parties
from tests.origination.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def leave_the_lender(cast: Cast, name: str) -> None:
    change = parties.propose_roles(
        person=cast[name], names=[], reason="Left.", actor=cast["ada"], on=cast.day
    )
    parties.confirm_roles(change=change, actor=cast["abel"], on=cast.day)


def test_who_lost_the_role_of_a_member_is_awaited_no_more_and_the_lost_quorum_is_said(cast: Cast) -> None:
    proposal = cast.voting()
    cast.vote(proposal, "mia", "approve")
    leave_the_lender(cast, "mia")
    leave_the_lender(cast, "max")
    shown = selectors.progress(proposal, cast.day)
    assert shown.quorum_lost
    assert {user.name for user in shown.awaited} == {"Carl", "Moe"}


def test_the_ballot_of_who_lost_the_role_is_listed_and_not_counted(cast: Cast) -> None:
    proposal = cast.voting()
    cast.vote(proposal, "mia", "decline")
    leave_the_lender(cast, "mia")
    for name in ("max", "moe", "carl"):
        cast.vote(proposal, name, "approve")
    decision = Decision.objects.get()
    assert (decision.approvals, decision.declines) == (3, 0)
    assert [line["why_not"] for line in decision.votes if not line["counted"]] == [
        "lost the role of a member"
    ]


def test_the_database_refuses_the_ballot_of_who_lost_the_role(cast: Cast) -> None:
    proposal = cast.voting()
    leave_the_lender(cast, "mia")
    ballot = Vote(
        proposal=proposal, seat=cast.seats["mia"], voter=cast["mia"], choice="approve", reason="still here",
        digest=proposal.digest, cast_on=cast.day,
    )  # fmt: skip
    with pytest.raises(DatabaseError, match="lost the role of a member"), transaction.atomic():
        ballot.save()
