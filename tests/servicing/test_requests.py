"""What a borrower asks for and tells: by those who may, for what can be, answered once, with what it leads to."""

import subprocess
import threading
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.parties.models import Membership, Notice
from loanfund.parties.services.files import read_file
from loanfund.reporting.selectors import statement_for
from loanfund.reporting.services import confirm_balance
from loanfund.servicing import selectors, services
from loanfund.servicing.models import BorrowerRequest, Instruction
from tests.parties.cast import joins
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world, person

D = Decimal


@pytest.fixture
def world(db: None) -> World:
    return drawn()


def drawn() -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(D(1_000_000))
    made.close_through(OPENED + timedelta(days=5))
    return made


def ask(world: World, kind: str, **changes: Any) -> BorrowerRequest:
    given: dict[str, Any] = {
        "payment_holiday": {
            "loan": world.facility.loans.get(),
            "day": world.today,
            "until": date(2026, 6, 30),
            "text": "custody is closed",
        },
        "refund": {"day": world.today, "amount": D(500), "text": "paid twice"},
        "payment_report": {"day": world.today, "amount": D(2500), "reference": "0xabc"},
        "balance_confirmation": {"day": world.today - timedelta(days=1), "text": "Audit & Co"},
    }[kind]
    actor = changes.pop("actor", world.borrower)
    return services.ask_lender(
        facility=world.facility, kind=kind, actor=actor, on=world.today, **given | changes
    )


def answer(world: World, request: BorrowerRequest, **changes: Any) -> BorrowerRequest:
    given = {"answer": "Agreed.", "actor": world.maker, **changes}
    return services.answer_request(request=request, on=world.today, **given)


def test_a_holiday_that_is_agreed_to_waits_for_a_second_person_and_then_moves_the_schedule(
    world: World,
) -> None:
    asked = ask(world, "payment_holiday")
    answered = answer(world, asked)
    made = answered.instruction
    assert made is not None
    assert (answered.state, made.kind, made.state, made.maker) == (
        "answered",
        "payment_holiday",
        "proposed",
        world.maker,
    )
    assert made.details["until"] == "2026-06-30"
    booked = services.book_instruction(
        instruction=made, actor=world.checker, on=world.today, seen_digest=made.proposed_digest
    )
    assert booked.state == "booked"
    assert Notice.objects.filter(recipient=world.borrower, kind="request_answered").count() == 1
    assert_books_hold()


def test_a_refund_that_is_agreed_to_is_proposed_and_never_more_than_is_held(world: World) -> None:
    with pytest.raises(Refused, match=r"0\.00 USD of yours is held"):
        ask(world, "refund")
    world.receive(D(700))
    with pytest.raises(Refused, match=r"700\.00 USD of yours is held"):
        ask(world, "refund", amount=D("700.01"))
    made = answer(world, ask(world, "refund")).refund
    assert made is not None
    assert (made.state, made.amount, made.facility) == ("proposed", D(500), world.facility)
    assert_books_hold()


def test_a_reported_payment_becomes_the_receipt_that_arrived_and_is_reported_once(world: World) -> None:
    asked = ask(world, "payment_report")
    with pytest.raises(Refused, match=f"reported already, as {asked.number}"):
        ask(world, "payment_report")
    with pytest.raises(Refused, match="Name the receipt"):
        answer(world, asked)
    receipt = world.receive(D(2500))
    assert answer(world, asked, receipt=receipt).receipt == receipt


def test_a_receipt_that_cannot_be_the_reported_money_is_not_taken_for_it(world: World) -> None:
    asked = ask(world, "payment_report")
    early = world.receive(D(2500), value_date=world.today - timedelta(days=1))
    with pytest.raises(Refused, match="before this payment was sent"):
        answer(world, asked, receipt=early)
    bounced = world.receive(D(2500))
    services.reverse_receipt(receipt=bounced, reason="bounced", actor=world.releaser, on=world.today)
    with pytest.raises(Refused, match="no money came of it"):
        answer(world, asked, receipt=bounced)
    receipt = world.receive(D(2490))
    answer(world, asked, receipt=receipt)
    with pytest.raises(Refused, match=f"is the answer to {asked.number} already"):
        answer(world, ask(world, "payment_report", reference="0xdef"), receipt=receipt)


