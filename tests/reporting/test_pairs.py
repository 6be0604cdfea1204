"""Cash that agrees by no rule is paired by two people: one line with several movements, or one movement with several."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from loanfund.audit.errors import Refused
from loanfund.ledger.models import JournalEntry
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reporting.reports import Report
from loanfund.reporting.reports.cash import standing
from loanfund.reporting.services import read_report
from loanfund.servicing import services
from loanfund.servicing.invariants import hand_pairs_tie
from loanfund.servicing.models import BankImportRow, CashPair, CashPairSide, Receipt
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world, person

pytestmark = pytest.mark.django_db

HEADER = "reference,amount,currency,value_date,sender\n"
DAY = date(2026, 3, 6)


@pytest.fixture
def week(db: None) -> World:
    """A fund whose bank kept a fee of a payment in, and paid one drawdown out in two lines."""
    world = make_world()
    world.sign(bullet())
    world.close_through(OPENED)
    world.draw(Decimal(500_000))
    world.close_through(date(2026, 3, 9))
    return world


def load(world: World, text: str, balance: Decimal | None = None, name: str = "march.csv") -> None:
    services.import_payments(
        fund=world.fund, text=HEADER + text, layout="bank", name=name, actor=world.maker, on=world.today,
        closing_balance=balance, closing_on=None if balance is None else DAY,
    )  # fmt: skip


def line(world: World, number: int) -> int:
    return int(BankImportRow.objects.get(bank_import__fund=world.fund, line=number).pk)


def entry(kind: str, cause: str = "") -> int:
    return int(JournalEntry.objects.filter(kind=kind, cause__startswith=cause).latest("pk").pk)


def charge(world: World, amount: Decimal) -> int:
    journal = services.propose_journal(
        fund=world.fund, kind="bank_charge", amount=amount, value_date=DAY, reference="kept by the bank",
        reason="taken off a payment in", actor=fin(), on=world.today,
    )  # fmt: skip
    services.book_journal(
        journal=journal, actor=world.checker, on=world.today, seen_digest=journal.proposed_digest
    )
    return entry("bank_charge")


def fin() -> User:
    return User.objects.filter(email__startswith="fin@").first() or person("Fin", roles.FINANCE)


def read(world: World, first: date = OPENED, last: date | None = None) -> Report:
    return read_report(
        actor=fin(), fund=world.fund, slug="reconciliation",
        given={"first_day": first, "last_day": last or world.today},
    )  # fmt: skip


def pair(world: World, lines: list[int], entries: list[int], **changes: object) -> CashPair:
    given = {"reason": "the bank kept its fee", "actor": fin(), "on": world.today} | changes
    return services.propose_pair(fund=world.fund, lines=lines, entries=entries, **given)


def confirm(world: World, made: CashPair) -> CashPair:
    return services.confirm_pair(
        pair=made, actor=world.checker, on=world.today, seen_digest=made.proposed_digest
    )


def split_payment(world: World) -> tuple[list[int], int]:
    """The drawdown of half a million left the bank in two lines."""
    load(
        world,
        "Payout one,-300000,USD,2026-03-03,Borrower\nPayout two,-200000,USD,2026-03-04,Borrower\n",
        world.fund.size - 500_000,
    )
    return [line(world, 2), line(world, 3)], entry("drawdown_released")


def short_payment(world: World) -> tuple[int, list[int]]:
    """A payer sent 1,200.00 and the bank passed on 1,175.00."""
    load(
        world,
        "Payout,-500000,USD,2026-03-03,Borrower\nTransfer 8817,1175,USD,2026-03-06,Payer\n",
        world.fund.size - 500_000 + 1_175,
    )
    (entered,) = Receipt.objects.filter(state="entered")
    services.reject_receipt(receipt=entered, reason="short by a fee", actor=world.checker, on=world.today)
    world.receive(Decimal(1_200), value_date=DAY, reference="invoice 12")
    return line(world, 3), [entry("receipt_booked"), charge(world, Decimal(25))]


def test_one_line_with_a_payment_and_the_fee_kept_of_it_agrees_once_two_people_say_so(week: World) -> None:
    one, several = short_payment(week)
    before = dict(read(week).broken)
    assert "march.csv, line 3" in before
    made = pair(week, [one], several)
    waiting = dict(read(week).broken)
    assert f"{made.number} waits for a second person" in waiting["march.csv, line 3"]
    confirm(week, made)
    report = read(week)
    assert report.broken == ()
    assert [check.difference for check in report.checks] == [0, 0]
    by_hand = [row for row in report.rows if made.number in str(row[6])]
    assert [(row[7], row[8], row[9]) for row in by_hand] == [
        (Decimal("1175.00"), Decimal("1200.00"), "march.csv, line 3"),
        (None, Decimal("-25.00"), "march.csv, line 3"),
    ]
    assert str(by_hand[0][6]).startswith(f"agrees with entry {several[1]}: {made.number}, by ")
    assert str(by_hand[0][6]).endswith(": the bank kept its fee")
    assert report.totals["on_statement"] == report.totals["in_book"] - week.fund.size
    assert_books_hold()


def test_one_payment_that_left_in_two_lines(week: World) -> None:
    lines, paid = split_payment(week)
    assert len(read(week).broken) == 3
    confirm(week, pair(week, lines, [paid]))
    report = read(week)
    assert report.broken == ()
    assert [check.difference for check in report.checks] == [0, 0]
    (row,) = [row for row in report.rows if row[3] == str(paid)]
    assert (row[7], row[9]) == (Decimal("-500000.00"), "march.csv, line 2; march.csv, line 3")
    half = standing(week.fund, date(2026, 3, 3))
    assert half.ahead == 200_000


def test_a_cent_apart_is_refused_with_the_difference_and_what_to_do(week: World) -> None:
    one, several = short_payment(week)
    with pytest.raises(Refused, match=r"1,175\.00 and the book 1,200\.00: 25\.00 apart.*bank charge"):
        pair(week, [one], several[:1])
    lines, paid = line(week, 2), entry("drawdown_released")
    with pytest.raises(Refused, match="one line with one or several"):
        pair(week, [one, lines], [*several, paid])
    with pytest.raises(Refused, match="at least one line"):
        pair(week, [one], [])
    with pytest.raises(Refused, match="why they are the same"):
        pair(week, [one], several, reason="  ")
    with pytest.raises(Refused, match="moved no cash"):
        pair(week, [one], [0])


def test_a_line_that_is_a_receipt_belongs_to_it_alone(week: World) -> None:
    load(week, "Transfer 1,1200,USD,2026-03-06,Payer\n")
    with pytest.raises(Refused, match=r"march\.csv, line 2 is RC-\d+ itself\. Reject"):
        pair(week, [line(week, 2)], [entry("drawdown_released")])
    (entered,) = Receipt.objects.filter(state="entered")
    services.book_receipt(receipt=entered, actor=week.checker, on=week.today)
    load(week, "Fee,-5,USD,2026-03-06,Bank\n", name="two.csv")
    fee = BankImportRow.objects.get(bank_import__name="two.csv").pk
    with pytest.raises(Refused, match=r"RC-\d+ is line 2 of march\.csv itself"):
        pair(week, [fee], [entry("receipt_booked")])


def test_two_people_and_each_line_in_one_pair_only(week: World) -> None:
    lines, paid = split_payment(week)
    made = pair(week, lines, [paid])
    with pytest.raises(Refused, match=f"{made.number} has one of these already"):
        pair(week, lines, [paid])
    with pytest.raises(Refused, match="put this forward yourself"):
        services.confirm_pair(pair=made, actor=fin(), on=week.today, seen_digest=made.proposed_digest)
    with pytest.raises(Refused, match="may not pair cash"):
        pair(week, lines, [paid], actor=person("Aud", roles.AUDITOR))
    with pytest.raises(Refused, match="changed since you looked"):
        services.confirm_pair(pair=made, actor=week.checker, on=week.today, seen_digest="other")
    services.refuse_pair(pair=made, reason="not these", actor=week.checker, on=week.today)
    again = pair(week, lines, [paid])
    services.refuse_pair(pair=again, reason="mistaken", actor=fin(), on=week.today)
    assert [one.state for one in CashPair.objects.order_by("id")] == ["refused", "withdrawn"]
    with pytest.raises(Refused, match="Withdrawn: it cannot be confirmed"):
        confirm(week, again)
    assert hand_pairs_tie().breaks == []


def test_it_is_undone_by_two_people_and_may_be_paired_anew(week: World) -> None:
    lines, paid = split_payment(week)
    made = confirm(week, pair(week, lines, [paid]))
    undoing = services.undo_pair(pair=made, reason="another drawdown", actor=fin(), on=week.today)
    assert read(week).broken == ()
    with pytest.raises(Refused, match=f"{undoing.number} asks for that already"):
        services.undo_pair(pair=made, reason="another drawdown", actor=fin(), on=week.today)
    with pytest.raises(Refused, match="put this forward yourself"):
        services.confirm_pair(pair=undoing, actor=fin(), on=week.today, seen_digest=undoing.proposed_digest)
    confirm(week, undoing)
    made.refresh_from_db()
    assert made.state == "undone"
    assert len(read(week).broken) == 3
    confirm(week, pair(week, lines, [paid]))
    assert read(week).broken == ()
    with pytest.raises(Refused, match="Undone: it cannot be undone"):
        services.undo_pair(pair=made, reason="twice", actor=fin(), on=week.today)
    with pytest.raises(Refused, match="Pair anew"):
        services.undo_pair(pair=undoing, reason="twice", actor=fin(), on=week.today)
    assert_books_hold()


def test_a_line_that_cannot_be_read_is_what_the_other_side_leaves(week: World) -> None:
    load(week, "Payout,5OO.OOO-,USD,2026-03-o3,Borrower\n", week.fund.size - 500_000)
    paid = entry("drawdown_released")
    confirm(week, pair(week, [line(week, 2)], [paid]))
    assert CashPairSide.objects.get(line__isnull=False).amount == -500_000
    report = read(week)
    assert report.broken == ()
    assert [check.difference for check in report.checks] == [0, 0]


def test_a_later_file_with_the_same_line_makes_no_receipt_of_it(week: World) -> None:
    one, several = short_payment(week)
    made = confirm(week, pair(week, [one], several))
    load(week, "Transfer 8817,1175,USD,2026-03-06,Payer\n", name="again.csv")
    repeated = BankImportRow.objects.get(bank_import__name="again.csv")
    assert repeated.receipt is None
    assert repeated.outcome == f"on an earlier file already: march.csv, line 3, in {made.number}"
    assert read(week).broken == ()


def test_a_line_that_a_later_file_made_a_receipt_of_is_not_paired(week: World) -> None:
    """The first receipt was rejected by mistake; the file of the next day lists the payment again."""
    one, several = short_payment(week)
    load(week, "Transfer 8817,1175,USD,2026-03-06,Payer\n", name="again.csv")
    receipt = Receipt.objects.get(state="entered")
    with pytest.raises(
        Refused, match=f"again.csv, line 2 lists march.csv, line 3 again and is {receipt.number}"
    ):
        pair(week, [one], several)
    with pytest.raises(Refused, match=r"is RC-\d+ itself"):
        pair(week, [BankImportRow.objects.get(receipt=receipt).pk], several)


def test_the_database_keeps_no_pair_whose_sides_differ(week: World) -> None:
    lines, paid = split_payment(week)
    made = pair(week, lines, [paid])
    side = made.sides.filter(line__isnull=False).first()
    assert side is not None
    with pytest.raises(DatabaseError, match="on statements"):
        _now(lambda: CashPairSide.objects.filter(pk=side.pk).update(amount=1))
    with pytest.raises(DatabaseError, match="in the book"):
        _now(lambda: CashPair.objects.filter(pk=made.pk).update(amount=7))
    with pytest.raises(IntegrityError, match="line_once"), transaction.atomic():
        CashPairSide.objects.create(pair=made, line_id=side.line_id, amount=1)
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        CashPair.objects.filter(pk=made.pk).update(checker=fin(), checked_at="2026-03-10T00:00Z")


@transaction.atomic
def _now(write: Callable[[], object]) -> None:
    """Write, with what is checked at the commit checked at once."""
    write()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_invariant_names_a_pair_that_was_altered(week: World) -> None:
    lines, paid = split_payment(week)
    made = confirm(week, pair(week, lines, [paid]))
    assert hand_pairs_tie().breaks == []
    assert hand_pairs_tie().rows_seen == 2
    # Freed behind the services' back: the pair still counts and its sides could be taken twice.
    CashPairSide.objects.filter(pair=made).update(live=False)
    (found,) = hand_pairs_tie().breaks
    assert found.object == f"servicing_cashpair:{made.pk}"
