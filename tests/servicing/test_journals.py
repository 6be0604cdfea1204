"""Entries by hand: capital, charges of the bank and allowances, each by two people, into books that hold."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.invariants import verify_seals
from loanfund.facilities.selectors import fund_position
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import JournalEntry
from loanfund.parties.roles import AUDITOR, FINANCE
from loanfund.servicing import services
from loanfund.servicing.models import HandJournal
from loanfund.servicing.selectors.facilities import allowance_held
from tests.servicing.test_instructions import decide
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world, person

D = Decimal


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    return made


def propose(world: World, kind: str, amount: str, **changes: Any) -> HandJournal:
    given: dict[str, Any] = {
        "value_date": world.today,
        "reference": "BANK-77",
        "reason": "as the bank says",
        "actor": world.maker,
        **changes,
    }
    return services.propose_journal(fund=world.fund, kind=kind, amount=D(amount), on=world.today, **given)


def book(world: World, journal: HandJournal, **changes: Any) -> HandJournal:
    given = {"actor": world.checker, "seen_digest": journal.proposed_digest, **changes}
    return services.book_journal(journal=journal, on=world.today, **given)


def owner(world: World) -> str:
    return f"facility:{world.facility.pk}"


def test_a_charge_of_the_bank_is_booked_by_a_second_person_on_its_value_date(world: World) -> None:
    world.close_through(OPENED + timedelta(days=2))
    cash = world.held(K.CASH)
    journal = propose(world, "bank_charge", "12.50", value_date=OPENED)
    assert world.held(K.BANK_CHARGES) == 0
    booked = book(world, journal)
    assert (booked.state, booked.maker, booked.checker) == ("booked", world.maker, world.checker)
    assert (world.held(K.BANK_CHARGES), world.held(K.CASH)) == (D("12.50"), cash - D("12.50"))
    entry = JournalEntry.objects.get(key=f"journal:{journal.pk}")
    assert (entry.booking_date, entry.value_date) == (world.today, OPENED)
    assert_books_hold()


def test_capital_makes_the_fund_larger_and_goes_back_as_far_as_nobody_was_promised_it(world: World) -> None:
    before = fund_position(world.fund)
    book(world, propose(world, "capital_paid_in", "5000000"))
    world.fund.refresh_from_db()
    after = fund_position(world.fund)
    assert (after.size, after.available) == (before.size + 5_000_000, before.available + 5_000_000)
    assert world.fund.size == after.size
    too_much = propose(world, "capital_paid_out", str(after.available + D("0.01")))
    with pytest.raises(Refused):
        book(world, too_much)
    book(world, propose(world, "capital_paid_out", str(after.available)))
    assert fund_position(world.fund).available == 0
    assert_books_hold()


def test_a_loss_uses_the_allowance_before_it_costs_anything_more(world: World) -> None:
    world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=5))
    book(world, propose(world, "allowance", "300000", facility=world.facility))
    assert (world.held(K.IMPAIRMENT_EXPENSE), allowance_held(world.facility)) == (D(300_000), D(300_000))
    assert_books_hold()
    lost = world.held(K.ACCRUED_INTEREST) + 1_000_000
    decide(world, "write_off", details={})
    assert allowance_held(world.facility) == 0
    assert world.held(K.IMPAIRMENT_EXPENSE) == lost
    assert_books_hold()


def test_an_allowance_larger_than_the_loss_keeps_the_rest_and_an_undone_loss_gives_it_back(
    world: World,
) -> None:
    world.draw(D(1000))
    world.close_through(OPENED)
    book(world, propose(world, "allowance", "5000", facility=world.facility))
    written_off = decide(world, "write_off", details={})
    left = allowance_held(world.facility)
    assert left == D(5000) - 1000 - D("0.08")
    assert world.held(K.IMPAIRMENT_EXPENSE) == 5000
    assert written_off.event is not None
    undone = services.propose_reversal(
        event=written_off.event, reason="it pays after all", actor=world.maker, on=world.today
    )
    services.book_instruction(
        instruction=undone, actor=world.checker, on=world.today, seen_digest=undone.proposed_digest
    )
    assert allowance_held(world.facility) == 5000
    assert world.held(K.IMPAIRMENT_EXPENSE) == 5000
    assert_books_hold()


def test_no_more_of_an_allowance_is_released_than_is_held(world: World) -> None:
    book(world, propose(world, "allowance", "100", facility=world.facility))
    with pytest.raises(Refused, match=r"holds an allowance of 100\.00 USD"):
        book(world, propose(world, "allowance_released", "100.01", facility=world.facility))
    book(world, propose(world, "allowance_released", "100", facility=world.facility))
    assert allowance_held(world.facility) == world.held(K.IMPAIRMENT_EXPENSE) == 0
    assert_books_hold()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"amount": "0"}, "above zero"),
        ({"amount": "-5"}, "above zero"),
        ({"amount": "1.001"}, "more decimals than USD"),
        ({"kind": "gift"}, "Choose what is booked"),
        ({"value_date": date(2026, 3, 3)}, "Choose a value date from 02 March 2026"),
        ({"value_date": date(2026, 3, 1)}, "Choose a value date from 02 March 2026"),
        ({"kind": "allowance"}, "name it"),
        ({"reference": " "}, "reference"),
        ({"reason": " "}, "Say why"),
    ],
)
def test_what_cannot_be_is_refused_in_words(world: World, changes: dict[str, Any], sentence: str) -> None:
    given = {"kind": "bank_charge", "amount": "5"} | changes
    with pytest.raises(Refused, match=sentence):
        propose(world, given.pop("kind"), given.pop("amount"), **given)
    assert not HandJournal.objects.exists()


def test_only_an_allowance_names_a_facility(world: World) -> None:
    with pytest.raises(Refused, match="Only an allowance names a facility"):
        propose(world, "bank_charge", "5", facility=world.facility)


def test_nobody_books_what_they_proposed_and_nothing_is_booked_twice(world: World) -> None:
    journal = propose(world, "bank_charge", "5")
    with pytest.raises(Refused, match="another person has to decide"):
        book(world, journal, actor=world.maker_may_check())
    with pytest.raises(OtherContent):
        book(world, journal, seen_digest="0" * 64)
    book(world, journal)
    with pytest.raises(Refused, match="cannot be booked"):
        book(world, journal)
    with pytest.raises(Refused, match="cannot be refused"):
        services.refuse_journal(journal=journal, reason="late", actor=world.checker, on=world.today)
    assert world.held(K.BANK_CHARGES) == 5


def test_two_of_finance_suffice_and_an_auditor_never_does(world: World) -> None:
    first, second, auditor = person("Fin", FINANCE), person("Fay", FINANCE), person("Abe", AUDITOR)
    with pytest.raises(Refused):
        propose(world, "bank_charge", "5", actor=auditor)
    journal = propose(world, "bank_charge", "5", actor=first)
    with pytest.raises(Refused):
        book(world, journal, actor=auditor)
    assert book(world, journal, actor=second).state == "booked"


def test_its_maker_withdraws_it_and_another_refuses_it(world: World) -> None:
    own, other = propose(world, "bank_charge", "5"), propose(world, "bank_charge", "6")
    services.refuse_journal(journal=own, reason="typed twice", actor=world.maker, on=world.today)
    services.refuse_journal(journal=other, reason="not ours", actor=world.checker, on=world.today)
    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.state, own.checker, other.state, other.checker) == (
        "withdrawn",
        None,
        "refused",
        world.checker,
    )
    assert world.held(K.BANK_CHARGES) == 0


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("amount = -1", "servicing_handjournal_amount_positive"),
        ("kind = 'allowance'", "servicing_handjournal_allowance_of_a_facility"),
        ("state = 'booked'", "servicing_handjournal_booked_by_a_second_person"),
        ("checker_id = maker_id, checked_at = now()", "servicing_handjournal_four_eyes"),
        ("reason = ''", "servicing_handjournal_says_why"),
    ],
)
def test_the_database_holds_each_rule(world: World, change: str, rule: str) -> None:
    journal = propose(world, "bank_charge", "5")
    with pytest.raises(IntegrityError, match=rule), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE servicing_handjournal SET {change} WHERE id = %s", [journal.pk])


def test_an_amount_changed_by_a_superuser_is_found(
    committed_db: str, superuser_sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    made = make_world()
    journal = propose(made, "bank_charge", "5")
    superuser_sql("SET session_replication_role = replica; UPDATE servicing_handjournal SET amount = 6")
    assert [found.object for found in verify_seals().breaks] == [f"servicing_handjournal:{journal.pk}"]
