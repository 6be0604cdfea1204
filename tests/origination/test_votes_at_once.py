"""People who act in the same moment: one ballot a member, one decision a proposal, no more money than there is."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from django.db import connection

from loanfund.audit.errors import Refused
from loanfund.facilities.selectors import fund_position
from loanfund.origination import services
from loanfund.origination.models import Decision, Proposal, Vote
from tests.origination.cast import Cast, make_cast

MATRIX = [{"segment": "", "up_to": None, "members_needed": 3, "approvals_needed": 2, "chair_casts": True}]
LIMITS = {"partner_limit": None, "group_limit": None, "segment_limits": {}, "tenor_limits": {}}
WAIT = 30


@pytest.fixture
def cast(committed_db: str) -> Cast:
    return make_cast(size="3000000", seats=("mia", "max"), matrix=MATRIX, **LIMITS)


def at_once(actions: Sequence[Callable[[], object]]) -> Counter[str]:
    """Take all actions in the same moment, each over a connection of its own; return how they ended."""
    start, ended = threading.Barrier(len(actions)), []

    def take(action: Callable[[], object]) -> None:
        try:
            start.wait(WAIT)
            action()
            ended.append("done")
        except Refused:
            ended.append("refused")
        except Exception as error:
            ended.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    return Counter(ended)


def test_one_member_in_two_tabs_has_one_ballot(cast: Cast) -> None:
    proposal = cast.voting("1000000")
    ways = [
        lambda way=way: cast.vote(proposal, "mia", way)
        for way in ("approve", "decline", "approve", "decline")
    ]
    assert at_once(ways) == {"done": 1, "refused": 3}
    assert Vote.objects.filter(proposal=proposal, voter=cast["mia"]).count() == 1


def test_the_last_ballot_and_two_people_closing_make_one_decision(cast: Cast) -> None:
    proposal = cast.voting("1000000")
    for name in ("carl", "mia"):
        cast.vote(proposal, name, "approve" if name == "mia" else "decline")

    def close(name: str) -> Callable[[], object]:
        return lambda: services.close_voting(proposal=proposal, actor=cast[name], on=cast.day)

    ended = at_once([lambda: cast.vote(proposal, "max", "approve"), close("carl"), close("aron")])
    assert set(ended) <= {"done", "refused"}, ended
    assert ended["done"] == 1
    assert Decision.objects.get().outcome == "approved"
    assert fund_position(cast.fund).reserved == Decimal(1_000_000)


def test_a_seat_that_is_left_while_the_vote_is_closed_is_counted_whole_or_not_at_all(cast: Cast) -> None:
    proposal = cast.voting("1000000")
    for name in ("carl", "mia"):
        cast.vote(proposal, name, "decline" if name == "carl" else "approve")
    seat = cast.seats["max"]
    services.propose_leave(seat=seat, reason="gone", actor=cast["ada"], on=cast.day)
    ended = at_once(
        [
            lambda: services.confirm_leave(seat=seat, actor=cast["abel"], on=cast.day),
            lambda: cast.vote(proposal, "max", "approve"),
        ]
    )
    assert set(ended) <= {"done", "refused"}, ended
    seat.refresh_from_db()
    assert seat.left_on == cast.day
    proposal.refresh_from_db()
    approved = Decision.objects.filter(proposal=proposal, outcome="approved").exists()
    assert approved == (proposal.state == Proposal.State.APPROVED)
    assert fund_position(cast.fund).reserved == (Decimal(1_000_000) if approved else 0)


def test_two_approvals_in_one_moment_never_promise_more_than_the_fund_has(cast: Cast) -> None:
    proposals = [cast.voting("2000000"), cast.voting("1500000")]
    for proposal in proposals:
        cast.vote(proposal, "carl", "approve")
        cast.vote(proposal, "mia", "decline")
    ended = at_once([lambda one=one: cast.vote(one, "max", "approve") for one in proposals])
    assert ended == {"done": 2}
    assert Decision.objects.filter(outcome="approved").count() == 1
    states = sorted(Proposal.objects.values_list("state", flat=True))
    assert states == ["approved", "voting"]
    assert fund_position(cast.fund).reserved in {Decimal(2_000_000), Decimal(1_500_000)}
