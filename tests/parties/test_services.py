"""Partners, their people and papers: what each person may do, and what the services refuse in a sentence."""

import io
import socket
import threading
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core import mail
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.parties import roles, selectors, services
from loanfund.parties.models import Membership, Notice, Partner, StoredFile
from tests.parties.cast import NOW, TODAY, analyst, company, joins, person

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@pytest.fixture(autouse=True)
def documents(tmp_path: Path, settings) -> None:  # type: ignore[no-untyped-def]
    settings.MEDIA_ROOT = tmp_path


def stored(user, partner=None, content: bytes = PDF, name: str = "paper.pdf") -> StoredFile:  # type: ignore[no-untyped-def]
    return services.store_file(
        name=name,
        size=len(content),
        content=io.BytesIO(content),
        partner=partner,
        actor=user,
        on=TODAY,
        now=NOW,
    )


def test_whoever_registers_a_company_becomes_its_owner_and_it_is_on_record() -> None:
    owner = person("Owner")
    partner = company(owner)
    assert partner.number == f"P-{partner.pk:04d}"
    assert selectors.membership(owner, partner).role == Membership.Role.OWNER
    event = AuditEvent.objects.get(action="partner.registered")
    assert (event.actor_id, event.after["legal_name"]) == (str(owner.pk), "Northlight Trading Ltd")


def test_the_same_company_cannot_be_registered_twice_whatever_the_case() -> None:
    company(person("Owner"), registration="che-77")
    with pytest.raises(Refused, match="Ask its owner"):
        company(person("Outsider"), registration="CHE-77")
    assert Partner.objects.count() == 1


def test_an_outsider_sees_no_partner_and_may_not_invite() -> None:
    partner = company(person("Owner"))
    outsider = person("Outsider")
    assert not selectors.partners_of(outsider).exists()
    with pytest.raises(Refused, match="no place"):
        services.invite(
            partner=partner, email="x@example.org", name="X", role="viewer", actor=outsider, on=TODAY, now=NOW
        )


def test_an_invitation_works_once_for_the_address_it_was_sent_to() -> None:
    owner, colleague, outsider = person("Owner"), person("Colleague"), person("Outsider")
    partner = company(owner)
    _, token = services.invite(
        partner=partner,
        email="Colleague@example.org",
        name="Colleague",
        role="signatory",
        actor=owner,
        on=TODAY,
        now=NOW,
    )
    with pytest.raises(Refused, match=r"is for colleague@example\.org"):
        services.accept_invitation(token=token, actor=outsider, on=TODAY, now=NOW)
    place = services.accept_invitation(token=token, actor=colleague, on=TODAY, now=NOW)
    assert place.role == "signatory"
    with pytest.raises(Refused, match="used"):
        services.accept_invitation(token=token, actor=colleague, on=TODAY, now=NOW)


def test_an_invitation_runs_out_after_fourteen_days() -> None:
    owner, colleague = person("Owner"), person("Colleague")
    _, token = services.invite(
        partner=company(owner), email=colleague.email, name="C", role="viewer", actor=owner, on=TODAY, now=NOW
    )
    with pytest.raises(Refused, match="run out"):
        services.accept_invitation(token=token, actor=colleague, on=TODAY, now=NOW + timedelta(days=14))


def test_a_newer_invitation_to_the_same_address_replaces_the_older() -> None:
    owner, colleague = person("Owner"), person("Colleague")
    partner = company(owner)
    asked = {"partner": partner, "email": colleague.email, "name": "C", "role": "viewer", "actor": owner}
    _, first = services.invite(**asked, on=TODAY, now=NOW)
    _, second = services.invite(**asked, on=TODAY, now=NOW)
    with pytest.raises(Refused):
        services.accept_invitation(token=first, actor=colleague, on=TODAY, now=NOW)
    assert services.accept_invitation(token=second, actor=colleague, on=TODAY, now=NOW).role == "viewer"


