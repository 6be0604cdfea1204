"""The check, the questions, the vote and the offer: who may, who may not, and what they are told."""

from copy import deepcopy
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, IntegrityError, transaction

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.facilities import invariants as facility_invariants
from loanfund.facilities.models import Promise
from loanfund.facilities.selectors import fund_position, open_conditions
from loanfund.origination import invariants, selectors, services
from loanfund.origination.models import Application, ConflictDeclaration, Decision, Offer, Proposal, Vote
from loanfund.origination.services import offers
from loanfund.parties import roles
from loanfund.parties.models import Notice
from tests.origination.cast import Cast, make_cast, make_partner

D = Decimal


@pytest.fixture(scope="module")
def made_once(module_db: str) -> Cast:
    return make_cast()


@pytest.fixture
def cast(made_once: Cast, db: None) -> Cast:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def test_the_clean_books_of_a_signed_facility_pass_every_check(cast: Cast) -> None:
    offer = cast.sent_offer()
    for name in ("pia", "paul"):
        services.sign_offer(
            offer=offer, seen_digest=offer.digest, signed_name=name, actor=cast[name], on=cast.day
        )
    for check in [*facility_invariants.INVARIANTS, *invariants.INVARIANTS]:
        assert check().breaks == [], check()


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount": D("499999.99")}, "amount"),
        ({"amount": D("10000000.01")}, "amount"),
        ({"tenor_months": 25}, "tenor_months"),
    ],
)
def test_a_request_outside_the_policy_is_refused_by_its_field(
    cast: Cast, values: dict[str, object], field: str
) -> None:
    application = cast.application()
    services.edit_application(application=application, values=values, actor=cast["pia"], on=cast.day)
    with pytest.raises(Refused) as told:
        services.submit_application(application=application, actor=cast["pia"], on=cast.day)
    assert told.value.field == field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount": D("-1")}, "amount"),
        ({"amount": D("1" * 30)}, "amount"),
        ({"amount": D("NaN")}, "amount"),
        ({"amount": D("1000000.001")}, "amount"),
        ({"purpose": "  "}, "purpose"),
        ({"profile": "whenever"}, "profile"),
        ({"interest_only_months": 12}, "interest_only_months"),
        ({"state": "approved"}, "state"),
    ],
)
def test_a_draft_refuses_what_cannot_be(cast: Cast, values: dict[str, object], field: str) -> None:
    application = cast.application()
    with pytest.raises(Refused) as told:
        services.edit_application(application=application, values=values, actor=cast["pia"], on=cast.day)
    assert told.value.field == field


def test_eve_of_no_company_cannot_touch_pias_application(cast: Cast) -> None:
    application = cast.application()
    for act in (
        lambda: services.submit_application(application=application, actor=cast["eve"], on=cast.day),
        lambda: services.withdraw_application(
            application=application, reason="no", actor=cast["eve"], on=cast.day
        ),
        lambda: services.assess_impact(application=application, actor=cast["eve"], on=cast.day),
    ):
        with pytest.raises(Refused):
            act()
    assert selectors.allowed_actions(application, cast["eve"]) == set()
    assert "submit" in selectors.allowed_actions(application, cast["pia"])


def test_a_question_waits_for_the_partner_and_its_answer_goes_on_with_the_check(cast: Cast) -> None:
    application = cast.checking()
    question = services.ask_question(
        application=application, text="Whose account?", actor=cast["anna"], on=cast.day
    )
    application.refresh_from_db()
    assert application.state == "information_requested"
    assert application.information_due_on == cast.day + timedelta(days=7)
    assert Notice.objects.filter(recipient=cast["pia"], kind="question").exists()
    assert selectors.is_overdue(application, cast.day + timedelta(days=8))
    services.answer_question(
        question=question, text="Ours.", actor=cast["pia"], on=cast.day, files=[cast.file()]
    )
    application.refresh_from_db()
    assert application.state == "checking"
    assert [message.text for message in selectors.thread(application)] == ["Whose account?", "Ours."]
    assert len(selectors.thread(application)[1].files) == 1


def test_tabling_says_what_is_not_ready(cast: Cast) -> None:
    def table() -> Proposal:
        return services.table_proposal(
            application=application,
            committee=cast.committee,
            actor=cast["anna"],
            on=cast.day,
            summary="Lend.",
        )

    application = cast.application()
    services.submit_application(application=application, actor=cast["pia"], on=cast.day)
    services.start_check(application=application, actor=cast["anna"], on=cast.day)
    with pytest.raises(Refused, match="3 of the required papers are not checked"):
        table()
    for document in application.documents.all():
        services.check_document(document=document, accepted=True, actor=cast["anna"], on=cast.day)
    with pytest.raises(Refused, match="credit memo"):
        table()
    services.write_memo(application=application, body="Sound.", actor=cast["aron"], on=cast.day)
    assert table().amount == D(2_000_000)


