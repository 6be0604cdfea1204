"""From a mailed link to a company with people, papers, owners and accounts: what a treasurer does first."""

import io
import re
import uuid
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.utils import timezone

from loanfund.audit.models import AuditEvent
from loanfund.parties import services
from loanfund.parties.models import (
    BeneficialOwner,
    Invitation,
    KybPaper,
    Membership,
    Notice,
    Partner,
    SettlementAccount,
)
from tests.parties.cast import company, joins, person
from tests.portal.visits import fund_open, send, signed_in, words

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
DETAILS = {
    "legal_name": "Harbour Digital AG",
    "registration_number": "CHE-77",
    "country": "CH",
    "partner_type": "fund",
    "segment": "fund",
    "address": "Quay 1, Zug",
    "website": "harbour.example",
}


def paper(content: bytes = PDF, name: str = "register.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_whoever_registers_confirms_the_address_signs_in_and_registers_a_company() -> None:
    fund_open()
    client, word = Client(), "a long enough passphrase"
    client.post(
        "/account/signup/",
        {"name": "Ada Holt", "email": "ada@harbour.example", "password1": word, "password2": word},
    )
    (link,) = re.findall(r"/account/confirm-email/\S+", str(mail.outbox[0].body))
    client.post(link)
    client.post("/account/login/", {"login": "ada@harbour.example", "password": word})
    assert "act for no company yet" in words(client.get("/"))
    answer = send(client, "/companies/new/", **DETAILS)
    partner = Partner.objects.get()
    assert answer.headers["Location"] == f"/partners/{partner.number}/company/papers/"
    assert partner.website == "https://harbour.example"
    assert Membership.objects.get().role == "owner"
    assert client.get("/").headers["Location"] == f"/partners/{partner.number}/"
    assert "prospectus" in words(client.get(answer.headers["Location"])).lower()


def test_a_company_registered_twice_is_one_and_a_taken_number_keeps_what_was_typed() -> None:
    fund_open()
    client, key = signed_in(person("Owner")), str(uuid.uuid4())
    for _ in range(2):
        assert send(client, "/companies/new/", request_id=key, **DETAILS).status_code == 302
    assert Partner.objects.count() == 1
    # The back button, and then a rival with the same number.
    assert send(client, "/companies/new/", **DETAILS).status_code == 302
    assert Partner.objects.count() == 1
    again = send(signed_in(person("Rival")), "/companies/new/", **DETAILS)
    assert again.status_code == 422
    assert "registered already" in words(again)
    assert 'value="Harbour Digital AG"' in again.content.decode()


def test_an_invited_person_gets_a_mail_accepts_and_the_link_is_forgotten() -> None:
    fund_open()
    owner, colleague = person("Owner"), person("Colleague")
    partner = company(owner)
    asked = {"name": "Colleague", "email": colleague.email, "role": "signatory"}
    client = signed_in(owner, both_factors=True)
    send(client, f"/partners/{partner.number}/company/people/invite/", **asked)
    notice = Notice.objects.get(address=colleague.email)
    path = notice.link
    now = timezone.now()
    for one in services.claim_notices(now=now):
        services.send_claimed(notice_id=one, base_url="https://fund.example", now=now)
    assert f"https://fund.example{path}" in str(mail.outbox[0].body)
    notice.refresh_from_db()
    assert notice.link == ""
    assert "Sign in to accept" in words(Client().get(path))
    assert "You are signed in as" in words(signed_in(person("Outsider")).get(path))
    client = signed_in(colleague)
    send(client, path)
    assert client.get(f"/partners/{partner.number}/").status_code == 200
    assert Client().get(path).status_code == 404


def test_a_withdrawn_invitation_no_longer_works() -> None:
    fund_open()
    owner = person("Owner")
    partner, client = company(owner), signed_in(owner, both_factors=True)
    asked = {"name": "New", "email": "new@harbour.example", "role": "viewer"}
    send(client, f"/partners/{partner.number}/company/people/invite/", **asked)
    path, invitation = Notice.objects.get(address="new@harbour.example").link, Invitation.objects.get()
    send(client, f"/partners/{partner.number}/company/invitations/{invitation.pk}/withdraw/")
    assert Client().get(path).status_code == 404
    assert "Invited, not here yet" not in words(client.get(f"/partners/{partner.number}/company/people/"))


def test_an_owner_changes_a_role_and_ends_a_place_but_never_the_last_owner() -> None:
    fund_open()
    owner, colleague = person("Owner"), person("Colleague")
    partner, client = company(owner), signed_in(owner, both_factors=True)
    place = joins(colleague, partner, "viewer")
    people = f"/partners/{partner.number}/company/people/"
    send(client, f"{people}{place.pk}/", role="preparer")
    place.refresh_from_db()
    assert place.role == "preparer"
    own = Membership.objects.get(user=owner)
    refused = send(client, f"{people}{own.pk}/", role="viewer")
    assert "last owner" in words(refused)
    send(client, f"{people}{place.pk}/end/")
    assert "no longer acts for" in words(client.get(people))
    assert signed_in(colleague).get(people).status_code == 404


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"MZ" + bytes(4000), "invoice.pdf", "not a file that can be taken here"),
        (b"\x7fELF" + bytes(400), "paper.pdf", "not a file that can be taken here"),
        (b"", "empty.pdf", "The file is empty"),
        (PDF, "chart.docx", "is really a PDF file"),
    ],
)
def test_a_wrong_file_gets_a_sentence_and_what_was_typed_stays(content: bytes, name: str, said: str) -> None:
    fund_open()
    owner = person("Owner")
    path = f"/partners/{company(owner).number}/company/papers/incorporation/"
    answer = send(signed_in(owner), path, file=paper(content, name), expires_on="2031-05-01")
    assert answer.status_code == 422
    assert said in words(answer)
    assert 'value="2031-05-01"' in answer.content.decode()
    assert not KybPaper.objects.exists()


