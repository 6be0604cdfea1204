"""What two people decide about a running facility: shown first, booked by the function that showed it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Instruction, Loan
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet(default_margin="0.02", commitment_fee="0.0025"))
    made.draw(D(1_000_000))
    return made


def loan_of(world: World) -> Loan:
    return world.facility.loans.get()


def decide(world: World, kind: str, **changes: Any) -> Instruction:
    """Proposed by the maker, booked by the checker, today unless told."""
    proposed = services.propose_instruction(
        kind=kind,
        facility=world.facility,
        value_date=changes.pop("value_date", world.today),
        reason="agreed",
        actor=world.maker,
        on=world.today,
        **changes,
    )
    if kind == "amendment":
        services.consent_to_instruction(
            instruction=proposed, actor=world.borrower, on=world.today, seen_digest=proposed.proposed_digest
        )
    return services.book_instruction(instruction=proposed, actor=world.checker, on=world.today)


def test_whoever_proposed_cannot_book(world: World) -> None:
    proposed = services.propose_instruction(
        kind="cancellation",
        facility=world.facility,
        value_date=world.today,
        amount=D(5),
        reason="less is needed",
        actor=world.maker,
        on=world.today,
    )
    with pytest.raises(Refused, match="another person has to decide"):
        services.book_instruction(instruction=proposed, actor=world.maker_may_check(), on=world.today)


def test_a_cancellation_gives_back_commitment_and_headroom_to_the_cent(world: World) -> None:
    headroom = world.held(K.M_HEADROOM, f"partner:{world.partner.pk}")
    with pytest.raises(Refused, match="can be cancelled"):
        decide(world, "cancellation", amount=D("9000000.01"))
    decide(world, "cancellation", amount=D("4000000.00"))
    assert selectors.available_commitment(world.facility) == 5_000_000
    assert world.held(K.M_HEADROOM, f"partner:{world.partner.pk}") == headroom + 4_000_000
    world.close_through(OPENED)
    assert_books_hold()


def test_a_waiver_backdated_and_a_cost_end_in_books_that_hold(world: World) -> None:
    world.close_through(date(2026, 6, 3))
    decide(world, "cost", amount=D("250.00"))
    decide(world, "waiver", amount=D("1000.00"), details={"component": "interest"}, loan=loan_of(world))
    world.close_through(date(2026, 6, 6))
    assert world.held(K.WAIVER_EXPENSE) == D("1000.00")
    assert_books_hold()


def test_an_amendment_needs_the_borrowers_consent_and_changes_the_terms(world: World) -> None:
    terms = bullet(rate="0.05", default_margin="0.02", commitment_fee="0.0025")
    proposed = services.propose_instruction(
        kind="amendment",
        facility=world.facility,
        value_date=world.today,
        details={"terms": terms},
        reason="repriced",
        actor=world.maker,
        on=world.today,
    )
    with pytest.raises(Refused, match="has not consented"):
        services.book_instruction(instruction=proposed, actor=world.checker, on=world.today)
    services.consent_to_instruction(
        instruction=proposed, actor=world.borrower, on=world.today, seen_digest=proposed.proposed_digest
    )
    services.book_instruction(instruction=proposed, actor=world.checker, on=world.today)
    assert world.facility.terms.count() == 2
    world.close_through(OPENED + timedelta(days=2))
    assert_books_hold()


def test_non_accrual_then_write_off_then_recovery(world: World) -> None:
    world.close_through(OPENED + timedelta(days=5))
    income = world.held(K.INTEREST_INCOME)
    decide(world, "non_accrual", details={"on": True})
    world.close_through(OPENED + timedelta(days=8))
    assert world.held(K.INTEREST_INCOME) <= income
    decide(world, "write_off", details={})
    assert world.held(K.LOAN_PRINCIPAL, f"loan:{loan_of(world).pk}") == 0
    assert world.held(K.M_WRITTEN_OFF, f"facility:{world.facility.pk}") == 1_000_000
    assert Facility.objects.get(pk=world.facility.pk).state == Facility.State.WRITTEN_OFF
    world.close_through(OPENED + timedelta(days=9))
    assert_books_hold()


def test_acceleration_makes_everything_due_and_default_interest_runs(world: World) -> None:
    world.close_through(OPENED + timedelta(days=5))
    decide(world, "acceleration")
    world.close_through(OPENED + timedelta(days=8))
    assert sum(due.outstanding for due in selectors.dues(world.facility, on=world.today)) >= 1_000_000
    assert world.held(K.DEFAULT_INTEREST_INCOME) > 0
    assert_books_hold()


def test_capitalised_interest_is_principal_and_uses_no_fund_money(world: World) -> None:
    world.close_through(OPENED + timedelta(days=11))
    decide(world, "capitalisation", loan=loan_of(world))
    assert world.held(K.CAPITALISED_INTEREST, f"loan:{loan_of(world).pk}") == D("1000.00")
    assert world.held(K.M_DRAWN, f"facility:{world.facility.pk}") == 1_000_000
    world.close_through(OPENED + timedelta(days=13))
    assert_books_hold()


def test_the_preview_is_what_gets_booked(world: World) -> None:
    """The rival's preview ignores the day count, so that the simulation is not what gets booked."""
    world.close_through(OPENED + timedelta(days=5))
    shown = services.what_if(
        kind="acceleration", facility=world.facility, value_date=OPENED + timedelta(days=3), on=world.today
    )
    decide(world, "acceleration", value_date=OPENED + timedelta(days=3))
    after = services.what_if(
        kind="cost",
        facility=world.facility,
        value_date=world.today,
        amount=D(1),
        on=world.today,
    )
    assert after["before"] == shown["after"]
    assert shown["before"] != shown["after"]


def test_an_instruction_reversed_leaves_no_trace_in_the_balances(world: World) -> None:
    world.close_through(OPENED + timedelta(days=5))
    before = selectors.dues(world.facility, on=world.today)
    booked = decide(world, "acceleration", value_date=OPENED + timedelta(days=3))
    assert booked.event is not None
    reversal = services.propose_reversal(
        event=booked.event, reason="booked on the wrong facility", actor=world.maker, on=world.today
    )
    services.book_instruction(instruction=reversal, actor=world.checker, on=world.today)
    assert selectors.dues(world.facility, on=world.today) == before
    world.close_through(OPENED + timedelta(days=6))
    assert_books_hold()


@pytest.mark.parametrize("kind", ["prepayment", "payment_holiday"])
def test_no_change_is_agreed_for_a_day_after_everything_is_repaid(world: World, kind: str) -> None:
    """A year of four nines would have the figures of eight thousand years worked out."""
    never = date(9999, 12, 31)
    asked = {
        "kind": kind,
        "facility": world.facility,
        "loan": loan_of(world),
        "value_date": never,
        "amount": D(1000),
    }
    for refused in (
        lambda: services.what_if(on=world.today, **asked),
        lambda: services.propose_instruction(reason="agreed", actor=world.maker, on=world.today, **asked),
    ):
        with pytest.raises(Refused, match="is to be repaid by 02 March 2027"):
            refused()


def test_no_facility_is_amended_to_run_for_thousands_of_years(world: World) -> None:
    terms = {**bullet(maturity="9999-12-31"), "commitment": "10000000"}
    with pytest.raises(Refused, match="no facility runs longer than 100 years"):
        decide(world, "amendment", details={"terms": terms})
