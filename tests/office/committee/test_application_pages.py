"""The queue and the page of an application: what an analyst finds there and may do."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loanfund.facilities.models import Fund
from loanfund.origination.models import Application, ApplicationDocument, Proposal
from loanfund.origination.models.states import State
from loanfund.parties.models import Partner
from tests.office.committee.room import ROOM, Desks, at, queries, submitted
from tests.office.desks import offers, said, send, text_of
from tests.origination.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def desks(cast: Cast) -> Desks:
    return Desks(cast)


def test_an_analyst_takes_an_application_up_and_asks_and_the_partner_is_awaited(
    cast: Cast, desks: Desks
) -> None:
    application, anna = submitted(cast), desks["anna"]
    assert application.number in text_of(anna.get(ROOM))
    assert "is in your check" in said(anna, send(anna, at(application), "start"))
    page = said(anna, send(anna, at(application), "ask", text="Which venue holds the rest?", due_on=""))
    assert "The partner is asked" in page
    assert "Which venue holds the rest?" in page
    application.refresh_from_db()
    assert (application.state, application.analyst) == (State.INFORMATION_REQUESTED, cast["anna"])


def test_the_queue_narrows_by_what_is_asked_and_marks_what_is_overdue(cast: Cast, desks: Desks) -> None:
    small, large = submitted(cast, amount="600000"), submitted(cast, amount="6000000")
    anna = desks["anna"]
    Partner.objects.update(watch_listed=True, watch_reason="Late accounts")
    Fund.objects.update(business_date=cast.day + timedelta(days=8))
    everything = text_of(anna.get(ROOM))
    assert everything.count("8 days overdue") == 2
    assert "watch-list" in everything
    for query, found in (
        ("?amount=over-5", {large}),
        ("?amount=to-1", {small}),
        ("?q=" + small.number, {small}),
        ("?overdue=on", {small, large}),
        ("?age=10", set()),
        ("?segment=miner", set()),
        ("?analyst=none", {small, large}),
        (f"?analyst={cast['anna'].pk}", set()),
        ("?state=ended", set()),
        ("?amount=nonsense&age=x&sort=y", {small, large}),
    ):
        shown = text_of(anna.get(ROOM + query))
        assert {one for one in (small, large) if f" {one.number} " in shown} == found, query


def test_a_paper_is_read_in_the_page_accepted_once_and_never_by_who_put_it_in(
    cast: Cast, desks: Desks
) -> None:
    application, anna = submitted(cast), desks["anna"]
    paper = application.documents.earliest("pk")
    shown = text_of(anna.get(f"{at(application)}papers/{paper.pk}/"))
    assert "a b 1 2" in shown
    assert paper.file.sha256 in shown
    assert f"accept-document-{paper.pk}" in offers(anna, at(application))
    assert "The paper is accepted" in said(anna, send(anna, at(application), f"accept-document-{paper.pk}"))
    assert f"accept-document-{paper.pk}" not in offers(anna, at(application))
    own = application.documents.exclude(pk=paper.pk).earliest("pk")
    ApplicationDocument.objects.filter(pk=own.pk).update(uploaded_by=cast["anna"])
    assert f"accept-document-{own.pk}" not in offers(anna, at(application))
    assert "another person must check it" in said(
        anna, send(anna, at(application), f"accept-document-{own.pk}")
    )


def test_a_refused_paper_says_why_and_is_missing_before_the_committee(cast: Cast, desks: Desks) -> None:
    application, anna = submitted(cast), desks["anna"]
    send(anna, at(application), "start")
    paper = application.documents.earliest("pk")
    empty = send(anna, at(application), f"refuse-document-{paper.pk}", reason="")
    assert empty.status_code == 422
    page = said(anna, send(anna, at(application), f"refuse-document-{paper.pk}", reason="Not signed"))
    assert "Not signed" in page
    assert "is missing." in page
    assert "The credit memo is not written." in page


def test_memo_and_scorecard_are_kept_as_versions(cast: Cast, desks: Desks) -> None:
    application, anna = cast.checking(), desks["anna"]
    assert "version 2" in said(anna, send(anna, at(application), "memo", body="Sounder still."))
    page = text_of(anna.get(at(application)))
    assert "Sounder still." in page
    assert "Version 1" in page
    keys = ("repayment", "capital", "impact", "governance")
    points = {name: value for key in keys for name, value in ((key, "4"), (f"why_{key}", "seen"))}
    assert "comes to 4.00 of 5" in said(anna, send(anna, at(application), "score", **points))
    again = send(anna, at(application), "score", **points | {"capital": "9"})
    assert again.status_code == 422


def test_less_than_asked_is_shown_before_it_is_tabled_with_its_terms_and_conditions(
    cast: Cast, desks: Desks
) -> None:
    application, anna = cast.checking(), desks["anna"]
    entries = {
        "committee": str(cast.committee.pk), "amount": "1,500,000", "summary": "Lend less.", "rate": "4.5",
        "period": "3M", "profile": "equal_principal", "tenor_months": "12", "availability_months": "3",
        "grace_days": "3", "default_margin": "2", "arrangement_fee": "0.5", "commitment_fee": "0.25",
        "conditions": "Agreement signed\neach: No default continues",
    }  # fmt: skip
    looked = anna.post(
        f"{at(application)}table/",
        {"act": "table", "look": "1", "request_id": "7b0c8f8e-7f0e-4c38-9c8b-0d4d4c0a1b11"}
        | {f"table-{name}": value for name, value in entries.items()},
    )
    assert (looked.status_code, Proposal.objects.count()) == (200, 0)
    assert "4.50 %" in text_of(looked)
    assert "Limits after USD 1,500,000.00" in text_of(looked)
    page = said(anna, send(anna, f"{at(application)}table/", "table", **entries))
    assert "is before the committee" in page
    proposal = Proposal.objects.get()
    assert (proposal.amount, proposal.terms["rate"], proposal.terms["profile"]) == (
        Decimal(1_500_000),
        "0.045",
        "equal_principal",
    )
    assert [one["scope"] for one in proposal.conditions] == ["first", "each"]


def test_terms_that_cannot_be_come_back_with_a_sentence_and_what_was_typed(cast: Cast, desks: Desks) -> None:
    application, anna = cast.checking(), desks["anna"]
    more = {
        "committee": str(cast.committee.pk), "amount": "2000001", "summary": "Lend more than & asked.",
        "rate": "3", "period": "3M", "profile": "bullet", "tenor_months": "12", "availability_months": "3",
    }  # fmt: skip
    answer = send(anna, f"{at(application)}table/", "table", **more)
    assert answer.status_code == 422
    assert "the amount asked for" in text_of(answer)
    assert "Lend more than &amp; asked." in answer.content.decode()
    assert not Proposal.objects.exists()


def test_the_queue_and_a_page_take_as_many_queries_for_one_as_for_sixty(cast: Cast, desks: Desks) -> None:
    anna, costs = desks["anna"], []
    first = cast.checking()
    for address in (ROOM, at(first), "/office/"):
        anna.get(address)
    for many in (5, 60):
        for _ in range(many):
            one = submitted(cast)
        costs.append(
            [queries(anna, address) for address in (ROOM, at(first), "/office/", ROOM + "?state=all&q=P-9")]
        )
    assert one.number in text_of(anna.get(ROOM + "?state=all&sort=newest"))
    assert costs[0] == costs[1]
    assert costs[0][0] <= 20, costs
    assert costs[0][1] <= 60, costs
    assert costs[0][2] <= 32, costs


def test_a_draft_is_the_partners_alone(cast: Cast, desks: Desks) -> None:
    draft = cast.application()
    assert draft.number not in text_of(desks["anna"].get(ROOM + "?state=all"))
    assert desks["anna"].get(at(draft)).status_code == 404
    assert Application.objects.get().state == State.DRAFT