def test_a_report_and_its_receipt_find_each_other(world: World) -> None:
    asked = ask(world, "payment_report", reference="WIRE-778")
    receipt = world.receive(D(2490), reference="invoice wire-778")
    same_amount = world.receive(D(2500))
    world.receive(D(17))
    assert selectors.likely_receipts(asked) == [
        (same_amount, "the same amount"),
        (receipt, "the same reference"),
    ]
    assert selectors.likely_reports(receipt) == [(asked, "the same reference")]
    answer(world, asked, receipt=receipt)
    assert selectors.likely_reports(same_amount) == selectors.likely_reports(receipt) == []
    short = ask(world, "payment_report", reference="w", amount=D(1))
    assert selectors.likely_receipts(short) == []


def test_a_confirmation_says_what_the_ledger_says_and_is_kept_by_its_digest(
    world: World, tmp_path: Path
) -> None:
    asked = ask(world, "balance_confirmation")
    made = confirm_balance(
        request=asked, answer="Here it is.", actor=world.maker, on=world.today, now=timezone.now()
    )
    assert made.confirmation is not None
    with read_file(made.confirmation) as content:
        (file := tmp_path / "confirmation.pdf").write_bytes(content.read())
    printed = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    ).stdout
    statement = statement_for(subject=world.facility, first_day=asked.day, last_day=asked.day)
    assert statement.closing.accrued_interest > 0
    for amount in (statement.closing.principal, statement.closing.accrued_interest, statement.closing.owed):
        assert f"{amount:,.2f}" in printed
    assert statement.digest() in printed
    assert made.confirmation.partner == world.partner


@pytest.mark.parametrize(
    ("kind", "changes", "sentence"),
    [
        ("payment_holiday", {"day": date(2026, 3, 1)}, "begins today or later"),
        ("payment_holiday", {"until": None}, "ends after its first day"),
        ("payment_holiday", {"until": date(2027, 3, 2)}, "before 02 March 2027"),
        ("payment_holiday", {"loan": None}, "Choose the loan"),
        ("payment_holiday", {"text": " "}, "Say why"),
        ("payment_report", {"amount": D(0)}, "above zero"),
        ("payment_report", {"amount": D("1.001")}, "more decimals"),
        ("payment_report", {"day": date(2027, 1, 1)}, "today or before"),
        ("payment_report", {"reference": ""}, "reference"),
        ("balance_confirmation", {"day": date(2026, 3, 8)}, "a day that is over"),
        ("balance_confirmation", {"day": date(2026, 3, 1)}, "a day that is over"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    world: World, kind: str, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence):
        ask(world, kind, **changes)
    assert not BorrowerRequest.objects.exists()


def test_who_prepares_reports_a_payment_and_does_not_ask_for_a_holiday(world: World) -> None:
    preparer, viewer = person("Prep"), person("View")
    joins(preparer, world.partner, Membership.Role.PREPARER)
    joins(viewer, world.partner, Membership.Role.VIEWER)
    assert ask(world, "payment_report", actor=preparer).asked_by == preparer
    holiday = ask(world, "payment_holiday")
    with pytest.raises(Refused):
        services.withdraw_request(request=holiday, actor=preparer, on=world.today)
    for actor, kind in ((preparer, "payment_holiday"), (viewer, "payment_report"), (person("Out"), "refund")):
        with pytest.raises(Refused):
            ask(world, kind, actor=actor)


def test_nothing_is_answered_twice_nor_after_it_was_withdrawn(world: World) -> None:
    asked = ask(world, "payment_holiday")
    answer(world, asked, declined=True, answer="Not this year.")
    with pytest.raises(Refused, match="cannot be answered"):
        answer(world, asked)
    taken_back = ask(world, "payment_holiday")
    services.withdraw_request(request=taken_back, actor=world.borrower, on=world.today)
    with pytest.raises(Refused, match="cannot be answered"):
        answer(world, taken_back)
    assert not Instruction.objects.exists()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("amount = -1", "servicing_borrowerrequest_amount"),
        ("loan_id = NULL", "servicing_borrowerrequest_holiday_of_a_loan"),
        ("state = 'answered'", "servicing_borrowerrequest_answer_by_somebody"),
    ],
)
def test_the_database_holds_each_rule(world: World, change: str, rule: str) -> None:
    asked = ask(world, "payment_holiday")
    with pytest.raises(IntegrityError, match=rule), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE servicing_borrowerrequest SET {change} WHERE id = %s", [asked.pk])


def test_of_eight_clerks_who_answer_at_once_one_does(committed_db: str) -> None:
    made = drawn()
    asked, outcomes, start = ask(made, "payment_holiday"), [], threading.Barrier(8)

    def clerk() -> None:
        start.wait()
        try:
            answer(made, asked)
            outcomes.append("answered")
        except Refused:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=clerk) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["answered"] + ["refused"] * 7
    assert Instruction.objects.count() == 1