def test_no_paper_is_checked_by_who_added_it(cast: Cast) -> None:
    application = cast.application()
    cast["pia"].groups.add(Group.objects.get(name=roles.ANALYST))
    with pytest.raises(Refused, match="another person"):
        services.check_document(
            document=application.documents.all()[0], accepted=True, actor=cast["pia"], on=cast.day
        )


def test_a_partner_whose_check_ran_out_is_not_tabled(cast: Cast) -> None:
    application = cast.checking()
    with pytest.raises(Refused, match="not approved and in date"):
        services.table_proposal(
            application=application, committee=cast.committee, actor=cast["anna"],
            on=cast.day + timedelta(days=900), summary="Lend.",
        )  # fmt: skip


def test_ballots_stay_sealed_until_the_vote_is_closed(cast: Cast) -> None:
    proposal = cast.voting()
    cast.vote(proposal, "mia", "decline")
    assert [vote.voter for vote in selectors.visible_votes(proposal, cast["mia"])] == [cast["mia"]]
    for name in ("carl", "max", "anna"):
        assert not selectors.visible_votes(proposal, cast[name])
    assert selectors.progress(proposal, cast.day).voted == 1
    event = AuditEvent.objects.filter(action="vote.cast").get()
    assert "decline" not in str(event.after)
    for name in ("carl", "max", "moe"):
        cast.vote(proposal, name, "approve")
    proposal.refresh_from_db()
    assert proposal.state == "approved"
    assert selectors.visible_votes(proposal, cast["anna"]).count() == 4


def test_a_tie_is_a_decline_unless_the_chair_casts(cast: Cast) -> None:
    proposal = cast.voting()
    for name, choice in {"carl": "approve", "mia": "approve", "max": "decline", "moe": "decline"}.items():
        cast.vote(proposal, name, choice)
    proposal.refresh_from_db()
    assert proposal.state == "tied"
    with pytest.raises(Refused, match="chair"):
        services.cast_deciding_vote(
            proposal=proposal, choice="approve", reason="x", seen_digest=proposal.digest, actor=cast["mia"], on=cast.day
        )  # fmt: skip
    decision = services.cast_deciding_vote(
        proposal=proposal, choice="approve", reason="worth it", seen_digest=proposal.digest, actor=cast["carl"],
        on=cast.day,
    )  # fmt: skip
    assert (decision.outcome, decision.approvals, decision.declines) == ("approved", 3, 2)


def test_a_tie_without_a_casting_chair_declines(committed_db: str) -> None:
    rows = [{"segment": "", "up_to": None, "members_needed": 2, "approvals_needed": 1, "chair_casts": False}]
    cast = make_cast(matrix=rows)
    proposal = cast.voting()
    for name, choice in {"carl": "approve", "mia": "approve", "max": "decline", "moe": "decline"}.items():
        cast.vote(proposal, name, choice)
    proposal.refresh_from_db()
    assert proposal.state == "declined"
    assert fund_position(cast.fund).reserved == 0


def test_a_lost_quorum_is_said_and_the_way_out_named(cast: Cast) -> None:
    proposal = cast.voting()
    cast.vote(proposal, "mia", "recuse")
    cast.vote(proposal, "max", "recuse")
    assert selectors.progress(proposal, cast.day).quorum_lost
    with pytest.raises(Refused, match="quorum is lost: 3 members are needed and only 2 may vote"):
        services.close_voting(proposal=proposal, actor=cast["carl"], on=cast.day)
    services.return_to_check(proposal=proposal, reason="quorum lost", actor=cast["anna"], on=cast.day)
    assert Application.objects.get().state == "checking"


def test_above_two_million_all_three_must_approve(cast: Cast) -> None:
    proposal = cast.voting("2000000.01")
    for name, choice in {"carl": "approve", "mia": "approve", "max": "decline"}.items():
        cast.vote(proposal, name, choice)
    decision = services.close_voting(proposal=proposal, actor=cast["carl"], on=cast.day)
    assert decision is not None
    assert (decision.outcome, decision.reason) == ("declined", "2 approved; 3 approvals are needed.")