def test_the_last_owner_cannot_leave_nor_step_down() -> None:
    owner = person("Owner")
    partner = company(owner)
    place = selectors.membership(owner, partner)
    with pytest.raises(Refused, match="last owner"):
        services.end_membership(place=place, actor=owner, on=TODAY)
    with pytest.raises(Refused, match="last owner"):
        services.change_role(place=place, role="viewer", actor=owner, on=TODAY)
    joins(person("Colleague"), partner, "owner")
    services.end_membership(place=place, actor=owner, on=TODAY)
    assert not selectors.partners_of(owner).exists()


def test_beneficial_owners_never_hold_more_than_all_of_it() -> None:
    owner = person("Owner")
    partner = company(owner)
    services.add_beneficial_owner(
        partner=partner, name="A", country="CH", share=Decimal("60.5"), actor=owner, on=TODAY
    )
    with pytest.raises(Refused, match=r"hold 60\.5 %; with 39\.6 % more it is over 100"):
        services.add_beneficial_owner(
            partner=partner, name="B", country="CH", share=Decimal("39.6"), actor=owner, on=TODAY
        )
    services.add_beneficial_owner(
        partner=partner, name="B", country="CH", share=Decimal("39.5"), actor=owner, on=TODAY
    )
    assert selectors.owned_share(partner) == 100


def test_a_viewer_may_not_hand_in_papers() -> None:
    owner, viewer = person("Owner"), person("Viewer")
    partner = company(owner)
    joins(viewer, partner, "viewer")
    with pytest.raises(Refused, match="as viewer; ask the owner or signatory or preparer"):
        services.add_paper(
            partner=partner, kind="articles", file=stored(viewer, partner), actor=viewer, on=TODAY
        )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("invoice.pdf", b"MZ\x90\x00\x03" + b"\x00" * 400, "not a file that can be taken"),
        ("invoice.pdf", b"\x7fELF\x02\x01\x01" + b"\x00" * 400, "not a file that can be taken"),
        ("page.pdf", b"<html><script>alert(1)</script></html>", "not a file that can be taken"),
        ("photo.pdf", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "really a PNG"),
        ("paper", PDF, "really a PDF"),
        ("binary.csv", b"a,b\x00c", "not a file that can be taken"),
        ("empty.pdf", b"", "is empty"),
    ],
)
def test_a_file_is_judged_by_what_it_is_not_by_its_name(name: str, content: bytes, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        stored(person("Owner"), content=content, name=name)
    assert StoredFile.objects.count() == 0


def test_a_file_over_the_limit_is_refused_with_both_sizes(settings) -> None:  # type: ignore[no-untyped-def]
    settings.UPLOAD_MAX_BYTES = 1024 * 1024
    with pytest.raises(Refused, match="has 2 MB; at most 1 MB"):
        stored(person("Owner"), content=PDF + b"x" * (2 * 1024 * 1024))


def test_a_stored_file_reads_back_and_a_changed_one_does_not() -> None:
    kept = stored(person("Owner"))
    with services.read_file(kept) as content:
        assert content.read() == PDF
    assert "paper" not in kept.path
    Path(default_storage.path(kept.path)).chmod(0o600)
    Path(default_storage.path(kept.path)).write_bytes(PDF + b"%")
    with pytest.raises(Refused, match="digest differs"):
        services.read_file(kept)


def clamd_that_says(answer: bytes, path: str) -> threading.Thread:
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)

    def serve() -> None:
        link, _ = server.accept()
        seen = b""
        while not seen.endswith(b"\0\0\0\0"):
            seen += link.recv(65536)
        link.sendall(answer)
        link.close()
        server.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_the_virus_scanner_stops_a_file_and_passes_another(tmp_path: Path) -> None:
    owner = person("Owner")
    for answer, name in ((b"stream: Eicar FOUND\0", "bad"), (b"stream: OK\0", "good")):
        address = str(tmp_path / name)
        thread = clamd_that_says(answer, address)
        with override_settings(CLAMD_ADDRESS=address):
            if name == "bad":
                with pytest.raises(Refused, match="stopped by the virus scanner"):
                    stored(owner)
            else:
                assert stored(owner).scanned_at == NOW
        thread.join(5)


