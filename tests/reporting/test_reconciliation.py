"""Cash in the book beside the bank's own lines: what agrees, what is missing on either side, what the bank should hold."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.parties import roles
from loanfund.reporting.reports import Report
from loanfund.reporting.selectors.month_end import month_checks
from loanfund.reporting.services import read_report
from loanfund.servicing import services
from loanfund.servicing.models import BankImport, Drawdown, Receipt
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
        f"agrees: it became {named.number}", Decimal("1200.00"), Decimal("1200.00"), "bank-march.csv, line 2",
    )  # fmt: skip
    assert rows["typed by hand"][6:] == (
        "typed by hand, on no statement loaded here", None, Decimal("300.00"), "",
    )  # fmt: skip
    assert rows["INVOICE 7731"][6:] == (
        "entered, not booked by the last day", Decimal("450.25"), None, "bank-march.csv, line 3",
    )  # fmt: skip
    assert rows["FAC-0001 garbled"][8] is None
    assert "'twelve' cannot be read" in str(rows["FAC-0001 garbled"][6])
    note, without = report.notes
    assert "No closing balance" in without
    cash = world.fund.size - 500_000 + 1_500
    assert f"{cash:,.2f}" in note
    assert f"should hold {cash + Decimal('450.25'):,.2f}" in note


def test_a_past_days_figures_stay_and_what_was_booked_since_says_when(db: None) -> None:
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
    assert (again.totals, again.notes, again.checks) == (then.totals, then.notes, then.checks)
    assert [row[7:] for row in again.rows if row[4]] == [row[7:] for row in then.rows if row[4]]
    assert {row[6] for row in then.rows if row[4]} == {"entered, not booked by the last day"}
    assert {row[6] for row in again.rows if row[4]} == {
        f"booked on {world.today:%d %B %Y}: it became {number}"
        for number in Receipt.objects.values_list("number", flat=True)
    }
    assert len(then.broken) == 3
    assert [what for what, _ in again.broken] == ["bank-march.csv, line 4"]
    later = read(world, world.today, world.today, "Finn")
    assert all(str(row[6]).startswith("agrees: ") for row in later.rows if row[4])


STATEMENT = """reference,amount,currency,value_date,sender
BANK-{drawdown},-500000.00,USD,2026-03-03,Borrower
wire fee March,-25.00,USD,2026-03-03,Bank
wire fee March,-25.00,USD,2026-03-03,Bank
{facility} interest,1200.00,USD,2026-03-04,Borrower
"""


def load(world: World, name: str, text: str, balance: Decimal | None, day: date | None) -> BankImport:
    return services.import_payments(
        fund=world.fund, text=text, layout="bank", name=name, actor=world.maker, on=world.today,
        closing_balance=balance, closing_on=day,
    )  # fmt: skip


def charge(world: World, value_date: date, reference: str) -> None:
    finance, another = person(f"Fin {reference}", roles.FINANCE), world.checker
    journal = services.propose_journal(
        fund=world.fund, kind="bank_charge", amount=Decimal(25), value_date=value_date, reference=reference,
        reason="as the bank says", actor=finance, on=world.today,
    )  # fmt: skip
    services.book_journal(journal=journal, actor=another, on=world.today, seen_digest=journal.proposed_digest)


@pytest.fixture
def week(db: None) -> World:
    """A drawdown paid out on the second day, and a week closed. What was there on the first is the opening balance."""
    world = make_world()
    world.sign(bullet())
    world.close_through(OPENED)
    world.draw(Decimal(500_000))
    world.close_through(date(2026, 3, 9))
    return world


def filled(world: World, *, first: bool = False) -> str:
    drawdown = Drawdown.objects.earliest("pk") if first else Drawdown.objects.get()
    return STATEMENT.format(drawdown=drawdown.pk, facility=world.facility.number)


def after_lines(world: World) -> Decimal:
    return world.fund.size - 500_000 - 50 + 1_200


def test_money_out_and_the_closing_balance_are_explained_to_the_cent(week: World) -> None:
    load(week, "march.csv", filled(week), after_lines(week), date(2026, 3, 6))
    (receipt,) = Receipt.objects.filter(state="entered")
    services.book_receipt(receipt=receipt, actor=week.checker, on=week.today)
    charge(week, date(2026, 3, 3), "wire fee March")
    charge(week, date(2026, 3, 5), "second fee")
    week.close_through(date(2026, 3, 12))
    report = read(week, OPENED, date(2026, 3, 12))
    assert [check.difference for check in report.checks] == [0, 0]
    assert report.checks[1].against == "the closing balance"
    assert report.broken == ()
    cash = month_checks(week.fund, OPENED, date(2026, 3, 12))[-1]
    assert (cash.holds, cash.text) == (True, "no difference")
    why = {row[5]: row[6] for row in report.rows}
    number = Drawdown.objects.get().number
    assert why[f"BANK-{Drawdown.objects.get().pk}"] == "agrees: the reference and the amount agree"
    assert why["wire fee March"] == "agrees: the reference and the amount agree"
    assert why["second fee"] == "agrees: the amount agrees, 2 days apart, and nothing else fits"
    assert number in {row[4] for row in report.rows}


def test_what_is_on_one_side_only_is_named_and_breaks_the_tie_out(week: World) -> None:
    """The bank took a fee twice, the book has one; the book has a receipt that the bank never had."""
    load(week, "march.csv", filled(week), after_lines(week) + 7, date(2026, 3, 6))
    (receipt,) = Receipt.objects.filter(state="entered")
    services.book_receipt(receipt=receipt, actor=week.checker, on=week.today)
    charge(week, date(2026, 3, 3), "wire fee March")
    week.receive(Decimal(300), value_date=date(2026, 3, 5), reference="never came")
    week.close_through(date(2026, 3, 12))
    report = read(week, OPENED, date(2026, 3, 12))
    assert [check.difference for check in report.checks] == [0, -7]
    places = dict(report.broken)
    assert "-25.00 with the reference wire fee March is not in the book" in places["march.csv, line 4"]
    (missing,) = [sentence for what, sentence in report.broken if what.startswith("entry ")]
    assert missing.startswith("300.00, receipt booked RC-")
    assert "no statement up to march.csv" in missing
    cash = month_checks(week.fund, OPENED, date(2026, 3, 12))[-1]
    assert (cash.label, cash.holds) == ("Cash explained by the statements", False)
    assert cash.text.startswith(
        "open: Bank statement on 06 March 2026, as the book explains it; march.csv, line 4"
    )


def test_money_in_that_is_no_receipt_is_the_journal_it_was_booked_as(week: World) -> None:
    header = STATEMENT.partition("\n")[0]
    load(week, "in.csv", f"{header}\nCall 7,9000.00,USD,2026-03-06,Owner\n", None, None)
    (receipt,) = Receipt.objects.filter(state="entered")
    services.reject_receipt(receipt=receipt, reason="capital", actor=week.checker, on=week.today)
    before = read(week, OPENED, week.today)
    assert dict(before.broken)["in.csv, line 2"].endswith("its receipt was rejected.")
    finance = person("Capital Fin", roles.FINANCE)
    journal = services.propose_journal(
        fund=week.fund, kind="capital_paid_in", amount=Decimal(9_000), value_date=date(2026, 3, 6),
        reference="capital call 7", reason="paid in", actor=finance, on=week.today,
    )  # fmt: skip
    services.book_journal(
        journal=journal, actor=week.checker, on=week.today, seen_digest=journal.proposed_digest
    )
    after = read(week, OPENED, week.today, "Frieda")
    assert after.broken == ()
    assert [row[9] for row in after.rows if row[4] == journal.number] == ["in.csv, line 2"]


def test_a_month_is_explained_by_the_statement_that_comes_after_it(week: World) -> None:
    """The file of the days to the 6th is loaded on the 10th, its fee booked then; payday of the 10th is on the next one."""
    week.draw(Decimal(1_000))
    load(week, "march.csv", filled(week, first=True), after_lines(week), date(2026, 3, 6))
    (receipt,) = Receipt.objects.filter(state="entered")
    services.book_receipt(receipt=receipt, actor=week.checker, on=week.today)
    charge(week, date(2026, 3, 3), "wire fee March")
    charge(week, date(2026, 3, 3), "wire fee March again")
    week.close_through(date(2026, 3, 12))
    report = read(week, OPENED, date(2026, 3, 6))
    assert [check.difference for check in report.checks] == [0, 0]
    assert report.broken == ()
    since = [str(row[6]) for row in report.rows if row[8] is None]
    assert [words.partition(":")[0] for words in since] == ["booked on 10 March 2026"] * 3
    later = read(week, date(2026, 3, 10), date(2026, 3, 12), "Flo")
    assert later.broken == ()
    assert {str(row[6]).partition(":")[0] for row in later.rows} == {"agrees", "after the last statement"}


def test_the_next_statement_follows_from_the_one_before(week: World) -> None:
    load(week, "one.csv", filled(week), after_lines(week), date(2026, 3, 6))
    header = STATEMENT.partition("\n")[0]
    load(
        week, "two.csv", f"{header}\nfee,-5.00,USD,2026-03-09,Bank\n", after_lines(week) - 6, date(2026, 3, 9)
    )
    week.close_through(date(2026, 3, 12))
    foot = {check.what: check.difference for check in read(week, OPENED, date(2026, 3, 12)).checks}
    assert foot["two.csv: the balance of 06 March 2026 and the lines since"] == 1


def test_a_payment_that_two_files_list_counts_once_and_no_line_is_lost(week: World) -> None:
    """The second file holds the first one's lines again and one more. Two like fees of one file are two."""
    load(week, "one.csv", filled(week), after_lines(week), date(2026, 3, 6))
    text = filled(week) + "wire fee March,-25.00,USD,2026-03-03,Bank\n"
    second = load(week, "two.csv", text, None, None)
    outcomes = [line.outcome for line in second.lines.order_by("line")]
    assert outcomes[1] == "on an earlier file already: one.csv, line 3"
    assert outcomes[2] == "on an earlier file already: one.csv, line 4"
    assert outcomes[4] == "money out, beside the book's cash"
    assert "entered already" in outcomes[3]
    week.close_through(date(2026, 3, 12))
    report = read(week, OPENED, date(2026, 3, 12))
    listed = [row[9] for row in report.rows if row[9]]
    assert sorted(listed) == [
        "one.csv, line 2", "one.csv, line 3", "one.csv, line 4", "one.csv, line 5", "two.csv, line 6",
    ]  # fmt: skip
    with pytest.raises(Refused, match="was imported on"):
        load(week, "again.csv", text, None, None)


