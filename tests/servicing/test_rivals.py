"""What users of other loan systems complain about, each as a test that says how it is here, on the real book."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import JournalEntry, Posting
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Accrual, CloseException, Due, Event, Instruction, Loan
from tests.servicing.test_exceptions import SOFR, publish
from tests.servicing.test_instructions import decide
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db
MILLION = D(1_000_000)
PLENTY: dict[str, Any] = {
    "partner_limit": "20000000000",
    "group_limit": "20000000000",
    "segment_limits": {},
    "tenor_limits": {},
}


def lent(amount: Decimal = MILLION, **terms: Any) -> World:
    world = make_world(size=D(100_000_000_000), **PLENTY)
    document = bullet(**{"months": 1, **terms}) | {"commitment": str(max(amount, D(10_000_000)))}
    world.sign(document, commitment=max(amount, D(10_000_000)))
    world.draw(amount)
    return world


def loan_of(world: World) -> Loan:
    return world.facility.loans.get()


def days(number: int) -> date:
    return OPENED + timedelta(days=number)


# --- Numbers -------------------------------------------------------------------------------------------------------


def test_rival_1_a_ten_day_stub_under_30_360_is_billed_for_ten_days_and_not_a_month() -> None:
    world = make_world()
    world.sign(bullet(day_count="30/360") | {"period_tenor": "1M", "first_payment": "2026-03-12"})
    world.draw(MILLION)
    world.close_through(days(9))
    (due,) = selectors.dues(world.facility, on=world.today)
    assert (due.due_date, due.amount) == (date(2026, 3, 12), D("833.33"))


def test_rival_5_thirty_nights_add_up_to_the_month_and_not_to_thirty_rounded_up_days() -> None:
    world = lent()
    world.close_through(days(29))
    posted = [night.posted for night in selectors.nights(loan_of(world), since=OPENED, until=days(29))]
    assert sum(posted) == D("2500.00")
    assert set(posted) == {D("83.33"), D("83.34")}
    assert world.held(K.INTEREST_INCOME) == D("2500.00")


def test_rival_8_the_360_day_year_counts_in_the_book_too() -> None:
    """400,000 at 3 % for 30 days is 1,000.00; 1,013.89 has the factor 365/360 once too often."""
    world = lent(D(400_000))
    world.close_through(days(29))
    assert world.held(K.ACCRUED_INTEREST) == D("1000.00")
    assert selectors.payoff(loan_of(world), world.today).interest == D("1000.00")


def test_rival_10_twelve_thousand_millions_keep_their_cents() -> None:
    amount = D("12345678901.23")
    world = lent(amount)
    loan = loan_of(world)
    world.close_through(OPENED)
    assert selectors.principal(loan) == amount
    (night,) = selectors.nights(loan, since=OPENED, until=OPENED)
    assert (night.principal, night.exact) == (amount, D("1028806.575102500000"))
    assert_books_hold()


def test_rival_11_a_loan_at_nothing_earns_nothing_and_owes_only_principal() -> None:
    world = lent(rate="0")
    world.close_through(date(2026, 4, 2))
    assert world.held(K.INTEREST_INCOME) == world.held(K.ACCRUED_INTEREST) == 0
    assert not Due.objects.filter(component="interest").exists()
    assert sum(row.principal for row in selectors.schedule_of(loan_of(world))) == MILLION
    assert_books_hold()


def test_rival_12_principal_outstanding_is_one_figure_wherever_it_is_read() -> None:
    world = lent()
    world.close_through(days(9))
    decide(world, "capitalisation", loan=loan_of(world))
    decide(world, "prepayment", amount=D("400000.00"), loan=loan_of(world))
    world.receive(D("400000.00"))
    world.close_through(world.today)
    loan = loan_of(world)
    newest = selectors.last_night(loan)
    assert newest is not None
    assert (
        selectors.principal(loan)
        == newest.principal
        == selectors.loan_overview(loan).balance
        == selectors.payoff(loan, world.today).principal
        == selectors.balance_history(loan)[-1].balance
        == sum(row.principal - row.paid for row in selectors.schedule_of(loan) if row.principal)
        == D("600833.33")
    )


def test_rival_13_the_plan_and_what_falls_due_are_one_source_of_truth() -> None:
    world = lent(profile={"kind": "level"})
    foreseen = selectors.schedule_of(loan_of(world))
    world.close_through(date(2026, 4, 1))
    fell_due = {due.component: due.amount for due in selectors.dues(world.facility, on=world.today)}
    assert fell_due == {"interest": foreseen[0].interest, "principal": foreseen[0].principal}


# --- Back-dating ---------------------------------------------------------------------------------------------------


KINDS: dict[str, dict[str, Any]] = {
    "prepayment": {"amount": D(1000), "loan": True},
    "cancellation": {"amount": D(1000)},
    "payment_holiday": {"details": {"until": "2026-06-30"}, "loan": True},
    "capitalisation": {"loan": True},
    "waiver": {"amount": D(5), "details": {"component": "interest"}, "loan": True},
    "cost": {"amount": D(5)},
    "acceleration": {},
    "non_accrual": {"details": {"on": True}},
    "write_off": {"details": {}},
    "amendment": {"details": {"terms": {**bullet(rate="0.05", months=1), "commitment": "10000000"}}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_change_can_be_dated_back_into_a_closed_month(kind: str) -> None:
    world = lent()
    world.close_through(date(2026, 4, 2))
    asked = dict(KINDS[kind])
    if asked.pop("loan", False):
        asked["loan"] = loan_of(world)
    booked = decide(world, kind, value_date=days(10), **asked)
    assert booked.event is not None
    assert (booked.event.value_date, booked.event.booking_date) == (days(10), world.today)
    assert {entry.booking_date for entry in JournalEntry.objects.filter(cause=booked.event.cause)} <= {
        world.today
    }
    world.close_through(world.today)
    assert_books_hold()


def test_a_receipt_dated_back_pays_in_the_order_of_value_dates() -> None:
    """Elsewhere it meets dues that a later receipt has reduced already."""
    world = lent()
    world.close_through(date(2026, 4, 3))
    later = world.receive(D("2583.33"))
    earlier = world.receive(D("2583.33"), value_date=date(2026, 4, 2))
    paid = {line.receipt: line for line in selectors.receipts_of(world.facility)}
    assert paid[earlier].applied == D("2583.33")
    assert paid[later].applied == 0
    assert selectors.unapplied(world.facility) == D("2583.33")
    assert_books_hold()


def test_a_penalty_taken_back_by_an_earlier_receipt_returns_when_that_bounces() -> None:
    world = lent(default_margin="0.02")
    world.close_through(date(2026, 4, 6))
    penalty = world.held(K.DEFAULT_INTEREST_INCOME)
    assert penalty > 0
    receipt = world.receive(D("2583.33"), value_date=date(2026, 4, 2))
    assert world.held(K.DEFAULT_INTEREST_INCOME) == 0
    services.reverse_receipt(receipt=receipt, reason="recalled", actor=world.releaser, on=world.today)
    assert world.held(K.DEFAULT_INTEREST_INCOME) == penalty
    assert_books_hold()


def test_a_night_corrected_three_times_is_earned_once() -> None:
    world = lent()
    world.close_through(days(9))
    for amount in (D(1000), D(2000), D(3000)):
        decide(world, "prepayment", amount=amount, loan=loan_of(world), value_date=days(5))
        world.receive(amount, value_date=days(5))
    nights = Accrual.objects.filter(loan_id=loan_of(world).pk, accrual_date=days(6)).order_by("-sequence")
    assert nights.count() > 1
    assert nights[0].principal < D(995_000)
    assert sum(night.exact for night in nights) == nights[0].principal * D("0.03") / 360
    assert_books_hold()


def test_money_too_much_leaves_no_loan_stuck_as_overpaid() -> None:
    world = lent()
    world.close_through(date(2026, 4, 1))
    world.receive(D("5000.00"))
    assert selectors.unapplied(world.facility) == D("2416.67")
    assert selectors.principal(loan_of(world)) == MILLION
    world.close_through(date(2026, 5, 3))  # 2,500.00 falls due on 4 May, and the money held pays it
    (due,) = selectors.dues(world.facility, on=world.today)
    assert (due.amount, due.outstanding) == (D("2500.00"), D("83.33"))
    assert selectors.unapplied(world.facility) == 0


# --- The nightly close ---------------------------------------------------------------------------------------------


def test_rival_3_one_bad_loan_stops_neither_the_night_nor_unseen() -> None:
    world = lent()
    bad = world.sign(bullet(rate="0") | {"rate": SOFR}, commitment=D(2_000_000))
    publish(OPENED - timedelta(days=10), OPENED)
    world.draw(MILLION, facility=bad)
    world.close_through(days(6))
    assert world.today == days(7)
    assert Accrual.objects.filter(facility_id=world.facility.pk, sequence=0).count() == 7
    exception = CloseException.objects.get()
    assert (exception.facility, exception.state) == (bad, "open")
    assert "SOFR" in exception.reason


def test_after_an_outage_of_a_week_no_loan_is_a_day_behind() -> None:
    world = lent()
    world.close_through(days(6))
    nights = (
        Accrual.objects.filter(sequence=0)
        .order_by("accrual_date")
        .values_list("accrual_date", "booking_date")
    )
    assert list(nights) == [(days(n), days(n)) for n in range(7)]


def test_a_nights_accruals_are_one_entry_of_the_ledger_however_many_loans() -> None:
    world = lent()
    for _ in range(5):
        world.draw(D(1000))
    before = JournalEntry.objects.count()
    world.close_through(OPENED)
    (entry,) = JournalEntry.objects.order_by("pk")[before:]
    assert entry.kind == "daily_accrual"
    assert Posting.objects.filter(entry=entry).count() == 2
    assert Accrual.objects.filter(accrual_date=OPENED).count() == 6


def test_a_write_off_takes_as_many_queries_after_a_month_as_after_a_day() -> None:
    """Elsewhere a write-off takes 25 seconds."""

    world = lent()
    world.close_through(days(22))
    young = world.sign(bullet(months=1), commitment=D(2_000_000))
    world.draw(MILLION, facility=young)
    world.close_through(days(24))

    def cost(facility: Facility) -> int:
        proposed = services.propose_instruction(
            kind="write_off",
            facility=facility,
            value_date=world.today,
            details={},
            reason="bankrupt",
            actor=world.maker,
            on=world.today,
        )
        with CaptureQueriesContext(connection) as seen:
            services.book_instruction(instruction=proposed, actor=world.checker, on=world.today)
        return len(seen)

    assert cost(world.facility) <= cost(young) + 2


# --- Permissions ---------------------------------------------------------------------------------------------------


def test_a_checker_needs_no_maker_right_to_check() -> None:
    world = lent()
    booked = world.receive(D(5))
    assert booked.checker == world.checker
    assert not world.checker.groups.filter(name="Operations maker").exists()


def test_a_double_click_posts_once_whatever_is_clicked() -> None:
    world = lent()
    first, again = (world.request(D(500), key="one form") for _ in range(2))
    assert first == again
    receipt = world.receive(D(100))
    with pytest.raises(Refused, match="it cannot be booked"):
        services.book_receipt(receipt=receipt, actor=world.releaser, on=world.today)
    change = decide(world, "cost", amount=D(5))
    with pytest.raises(Refused, match="it cannot be booked"):
        services.book_instruction(instruction=change, actor=world.releaser, on=world.today)
    assert Event.objects.filter(key=change.number).count() == 1
    assert world.held(K.COSTS_DUE, f"facility:{world.facility.pk}") == 0  # the receipt has paid it


def test_the_same_payment_cannot_wait_twice() -> None:
    world = lent()
    world.receive(D(100), reference="SWIFT-1")
    with pytest.raises(Refused, match="entered already"):
        world.receive(D(100), reference="SWIFT-1")


# --- Comfort -------------------------------------------------------------------------------------------------------


def test_a_partner_tries_an_overpayment_before_making_it() -> None:
    world = lent()
    world.close_through(days(11))
    tried = services.what_if(
        kind="prepayment",
        facility=world.facility,
        loan=loan_of(world),
        amount=D(400_000),
        value_date=world.today,
        on=world.today,
    )
    owed = {row["account"]: row["amount"] for row in tried["after"]["balances"] if row["loan"]}
    assert owed["LOAN_PRINCIPAL"] == "1000000.00"  # notice alone repays nothing; the money does
    assert Instruction.objects.count() == 0
    assert selectors.principal(loan_of(world)) == MILLION


def test_a_restructure_is_shown_before_it_is_applied_and_nothing_is_stored() -> None:
    world = lent()
    world.close_through(days(5))
    terms = {**bullet(rate="0.05", months=1), "commitment": "10000000"}
    asked: dict[str, Any] = {"kind": "amendment", "details": {"terms": terms}, "value_date": days(2)}
    shown = services.what_if(facility=world.facility, on=world.today, **asked)
    assert world.facility.terms.count() == 1
    decide(world, "amendment", details={"terms": terms}, value_date=days(2))
    accrued = {row["account"]: row["amount"] for row in shown["after"]["balances"]}["ACCRUED_INTEREST"]
    assert world.held(K.ACCRUED_INTEREST) == D(accrued)


def test_due_and_overdue_are_judged_on_the_funds_day_and_by_no_clock() -> None:
    world = lent()
    world.close_through(date(2026, 4, 1))
    assert [due.days_past_due for due in selectors.dues(world.facility, on=world.today)] == [0]
    world.close_through(date(2026, 4, 2))
    assert [due.days_past_due for due in selectors.dues(world.facility, on=world.today)] == [1]


def test_what_was_owed_on_any_past_day_can_be_read() -> None:
    world = lent()
    world.close_through(days(9))
    decide(world, "prepayment", amount=D(400_000), loan=loan_of(world))
    world.receive(D(400_000))
    world.close_through(world.today)
    loan = loan_of(world)
    owed = [selectors.payoff(loan, days(number)).principal for number in (0, 9, 10)]
    assert owed == [MILLION, MILLION, D(600_000)]
