"""The vote on the office's pages: sealed, by those who may, to a decision with its certificate and an offer."""

import csv
import io
import uuid
from copy import deepcopy

import pytest

from loanfund.audit.models import AuditEvent
from loanfund.origination import services
from loanfund.origination.models import (
    CommitteeMember,
    ConflictDeclaration,
    Decision,
    Meeting,
    Offer,
    Proposal,
    Vote,
)
from tests.office.committee.room import Desks, at, before, queries
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.origination.cast import Cast, make_cast, make_user
from tests.parties.cast import holds

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made_once(module_db: str) -> Cast:
    return make_cast()


@pytest.fixture
def cast(made_once: Cast, db: None) -> Cast:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


@pytest.fixture
def desks(cast: Cast) -> Desks:
    return Desks(cast)


def test_three_members_vote_under_seal_and_the_last_ballot_decides(cast: Cast, desks: Desks) -> None:
    proposal = cast.tabled()
    assert "is open for votes" in said(desks["carl"], send(desks["carl"], before(proposal), "open"))
    assert "stays sealed" in said(desks["mia"], desks.vote("mia", proposal, "approve", "Mia knows the firm"))
    for other in ("max", "carl", "anna"):
        page = text_of(desks[other].get(before(proposal)))
        assert "1 has voted" in page
        assert "Mia knows the firm" not in page
    assert "Mia knows the firm" in text_of(desks["mia"].get(before(proposal)))
    assert "vote" not in offers(desks["mia"], before(proposal))
    desks.vote("max", proposal, "decline", "Too soon")
    assert "Cast my vote" in text_of(desks["carl"].get(before(proposal)))
    assert "stays sealed" in said(desks["carl"], desks.vote("carl", proposal, "approve"))
    assert "is approved" in said(desks["moe"], desks.vote("moe", proposal, "approve"))
    page = text_of(desks["anna"].get(before(proposal)))
    assert "Mia knows the firm" in page
    assert "Too soon" in page
    decision = Decision.objects.get()
    first = desks["anna"].get(f"/office/decisions/{decision.number}/certificate.pdf")
    again = desks["mia"].get(f"/office/decisions/{decision.number}/certificate.pdf")
    assert first.content[:5] == b"%PDF-"
    assert first.content == again.content


def test_a_tie_waits_for_the_chair_whose_casting_vote_is_marked(cast: Cast, desks: Desks) -> None:
    proposal = cast.voting()
    desks.vote("mia", proposal, "approve")
    desks.vote("max", proposal, "decline")
    desks.vote("moe", proposal, "abstain")
    desks.vote("carl", proposal, "abstain")
    proposal.refresh_from_db()
    if proposal.state == Proposal.State.VOTING:
        send(desks["carl"], before(proposal), "close")
    assert "It is a tie and waits for the chair" in text_of(desks["mia"].get(before(proposal)))
    assert "cast" not in offers(desks["mia"], before(proposal))
    cast_it = send(
        desks["carl"], before(proposal), "cast", choice="decline", reason="Not now", seen=proposal.digest
    )
    assert "declined by your casting vote" in said(desks["carl"], cast_it)
    assert "casting vote" in text_of(desks["anna"].get(before(proposal)))


def test_a_declared_conflict_steps_aside_and_a_lost_quorum_is_said(cast: Cast, desks: Desks) -> None:
    proposal = cast.voting()
    for name in ("mia", "max"):
        answer = send(
            desks[name],
            before(proposal),
            "recuse",
            reason="My brother's firm",
            declare="on",
            seen=proposal.digest,
        )
        assert "your interest in this partner is declared" in said(desks[name], answer)
    assert ConflictDeclaration.objects.count() == 2
    page = text_of(desks["carl"].get(before(proposal)))
    assert "The quorum is lost" in page
    assert "My brother's firm" in page
    off = send(desks["carl"], before(proposal), "return", reason="Too few of us")
    assert "is off the table" in said(desks["carl"], off)
    assert "Void: Too few of us" in text_of(desks["anna"].get(before(proposal)))


