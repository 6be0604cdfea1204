"""A drawdown on the office's pages: three people, each step once, nobody twice."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.parties import roles
from loanfund.servicing.models import Drawdown, Loan
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(), conditions=[{"text": "Signed agreement", "scope": "first"}])
    condition = made.facility.conditions.get()
    condition.state = "satisfied"
    condition.save(update_fields=["state"])
    return made


def asked(world: World, amount: int = 250_000) -> tuple[Drawdown, str]:
    drawdown = world.request(Decimal(amount))
    return drawdown, f"/office/drawdowns/{drawdown.number}/"


def test_a_drawdown_goes_through_three_people_to_a_loan(world: World) -> None:
    drawdown, path = asked(world)
    maker, checker, releaser = sign_in(world.maker), sign_in(world.checker), sign_in(world.releaser)
    assert "USD 250,000.00" in text_of(checker.get("/office/drawdowns/"))
    assert "is approved" in said(checker, send(checker, path, "approve"))
    assert "is released" in said(releaser, send(releaser, path, "release"))
    settled = send(maker, path, "settle", reference="FT-2026-77", value_date=world.today.isoformat())
    assert "bears interest from" in said(maker, settled)
    drawdown.refresh_from_db()
    loan = Loan.objects.get(drawdown=drawdown)
    assert (drawdown.state, drawdown.reference, loan.amount) == ("settled", "FT-2026-77", Decimal(250_000))
    assert (drawdown.approved_by, drawdown.released_by, drawdown.settled_by) == (
        world.checker,
        world.releaser,
        world.maker,
    )


def test_whoever_approved_is_shown_no_release_and_refused_one(world: World) -> None:
    drawdown, path = asked(world)
    checker = sign_in(world.checker)
    send(checker, path, "approve")
    assert "release" not in offers(checker, path)
    assert "a third person has to release it" in text_of(checker.get(path))
    assert "You approved this yourself; another person has to decide on it." in said(
        checker, send(checker, path, "release")
    )
    drawdown.refresh_from_db()
    assert (drawdown.state, drawdown.released_by) == ("approved", None)


def test_whoever_asked_may_not_approve_even_as_a_checker(world: World) -> None:
    path = asked(world)[1]
    Drawdown.objects.update(requested_by=world.maker_may_check())
    maker = sign_in(world.maker)
    assert "approve" not in offers(maker, path)
    assert "another person has to decide" in said(maker, send(maker, path, "approve"))
    assert Drawdown.objects.get().state == "requested"


@pytest.mark.parametrize(
    ("role", "reads", "acts"),
    [
        (roles.OPERATIONS_MAKER, True, {"cancel"}),
        (roles.OPERATIONS_CHECKER, True, {"approve", "reject"}),
        (roles.FINANCE, True, set()),
        (roles.AUDITOR, True, set()),
        (roles.ANALYST, True, set()),
        (roles.CHAIR, True, set()),
        (roles.ADMINISTRATOR, False, set()),
    ],
)
def test_each_role_sees_its_own_buttons_and_no_others(
    world: World, role: str, reads: bool, acts: set[str]
) -> None:
    path = asked(world)[1]
    client = sign_in(person("Somebody", role))
    assert client.get(path).status_code == (200 if reads else 403)
    assert client.get("/office/drawdowns/").status_code == (200 if reads else 403)
    if reads:
        assert offers(client, path) == acts
    for act in {"approve", "reject", "cancel", "release", "settle", "fail"} - acts:
        answer = send(client, path, act, reason="because", reference="X", value_date="2026-03-02")
        assert answer.status_code in {302, 403}
    assert Drawdown.objects.get().state == "requested"


def test_a_double_click_releases_once_and_says_the_same(world: World) -> None:
    drawdown, path = asked(world)
    checker, releaser = sign_in(world.checker), sign_in(world.releaser)
    send(checker, path, "approve")
    key = "5b0c8f8e-7f0e-4c38-9c8b-0d4d4c0a1b11"
    for _ in range(2):
        assert "is released: pay" in said(releaser, send(releaser, path, "release", request_id=key))
    drawdown.refresh_from_db()
    assert (drawdown.state, drawdown.releases) == ("released", 1)


def test_a_refused_settlement_keeps_what_was_typed(world: World) -> None:
    first = asked(world)[0]
    for act, client in (("approve", sign_in(world.checker)), ("release", sign_in(world.releaser))):
        send(client, f"/office/drawdowns/{first.number}/", act)
    maker = sign_in(world.maker)
    path = f"/office/drawdowns/{first.number}/"
    answer = send(maker, path, "settle", reference="FT-1 & Co", value_date="2026-03-09")
    assert answer.status_code == 422
    assert "The value date lies between the approval and today." in text_of(answer)
    assert "FT-1 &amp; Co" in answer.content.decode()
    assert "2026-03-09" in answer.content.decode()
    answer = send(maker, path, "settle", reference="", value_date="someday")
    assert "Enter a day such as 2026-08-21." in text_of(answer)
    first.refresh_from_db()
    assert first.state == "released"


def test_a_failed_payment_may_be_released_again(world: World) -> None:
    drawdown, path = asked(world)
    for act, client in (("approve", sign_in(world.checker)), ("release", sign_in(world.releaser))):
        send(client, path, act)
    maker = sign_in(world.maker)
    assert "can be released again" in said(maker, send(maker, path, "fail", reason="Account closed"))
    drawdown.refresh_from_db()
    assert (drawdown.state, drawdown.released_by) == ("approved", None)
    assert "Account closed" in text_of(maker.get(path))


def test_what_speaks_against_a_drawdown_is_said_before_anybody_presses(world: World) -> None:
    path = asked(world)[1]
    world.partner.kyb_valid_until = world.today.replace(day=1)
    world.partner.save()
    page = text_of(sign_in(world.checker).get(path))
    assert "Does not hold: Checks on the company not approved or run out" in page
    assert "Does not hold: Settlement account none named in the request" in page
    assert "Holds: Conditions precedent 1 of 1 met" in page


def test_the_list_and_the_page_cost_the_same_with_ten_and_a_hundred(
    world: World,
) -> None:
    checker = sign_in(world.checker)
    costs = []
    for many in (10, 90):
        for _ in range(many):
            world.request(Decimal(1000))
        path = f"/office/drawdowns/{Drawdown.objects.latest('pk').number}/"
        cost = []
        for address in (
            "/office/drawdowns/",
            path,
            f"/office/facilities/{world.facility.number}/",
            "/office/facilities/",
        ):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert checker.get(address).status_code == 200
            cost.append(len(queries))
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 40, costs
