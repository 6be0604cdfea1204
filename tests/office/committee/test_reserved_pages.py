"""What is reserved to the committee after signing: put before it whole, seen before and after, voted on, then booked."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from loanfund.audit.errors import Refused
from loanfund.origination import services
from loanfund.origination.models import Proposal
from loanfund.parties import roles
from loanfund.servicing.models import Instruction
from loanfund.servicing.services import book_instruction, consent_to_instruction, propose_instruction
from tests.office.committee.room import Desks, before
from tests.office.desks import send, text_of
from tests.origination.cast import Cast, make_cast
from tests.servicing.world import World, bullet, person

RESERVED = "/office/reserved-matters/"
EASY: dict[str, Any] = {
    "drawdown_notice_days": 0, "drawdown_minimum": "0.01", "drawdown_multiple": "0.01", "partner_limit": "50000000",
    "group_limit": "50000000", "segment_limits": {}, "conditions_precedent": [],
    "reserved_to_committee": ["amendment", "write_off"],
}  # fmt: skip


@pytest.fixture(scope="module")
def made_once(module_db: str) -> tuple[Cast, World]:
    cast = make_cast(**EASY)
    releaser = person("Rita", roles.OPERATIONS_CHECKER)
    world = World(cast.fund, cast["otto"], cast["olga"], releaser, cast["pia"], cast.partner)
    world.sign(bullet(signed_on=cast.day.isoformat(), months=1))
    world.draw(Decimal(1_000_000))
    return cast, world


@pytest.fixture
def office(made_once: tuple[Cast, World], db: None) -> tuple[Cast, World, Desks]:
    """As it was made: what a test does to it is rolled back."""
    cast, world = deepcopy(made_once)
    return cast, world, Desks(cast)


def amendment(world: World) -> Instruction:
    """A lower rate, to which the borrower has consented."""
    document = {**world.facility.terms.get().document, "rate": {"kind": "fixed", "rate": "0.0225"}}
    one = propose_instruction(
        kind="amendment",
        facility=world.facility,
        value_date=world.today,
        details={"terms": document},
        reason="The market fell.",
        actor=world.maker,
        on=world.today,
    )
    return consent_to_instruction(
        instruction=one, seen_digest=one.proposed_digest, actor=world.borrower, on=world.today
    )


def put(cast: Cast, desks: Desks, instruction: Instruction) -> Proposal:
    entries = {
        "instruction": instruction.pk,
        "committee": cast.committee.pk,
        "meeting": "",
        "summary": "Agree to it.",
    }
    answer = send(desks["anna"], RESERVED, "instruction", **entries)
    assert answer.status_code == 302, text_of(answer)
    return Proposal.objects.latest("pk")


def test_a_change_is_voted_on_as_it_will_be_booked(office: tuple[Cast, World, Desks]) -> None:
    cast, world, desks = office
    change = amendment(world)
    with pytest.raises(Refused, match="reserves this to the committee"):
        book_instruction(instruction=change, actor=world.checker, on=world.today)
    proposal = put(cast, desks, change)
    page = text_of(desks["mia"].get(before(proposal)))
    assert f"Change {change.number} , amendment of terms" in page
    assert "3.00 % fixed becomes 2.25 % fixed" in page
    assert "Before and after" in page
    assert "None" not in page
    assert "The borrower consented" in page
    send(desks["carl"], before(proposal), "open")
    for name in ("carl", "mia", "max"):
        desks.vote(name, proposal, "approve")
    assert "Approved" in text_of(desks["anna"].get(RESERVED))
    booked = book_instruction(instruction=change, actor=world.checker, on=world.today)
    assert booked.authority == Proposal.objects.get(pk=proposal.pk).decision.number


def test_another_content_than_was_voted_on_needs_a_vote_of_its_own(office: tuple[Cast, World, Desks]) -> None:
    cast, world, desks = office
    voted, other = amendment(world), amendment(world)
    proposal = put(cast, desks, voted)
    send(desks["carl"], before(proposal), "open")
    for name in ("carl", "mia", "max"):
        desks.vote(name, proposal, "approve")
    document = {**other.details["terms"], "rate": {"kind": "fixed", "rate": "0.0001"}}
    third = propose_instruction(
        kind="amendment",
        facility=world.facility,
        value_date=world.today,
        details={"terms": document},
        reason="Lower still.",
        actor=world.maker,
        on=world.today,
    )
    third = consent_to_instruction(
        instruction=third, seen_digest=third.proposed_digest, actor=world.borrower, on=world.today
    )
    with pytest.raises(Refused, match="reserves this to the committee"):
        book_instruction(instruction=third, actor=world.checker, on=world.today)


def test_a_meeting_has_no_minutes_before_its_day(office: tuple[Cast, World, Desks]) -> None:
    cast, world, desks = office
    ahead = services.schedule_meeting(
        committee=cast.committee,
        held_on=world.today.replace(month=12),
        title="Last of the year",
        actor=cast["carl"],
        on=world.today,
    )
    assert "Save the minutes" not in text_of(desks["carl"].get(f"/office/meetings/{ahead.pk}/"))
    with pytest.raises(Refused, match="write its minutes then"):
        services.write_minutes(meeting=ahead, minutes="We met.", actor=cast["carl"], on=world.today)
