"""Who may take a statement out, of what, and what is left behind."""

import csv
import hashlib
import io
from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.parties import roles
from loanfund.reporting.invariants import verify_statements
from loanfund.reporting.models import StatementExport
from loanfund.reporting.selectors import Subject, statement_for
from loanfund.reporting.services import Export, export_statement
from loanfund.servicing.models import CloseRun, Loan
from tests.reporting.recompute import added_up, differences
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1), date(2026, 3, 31)


class Drawn(World):
    """A world with two loans under one facility."""

    first: Loan
    second: Loan


@pytest.fixture(scope="module")
def made_once(module_db: str) -> Drawn:
    made = make_world()
    world = Drawn(**{name: getattr(made, name) for name in World.__dataclass_fields__})
    world.sign(bullet())
    world.first = world.draw(Decimal(6_000_000))
    world.second = world.draw(Decimal(1_000_000))
    world.close_through(date(2026, 4, 2))
    return world


@pytest.fixture
def world(made_once: Drawn, db: None) -> Drawn:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def take(world: World, subject: Subject, fmt: str = "csv", **changes: object) -> Export:
    given = {"actor": world.borrower, "first_day": MARCH[0], "last_day": MARCH[1], **changes}
    return export_statement(on=world.today, subject=subject, fmt=fmt, **given)


@pytest.mark.parametrize("fmt", ["csv", "xlsx", "pdf", "json"])
def test_a_member_takes_out_the_same_bytes_each_time_and_both_are_logged(world: Drawn, fmt: str) -> None:
    one, other = take(world, world.facility, fmt), take(world, world.facility, fmt)
    assert one == other
    assert one.sha256 == hashlib.sha256(one.bytes).hexdigest()
    assert StatementExport.objects.filter(sha256=one.sha256, made_by=world.borrower).count() == 2
    event = AuditEvent.objects.filter(action="statement.exported").latest("id")
    assert event.after is not None
    assert (event.actor, event.after["of"], event.after["format"]) == (
        world.borrower.email,
        world.facility.number,
        fmt,
    )


def test_finance_and_the_auditor_take_out_any_partners(world: Drawn) -> None:
    for role in (roles.FINANCE, roles.AUDITOR, roles.OPERATIONS_MAKER):
        assert take(world, world.partner, actor=person(role.replace(" ", ""), role)).bytes


def test_an_outsider_learns_nothing_and_the_committee_is_told_why_not(world: Drawn) -> None:
    with pytest.raises(Refused, match="There is no such statement") as outside:
        take(world, world.facility, actor=person("Outsider"))
    assert outside.value.code == "not_found"
    with pytest.raises(Refused, match="You may not take out statements"):
        take(world, world.facility, actor=person("Member", roles.COMMITTEE_MEMBER))
    assert not StatementExport.objects.exists()


def test_a_format_nobody_knows_is_refused(world: Drawn) -> None:
    with pytest.raises(Refused, match="Choose one of csv, xlsx, pdf, json"):
        take(world, world.facility, "docx")


def test_the_loans_statements_add_up_to_the_facilitys_and_that_to_the_partners(world: Drawn) -> None:
    world.close_through(date(2026, 6, 9))
    world.receive(
        Decimal("3000000.00"), value_date=date(2026, 6, 2), reference=f"{world.facility.number} WIRE-77"
    )
    world.close_through(date(2026, 6, 30))
    period = {"first_day": date(2026, 6, 1), "last_day": date(2026, 6, 30)}
    whole = statement_for(subject=world.facility, **period)
    parts = [statement_for(subject=loan, **period) for loan in (world.first, world.second)]
    partner = statement_for(subject=world.partner, **period)
    assert sum(part.closing.owed for part in parts) == whole.closing.owed + whole.closing.unapplied
    assert sum(part.interest_total for part in parts) == whole.interest_total
    assert (partner.opening, partner.closing, partner.lines) == (whole.opening, whole.closing, whole.lines)


def test_receipts_stand_by_their_number_and_the_banks_reference(world: Drawn) -> None:
    world.close_through(date(2026, 6, 1))
    receipt = world.receive(Decimal("53000.00"), reference=f"{world.facility.number} WIRE-77")
    world.close_through(date(2026, 6, 3))
    period = {"first_day": date(2026, 6, 1), "last_day": date(2026, 6, 2)}
    for subject in (world.facility, world.first):
        statement = statement_for(subject=subject, **period)
        (line,) = [line for line in statement.lines if line.kind.value == "Receipt"]
        assert line.reference == f"{receipt.number}, {receipt.reference}"
        assert {paid.receipt for paid in statement.allocations} == {receipt.number}


def test_what_was_due_stands_as_it_was_booked_then(world: Drawn) -> None:
    world.close_through(date(2026, 6, 9))
    before = statement_for(subject=world.facility, first_day=date(2026, 6, 1), last_day=date(2026, 6, 8))
    world.receive(Decimal("100000.00"))
    world.close_through(date(2026, 6, 12))
    after = statement_for(subject=world.facility, first_day=date(2026, 6, 1), last_day=date(2026, 6, 8))
    assert before.dues
    assert after == before


def test_as_known_then_is_byte_for_byte_what_was_exported_then(world: Drawn) -> None:
    CloseRun.objects.filter(business_date__lte=MARCH[1]).update(
        finished_at=datetime(2026, 4, 1, 1, tzinfo=UTC)
    )
    exported = take(world, world.facility)
    world.receive(Decimal("1000000.00"), value_date=date(2026, 3, 20))
    world.close_through(date(2026, 4, 30))
    then = take(world, world.facility, known_at=datetime(2026, 4, 3, tzinfo=UTC))
    assert then == exported
    with pytest.raises(Refused, match="not closed for any day"):
        take(world, world.facility, known_at=datetime(2026, 3, 31, tzinfo=UTC))


def test_the_books_are_found_to_say_what_was_taken_out(world: Drawn) -> None:
    for subject in (world.partner, world.facility, world.first):
        take(world, subject)
        take(world, subject, "xlsx")
    found = verify_statements()
    assert (found.rows_seen, found.breaks) == (7, [])


def test_an_export_that_the_books_no_longer_give_is_named(world: Drawn) -> None:
    take(world, world.facility)
    kept = StatementExport.objects.get()
    StatementExport.objects.create(
        **{
            field.attname: getattr(kept, field.attname)
            for field in StatementExport._meta.fields
            if field.name not in {"id", "made_at"}
        }
        | {"document_digest": "0" * 64}
    )
    (broken,) = verify_statements().breaks
    assert "has another content today" in broken.sentence


def test_every_interest_figure_is_worked_out_again_by_the_calculator_from_the_csv(world: Drawn) -> None:
    for subject in (world.partner, world.facility, world.first):
        assert differences(take(world, subject).bytes) == []
    torn = take(world, world.facility).bytes.replace(b"15000.000000000000", b"15000.010000000000")
    assert len(differences(torn)) >= 1


def test_a_cent_more_in_any_sum_of_the_csv_is_noticed(world: Drawn) -> None:
    rows = list(csv.DictReader(io.StringIO(take(world, world.partner).bytes.decode())))
    assert added_up(rows) == []
    tried = 0
    for place, row in enumerate(rows):
        for column in ("debit", "credit", "balance"):
            if row["record"] in {"opening", "closing", "line", "interest"} and row[column]:
                tried += 1
                forged = {**row, column: str(Decimal(row[column]) + Decimal("0.01"))}
                assert added_up([*rows[:place], forged, *rows[place + 1 :]]), (place, column)
    assert tried > 20
