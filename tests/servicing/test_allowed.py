"""No button is shown that its service refuses, and none is missing: every row in every state against every person."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.servicing import selectors, services
from loanfund.servicing.rights import Hands
from tests.servicing import test_rights as made
from tests.servicing.world import World, bullet, make_world, person

D = Decimal
pytestmark = pytest.mark.django_db

Row = Callable[[World], Any]
REST: dict[str, dict[str, Any]] = {
    "settle_drawdown": {"reference": "R-9"},
    "fail_drawdown": {"reason": "x"},
    "reject_drawdown": {"reason": "x"},
    "cancel_drawdown": {"reason": "x"},
    "reject_receipt": {"reason": "x"},
    "reverse_receipt": {"reason": "x"},
    "propose_split": {"reason": "x"},
    "refuse_share": {"reason": "x"},
    "refuse_refund": {"reason": "x"},
    "pay_refund": {"reference": "R-9"},
    "fail_refund": {"reason": "x"},
    "refuse_instruction": {"reason": "x"},
}


def booked_instruction(world: World) -> Any:
    return services.book_instruction(instruction=made.proposed(world), actor=world.checker, on=world.today)


def own_notice(world: World) -> Any:
    return services.propose_instruction(
        kind="cancellation",
        facility=world.facility,
        value_date=world.today,
        amount=D(5),
        reason="less is needed",
        actor=world.borrower,
        on=world.today,
    )


def consented(world: World) -> Any:
    one = made.amendment(world)
    return services.consent_to_instruction(
        instruction=one, actor=world.borrower, on=world.today, seen_digest=one.proposed_digest
    )


ROWS: dict[str, tuple[str, Row]] = {
    "a drawdown asked for": ("drawdown", lambda w: w.request(D(100))),
    "a drawdown approved": ("drawdown", made.approved),
    "a drawdown released": ("drawdown", made.released),
    "a receipt entered": ("receipt", made.entered),
    "a receipt booked for nobody": ("receipt", made.booked),
    "a receipt booked for a facility": ("receipt", lambda w: w.receive(D(5))),
    "a share proposed": ("share", made.share),
    "a refund proposed": ("refund", made.refund),
    "a refund approved": ("refund", made.approved_refund),
    "a cost proposed": ("instruction", made.proposed),
    "a notice of the borrower's": ("instruction", own_notice),
    "an amendment proposed": ("instruction", made.amendment),
    "an amendment consented to": ("instruction", consented),
    "a cost booked": ("instruction", booked_instruction),
}
SERVICES = {
    "drawdown": {
        "approve_drawdown",
        "release_drawdown",
        "settle_drawdown",
        "fail_drawdown",
        "reject_drawdown",
    }
    | {"cancel_drawdown"},
    "receipt": {"book_receipt", "reject_receipt", "reverse_receipt", "propose_split"},
    "share": {"book_share", "refuse_share"},
    "refund": {"approve_refund", "refuse_refund", "pay_refund", "fail_refund"},
    "instruction": {"consent_to_instruction", "book_instruction", "refuse_instruction"},
}


def would_do(world: World, name: str, kind: str, row: Any, actor: User) -> bool:
    """Whether the service takes the step; undone afterwards."""
    asked = {kind: row, "actor": actor, "on": world.today, **REST.get(name, {})}
    if name == "settle_drawdown":
        asked["value_date"] = world.today
    if name == "propose_split":
        asked["parts"] = [(world.facility, D(1))]
    if name == "consent_to_instruction":
        asked["seen_digest"] = row.proposed_digest
    point = transaction.savepoint()
    try:
        getattr(services, name)(**asked)
    except Refused:
        return False
    finally:
        transaction.savepoint_rollback(point)
    return True


@pytest.mark.parametrize("what", ROWS)
def test_the_buttons_shown_are_those_whose_service_would_do_it(what: str) -> None:
    world = make_world()
    world.sign(bullet())
    kind, make = ROWS[what]
    row = make(world)
    world.maker.groups.add(*world.checker.groups.all())
    people = [world.maker, world.checker, world.releaser, world.borrower, person("Stranger")]
    people += [person("Money", roles.FINANCE), person("Reader", roles.AUDITOR)]
    people.append(person("Gone", roles.OPERATIONS_CHECKER))
    User.objects.filter(pk=people[-1].pk).update(is_active=False)
    people[-1].refresh_from_db()
    shown: Callable[..., set[str]] = getattr(selectors, f"allowed_on_{kind}")
    for actor in people:
        fresh = type(row).objects.get(pk=row.pk)
        would = {name for name in SERVICES[kind] if would_do(world, name, kind, fresh, actor)}
        assert shown(type(row).objects.get(pk=row.pk), actor) == would, actor.name
        assert shown(row, Hands.of(actor)) == would


def test_a_page_of_rows_reads_the_persons_rights_once(
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    world = make_world()
    world.sign(bullet())
    for _ in range(4):
        world.request(D(100))
    with django_assert_num_queries(3):
        hands = Hands.of(world.checker)
        rows = selectors.drawdowns_waiting(world.fund)
        assert [selectors.allowed_on_drawdown(one.drawdown, hands) for one in rows] == [
            {"approve_drawdown", "reject_drawdown"}
        ] * 4


def test_what_can_be_begun_is_shown_to_those_who_may(db: None) -> None:
    world = make_world()
    facility = world.sign(bullet())
    assert selectors.allowed_on_facility(facility, world.borrower) == {
        "request_drawdown",
        "propose:prepayment",
        "propose:cancellation",
    }
    assert "propose:write_off" in selectors.allowed_on_facility(facility, world.maker)
    assert selectors.allowed_on_facility(facility, person("Stranger")) == set()
    assert selectors.allowed_on_desk(world.maker) == {"enter_receipt", "import_payments", "request_close"}
    assert selectors.allowed_on_desk(world.borrower) == set()
    left = made.left_behind(world)
    assert selectors.allowed_on_exception(left, world.maker) == {"request_retry"}
    assert selectors.allowed_on_close(left.run, world.checker) == {"resume_close"}
    assert selectors.allowed_on_close(left.run, world.borrower) == set()
