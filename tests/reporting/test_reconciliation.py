"""Cash in the book beside the bank's own lines: what agrees, what is missing on either side, what the bank should hold."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.parties import roles
from loanfund.reporting.reports import Report
from loanfund.reporting.services import read_report
from loanfund.servicing import services
from loanfund.servicing.models import Receipt
from tests.servicing.world import OPENED, World, bullet, make_world, person

pytestmark = pytest.mark.django_db

FILE = """reference,amount,currency,value_date,sender
FAC-0001 interest,1200.00,USD,2026-03-10,Borrower
INVOICE 7731,450.25,USD,2026-03-10,Somebody
FAC-0001 garbled,twelve,USD,2026-03-10,Borrower
"""


def read(world: World, first_day: date, last_day: date, reader: str = "Fin") -> Report:
    return read_report(
        actor=person(reader, roles.FINANCE),
        fund=world.fund,
        slug="reconciliation",
        given={"first_day": first_day, "last_day": last_day},
    )


def test_each_line_of_the_bank_is_beside_the_book_or_named(db: None) -> None:
    world = make_world()
    world.sign(bullet())
    world.draw(Decimal(500_000))
    world.close_through(date(2026, 3, 9))
    world.receive(Decimal(300), reference="typed by hand")
    services.import_payments(
        fund=world.fund, text=FILE, layout="bank", name="bank-march.csv", actor=world.maker, on=world.today
    )
    named = Receipt.objects.get(reference="FAC-0001 interest")
    services.book_receipt(
        receipt=named, seen_digest=named.proposed_digest, actor=world.checker, on=world.today
    )
    world.close_through(date(2026, 3, 12))
    report = read(world, OPENED, date(2026, 3, 12))
    assert [check.difference for check in report.checks] == [0]
    rows = {row[5]: row for row in report.rows}
    assert rows["FAC-0001 interest"][6:] == (
        "bank-march.csv, line 2", Decimal("1200.00"), Decimal("1200.00"), "agrees",
    )  # fmt: skip
    assert rows["typed by hand"][6:] == (
        "", None, Decimal("300.00"), "typed by hand, on no statement loaded here",
    )  # fmt: skip
    assert rows["INVOICE 7731"][6:] == (
        "bank-march.csv, line 3", Decimal("450.25"), None, "entered, not booked by the last day",
    )  # fmt: skip
    assert rows["FAC-0001 garbled"][8] is None
    assert "'twelve' cannot be read" in str(rows["FAC-0001 garbled"][9])
    (note,) = report.notes
    cash = world.fund.size - 500_000 + 1_500
    assert f"{cash:,.2f}" in note
    assert f"should hold {cash + Decimal('450.25'):,.2f}" in note


def test_a_past_days_reconciliation_stays_what_it_was(db: None) -> None:
    world = make_world()
    world.sign(bullet())
    text = FILE.replace("2026-03-10", OPENED.isoformat())
    services.import_payments(
        fund=world.fund, text=text, layout="bank", name="bank-march.csv", actor=world.maker, on=world.today
    )
    world.close_through(OPENED)
    then = read(world, OPENED, OPENED)
    for receipt in Receipt.objects.filter(state="entered"):
        services.book_receipt(
            receipt=receipt, seen_digest=receipt.proposed_digest, actor=world.checker, on=world.today
        )
    again = read(world, OPENED, OPENED, "Flo")
    assert (again.rows, again.notes) == (then.rows, then.notes)
    later = read(world, world.today, world.today, "Finn")
    assert {row[9] for row in later.rows} == {"agrees"}
