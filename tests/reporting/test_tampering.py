"""What the demo holds no row of is made here, and changed value by value as the demo's rows are."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from loanfund.audit.protection import protected_tables
from loanfund.facilities.services import grant_headroom
from loanfund.ledger.models import JournalEntry
from loanfund.ledger.services import close_period
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reference.services import confirm_fixing, propose_fixing
from loanfund.reporting.services import ask_month, make_months, month_locks
from loanfund.servicing import services
from loanfund.servicing.models import BankImportRow
from tests.reporting.tampering import NOT_IN_THE_DEMO, each_value_changed
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world, person

MARCH, DAY = date(2026, 3, 1), date(2026, 3, 6)
STATEMENT = (
    "reference,amount,currency,value_date,sender\n"
    "Payout one,-300000,USD,2026-03-03,Borrower\nPayout two,-200000,USD,2026-03-03,Borrower\n"
)


@pytest.fixture(scope="module")
def finance(module_db: str) -> tuple[World, User, User]:
    """A loan through March, and two people of finance."""
    world = make_world()
    world.sign(bullet(months=1))
    world.close_through(OPENED)
    world.draw(Decimal(500_000))
    world.close_through(date(2026, 3, 31))
    return world, person("Fin", roles.FINANCE), person("Flo", roles.FINANCE)


def exceeds(world: World, fin: User, _: User) -> None:
    grant_headroom(
        fund=world.fund, owner=f"partner:{world.partner.pk}", amount=Decimal(1_000_000), decision_number="DEC-9",
        actor=fin, on=world.today,
    )  # fmt: skip


def types_a_fixing(world: World, fin: User, _: User) -> None:
    percent = Decimal("3.63")
    typed = propose_fixing(
        code="SOFR", day=DAY, percent=percent, source="the Fed's page", actor=fin, on=world.today
    )
    confirm_fixing(
        proposal=typed, percent=percent, known_at=timezone.now(), actor=world.checker, on=world.today
    )


def pairs_two_lines_with_a_payment(world: World, fin: User, _: User) -> None:
    services.import_payments(
        fund=world.fund, text=STATEMENT, layout="bank", name="march.csv", actor=world.maker, on=world.today,
        closing_balance=world.fund.size - 500_000, closing_on=DAY,
    )  # fmt: skip
    lines = BankImportRow.objects.order_by("line").values_list("pk", flat=True)
    pair = services.propose_pair(
        fund=world.fund, lines=list(lines), entries=[JournalEntry.objects.get(kind="drawdown_released").pk],
        reason="paid in two parts", actor=fin, on=world.today,
    )  # fmt: skip
    services.confirm_pair(pair=pair, actor=world.checker, on=world.today, seen_digest=pair.proposed_digest)


def locks_march(world: World, fin: User, flo: User) -> None:
    lock = month_locks.propose_lock(fund=world.fund, month=MARCH, actor=fin, on=world.today)
    month_locks.lock_month(lock=lock, actor=flo, on=world.today)


def closes_march_for_good(world: World, fin: User, _: User) -> None:
    close_period(book=world.fund.book, starts_on=MARCH, ends_on=date(2026, 3, 31), actor=fin, on=world.today)


def makes_the_statements_of_march(world: World, *_: User) -> None:
    make_months(fund=world.fund, on=world.today, most=10)


def asks_for_all_statements(world: World, fin: User, _: User) -> None:
    ask_month(fund=world.fund, month=MARCH, actor=fin, on=world.today, formats=("csv",))


ACTS: list[Callable[[World, User, User], None]] = [
    exceeds,
    types_a_fixing,
    pairs_two_lines_with_a_payment,
    locks_march,
    closes_march_for_good,
    makes_the_statements_of_march,
    asks_for_all_statements,
]


def test_any_value_of_what_the_demo_does_not_hold_is_found_when_changed(
    finance: tuple[World, User, User],
) -> None:
    for act in ACTS:
        act(*finance)
    assert_books_hold()
    there = {table.name: table for table in protected_tables() if table.under_seal}
    assert set(there) >= NOT_IN_THE_DEMO
    tried = {
        name: each_value_changed(name, f"SELECT object FROM audit_broken_rows('{name}')", there[name].seal_by)
        for name in sorted(NOT_IN_THE_DEMO)
    }
    assert [line for _, missed in tried.values() for line in missed] == []
    assert [name for name, (changed, _) in tried.items() if not changed] == []