def test_a_file_of_100_mb_is_turned_away_with_its_size() -> None:
    fund_open()
    owner = person("Owner")
    path = f"/partners/{company(owner).number}/company/papers/incorporation/"
    big = io.BytesIO(PDF + bytes(100 * 1_048_576 - len(PDF)))
    big.name = "accounts.pdf"
    answer = send(signed_in(owner), path, file=big)
    assert "has 100 MB; at most 20 MB can be sent" in words(answer)


def test_a_paper_is_handed_in_downloaded_again_and_replaced_by_a_newer_version() -> None:
    fund_open()
    owner = person("Owner")
    partner, client = company(owner), signed_in(owner)
    path = f"/partners/{partner.number}/company/papers/incorporation/"
    for day in ("2020-01-01", "2020-01-02", "2020-01-02"):
        assert send(client, path, file=paper(), issued_on=day).status_code == 302
    first, second = KybPaper.objects.order_by("version")
    assert (first.version, second.version) == (1, 2)
    got = client.get(f"/partners/{partner.number}/company/papers/files/{first.pk}/")
    assert b"".join(got.streaming_content) == PDF  # type: ignore[attr-defined]
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert "being checked" in words(client.get(f"/partners/{partner.number}/company/papers/")).lower()


def test_a_proof_of_address_has_to_be_fresh() -> None:
    fund_open()
    owner = person("Owner")
    path = f"/partners/{company(owner).number}/company/papers/address/"
    client = signed_in(owner)
    assert "Give the day that stands on it" in words(send(client, path, file=paper()))
    assert "more than three months old" in words(send(client, path, file=paper(), issued_on="2025-01-01"))