def test_a_conflict_declared_during_the_vote_takes_the_ballot_out_of_the_count(cast: Cast) -> None:
    proposal = cast.voting()
    for name in ("carl", "mia"):
        cast.vote(proposal, name, "approve")
    services.declare_conflict(
        user=cast["mia"], partner=cast.partner, reason="shares", actor=cast["mia"], on=cast.day
    )
    with pytest.raises(Refused, match="1 of the 3 members needed"):
        services.close_voting(proposal=proposal, actor=cast["carl"], on=cast.day)


def test_nobody_declares_a_conflict_for_another_member_not_even_the_chair(cast: Cast) -> None:
    with pytest.raises(Refused, match="an interest of their own"):
        services.declare_conflict(
            user=cast["mia"], partner=cast.partner, reason="shares", actor=cast["carl"], on=cast.day
        )
    with (
        pytest.raises(IntegrityError, match="origination_conflictdeclaration_of_oneself"),
        transaction.atomic(),
    ):
        ConflictDeclaration.objects.create(
            user=cast["mia"],
            partner=cast.partner,
            reason="shares",
            declared_on=cast.day,
            declared_by=cast["carl"],
        )


def test_an_edit_is_a_new_proposal_and_voids_the_ballots(cast: Cast) -> None:
    proposal = cast.voting()
    cast.vote(proposal, "mia", "approve")
    fresh = services.replace_proposal(
        proposal=proposal, actor=cast["anna"], on=cast.day, summary="Lend less.", amount=D(1_500_000)
    )
    proposal.refresh_from_db()
    assert (proposal.state, fresh.state, fresh.votes.count()) == ("void", "tabled", 0)
    assert fresh.digest != proposal.digest
    with pytest.raises(Refused, match="not open for votes"):
        cast.vote(proposal, "max", "approve")
    services.open_voting(proposal=fresh, actor=cast["carl"], on=cast.day)
    with pytest.raises(Refused, match="not the one you read"):
        services.cast_vote(
            proposal=fresh, choice="approve", reason="x", seen_digest=proposal.digest, actor=cast["max"], on=cast.day
        )  # fmt: skip
    for name in ("carl", "max", "moe"):
        cast.vote(fresh, name, "approve")
    assert Application.objects.get().approved_amount == D(1_500_000)
    assert fund_position(cast.fund).reserved == D(1_500_000)


def test_nobody_is_seated_or_unseated_by_one_person(cast: Cast) -> None:
    cast["eve"].groups.add(Group.objects.get(name=roles.COMMITTEE_MEMBER))
    seat = services.propose_seat(
        committee=cast.committee, user=cast["eve"], role="member", joined_on=cast.day, actor=cast["ada"], on=cast.day
    )  # fmt: skip
    with pytest.raises(Refused, match="another person"):
        services.confirm_seat(seat=seat, actor=cast["ada"], on=cast.day)
    services.propose_leave(seat=cast.seats["mia"], reason="gone", actor=cast["ada"], on=cast.day)
    with pytest.raises(Refused, match="another person"):
        services.confirm_leave(seat=cast.seats["mia"], actor=cast["ada"], on=cast.day)


def test_an_offer_is_not_sent_by_who_made_it_superusers_too(cast: Cast) -> None:
    application = cast.approved().proposal.application
    otto = cast["otto"]
    otto.is_superuser = True
    otto.save()
    otto.groups.add(Group.objects.get(name=roles.OPERATIONS_CHECKER))
    assert application is not None
    offer = services.make_offer(application=application, actor=otto, on=cast.day)
    with pytest.raises(Refused, match="another person"):
        services.send_offer(offer=offer, seen_digest=offer.digest, actor=otto, on=cast.day)
    assert selectors.allowed_on_offer(offer, otto, cast.day) == {"retract_offer"}


def test_an_offer_shows_its_schedule_and_its_effective_rate(cast: Cast) -> None:
    shown = cast.sent_offer().document
    assert shown["schedule"]["total_principal"] == "2000000"
    assert len(shown["schedule"]["rows"]) >= 4
    assert D("0.03") < D(shown["schedule"]["effective_rate"]) < D("0.05")
    assert shown["fees"]["arrangement"] == "10000"
    assert len(shown["conditions"]) == 4


@pytest.mark.parametrize(
    ("who", "digest", "said"),
    [("eve", None, "no place"), ("pia", "0" * 64, "not the one you read")],
)
def test_an_offer_is_signed_by_its_people_under_its_text(
    cast: Cast, who: str, digest: str | None, said: str
) -> None:
    offer = cast.sent_offer()
    with pytest.raises(Refused, match=said):
        services.sign_offer(
            offer=offer, seen_digest=digest or offer.digest, signed_name="x", actor=cast[who], on=cast.day
        )


