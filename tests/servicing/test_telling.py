"""What borrowers are told without having asked: once, to those who act for the company, in words that can be used."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from loanfund.audit.models import IdempotencyKey
from loanfund.parties.models import Membership, Notice
from loanfund.servicing import tasks
from loanfund.servicing.models import Drawdown
from loanfund.servicing.selectors import schedule_of
from loanfund.servicing.services import (
    approve_drawdown,
    book_instruction,
    consent_to_instruction,
    fail_drawdown,
    propose_instruction,
    refuse_instruction,
    reject_drawdown,
    release_drawdown,
    tell_day,
)
from tests.parties.cast import joins
from tests.servicing.test_exceptions import SOFR, publish
from tests.servicing.world import OPENED, World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """A loan of a million drawn on 2 March 2026, interest monthly: the first payment is due on 2 April."""
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    for name, role in (("Sig", "signatory"), ("Prep", "preparer"), ("View", "viewer")):
        joins(person(name), made.partner, role)
    gone = joins(person("Gone"), made.partner, "signatory")
    Membership.objects.filter(pk=gone.pk).update(ended_on=made.today)
    return made


def told(kind: str) -> list[Notice]:
    return list(Notice.objects.filter(kind=kind).order_by("id"))


def morning(world: World, day: date) -> None:
    """The day has come, and the worker tells what it has to tell, and once more."""
    world.close_through(day - timedelta(days=1))
    for _ in range(2):
        tasks.tell_partners()


def names(notices: list[Notice]) -> set[str]:
    return {one.recipient.name for one in notices if one.recipient}


ACTING = {"Borrower", "Sig", "Prep"}


def test_a_payment_that_is_due_in_10_and_in_3_days_is_told_and_then_on_its_day(world: World) -> None:
    morning(world, date(2026, 3, 22))
    assert not told("payment_due")
    for day in (23, 24, 30, 31):
        morning(world, date(2026, 3, day))
    notices = told("payment_due")
    assert [one.subject.rpartition(" is ")[2] for one in notices] == ["due in 10 days"] * 3 + [
        "due in 3 days"
    ] * 3
    for three in (notices[:3], notices[3:]):
        assert names(three) == ACTING
    first = notices[0]
    # 3 % of a million for the 31 nights to 2 April, ACT/360.
    assert first.subject.startswith(f"{world.facility.number}: 2,583.33 USD")
    assert "On 2 April 2026 2,583.33 USD falls due" in first.body
    assert "interest 2,583.33 USD" in first.body
    assert first.link.endswith("/payments/")
    morning(world, date(2026, 4, 2))
    assert len(told("payment_due")) == 6
    assert len(told("due")) == 3


def test_days_that_were_closed_at_once_leave_no_payment_untold(world: World) -> None:
    morning(world, date(2026, 4, 1))
    assert [one.subject.rpartition(" is ")[2] for one in told("payment_due")[::3]] == ["due tomorrow"]


def test_a_paid_up_or_prepaid_loan_is_told_of_nothing(world: World) -> None:
    assert tell_day(fund=world.fund, on=world.today)
    assert not told("payment_due")
    assert not told("late")
    assert not told("rate_set")  # a fixed rate is in the agreement


def test_a_sum_that_is_late_is_told_once_until_another_one_is(world: World) -> None:
    morning(world, date(2026, 4, 2))
    assert not told("late")
    for day in (3, 4, 9):
        morning(world, date(2026, 4, day))
    notices = told("late")
    assert names(notices) == ACTING
    assert len(notices) == 3
    assert notices[0].subject.endswith(" is late")
    assert "The oldest part was due on 2 April 2026, 1 day ago" in notices[0].body


def test_a_killed_worker_goes_on_where_it_was(world: World) -> None:
    world.close_through(date(2026, 3, 22))
    tell_day(fund=world.fund, on=world.today)
    # As if it had been killed after its first look, before the day was done.
    IdempotencyKey.objects.filter(scope="servicing:told", key__startswith="day:").delete()
    before = Notice.objects.count()
    assert tell_day(fund=world.fund, on=world.today)
    assert Notice.objects.count() == before


def test_a_payment_that_is_booked_is_told(world: World) -> None:
    world.receive(Decimal(700))
    notices = told("payment_received")
    assert names(notices) == ACTING
    assert notices[0].subject.endswith(": 700.00 USD has arrived")
    assert "counts from 2 March 2026" in notices[0].body


def test_money_that_is_released_is_told_with_the_account_it_goes_to(world: World) -> None:
    drawdown, notices = Drawdown.objects.get(), told("drawdown_released")
    assert [one.subject for one in notices] == [f"{drawdown.number}: 1,000,000.00 USD is on its way"]
    assert "Interest begins on the day it arrives." in notices[0].body
    assert notices[0].link.endswith(f"/drawdowns/{drawdown.number}/")


TERM = {"kind": "floating", "reference": "SOFR", "margin": "0.005", "reset_days": 2, "publication_lag": 1}


@pytest.mark.parametrize(
    ("rate", "day", "words"),
    [
        (TERM, date(2026, 3, 3), "4.5000 % a year"),
        (SOFR, date(2026, 3, 30), ""),
        (SOFR, date(2026, 4, 2), "% a year"),
    ],
)
def test_a_rate_is_told_once_it_rests_on_published_fixings_alone(
    rate: dict[str, str], day: date, words: str
) -> None:
    world = make_world()
    publish(OPENED - timedelta(days=10), day - timedelta(days=2))
    world.sign(bullet(rate="0", months=1) | {"rate": rate})
    loan = world.draw(Decimal(1_000_000))
    morning(world, day)
    notices = told("rate_set")
    assert len(notices) == (1 if words else 0)
    for notice in notices:
        assert notice.subject.startswith(f"{loan.number}: the rate from 2 March 2026 to 2 April 2026 is ")
        assert words in notice.subject
        assert notice.link == f"/partners/{world.partner.number}/loans/{loan.number}/"


def test_a_change_that_needs_consent_asks_those_who_sign_and_its_end_is_told_to_all_who_act(
    world: World,
) -> None:
    document = world.facility.terms.get().document | {"default_margin": "0.05"}
    change = propose_instruction(
        kind="amendment", facility=world.facility, value_date=world.today, reason="As agreed on the call.",
        details={"terms": document}, actor=world.maker, on=world.today,
    )  # fmt: skip
    asked = told("consent_asked")
    assert names(asked) == {"Borrower", "Sig"}
    assert "As agreed on the call." in asked[0].body
    assert asked[0].link.endswith(f"/requests/{change.number}/")
    digest = change.proposed_digest
    consent_to_instruction(instruction=change, seen_digest=digest, actor=world.borrower, on=world.today)
    book_instruction(instruction=change, actor=world.checker, on=world.today)
    decided = told("instruction_decided")
    assert names(decided) == ACTING
    assert decided[0].subject.endswith("is booked")


def test_a_borrowers_own_notice_is_answered_and_one_it_withdraws_is_not(world: World) -> None:
    for answer in ("refused by the lender", "withdrawn"):
        notice = propose_instruction(
            kind="cancellation", facility=world.facility, value_date=world.today, reason="less is needed",
            amount=Decimal(1000), actor=world.borrower, on=world.today,
        )  # fmt: skip
        actor = world.borrower if answer == "withdrawn" else world.checker
        refuse_instruction(instruction=notice, reason="Not now.", actor=actor, on=world.today)
    assert not told("consent_asked")
    decided = told("instruction_decided")
    assert len(decided) == 3
    assert decided[0].subject.endswith("is refused")
    assert "Not now." in decided[0].body


def test_the_fee_of_a_facility_that_nobody_has_drawn_is_told_too() -> None:
    world = make_world()
    world.sign(bullet(commitment_fee="0.0025", months=1))
    fee = next(row for row in schedule_of(world.facility) if row.other)
    morning(world, fee.due_date - timedelta(days=10))
    morning(world, fee.due_date - timedelta(days=9))
    (notice,) = told("payment_due")
    assert notice.subject.endswith("is due in 10 days")
    assert f"fees and other sums {fee.other:,.2f} USD" in notice.body


def test_a_drawdown_that_is_rejected_or_comes_back_is_told_with_the_reason(world: World) -> None:
    asked = world.request(Decimal(5000))
    reject_drawdown(drawdown=asked, reason="The margin call is over.", actor=world.checker, on=world.today)
    (rejected, *_) = told("drawdown_rejected")
    assert rejected.subject == f"{asked.number}: 5,000.00 USD is rejected"
    assert "not paid out: The margin call is over. The amount is available again." in rejected.body
    second = world.request(Decimal(7000))
    approve_drawdown(drawdown=second, actor=world.checker, on=world.today)
    release_drawdown(drawdown=second, actor=world.releaser, on=world.today)
    fail_drawdown(drawdown=second, reason="Account closed.", actor=world.maker, on=world.today)
    back = told("drawdown_failed")
    assert names(back) == ACTING
    assert (
        "came back to the lender: Account closed. It is paid out again once that is mended." in back[0].body
    )
