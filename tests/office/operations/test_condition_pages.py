"""Conditions precedent on the office's pages: evidence by one person, checked by another, open for each drawdown anew."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from loanfund.facilities.models import ConditionEvidence, ConditionPrecedent
from loanfund.parties import roles
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    conditions = [
        {"text": "Agreement signed by all", "scope": "first"},
        {"text": "No event of default", "scope": "each"},
    ]
    made.sign(bullet(), conditions=conditions)
    return made


def page_of(world: World) -> str:
    return f"/office/facilities/{world.facility.number}/conditions/"


def first(world: World) -> ConditionPrecedent:
    return world.facility.conditions.get(position=1)


def test_evidence_is_put_in_by_one_person_and_accepted_by_another(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path, key = page_of(world), first(world).pk
    paper = SimpleUploadedFile("signed.pdf", b"%PDF-1.4\n%%EOF\n", content_type="application/pdf")
    said(maker, send(maker, path, f"show-{key}", file=paper, note="pages 1 to 34"))
    evidence = ConditionEvidence.objects.get()
    assert offers(maker, path) == set()
    assert offers(checker, path) == {f"accept-{evidence.pk}", f"refuse-{evidence.pk}"}
    taken = checker.get(f"/office/evidence/{evidence.pk}/file/")
    assert b"".join(taken.streaming_content).startswith(b"%PDF")  # type: ignore[attr-defined]
    assert "The condition is met." in said(checker, send(checker, path, f"accept-{evidence.pk}"))
    assert first(world).state == "satisfied"
    evidence.refresh_from_db()
    assert (evidence.maker, evidence.checker) == (world.maker, world.checker)


def test_whoever_put_evidence_in_is_refused_as_its_checker(world: World) -> None:
    both = sign_in(world.maker_may_check())
    path, key = page_of(world), first(world).pk
    send(both, path, f"show-{key}", note="seen")
    evidence = ConditionEvidence.objects.get()
    assert "Yours: another person checks it." in text_of(both.get(path))
    assert "another person" in said(both, send(both, path, f"accept-{evidence.pk}"))
    assert first(world).state == "open"


def test_refused_evidence_says_why_and_other_evidence_may_follow(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path, key = page_of(world), first(world).pk
    assert "Add the file, or say how" in text_of(send(maker, path, f"show-{key}"))
    send(maker, path, f"show-{key}", note="seen")
    evidence = ConditionEvidence.objects.get()
    assert send(checker, path, f"refuse-{evidence.pk}", reason="").status_code == 422
    send(checker, path, f"refuse-{evidence.pk}", reason="one signature is missing")
    assert "one signature is missing" in text_of(maker.get(path))
    assert offers(maker, path) == {f"show-{key}"}


def test_a_condition_of_each_drawdown_is_shown_for_the_ones_asked_for(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path, each = page_of(world), world.facility.conditions.get(position=2).pk
    assert f"show-{each}" not in offers(maker, path)
    send(maker, path, f"show-{first(world).pk}", note="seen")
    send(checker, path, f"accept-{ConditionEvidence.objects.get().pk}")
    drawdown = world.request(Decimal(1000))
    assert drawdown.number in maker.get(path).content.decode()
    send(maker, path, f"show-{each}", note="the treasurer's letter", drawdown=drawdown.number)
    evidence = ConditionEvidence.objects.get(drawdown=drawdown.number)
    send(checker, path, f"accept-{evidence.pk}")
    page = text_of(checker.get(f"/office/drawdowns/{drawdown.number}/"))
    assert "Holds: Conditions precedent 2 of 2 met" in page


@pytest.mark.parametrize(
    ("role", "reads", "acts"),
    [
        (roles.OPERATIONS_MAKER, True, {"show"}),
        (roles.OPERATIONS_CHECKER, True, set()),
        (roles.ANALYST, True, set()),
        (roles.AUDITOR, True, set()),
        (roles.ADMINISTRATOR, False, set()),
    ],
)
def test_each_role_at_the_conditions(world: World, role: str, reads: bool, acts: set[str]) -> None:
    client, path = sign_in(person("Somebody", role)), page_of(world)
    assert client.get(path).status_code == (200 if reads else 403)
    if reads:
        assert {name.partition("-")[0] for name in offers(client, path)} == acts
    if not acts:
        assert send(client, path, f"show-{first(world).pk}", note="seen").status_code == 403
    assert ConditionEvidence.objects.count() == 0
