"""The count of a vote, case by case, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loanfund.origination.ballots import Ballot, Need, count, quorum_lost, settled

THREE_OF_WHICH_TWO = Need(members=3, approvals=2, chair_casts=True)


def ballots(text: str, why_not: dict[int, str] | None = None) -> list[Ballot]:
    """One letter a ballot: a approve, d decline, n abstain, r recuse; A and D are the chair's casting ballot."""
    ways = {"a": "approve", "d": "decline", "n": "abstain", "r": "recuse"}
    return [
        Ballot(
            voter_id=0 if letter.isupper() else number,
            choice=ways[letter.lower()],
            chair=number == 0 or letter.isupper(),
            casting=letter.isupper(),
            why_not=(why_not or {}).get(number, ""),
        )
        for number, letter in enumerate(text)
    ]


@pytest.mark.parametrize(
    ("cast", "outcome"),
    [
        ("", None),
        ("aa", None),
        ("aar", None),
        ("aaa", "approved"),
        ("aad", "approved"),
        ("aan", "approved"),
        ("ann", "declined"),
        ("add", "declined"),
        ("ddd", "declined"),
        ("nnn", "declined"),
        ("adn", "tied"),
        ("aadd", "tied"),
        ("aaddA", "approved"),
        ("aaddD", "declined"),
        ("aaddr", "tied"),
    ],
)
def test_three_take_part_two_approve_and_the_chair_breaks_a_tie(cast: str, outcome: str | None) -> None:
    assert count(ballots(cast), THREE_OF_WHICH_TWO, chair_can_cast=True).outcome == outcome


def test_a_tie_is_a_decline_when_no_chair_may_cast() -> None:
    assert count(ballots("aadd"), THREE_OF_WHICH_TWO, chair_can_cast=False).outcome == "declined"
    never = Need(members=3, approvals=2, chair_casts=False)
    assert count(ballots("aadd"), never, chair_can_cast=True).outcome == "declined"


def test_a_casting_ballot_that_cannot_reach_the_approvals_is_not_asked_for() -> None:
    need = Need(members=4, approvals=4, chair_casts=True)
    assert count(ballots("aadd"), need, chair_can_cast=True).outcome == "declined"


def test_a_ballot_that_may_not_count_is_no_part_of_the_quorum() -> None:
    tally = count(ballots("aaa", {2: "made the proposal"}), THREE_OF_WHICH_TWO, chair_can_cast=True)
    assert (tally.outcome, tally.taking_part, tally.approvals) == (None, 2, 2)
    assert quorum_lost(tally, THREE_OF_WHICH_TWO, left=0)
    assert not quorum_lost(tally, THREE_OF_WHICH_TWO, left=1)


@given(
    now=st.lists(st.sampled_from("adnr"), max_size=6),
    later=st.lists(st.sampled_from("adnr"), max_size=4),
    members=st.integers(1, 5),
    approvals=st.integers(1, 5),
    casts=st.booleans(),
)
def test_what_is_settled_no_later_ballot_changes(
    now: list[str], later: list[str], members: int, approvals: int, casts: bool
) -> None:
    need = Need(max(members, approvals), approvals, casts)
    before = count(ballots("".join(now)), need, chair_can_cast=True)
    if settled(before, need, left=len(later)):
        after = count(ballots("".join(now + later)), need, chair_can_cast=True)
        assert after.outcome == before.outcome


@given(
    cast=st.lists(st.sampled_from("adnr"), max_size=9), members=st.integers(1, 5), approvals=st.integers(1, 5)
)
def test_nothing_is_approved_without_quorum_approvals_and_a_majority(
    cast: list[str], members: int, approvals: int
) -> None:
    need = Need(max(members, approvals), approvals, chair_casts=False)
    tally = count(ballots("".join(cast)), need, chair_can_cast=True)
    enough = cast.count("a") + cast.count("d") + cast.count("n") >= need.members
    carried = cast.count("a") >= approvals and cast.count("a") > cast.count("d")
    assert (tally.outcome == "approved") == (enough and carried)
