"""Questions answered in the thread, and an offer read, signed by two with their second factors, or declined."""

import hashlib
import uuid
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from loanfund.facilities.models import Facility, Fund
from loanfund.origination.models import Answer, Application, Offer, OfferSignature, ThreadFile
from loanfund.origination.services import ask_question
from loanfund.parties.models import Membership, Notice, User
from tests.origination.cast import Cast, make_cast
from tests.portal.visits import code_of, send, signed_in, words

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture
def cast(db: None) -> Cast:
    cache.clear()
    return make_cast()


def base(cast: Cast, application: Application, step: str = "") -> str:
    return f"/partners/{cast.partner.number}/applications/{application.number}/{step}"


def sign(cast: Cast, client: Client, offer: Offer, user: User, **entries: str) -> str:
    typed = {"seen": offer.digest, "signed_name": f"{user.name} Example", "code": code_of(user)} | entries
    answer = send(client, base(cast, offer.application, "offer/"), **typed)
    if answer.status_code == 302:
        return words(client.get(answer.headers["Location"]))
    return words(answer)


def test_a_question_is_answered_with_files_and_the_check_goes_on(cast: Cast) -> None:
    mine = cast.checking()
    question = ask_question(application=mine, text="Where are the coins?", actor=cast["anna"], on=cast.day)
    pia = signed_in(cast["pia"])
    page = words(pia.get(f"/partners/{cast.partner.number}/applications/"))
    assert "your answer to a question" in page
    assert "Where are the coins?" in words(pia.get(base(cast, mine, "thread/")))
    path = base(cast, mine, f"thread/{question.pk}/")
    files = [SimpleUploadedFile("one.pdf", PDF), SimpleUploadedFile("two.pdf", PDF)]
    answer = send(pia, path, text="In cold storage.", attached=files)
    page = words(pia.get(answer.headers["Location"]))
    assert "Your answer is sent. The check goes on." in page
    assert "one.pdf" in page
    mine.refresh_from_db()
    assert mine.state == "checking"
    assert {one.file.name for one in ThreadFile.objects.all()} == {"one.pdf", "two.pdf"}
    assert Notice.objects.filter(kind="answer", recipient=cast["anna"]).count() == 1
    file = ThreadFile.objects.first()
    assert file is not None
    assert b"".join(pia.get(base(cast, mine, f"thread/files/{file.pk}/")).streaming_content) == PDF  # type: ignore[attr-defined] # a file
    assert signed_in(cast["eve"]).get(base(cast, mine, f"thread/files/{file.pk}/")).status_code == 404


def test_an_answer_is_given_once_and_a_wrong_file_keeps_what_was_typed(cast: Cast) -> None:
    mine = cast.checking()
    question = ask_question(application=mine, text="Where?", actor=cast["anna"], on=cast.day)
    pia, path = signed_in(cast["pia"]), base(cast, mine, f"thread/{question.pk}/")
    wrong = SimpleUploadedFile("proof.pdf", b"MZ\x90\x00" + b"\x00" * 99)
    answer = send(pia, path, text="A long explanation.", attached=wrong)
    assert answer.status_code == 422
    assert "A long explanation." in words(answer)
    assert "is not a file that can be taken here" in words(answer)
    key = str(uuid.uuid4())
    for _ in range(2):
        send(pia, path, request_id=key, text="There.")
    assert Answer.objects.count() == 1


def test_a_viewer_reads_the_thread_and_answers_nothing(cast: Cast) -> None:
    mine = cast.checking()
    question = ask_question(application=mine, text="Where?", actor=cast["anna"], on=cast.day)
    Membership.objects.filter(user=cast["paul"]).update(role="viewer")
    paul = signed_in(cast["paul"])
    assert "As a viewer you read only" in words(paul.get(base(cast, mine, "thread/")))
    assert send(paul, base(cast, mine, f"thread/{question.pk}/"), text="x").status_code == 403


def test_two_signatories_accept_and_the_facility_is_there(cast: Cast) -> None:
    offer = cast.sent_offer()
    pia, paul = (signed_in(cast[name], both_factors=True) for name in ("pia", "paul"))
    page = words(pia.get(base(cast, offer.application, "offer/"))).replace("\xa0", " ")
    assert "2 signatories have to sign; 0 signed" in page
    assert "14 days left" in page
    assert "3.00 % a year, fixed" in page
    assert "Facility agreement signed by all signatories" in page
    assert "One more signatory has to sign" in sign(cast, pia, offer, cast["pia"])
    assert not Facility.objects.exists()
    assert "You have signed." in words(pia.get(base(cast, offer.application, "offer/")))
    page = sign(cast, paul, offer, cast["paul"])
    facility = Facility.objects.get()
    assert f"Your facility is {facility.number}" in page
    offer.refresh_from_db()
    assert offer.state == "accepted"
    assert set(OfferSignature.objects.values_list("digest", flat=True)) == {offer.digest}
    text = paul.get(base(cast, offer.application, "offer/text/")).content.decode()
    assert "Pia Example (pia@example.test)" in text
    assert offer.digest in text
    kept = paul.get(base(cast, offer.application, "offer/document/")).content
    assert hashlib.sha256(kept).hexdigest() == offer.digest