def test_pia_cannot_sign_for_two(cast: Cast) -> None:
    offer = cast.sent_offer()
    sign = {
        "offer": offer,
        "seen_digest": offer.digest,
        "signed_name": "Pia",
        "actor": cast["pia"],
        "on": cast.day,
    }
    services.sign_offer(**sign)
    with pytest.raises(Refused, match="another signatory"):
        services.sign_offer(**sign)


def test_an_offer_lapses_after_its_last_day_and_gives_the_money_back(cast: Cast) -> None:
    offer = cast.sent_offer()
    assert offer.expires_on == cast.day + timedelta(days=14)
    assert services.lapse_due(fund=cast.fund, actor=None, on=offer.expires_on) == []
    after = offer.expires_on + timedelta(days=1)
    with pytest.raises(Refused, match="could be accepted until"):
        services.sign_offer(
            offer=offer, seen_digest=offer.digest, signed_name="Pia", actor=cast["pia"], on=after
        )
    assert services.lapse_due(fund=cast.fund, actor=None, on=after) == [offer.application.number]
    assert services.lapse_due(fund=cast.fund, actor=None, on=after) == []
    assert Offer.objects.get().state == "lapsed"
    assert fund_position(cast.fund).available == D(100_000_000)


@pytest.mark.parametrize("how", ["decline", "withdraw"])
def test_the_partners_no_gives_the_money_back(cast: Cast, how: str) -> None:
    offer = cast.sent_offer()
    if how == "decline":
        services.decline_offer(offer=offer, reason="too dear", actor=cast["pia"], on=cast.day)
    else:
        services.withdraw_application(
            application=offer.application, reason="no need", actor=cast["pia"], on=cast.day
        )
    assert fund_position(cast.fund).available == D(100_000_000)
    assert Promise.objects.get().state == "released"
    for check in (*facility_invariants.INVARIANTS[:3], *invariants.INVARIANTS[:2]):
        assert check().breaks == [], check()


def test_an_appeal_is_a_new_application_that_names_the_old_one(cast: Cast) -> None:
    proposal = cast.voting()
    for name in ("carl", "mia", "max"):
        cast.vote(proposal, name, "decline")
    first = Application.objects.get()
    assert first.state == "declined"
    values = {"amount": D(600_000), "purpose": "less", "tenor_months": 6, "profile": "level"}
    start = {
        "fund": cast.fund,
        "partner": cast.partner,
        "values": values,
        "actor": cast["pia"],
        "on": cast.day,
    }
    assert services.start_application(appeal_of=first, **start).appeal_of == first
    cast.partner = make_partner([cast["pia"]], number="P-9002")
    with pytest.raises(Refused, match="same partner"):
        services.start_application(appeal_of=first, **{**start, "partner": cast.partner})


def test_a_vote_the_fund_has_no_room_for_stands_open_and_says_so(committed_db: str) -> None:
    cast = make_cast(size="2500000", partner_limit=None, segment_limits={}, tenor_limits={})
    cast.approved("2000000")
    proposal = cast.voting("1000000")
    for name in ("carl", "mia", "max"):
        cast.vote(proposal, name, "approve")
    proposal.refresh_from_db()
    assert (proposal.state, proposal.votes.count()) == ("voting", 3)
    with pytest.raises(Refused, match=r"500,000\.00 USD left to promise and 1,000,000\.00"):
        services.close_voting(proposal=proposal, actor=cast["carl"], on=cast.day)


def signed(cast: Cast) -> Application:
    offer = cast.sent_offer()
    for name in ("pia", "paul"):
        services.sign_offer(
            offer=offer, seen_digest=offer.digest, signed_name=name, actor=cast[name], on=cast.day
        )
    return Application.objects.get(pk=offer.application_id)


def reserved_decision(
    cast: Cast, application: Application, kind: str, document: dict[str, object]
) -> Decision:
    assert application.facility is not None
    proposal = services.propose_reserved(
        facility=application.facility, committee=cast.committee, kind=kind, summary="After signing.",
        document=document, preparer=None, actor=cast["anna"], on=cast.day,
    )  # fmt: skip
    services.open_voting(proposal=proposal, actor=cast["carl"], on=cast.day)
    for name in ("carl", "mia", "max", "moe"):
        proposal.refresh_from_db()
        if proposal.state == "voting":
            cast.vote(proposal, name, "approve")
    return Decision.objects.get(proposal=proposal)


