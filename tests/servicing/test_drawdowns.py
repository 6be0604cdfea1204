"""A drawdown from request to settlement, and everything that may stop it."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from loanfund.audit.errors import Refused
from loanfund.facilities.services import flag_default
from loanfund.ledger.models import AccountKind as K
from loanfund.parties import roles
from loanfund.servicing import services
from loanfund.servicing.models import Drawdown
from tests.servicing.world import World, bullet, make_world, person

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign({})
    return made


def owner(world: World) -> str:
    return f"facility:{world.facility.pk}"


def test_a_request_earmarks_what_was_undrawn(world: World) -> None:
    drawdown = world.request(D("1234567.89"))
    assert drawdown.state == Drawdown.State.REQUESTED
    assert world.held(K.M_EARMARKED, owner(world)) == D("1234567.89")
    assert world.held(K.M_UNDRAWN, owner(world)) == D("8765432.11")


def test_one_cent_above_what_is_available_is_refused_with_what_is_left(world: World) -> None:
    with pytest.raises(Refused, match=r"10,000,000\.00 USD left to draw") as refused:
        world.request(D("10000000.01"))
    assert refused.value.field == "amount"


def test_everything_that_is_available_may_be_drawn_to_the_cent(world: World) -> None:
    world.request(D("9999999.99"))
    world.request(D("0.01"))
    assert world.held(K.M_UNDRAWN, owner(world)) == 0


def test_a_double_click_is_one_request(world: World) -> None:
    first, second = world.request(D(5), key="form-1"), world.request(D(5), key="form-1")
    assert first == second
    assert world.held(K.M_EARMARKED, owner(world)) == 5


@pytest.mark.parametrize(
    ("break_rule", "sentence"),
    [
        (lambda w: {"amount": D("0.001")}, "does not fit"),
        (lambda w: {"amount": D(-5)}, "above zero"),
        (lambda w: {"wanted_on": date(2026, 3, 7)}, "not a business day"),
        (lambda w: {"wanted_on": date(2026, 9, 3)}, "Drawdowns can be made from"),
    ],
)
def test_a_request_that_breaks_a_rule_says_what_to_do(
    world: World, break_rule: Callable[[World], dict[str, Any]], sentence: str
) -> None:
    asked: dict[str, Any] = {"amount": D(100), "wanted_on": world.today} | break_rule(world)
    with pytest.raises(Refused, match=sentence):
        services.request_drawdown(
            facility=world.facility, request_key="k", actor=world.borrower, on=world.today, **asked
        )


@pytest.mark.parametrize(
    ("asked", "sentence", "field"),
    [
        (
            {"wanted_on": date(2026, 3, 5)},
            r"5 business days' notice are needed: Monday 09 March 2026 is the earliest day\.",
            "wanted_on",
        ),
        ({"amount": D("999.00")}, r"Ask for at least 1,000\.00 in multiples of 100\.00", "amount"),
        ({"amount": D("1050.00")}, r"Ask for at least 1,000\.00 in multiples of 100\.00", "amount"),
    ],
)
def test_notice_minimum_and_multiple_are_the_policys(
    asked: dict[str, Any], sentence: str, field: str
) -> None:
    world = make_world(drawdown_notice_days=5, drawdown_minimum="1000", drawdown_multiple="100")
    world.sign(bullet(), commitment=D("1550.00"))
    right: dict[str, Any] = {"amount": D("1100.00"), "wanted_on": date(2026, 3, 9)}
    told: dict[str, Any] = {"facility": world.facility, "actor": world.borrower, "on": world.today}
    with pytest.raises(Refused, match=sentence) as refused:
        services.request_drawdown(request_key="wrong", **told, **(right | asked))
    assert refused.value.field == field
    services.request_drawdown(request_key="right", **told, **right)
    services.request_drawdown(request_key="rest", **told, **(right | {"amount": D("450.00")}))


def test_nothing_is_drawn_while_an_event_of_default_continues(world: World) -> None:
    flag_default(
        facility=world.facility, continues=True, actor=world.maker, on=world.today, reason="late accounts"
    )
    with pytest.raises(Refused, match="event of default continues"):
        world.request(D(100))


def test_nothing_is_drawn_on_lapsed_checks(world: World) -> None:
    world.partner.kyb_valid_until = date(2026, 3, 1)
    world.partner.save()
    with pytest.raises(Refused, match="not in date"):
        world.request(D(100))


def test_nothing_is_drawn_before_the_conditions_precedent_are_met(world: World) -> None:
    facility = world.sign({}, commitment=D(1_000_000), conditions=[{"text": "Accounts received."}])
    with pytest.raises(Refused, match=r"Accounts received\."):
        world.request(D(100), facility=facility)


def test_whoever_approved_cannot_release(world: World) -> None:
    drawdown = world.request(D(100))
    services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
    with pytest.raises(Refused, match="another person has to decide"):
        services.release_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)


def test_whoever_asked_cannot_approve(world: World) -> None:
    both = person("Both", roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
    asked = services.request_drawdown(
        facility=world.facility,
        amount=D(100),
        wanted_on=world.today,
        request_key="by letter",
        actor=both,
        on=world.today,
    )
    with pytest.raises(Refused, match="another person has to decide"):
        services.approve_drawdown(drawdown=asked, actor=both, on=world.today)


def test_a_failed_payment_stays_earmarked_and_can_be_released_again(world: World) -> None:
    drawdown = world.request(D(100))
    for _ in range(2):
        if drawdown.state == Drawdown.State.REQUESTED:
            drawdown = services.approve_drawdown(drawdown=drawdown, actor=world.checker, on=world.today)
        drawdown = services.release_drawdown(drawdown=drawdown, actor=world.releaser, on=world.today)
        assert world.held(K.DISBURSEMENTS_IN_TRANSIT, owner(world)) == 100
        drawdown = services.fail_drawdown(
            drawdown=drawdown, reason="account closed", actor=world.maker, on=world.today
        )
        assert drawdown.state == Drawdown.State.APPROVED
        assert world.held(K.DISBURSEMENTS_IN_TRANSIT, owner(world)) == 0
        assert world.held(K.M_EARMARKED, owner(world)) == 100


@pytest.mark.parametrize(
    ("verb", "by"), [(services.reject_drawdown, "checker"), (services.cancel_drawdown, "borrower")]
)
def test_a_request_turned_down_gives_back_what_it_earmarked(
    world: World, verb: Callable[..., Drawdown], by: str
) -> None:
    verb(drawdown=world.request(D(100)), reason="not needed", actor=getattr(world, by), on=world.today)
    assert world.held(K.M_EARMARKED, owner(world)) == 0
    assert world.held(K.M_UNDRAWN, owner(world)) == 10_000_000


def test_nothing_is_booked_on_another_day_than_the_business_date(world: World) -> None:
    with pytest.raises(Refused, match="business date of Relief fund is 02 March 2026"):
        services.request_drawdown(
            facility=world.facility,
            amount=D(5),
            wanted_on=world.today,
            request_key="k",
            actor=world.borrower,
            on=date(2026, 3, 3),
        )