def test_the_page_shows_every_row_of_the_document_and_nothing_else(cast: Cast) -> None:
    offer = cast.sent_offer(profile="level")
    page = signed_in(cast["pia"]).get(base(cast, offer.application, "offer/"))
    shown = [(row.due_on.isoformat(), str(row.payment.normalize())) for row in page.context["rows"]]
    rows = offer.document["schedule"]["rows"]
    assert len(rows) > 3
    assert [day for day, _ in shown] == [row["due_on"] for row in rows]
    assert sum(row.principal for row in page.context["rows"]) == offer.amount


def test_a_wrong_code_a_used_code_and_no_second_factor_sign_nothing(cast: Cast) -> None:
    offer = cast.sent_offer()
    pia, paul = signed_in(cast["pia"], both_factors=True), signed_in(cast["paul"])
    page = sign(cast, pia, offer, cast["pia"], code="000000")
    assert "This code does not fit" in page
    assert (
        send(paul, base(cast, offer.application, "offer/"), seen=offer.digest).headers["Location"]
        == "/account/2fa/"
    )
    assert not OfferSignature.objects.exists()
    code = code_of(cast["pia"])
    sign(cast, pia, offer, cast["pia"], code=code, signed_name="")
    assert "kept" in sign(cast, pia, offer, cast["pia"], code=code)
    sign(cast, pia, offer, cast["pia"], code=code)
    assert OfferSignature.objects.count() == 1


def test_who_has_a_passkey_alone_signs_once_it_has_confirmed(cast: Cast) -> None:
    offer = cast.sent_offer()
    path, typed = base(cast, offer.application, "offer/"), {"seen": offer.digest, "signed_name": "Pia"}
    pia = signed_in(cast["pia"], both_factors=True)
    Authenticator.objects.update(type=Authenticator.Type.WEBAUTHN)
    assert "/account/2fa/webauthn/reauthenticate/?next=" in pia.get(path).content.decode()
    assert send(pia, path, **typed).status_code == 422
    assert not OfferSignature.objects.exists()
    pia = signed_in(cast["pia"], both_factors=True, again=True)
    assert "Code of your second factor" not in words(pia.get(path))
    assert send(pia, path, **typed).status_code == 302
    assert OfferSignature.objects.get().user == cast["pia"]


def test_a_double_click_signs_once(cast: Cast) -> None:
    offer = cast.sent_offer()
    pia = signed_in(cast["pia"], both_factors=True)
    typed = {"seen": offer.digest, "signed_name": "Pia", "code": code_of(cast["pia"])}
    key = str(uuid.uuid4())
    path = base(cast, offer.application, "offer/")
    answers = [send(pia, path, request_id=key, **typed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert OfferSignature.objects.count() == 1


def test_another_text_than_the_one_read_is_not_signed(cast: Cast) -> None:
    offer = cast.sent_offer()
    pia = signed_in(cast["pia"], both_factors=True)
    assert "The offer is not the one you read" in sign(cast, pia, offer, cast["pia"], seen="0" * 64)
    assert not OfferSignature.objects.exists()


def test_the_last_day_is_said_and_after_it_nobody_signs(cast: Cast) -> None:
    offer = cast.sent_offer()
    pia = signed_in(cast["pia"], both_factors=True)
    path = base(cast, offer.application, "offer/")
    assert offer.expires_on is not None
    Fund.objects.update(business_date=offer.expires_on)
    assert "Today is the last day to accept." in words(pia.get(path))
    Fund.objects.update(business_date=offer.expires_on + timedelta(days=1))
    page = words(pia.get(path))
    assert "This offer could be accepted until" in page
    assert "Sign the offer" not in page
    assert "Ask for a new one" in sign(cast, pia, offer, cast["pia"])


def test_what_the_committee_changed_stands_beside_the_request(cast: Cast) -> None:
    offer = cast.sent_offer()
    Application.objects.filter(pk=offer.application_id).update(amount=3_000_000)
    page = words(signed_in(cast["pia"]).get(base(cast, offer.application, "offer/"))).replace("\xa0", " ")
    assert "Amount USD 3,000,000.00 USD 2,000,000.00 changed" in page
    assert "Time 12 months 12 months" in page


def test_declining_asks_for_a_reason_and_ends_the_application(cast: Cast) -> None:
    offer = cast.sent_offer()
    pia, path = signed_in(cast["pia"]), base(cast, offer.application, "offer/decline/")
    assert send(pia, path, reason="").status_code == 422
    send(pia, path, reason="Too dear.")
    offer.refresh_from_db()
    offer.application.refresh_from_db()
    assert (offer.state, offer.reason, offer.application.state) == ("declined", "Too dear.", "withdrawn")
    assert "Too dear." in words(pia.get(base(cast, offer.application, "offer/")))


def test_an_offer_that_was_not_sent_is_not_there(cast: Cast) -> None:
    mine = cast.approved().proposal.application
    assert mine is not None
    assert signed_in(cast["pia"]).get(base(cast, mine, "offer/")).status_code == 404
    assert signed_in(cast["eve"]).get(base(cast, mine, "")).status_code == 404
