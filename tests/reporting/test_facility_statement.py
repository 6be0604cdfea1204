"""The interest statement of a facility ties to the ledger, whatever happened in its period."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.ledger.models import AccountKind as K
from loanfund.reporting import csv_format, pdf_format, xlsx_format
from loanfund.reporting.selectors import facility_statement
from loanfund.reporting.statement import LineKind, Statement
from tests.servicing.world import World, bullet, make_world

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1), date(2026, 3, 31)


@pytest.fixture
def world(db: None) -> World:
    world = make_world()
    world.sign(bullet())
    world.loan = world.draw(Decimal(6_000_000))  # type: ignore[attr-defined]
    return world


def statement(world: World, first: date, last: date) -> Statement:
    return facility_statement(facility=world.facility, first_day=first, last_day=last)


def test_a_month_of_interest_is_the_ledgers_to_the_cent(world: World) -> None:
    world.close_through(date(2026, 4, 2))
    march = statement(world, *MARCH)
    assert march.interest_total == Decimal("15000.00")
    assert (march.interest[0].days, march.interest[0].numerator, march.interest[0].denominator) == (30, 1, 12)
    assert march.closing.principal == Decimal("6000000.00")
    assert march.closing.accrued_interest == Decimal("15000.00")
    assert [line.kind for line in march.lines] == [LineKind.DRAWDOWN, LineKind.INTEREST]


def test_one_months_closing_is_the_next_ones_opening(world: World) -> None:
    world.close_through(date(2026, 6, 10))
    world.receive(Decimal("46000.00"))
    world.close_through(date(2026, 6, 30))
    april_to_may = statement(world, date(2026, 4, 1), date(2026, 5, 31))
    june = statement(world, date(2026, 6, 1), date(2026, 6, 30))
    assert statement(world, *MARCH).closing == april_to_may.opening
    assert april_to_may.closing == june.opening
    loan = world.loan  # type: ignore[attr-defined]
    assert june.closing.principal == world.held(K.LOAN_PRINCIPAL, loan_owner(loan.pk))
    assert june.closing.unapplied == world.held(K.UNAPPLIED, facility_owner(world.facility.pk))
    # Nine days late: default interest took its place in the waterfall before the interest.
    assert june.closing.interest_due == world.held(K.INTEREST_DUE, loan_owner(loan.pk)) == Decimal("34.50")
    assert june.closing.accrued_interest == world.held(K.ACCRUED_INTEREST)
    assert sum(paid.amount for paid in june.allocations) == Decimal("46000.00") - june.closing.unapplied


def test_a_later_correction_is_a_line_of_its_own_and_the_earlier_month_never_changes(world: World) -> None:
    world.close_through(date(2026, 4, 9))
    before = csv_format.render(statement(world, *MARCH))
    world.receive(Decimal("1000000.00"), value_date=date(2026, 3, 20))
    world.close_through(date(2026, 4, 30))
    assert csv_format.render(statement(world, *MARCH)) == before
    april = statement(world, date(2026, 4, 1), date(2026, 4, 30))
    receipt = next(line for line in april.lines if line.kind is LineKind.RECEIPT)
    assert (receipt.booking_date, receipt.value_date) == (date(2026, 4, 10), date(2026, 3, 20))


def test_the_three_renderings_show_the_same_owed(world: World) -> None:
    world.close_through(date(2026, 4, 2))
    march = statement(world, *MARCH)
    rows = list(csv.DictReader(io.StringIO(csv_format.render(march).decode())))
    closing = next(row for row in rows if row["record"] == "closing" and row["component"] == "Owed")
    assert closing["balance"] == "6015000.00" == str(march.closing.owed)
    assert pdf_format.render(march).startswith(b"%PDF")
    assert xlsx_format.render(march).startswith(b"PK")


def test_a_period_that_is_not_over_or_runs_backwards_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="books are closed through"):
        statement(world, date(2026, 3, 1), world.today)
    with pytest.raises(Refused, match="ends before it begins"):
        statement(world, date(2026, 3, 2), date(2026, 3, 1))


def test_an_empty_period_has_no_lines_and_equal_balances(world: World) -> None:
    world.close_through(date(2026, 4, 2))
    early = statement(world, date(2026, 1, 1), date(2026, 1, 31))
    assert early.lines == ()
    assert early.opening == early.closing


def test_the_arrangement_fee_is_called_a_fee(world: World) -> None:
    facility = world.sign(bullet(arrangement_fee="25000.00"), arrangement_fee=Decimal("25000.00"))
    world.close_through(date(2026, 3, 3))
    (line,) = facility_statement(
        facility=facility, first_day=date(2026, 3, 2), last_day=date(2026, 3, 3)
    ).lines[:1]
    assert (line.kind, line.text, line.debit) == (LineKind.FEE, "Arrangement fee", Decimal("25000.00"))