def test_whoever_proposed_or_wrote_the_memo_is_offered_no_vote(cast: Cast, desks: Desks) -> None:
    for name in ("anna", "aron"):
        holds(cast[name], "Analyst", "Committee member")
        cast.seat(name)
    proposal = cast.voting()
    for name, why in (("anna", "made the proposal"), ("aron", "prepared the credit memo")):
        page = text_of(desks[name].get(before(proposal)))
        assert f"someone who {why} has no vote" in page
        assert "vote" not in offers(desks[name], before(proposal))
        assert desks.vote(name, proposal, "approve").status_code in {302, 422}
    assert not proposal.votes.exists()


def test_a_ballot_on_another_text_than_was_read_is_refused(cast: Cast, desks: Desks) -> None:
    proposal = cast.voting()
    answer = send(desks["mia"], before(proposal), "vote", choice="approve", reason="yes & so", seen="0" * 64)
    assert answer.status_code == 422
    assert "not the one you read" in text_of(answer)
    assert "yes &amp; so" in answer.content.decode()
    assert not proposal.votes.exists()


def test_another_text_in_its_place_voids_the_ballots(cast: Cast, desks: Desks) -> None:
    proposal = cast.voting()
    desks.vote("mia", proposal, "approve")
    entries = {
        "amount": "1000000", "summary": "Half.", "rate": "3", "period": "3M", "profile": "bullet",
        "tenor_months": "12", "availability_months": "3", "grace_days": "3", "default_margin": "2",
        "arrangement_fee": "0.5", "commitment_fee": "0.25", "conditions": "Signed",
    }  # fmt: skip
    page = said(desks["anna"], send(desks["anna"], f"{before(proposal)}replace/", "replace", **entries))
    assert f"stands in place of {proposal.number}" in page
    proposal.refresh_from_db()
    assert proposal.state == Proposal.State.VOID
    assert Proposal.objects.latest("pk").votes.count() == 0


def test_an_offer_is_made_by_one_and_sent_by_another(cast: Cast, desks: Desks) -> None:
    application = cast.approved().proposal.application
    assert application is not None
    page = said(desks["otto"], send(desks["otto"], at(application), "make-offer"))
    offer = Offer.objects.get()
    assert f"{offer.number} is prepared" in page
    path = f"/office/offers/{offer.number}/"
    holds(cast["otto"], "Operations maker", "Operations checker")
    assert "another person has to send it" in text_of(desks["otto"].get(path))
    assert "send" not in offers(desks["otto"], path)
    assert send(desks["otto"], path, "send", seen=offer.digest).status_code in {302, 422}
    assert "is sent" in said(desks["olga"], send(desks["olga"], path, "send", seen=offer.digest))
    offer.refresh_from_db()
    assert (offer.state, offer.maker, offer.checker) == (Offer.State.SENT, cast["otto"], cast["olga"])


def test_a_seat_takes_two_administrators_and_a_meeting_has_agenda_and_minutes(
    cast: Cast, desks: Desks
) -> None:
    newcomer = make_user("nora", ("Committee member",))
    entries = {"user": str(newcomer.pk), "role": "member", "joined_on": cast.day.isoformat()}
    path = "/office/committee/"
    assert "Another administrator confirms" in said(
        desks["ada"], send(desks["ada"], path, f"propose-{cast.committee.pk}", **entries)
    )
    seat = CommitteeMember.objects.get(user=newcomer)
    assert f"confirm-{seat.pk}" not in offers(desks["ada"], path)
    assert "1 Committee seats another proposed" in text_of(desks["abel"].get("/office/"))
    assert "holds a seat" in said(desks["abel"], send(desks["abel"], path, f"confirm-{seat.pk}"))
    day = cast.day.isoformat()
    send(desks["carl"], path, "schedule", committee=str(cast.committee.pk), title="October", held_on=day)
    meeting = Meeting.objects.get()
    services.table_proposal(
        application=cast.checking(), committee=cast.committee, actor=cast["anna"], on=cast.day, summary="Lend.",
        meeting=meeting,
    )  # fmt: skip
    room = f"/office/meetings/{meeting.pk}/"
    assert "PRP-" in text_of(desks["mia"].get(room))
    page = said(desks["carl"], send(desks["carl"], room, "minutes", minutes="All was said."))
    assert "All was said." in page