def test_a_failed_payment_explains_itself_and_money_on_its_way_is_no_break(week: World) -> None:
    load(week, "one.csv", filled(week), after_lines(week), date(2026, 3, 6))
    for amount in (70_000, 80_000):
        asked = week.request(Decimal(amount))
        services.approve_drawdown(drawdown=asked, actor=week.checker, on=week.today)
        services.release_drawdown(drawdown=asked, actor=week.releaser, on=week.today)
    services.fail_drawdown(drawdown=asked, reason="account closed", actor=week.maker, on=week.today)
    report = read(week, OPENED, week.today)
    how = {(row[2], row[8]): row[6] for row in report.rows}
    assert how["drawdown released", Decimal("-70000.00")] == "on its way, still at the bank"
    assert str(how["payment failed", Decimal("80000.00")]).startswith("undone in the book by entry")
    assert not [sentence for _, sentence in report.broken if "drawdown" in sentence]


def test_a_quiet_month_has_a_statement_too_and_half_a_balance_is_refused(week: World) -> None:
    header = STATEMENT.partition("\n")[0] + "\n"
    balance = week.fund.size - 500_000
    load(week, "quiet.csv", header, balance, date(2026, 3, 6))
    load(week, "quiet.csv", header, balance, date(2026, 3, 9))
    with pytest.raises(Refused, match="was imported on"):
        load(week, "quiet.csv", header, balance, date(2026, 3, 9))
    with pytest.raises(Refused, match="One of the two is wrong"):
        load(week, "wrong.csv", filled(week), balance + 1, date(2026, 3, 9))
    with pytest.raises(Refused, match="give both, or neither"):
        load(week, "half.csv", filled(week), balance, None)
    with pytest.raises(Refused, match="no lines beneath its header"):
        load(week, "empty.csv", header, None, None)
    week.close_through(date(2026, 3, 12))
    assert [check.difference for check in read(week, OPENED, date(2026, 3, 12)).checks] == [0, 0, 0]