def test_a_certificate_names_the_votes_the_dissent_and_what_it_rests_on(cast: Cast) -> None:
    proposal = cast.voting()
    for name, choice in {"carl": "approve", "mia": "approve", "max": "decline", "moe": "approve"}.items():
        cast.vote(proposal, name, choice)
    shown = selectors.certificate(Decision.objects.get(proposal=proposal))
    assert (shown.outcome, shown.approvals, shown.declines) == ("approved", 3, 1)
    assert [vote["member"] for vote in shown.dissent] == ["Max"]
    assert shown.rests_on["legal_name"] == "Fictional P-9001"
    assert len(shown.rests_on["papers"]) == 3
    assert shown.proposal_digest == proposal.digest


def test_the_committee_waives_a_condition_after_signing(cast: Cast) -> None:
    application = signed(cast)
    assert application.facility is not None
    decision = reserved_decision(cast, application, "condition_waiver", {"condition": 3})
    waived = application.facility.conditions.get(position=3)
    assert (waived.state, waived.waived_by_decision) == ("waived", decision.number)
    assert waived not in open_conditions(application.facility)


def test_whoever_made_a_reserved_change_has_no_vote_on_it(cast: Cast) -> None:
    """A member of the committee who works in operations too."""
    application = signed(cast)
    assert application.facility is not None
    proposal = services.propose_reserved(
        facility=application.facility, committee=cast.committee, kind="write_off", summary="Nothing is paid.",
        document={"facility": application.facility.number}, preparer=cast["mia"], actor=cast["anna"], on=cast.day,
    )  # fmt: skip
    services.open_voting(proposal=proposal, actor=cast["carl"], on=cast.day)
    proposal.refresh_from_db()
    with pytest.raises(Refused, match="someone who made the change that is voted on has no vote"):
        cast.vote(proposal, "mia", "approve")
    assert cast["mia"] not in selectors.progress(proposal, cast.day).awaited
    seat = proposal.committee.members.get(user=cast["mia"])
    with pytest.raises(DatabaseError, match="has no vote"), transaction.atomic():
        Vote.objects.create(
            proposal=proposal, seat=seat, voter=cast["mia"], choice="approve", reason="mine", digest=proposal.digest,
            cast_on=cast.day,
        )  # fmt: skip


def test_the_committee_raises_a_limit_by_decision(cast: Cast) -> None:
    application = signed(cast)
    reserved_decision(
        cast, application, "limit_exceeded", {"owner": f"partner:{cast.partner.pk}", "amount": "5000000"}
    )
    cast.approved("9000000")
    assert fund_position(cast.fund).reserved == D(9_000_000)


def test_what_the_committee_allowed_is_found_by_its_digest_only(cast: Cast) -> None:
    from loanfund.facilities.canonical import digest
    from loanfund.facilities.selectors import authority_for

    application = signed(cast)
    assert application.facility is not None
    document = {"holiday_months": 3}
    reserved_decision(cast, application, "payment_holiday", document)
    found = authority_for(application.facility, kind="payment_holiday", digest=digest(document), on=cast.day)
    assert found is not None
    assert authority_for(application.facility, kind="payment_holiday", digest="0" * 64, on=cast.day) is None
    late = found.expires_on + timedelta(days=1)
    assert (
        authority_for(application.facility, kind="payment_holiday", digest=digest(document), on=late) is None
    )


def test_an_application_that_is_handed_in_is_told_as_received(cast: Cast) -> None:
    mine = cast.checking()
    (notice, *others) = Notice.objects.filter(kind="application_received").order_by("recipient__name")
    assert {one.recipient.name for one in (notice, *others) if one.recipient} == {"Pia", "Paul"}
    assert notice.subject == f"{mine.number} has been received"
    assert notice.link == f"/partners/{cast.partner.number}/applications/{mine.number}/"


def test_who_has_to_sign_is_told_once_that_the_offer_expires(cast: Cast) -> None:
    offer = cast.sent_offer()
    assert offer.expires_on is not None
    for left, told in ((4, 0), (3, 2), (2, 2), (0, 2)):
        offers.start_of_day(fund=cast.fund, on=offer.expires_on - timedelta(days=left))
        assert Notice.objects.filter(kind="offer_expiring").count() == told
    notice = Notice.objects.filter(kind="offer_expiring")[0]
    assert "still waits for 2 signatures" in notice.body
    assert notice.subject.startswith(f"{offer.number} can be accepted until ")
    offers.start_of_day(fund=cast.fund, on=offer.expires_on + timedelta(days=1))
    assert Notice.objects.filter(kind="lapsed").count() == 2