def test_what_waits_for_each_stands_on_the_home_page_and_the_parts_add_up(cast: Cast, desks: Desks) -> None:
    proposal = cast.voting()
    assert "1 Open for your vote" in text_of(desks["mia"].get("/office/"))
    assert "1 Open for your vote" not in text_of(desks["anna"].get("/office/"))
    desks.vote("mia", proposal, "approve")
    assert "Open for your vote" not in text_of(desks["mia"].get("/office/"))
    cast.approved("1000000")
    page = text_of(desks["otto"].get("/office/"))
    assert "1 Approved, the offer is to be prepared" in page
    assert "Reserved USD 1,000,000.00" in page
    assert "Available USD 99,000,000.00" in page
    assert "the parts add up to the fund" in page


def test_the_log_is_searched_over_everything_and_taken_out_without_formulas(cast: Cast, desks: Desks) -> None:
    proposal = cast.voting()
    services.return_to_check(proposal=proposal, reason="=1+1 too few", actor=cast["carl"], on=cast.day)
    audra = sign_in(make_user("audra", ("Auditor",)))
    assert "Proposal taken off the table" in text_of(audra.get("/office/log/?q=too+few"))
    assert "=1+1 too few" in text_of(audra.get("/office/log/?q=taken+off"))
    assert "Nothing found" in text_of(audra.get("/office/log/?q=no+such+thing"))
    content = b"".join(audra.get("/office/log/?q=too+few&csv=1").streaming_content).decode()  # type: ignore[attr-defined] # it streams
    rows = list(csv.DictReader(io.StringIO(content)))
    assert {row["action"] for row in rows} >= {"proposal.voided"}
    assert all(not row["reason"].startswith("=") for row in rows)
    event = AuditEvent.objects.filter(action="proposal.tabled").latest("pk")
    assert proposal.digest in text_of(audra.get(f"/office/log/{event.pk}/"))
    assert audra.get("/office/log/?since=notaday").status_code == 200


def test_a_page_of_proposals_takes_the_same_queries_for_few_and_for_many(cast: Cast, desks: Desks) -> None:
    first = cast.voting("600000")
    mia, costs = desks["mia"], []
    mia.get("/office/proposals/")
    for many in (2, 12):
        for _ in range(many):
            cast.voting("600000")
        addresses = ("/office/proposals/", before(first), "/office/", "/office/committee/")
        costs.append([queries(mia, address) for address in addresses])
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 70, costs


def test_a_stranger_to_the_rules_gets_no_second_ballot_and_none_after_the_close(
    cast: Cast, desks: Desks
) -> None:
    proposal = cast.voting()
    services.propose_leave(seat=cast.seats["moe"], reason="gone", actor=cast["ada"], on=cast.day)
    services.confirm_leave(seat=cast.seats["moe"], actor=cast["abel"], on=cast.day)
    sent = {"choice": "approve", "reason": "yes", "seen": proposal.digest, "request_id": str(uuid.uuid4())}
    for _ in ("the click", "the double click", "the back button"):
        assert send(desks["mia"], before(proposal), "vote", **sent).status_code == 302
    for name, choice in (("mia", "decline"), ("moe", "approve"), ("anna", "approve"), ("ada", "approve")):
        assert desks.vote(name, proposal, choice).status_code in {302, 403, 422}, name
    assert [vote.voter for vote in Vote.objects.all()] == [cast["mia"]]
    desks.vote("max", proposal, "approve")
    desks.vote("carl", proposal, "approve")
    assert Decision.objects.get().outcome == "approved"
    for name in ("carl", "max", "mia"):
        desks.vote(name, proposal, "decline", "changed my mind")
        send(desks[name], before(proposal), "close")
        send(desks[name], before(proposal), "cast", choice="decline", reason="no", seen=proposal.digest)
    assert Vote.objects.count() == 3
    assert Decision.objects.count() == 1
