"""Each invariant of parties sees a break that the services would never make, and holds without it."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import RequestFactory

from loanfund.audit.errors import Refused
from loanfund.parties import invariants, roles, serving, tasks
from loanfund.parties.models import BeneficialOwner, KybPaper, Membership, Notice, StoredFile, User
from loanfund.parties.services import add_paper, notify, store_file
from tests.parties.cast import NOW, TODAY, company, person

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@pytest.fixture
def file(tmp_path: Path, settings) -> StoredFile:  # type: ignore[no-untyped-def]
    """A paper's file of a partner with an owner of all of it."""
    settings.MEDIA_ROOT = tmp_path
    owner = person("Owner")
    partner = company(owner)
    BeneficialOwner.objects.create(partner=partner, name="A", country="CH", share=Decimal(100))
    stored = store_file(
        name="a <b>.pdf",
        size=len(PDF),
        content=io.BytesIO(PDF),
        partner=partner,
        actor=owner,
        on=TODAY,
        now=NOW,
    )
    add_paper(partner=partner, kind="articles", file=stored, actor=owner, on=TODAY)
    return stored


def test_all_hold_over_what_the_services_wrote(file: StoredFile) -> None:
    person("Analyst", roles.ANALYST)
    assert [one().check for one in invariants.INVARIANTS if not one().passed] == []


def test_each_break_is_seen(file: StoredFile) -> None:
    BeneficialOwner.objects.create(partner=file.partner, name="B", country="CH", share=Decimal("0.0001"))
    Membership.objects.update(role="viewer")
    KybPaper.objects.update(proposed_digest="0" * 64)
    Path(default_storage.path(file.path)).unlink()
    User.objects.update(is_staff=True)
    assert [len(one().breaks) for one in invariants.INVARIANTS] == [1, 1, 1, 1, 1]


def test_a_file_is_handed_out_as_a_download_only(file: StoredFile) -> None:
    answer = serving.attachment(file)
    assert b"".join(answer.streaming_content) == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/pdf"


def test_an_act_without_a_request_id_is_refused() -> None:
    for sent in ({}, {"request_id": "1 OR 1"}):
        with pytest.raises(Refused, match="Open the page again"):
            serving.request_key(RequestFactory().post("/", sent))


def test_the_worker_sends_what_waits_once(mailoutbox) -> None:  # type: ignore[no-untyped-def]
    notify(recipients=[person("Owner")], kind="test", key="k", subject="Hello", body="There.", on=TODAY)
    tasks.send_notices()
    tasks.send_notices()
    assert len(mailoutbox) == 1
    assert Notice.objects.get().state == Notice.State.SENT
