"""A partner applies through the API, from the first field to the offer."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from loanfund.origination import services
from loanfund.origination.models import Application
from loanfund.parties.models import Membership
from tests.api.caller import Caller, caller_of
from tests.origination.cast import CSV, Cast, make_cast, make_partner

pytestmark = pytest.mark.django_db
ASKED = {"amount": "2000000.00", "purpose": "to keep making markets", "tenor_months": 12, "profile": "bullet"}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def pia(cast: Cast) -> Caller:
    return caller_of(cast.partner, cast["pia"], on=cast.day)


def paper(name: str = "paper.csv", content: bytes = b"a,b\n1,2\n") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_a_partner_applies_from_the_first_field_to_the_submission(cast: Cast, pia: Caller) -> None:
    started = pia.post("applications", ASKED)
    assert started.status == 201, started.body
    number = started.body["number"]
    assert started.body["amount"] == {"amount": "2000000.00", "currency": "USD"}
    assert len(started.body["missing"]) == 4
    edited = pia.patch(f"applications/{number}", {"net_assets": "5000000", "tenor_months": 9})
    assert (edited.status, edited.body["tenor_months"]) == (200, 9)
    for kind in ("audited_accounts", "liquidation_statement", "net_assets_statement"):
        added = pia.post(f"applications/{number}/papers", {"kind": kind}, file=paper())
        assert (added.status, added.body["state"]) == (201, "pending")
    taken = pia.post(f"applications/{number}/liquidations", file=paper("losses.csv", CSV))
    assert (taken.status, taken.body["row_count"]) == (201, 2)
    weighed = pia.get(f"applications/{number}").body["assessment"]
    assert [line["result"] for line in weighed if line["rule"] == "min_loss_ratio"] == ["met"]
    handed_in = pia.post(f"applications/{number}/submit")
    assert (handed_in.status, handed_in.body["state"]) == (200, "submitted")
    listed = pia.get("applications").body["results"]
    assert [row["number"] for row in listed] == [number]


def test_what_is_missing_is_said_when_it_is_handed_in(pia: Caller) -> None:
    number = pia.post("applications", ASKED).body["number"]
    refused = pia.post(f"applications/{number}/submit")
    assert (refused.status, refused.body["field"]) == (422, "documents")
    assert refused.body["detail"].startswith("Add what is still missing:")
    assert refused.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "amount",
    ["-1", "1e5", "NaN", "Infinity", "9" * 30, "", " 5", "1,000", "0x10", "٣", 5, 5.5, None, "1.0000001"],
)
def test_an_amount_that_is_none_is_refused_by_its_field(pia: Caller, amount: object) -> None:
    refused = pia.post("applications", {**ASKED, "amount": amount})
    assert (refused.status, refused.body["field"]) == (422, "amount")
    assert not Application.objects.exists()


def test_a_field_that_nobody_knows_is_refused_rather_than_passed_over(pia: Caller) -> None:
    refused = pia.post("applications", {**ASKED, "approved_amount": "1"})
    assert (refused.status, refused.body["field"]) == (422, "approved_amount")


def test_two_wrong_fields_are_both_named(pia: Caller) -> None:
    refused = pia.post("applications", {**ASKED, "profile": "free", "tenor_months": 0})
    assert {error["field"] for error in refused.body["errors"]} == {"profile", "tenor_months"}


def test_a_wrong_csv_and_an_executable_named_pdf_are_refused_in_a_sentence(pia: Caller) -> None:
    number = pia.post("applications", ASKED).body["number"]
    wrong = pia.post(f"applications/{number}/liquidations", file=paper("x.csv", b"a,b\n1,2\n"))
    assert (wrong.status, bool(wrong.body["detail"])) == (422, True)
    binary = pia.post(
        f"applications/{number}/papers", {"kind": "audited_accounts"}, file=paper("a.pdf", b"MZ\x90\x00" * 99)
    )
    assert (binary.status, binary.body["field"]) == (422, "file")
    assert "whatever its name says" in binary.body["detail"]


def test_the_same_request_twice_makes_one_application(pia: Caller) -> None:
    first = pia.post("applications", ASKED, key="order-1")
    again = pia.post("applications", ASKED, key="order-1")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Application.objects.count() == 1
    other = pia.post("applications", {**ASKED, "tenor_months": 6}, key="order-1")
    assert (other.status, other.body["code"]) == (422, "other_content")
    assert pia.post("applications", ASKED, key="").status == 400


def test_an_upload_sent_again_is_the_same_paper_though_its_form_has_another_boundary(pia: Caller) -> None:
    number = pia.post("applications", ASKED).body["number"]
    sent = [
        pia.post(f"applications/{number}/papers", {"kind": "audited_accounts"}, key="paper-1", file=paper())
        for _ in range(2)
    ]
    assert sent[0].body == sent[1].body
    assert sent[1].headers["Idempotency-Replayed"] == "true"


def test_a_preparer_fills_in_and_does_not_hand_in(cast: Cast, pia: Caller) -> None:
    number = cast.application().number
    place = Membership.objects.get(user=cast["pia"], partner=cast.partner)
    place.role = Membership.Role.PREPARER
    place.save()
    assert pia.patch(f"applications/{number}", {"tenor_months": 6}).status == 200
    refused = pia.post(f"applications/{number}/submit")
    assert refused.status == 403
    assert "ask the owner or signatory" in refused.body["detail"]


def test_a_question_is_answered_and_the_check_goes_on(cast: Cast, pia: Caller) -> None:
    application = cast.checking()
    services.ask_question(
        application=application, text="Whose account is main?", actor=cast["anna"], on=cast.day
    )
    (question,) = pia.get(f"applications/{application.number}/questions").body
    assert question["kind"] == "question"
    said = pia.post(
        f"applications/{application.number}/questions/{question['id']}/answers", {"text": "Ours."}
    )
    assert said.status == 201
    assert pia.get(f"applications/{application.number}").body["state"] == "checking"


def test_an_offer_is_read_with_its_schedule_once_it_is_sent(cast: Cast, pia: Caller) -> None:
    offer = cast.sent_offer()
    (row,) = pia.get("offers").body["results"]
    assert row["amount"] == {"amount": "2000000.00", "currency": "USD"}
    whole = pia.get(f"offers/{offer.number}").body
    assert whole["digest"] == offer.digest
    assert Decimal(whole["document"]["schedule"]["total_principal"]) == 2_000_000


def test_an_application_that_is_handed_in_is_changed_no_more(cast: Cast, pia: Caller) -> None:
    application = cast.application()
    services.submit_application(application=application, actor=cast["pia"], on=cast.day)
    refused = pia.patch(f"applications/{application.number}", {"tenor_months": 6})
    assert (refused.status, refused.body["code"]) == (409, "state")
    withdrawn = pia.post(f"applications/{application.number}/withdraw", {"reason": "Financed elsewhere."})
    assert withdrawn.body["state"] == "withdrawn"


def test_pages_follow_one_another(cast: Cast, pia: Caller) -> None:
    numbers = [pia.post("applications", ASKED).body["number"] for _ in range(3)]
    first = pia.get("applications", page_size=2).body
    assert [row["number"] for row in first["results"]] == numbers[:0:-1]
    rest = pia.get(first["next"].removeprefix("http://testserver")).body
    assert [row["number"] for row in rest["results"]] == numbers[:1]


def test_a_key_ends_with_its_time_its_revocation_or_its_persons_place(cast: Cast) -> None:
    late = caller_of(cast.partner, cast["pia"], on=cast.day, expires_at=datetime(2025, 1, 1, tzinfo=UTC))
    gone = caller_of(cast.partner, cast["pia"], on=cast.day)
    assert gone.get("partner").status == 200
    assert gone.key is not None
    gone.key.revoked_at = datetime(2025, 1, 1, tzinfo=UTC)
    gone.key.save()
    left = caller_of(cast.partner, cast["paul"], on=cast.day)
    Membership.objects.filter(user=cast["paul"]).update(ended_on=cast.day)
    for caller in (late, gone, left, Caller("lf_wrong"), Caller("")):
        refused = caller.get("partner")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="loan fund"')


def test_a_key_that_may_only_read_changes_nothing(cast: Cast) -> None:
    reader = caller_of(cast.partner, cast["pia"], on=cast.day, scope="read")
    assert reader.get("applications").status == 200
    refused = reader.post("applications", ASKED)
    assert (refused.status, refused.body["detail"]) == (
        403,
        "This key may only read. Make one that may also write.",
    )


def test_another_company_sees_none_of_it(cast: Cast) -> None:
    number = cast.application().number
    stranger = caller_of(make_partner([cast["eve"]], "P-9002"), cast["eve"], on=cast.day)
    assert stranger.get(f"applications/{number}").status == 404
    assert stranger.get("applications").body["results"] == []
