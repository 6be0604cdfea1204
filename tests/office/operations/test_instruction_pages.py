"""Changes to a running facility on the office's pages: looked at, proposed by one person, booked by another."""

from copy import deepcopy
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.parties import roles
from loanfund.servicing import services
from loanfund.servicing.models import Instruction
from loanfund.servicing.selectors import dues
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made_once(module_db: str) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 4, 2))
    return made


@pytest.fixture
def world(made_once: World, db: None) -> World:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def proposing(world: World, kind: str) -> str:
    return f"/office/facilities/{world.facility.number}/propose/{kind}/"


def test_a_prepayment_is_looked_at_before_anything_is_stored(world: World) -> None:
    maker, path = sign_in(world.maker), proposing(world, "prepayment")
    entries = {
        "loan": "LN-0001",
        "amount": "400,000",
        "value_date": world.today.isoformat(),
        "reason": "asked",
    }
    entries["loan"] = world.facility.loans.get().number
    answer = send(maker, path, "propose", **entries)
    assert "is proposed" in said(maker, answer)
    one = Instruction.objects.get()
    assert (one.kind, one.amount, one.maker) == ("prepayment", Decimal(400_000), world.maker)
    looked = maker.post(
        path,
        {"act": "propose", "look": "1", "request_id": "0a3c6a1e-0d35-4b4c-8c5a-0a3c6a1e0d35"}
        | {f"propose-{name}": value for name, value in entries.items()},
    )
    assert looked.status_code == 200
    assert "What it would do" in text_of(looked)
    assert "400,000" in looked.content.decode()
    assert Instruction.objects.count() == 1


def test_another_person_books_what_one_proposed(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    entries = {
        "amount": "250.00",
        "component": "costs",
        "value_date": world.today.isoformat(),
        "reason": "notary",
    }
    path = send(maker, proposing(world, "cost"), "propose", **entries).url  # type: ignore[attr-defined]
    assert offers(maker, path) == {"refuse"}
    page = text_of(checker.get(path))
    assert "Before and after" in page
    assert "250.00" in page
    assert "is booked" in said(checker, send(checker, path, "book"))
    one = Instruction.objects.get()
    assert (one.state, one.checker) == ("booked", world.checker)
    assert "250.00" in text_of(checker.get(f"/office/facilities/{world.facility.number}/"))


def test_whoever_proposed_is_refused_as_checker_and_may_withdraw(world: World) -> None:
    both = sign_in(world.maker_may_check())
    entries = {
        "amount": "250",
        "component": "costs",
        "value_date": world.today.isoformat(),
        "reason": "notary",
    }
    path = send(both, proposing(world, "cost"), "propose", **entries).url  # type: ignore[attr-defined]
    assert "another person has to book it" in text_of(both.get(path))
    assert "another person has to decide" in said(both, send(both, path, "book"))
    assert "is withdrawn" in said(both, send(both, path, "refuse", reason="typed wrongly"))
    assert Instruction.objects.get().state == "withdrawn"


def test_an_amendment_shows_only_what_changes_and_waits_for_the_borrower(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path = proposing(world, "amendment")
    page = maker.get(path).content.decode()
    assert 'name="propose-rate" value="3"' in page
    entries = {
        "rate": "2.5",
        "maturity": "2027-03-02",
        "default_margin": "0",
        "grace_days": "0",
        "commitment_fee": "0",
        "prepayment_fee": "0",
        "value_date": "2026-04-06",
        "reason": "agreed on 1 April",
    }
    to = send(maker, path, "propose", **entries).url  # type: ignore[attr-defined]
    page = text_of(checker.get(to))
    assert "3.00 % fixed becomes 2.50 % fixed" in page
    assert "Day count" not in page
    assert "has to consent in the portal first" in page
    assert offers(checker, to) == {"refuse"}
    assert "has not consented" in said(checker, send(checker, to, "book"))


def test_an_event_is_undone_by_two_people_and_cash_is_not_offered(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    entries = {
        "amount": "250",
        "component": "costs",
        "value_date": world.today.isoformat(),
        "reason": "notary",
    }
    booked = send(maker, proposing(world, "cost"), "propose", **entries).url  # type: ignore[attr-defined]
    send(checker, booked, "book")
    page = maker.get(proposing(world, "reversal")).content.decode()
    key = Instruction.objects.get().event.key
    assert f'value="{key}"' in page
    assert "disbursed" not in page
    undo = send(maker, proposing(world, "reversal"), "propose", event=key, reason="wrong facility").url  # type: ignore[attr-defined]
    assert "is booked" in said(checker, send(checker, undo, "book"))
    assert {due.component for due in dues(world.facility, on=world.today)} == {"interest"}


def test_what_cannot_be_is_said_beside_the_form(world: World) -> None:
    maker = sign_in(world.maker)
    entries = {
        "amount": "-4",
        "component": "costs",
        "value_date": world.today.isoformat(),
        "reason": "notary & co",
    }
    answer = send(maker, proposing(world, "cost"), "propose", **entries)
    assert answer.status_code == 422
    assert "Give an amount above zero." in text_of(answer)
    assert "notary &amp; co" in answer.content.decode()
    answer = send(
        maker, proposing(world, "cost"), "propose", **(entries | {"amount": "4", "value_date": "2027-01-01"})
    )
    assert "The value date is today or before." in text_of(answer)
    assert maker.get(proposing(world, "nothing")).status_code == 404


@pytest.mark.parametrize("kind", Instruction.Kind.values)
def test_every_kind_has_its_page_for_the_maker_alone(world: World, kind: str) -> None:
    path = proposing(world, kind)
    assert sign_in(world.maker).get(path).status_code == 200
    assert sign_in(world.checker).get(path).status_code == 403
    assert offers(sign_in(person("Auditor", roles.AUDITOR)), path) == set()
    finance = sign_in(person("Finance", roles.FINANCE))
    assert send(finance, path, "propose", reason="x", value_date="2026-04-02").status_code == 403


def test_lists_cost_the_same_with_ten_changes_and_with_a_hundred(world: World) -> None:
    maker = sign_in(world.maker)
    costs = []
    for many in (10, 90):
        for _ in range(many):
            services.propose_instruction(
                kind="cost",
                facility=world.facility,
                value_date=world.today,
                reason="notary",
                actor=world.maker,
                on=world.today,
                amount=Decimal(5),
                details={"component": "costs"},
            )
        one = Instruction.objects.latest("pk").number
        cost = []
        for path in ("/office/instructions/", f"/office/instructions/{one}/", proposing(world, "prepayment")):
            with CaptureQueriesContext(connection) as queries:
                assert maker.get(path).status_code == 200
            cost.append(len(queries))
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 25, costs
