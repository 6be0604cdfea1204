"""Fixings on the finance desk: loaded from a file, or typed by one person and read again by another."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from loanfund.parties import roles
from loanfund.reference.models import FixingProposal, RateFixing
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import make_world, person

pytestmark = pytest.mark.django_db
PATH = "/office/fixings/"


@pytest.fixture
def desk(db: None) -> None:
    make_world()


def test_one_person_types_a_fixing_and_another_reads_it_again(desk: None) -> None:
    first, second = (sign_in(person(name, roles.FINANCE)) for name in ("Ada", "Ben"))
    entries = {
        "rate": "SOFR",
        "day": "2026-03-02",
        "percent": "3.71",
        "source": "the publisher's page, 08:05",
    }
    assert "Another person reads it again" in said(first, send(first, PATH, "propose", **entries))
    key = FixingProposal.objects.get().pk
    assert f"confirm-{key}" not in offers(first, PATH)
    assert "3.71" not in text_of(second.get(PATH))
    assert "You read 3.17" in text_of(send(second, PATH, f"confirm-{key}", percent="3.17"))
    assert "put this fixing forward yourself" in said(
        first, send(first, PATH, f"confirm-{key}", percent="3.71")
    )
    assert "is confirmed" in said(second, send(second, PATH, f"confirm-{key}", percent="3.71"))
    assert RateFixing.objects.get(proposal=key).value == Decimal("0.0371")


def test_a_weekend_and_an_empty_source_are_refused(desk: None) -> None:
    finance = sign_in(person("Ada", roles.FINANCE))
    entries = {"rate": "SOFR", "day": "2026-03-07", "percent": "3.71", "source": "page"}
    assert "is no business day" in text_of(send(finance, PATH, "propose", **entries))
    assert "This field is required" in text_of(send(finance, PATH, "propose", **(entries | {"source": ""})))
    assert not FixingProposal.objects.exists()


def test_a_file_is_taken_whole_or_not_at_all(desk: None) -> None:
    finance = sign_in(person("Ada", roles.FINANCE))

    def load(text: str) -> object:
        file = SimpleUploadedFile("sofr.csv", text.encode())
        return send(finance, PATH, "import", rate="SOFR", source="the publisher", file=file)

    before = RateFixing.objects.count()
    assert load("observation_date,SOFR\n2026-02-27,3.70\n2026-02-28,3.70\n").status_code == 422  # type: ignore[attr-defined]
    assert RateFixing.objects.count() == before
    said(finance, load("observation_date,SOFR\n2026-02-26,3.70\n2026-02-27,3.71\n"))
    assert (
        RateFixing.objects.filter(date__range=("2026-02-26", "2026-02-27"), source="the publisher").count()
        == 2
    )


def test_who_is_at_the_fixings_desk(desk: None) -> None:
    for role in roles.ALL:
        client = sign_in(person(role.replace(" ", ""), role))
        reads = role in {roles.FINANCE, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.AUDITOR}
        assert (client.get(PATH).status_code == 200) == reads, role
        if reads:
            assert offers(client, PATH) == (set() if role == roles.AUDITOR else {"import", "propose"})