def test_without_an_answer_from_the_scanner_nothing_is_kept(tmp_path: Path) -> None:
    with override_settings(CLAMD_ADDRESS=str(tmp_path / "nobody")), pytest.raises(Refused, match="Try again"):
        stored(person("Owner"))
    assert StoredFile.objects.count() == 0


def test_a_paper_is_accepted_by_an_analyst_who_saw_this_very_file() -> None:
    owner, checker = person("Owner"), analyst()
    partner = company(owner)
    paper = services.add_paper(
        partner=partner, kind="articles", file=stored(owner, partner), actor=owner, on=TODAY
    )
    with pytest.raises(Refused, match="changed while you looked"):
        services.decide_paper(
            paper=paper, accept=True, seen_digest="0" * 64, actor=checker, on=TODAY, now=NOW
        )
    services.decide_paper(
        paper=paper, accept=True, seen_digest=paper.proposed_digest, actor=checker, on=TODAY, now=NOW
    )
    assert selectors.accepted_kinds(partner, TODAY) == {"articles"}


def test_an_analyst_who_also_owns_the_partner_cannot_accept_its_papers() -> None:
    owner = person("Owner", roles.ANALYST)
    partner = company(owner)
    paper = services.add_paper(
        partner=partner, kind="articles", file=stored(owner, partner), actor=owner, on=TODAY
    )
    with pytest.raises(Refused, match="another person"):
        services.decide_paper(
            paper=paper, accept=True, seen_digest=paper.proposed_digest, actor=owner, on=TODAY, now=NOW
        )


def test_a_refused_paper_is_told_to_the_partner_with_its_reason() -> None:
    owner, checker = person("Owner"), analyst()
    partner = company(owner)
    paper = services.add_paper(
        partner=partner, kind="articles", file=stored(owner, partner), actor=owner, on=TODAY
    )
    services.decide_paper(
        paper=paper,
        accept=False,
        seen_digest=paper.proposed_digest,
        reason="page 2 is missing",
        actor=checker,
        on=TODAY,
        now=NOW,
    )
    notice = Notice.objects.get(recipient=owner)
    assert "page 2 is missing" in notice.body
    assert selectors.accepted_kinds(partner, TODAY) == set()


def test_a_partner_is_approved_only_with_every_required_paper_in_date() -> None:
    owner, checker = person("Owner"), analyst()
    partner = company(owner)
    paper = services.add_paper(
        partner=partner,
        kind="address",
        file=stored(owner, partner),
        expires_on=TODAY + timedelta(days=30),
        actor=owner,
        on=TODAY,
    )
    services.decide_paper(
        paper=paper, accept=True, seen_digest=paper.proposed_digest, actor=checker, on=TODAY, now=NOW
    )
    until = date(2027, 3, 2)
    with pytest.raises(Refused, match="Still to be accepted: memorandum and articles"):
        services.approve_kyb(
            partner=partner, valid_until=until, required=["address", "articles"], actor=checker, on=TODAY
        )
    approved = services.approve_kyb(
        partner=partner, valid_until=until, required=["address"], actor=checker, on=TODAY
    )
    assert selectors.kyb_in_date(approved, until)
    assert not selectors.kyb_in_date(approved, until + timedelta(days=1))
    with pytest.raises(Refused, match="Still to be accepted"):
        services.approve_kyb(
            partner=partner,
            valid_until=until,
            required=["address"],
            actor=checker,
            on=TODAY + timedelta(days=31),
        )