def test_owners_add_up_and_never_beyond_a_hundred() -> None:
    fund_open()
    owner = person("Owner")
    partner, client = company(owner), signed_in(owner)
    base = f"/partners/{partner.number}/company/owners/"
    one = {"name": "Ida Berg", "country": "CH", "born_on": "1970-02-03"}
    assert send(client, f"{base}new/", share="62.5", **one).status_code == 302
    assert "add up to 62.5 %. Name the owners of the other 37.5 %" in words(client.get(base))
    over = send(client, f"{base}new/", share="40", **(one | {"name": "Bo Lund"}))
    assert "it is over 100" in words(over)
    assert send(client, f"{base}new/", share="-3", **one).status_code == 422
    assert send(client, f"{base}new/", share="9" * 30, **one).status_code == 422
    send(client, f"{base}new/", share="37.5", **(one | {"name": "Bo Lund"}))
    page = client.get(base)
    assert "The shares add up to 100 %" in words(page)
    assert "<desc" in page.content.decode()
    send(client, f"{base}{BeneficialOwner.objects.get(name='Bo Lund').pk}/end/")
    assert BeneficialOwner.objects.get(name="Bo Lund").ended_on is not None


ACCOUNT = {
    "kind": "bank",
    "label": "Main",
    "currency": "USD",
    "holder": "Northlight Trading Ltd",
    "institution": "Bank of Nowhere",
    "address": "CH93 0076 2011 6238 5295 7",
}


def test_an_account_needs_a_second_factor_a_second_person_and_two_days() -> None:
    fund_open()
    owner, colleague = person("Owner"), person("Colleague")
    partner = company(owner)
    joins(colleague, partner, "signatory")
    base = f"/partners/{partner.number}/company/accounts/"
    assert send(signed_in(owner), f"{base}new/", **ACCOUNT).headers["Location"] == "/account/2fa/"
    client, second = signed_in(owner, both_factors=True), signed_in(colleague, both_factors=True)
    send(client, f"{base}new/", **ACCOUNT)
    account = SettlementAccount.objects.get()
    assert Notice.objects.filter(recipient=colleague, kind="account_proposed").exists()
    assert "another owner or signatory has to confirm it" in words(client.get(base))
    send(client, f"{base}{account.pk}/", confirm="yes")
    account.refresh_from_db()
    assert account.state == "proposed"
    send(second, f"{base}{account.pk}/", confirm="yes")
    assert "It can be used from" in words(second.get(base))
    send(second, f"{base}{account.pk}/retire/")
    account.refresh_from_db()
    assert account.state == "retired"


def test_an_account_is_refused_with_a_reason_only() -> None:
    fund_open()
    owner, colleague = person("Owner"), person("Colleague")
    partner = company(owner)
    joins(colleague, partner, "signatory")
    base = f"/partners/{partner.number}/company/accounts/"
    send(signed_in(owner, both_factors=True), f"{base}new/", **ACCOUNT)
    second, path = signed_in(colleague, both_factors=True), f"{base}{SettlementAccount.objects.get().pk}/"
    assert send(second, path, refuse="yes").status_code == 422
    send(second, path, refuse="yes", reason="I do not know it.")
    assert SettlementAccount.objects.get().refusal_reason == "I do not know it."


def test_details_are_brought_up_to_date_and_on_record() -> None:
    fund_open()
    owner = person("Owner")
    partner, client = company(owner), signed_in(owner)
    path = f"/partners/{partner.number}/company/details/"
    assert send(client, path, address="Quay 2", website="no website at all").status_code == 422
    send(client, path, address="Quay 2", website="")
    assert "Quay 2" in words(client.get(f"/partners/{partner.number}/company/"))
    assert AuditEvent.objects.filter(action="partner.details_changed").count() == 1


def test_a_viewer_reads_and_changes_nothing() -> None:
    fund_open()
    owner, viewer = person("Owner"), person("Viewer")
    partner = company(owner)
    joins(viewer, partner, "viewer")
    client = signed_in(viewer)
    sent: dict[str, Any] = {"name": "X", "email": "x@example.org", "role": "owner"}
    assert send(client, f"/partners/{partner.number}/company/people/invite/", **sent).status_code == 403
    assert not Invitation.objects.exists()


def test_a_form_without_its_number_is_not_sent() -> None:
    fund_open()
    with override_settings(DEBUG=False):
        answer = signed_in(person("Owner")).post("/companies/new/", DETAILS)
    assert "has lost its number" in words(answer)
    assert not Partner.objects.exists()