def test_a_settlement_account_needs_a_second_person_and_cools_off() -> None:
    owner, colleague = person("Owner"), person("Colleague")
    partner = company(owner)
    joins(colleague, partner, "signatory")
    account = services.propose_settlement_account(
        partner=partner,
        kind="bank",
        label="Main",
        currency="USD",
        holder="Northlight",
        institution="Bank of Nowhere",
        address="CH00 1234",
        actor=owner,
        on=TODAY,
    )
    decide = {"account": account, "accept": True, "cooling_days": 2, "on": TODAY, "now": NOW}
    with pytest.raises(Refused, match="another person"):
        services.confirm_settlement_account(**decide, actor=owner)
    services.confirm_settlement_account(**decide, actor=colleague)
    assert not selectors.usable_accounts(partner, "USD", TODAY + timedelta(days=1)).exists()
    assert selectors.usable_accounts(partner, "USD", TODAY + timedelta(days=2)).exists()


def test_a_notice_is_written_once_and_sent_once() -> None:
    owner = person("Owner")
    partner = company(owner)
    for _ in range(2):
        services.notify_partner(
            partner=partner, kind="test", key="k", subject="Hello", body="There.", on=TODAY
        )
    later = NOW + timedelta(days=365)
    assert Notice.objects.count() == 1
    claimed = services.claim_notices(now=later)
    assert services.claim_notices(now=later) == []
    assert services.send_claimed(notice_id=claimed[0], base_url="http://x", now=later)
    assert not services.send_claimed(notice_id=claimed[0], base_url="http://x", now=later)
    assert [message.to for message in mail.outbox] == [[owner.email]]


@override_settings(
    EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=9
)
def test_a_notice_whose_mail_fails_waits_and_is_not_lost() -> None:
    services.notify(
        recipients=[person("Owner")], kind="test", key="k", subject="Hello", body="There.", on=TODAY
    )
    later = NOW + timedelta(days=365)
    (claimed,) = services.claim_notices(now=later)
    assert not services.send_claimed(notice_id=claimed, base_url="", now=later)
    notice = Notice.objects.get()
    assert (notice.state, notice.attempts) == (Notice.State.WAITING, 1)
    assert notice.not_before == later + timedelta(minutes=2)


def test_a_claim_that_ran_out_is_taken_again() -> None:
    services.notify(
        recipients=[person("Owner")], kind="test", key="k", subject="Hello", body="There.", on=TODAY
    )
    later = NOW + timedelta(days=365)
    first = services.claim_notices(now=later)
    assert services.claim_notices(now=later + timedelta(minutes=6)) == first


def test_an_api_key_works_until_it_is_revoked_or_its_person_leaves() -> None:
    owner, colleague = person("Owner"), person("Colleague")
    partner = company(owner)
    place = joins(colleague, partner, "signatory")
    key, secret = services.make_api_key(
        partner=partner, label="ERP", scope="read", actor=colleague, on=TODAY, now=NOW
    )
    digest = services.keys.key_digest(secret)
    assert selectors.key_in_force(digest, NOW) == key
    assert secret not in str(AuditEvent.objects.values_list("after", flat=True))
    services.end_membership(place=place, actor=owner, on=TODAY)
    assert selectors.key_in_force(digest, NOW) is None


def test_what_a_refused_act_left_on_disk_is_removed_after_a_day_and_nothing_else(tmp_path: Path) -> None:
    owner = person("Owner")
    kept = stored(owner)
    with transaction.atomic():
        lost = stored(owner)
        transaction.set_rollback(True)
    other = tmp_path / "months" / "1" / "part"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"what a run of a month is at")
    now = timezone.now()
    assert [services.sweep_files(now=now + timedelta(hours=hours)) for hours in (0, 23)] == [0, 0]
    assert (tmp_path / lost.path).exists()
    assert [services.sweep_files(now=now + timedelta(hours=hours)) for hours in (25, 26)] == [1, 0]
    assert not (tmp_path / lost.path).exists()
    assert services.read_file(kept).read() == PDF
    assert other.exists()
    assert AuditEvent.objects.get(action="files.swept").after == {"files": 1}


def test_a_document_store_that_is_not_there_yet_is_swept_all_the_same(tmp_path: Path) -> None:
    with override_settings(MEDIA_ROOT=tmp_path / "none"):
        assert services.sweep_files(now=timezone.now()) == 0
