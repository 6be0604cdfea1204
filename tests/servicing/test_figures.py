"""The figures that faces show: payoff, schedule, standing, balance through time, and why a night earned what it earned."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.audit.errors import Refused
from loanfund.reference.models import RateFixing, ReferenceRate
from loanfund.servicing import selectors, services
from loanfund.servicing.selectors import Status
from tests.servicing.test_exceptions import SOFR, publish
from tests.servicing.world import OPENED, World, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet(default_margin="0.02", months=1))
    return made


@pytest.fixture
def floating() -> World:
    made = make_world()
    made.sign(bullet(rate="0") | {"rate": SOFR})
    publish(OPENED - timedelta(days=10), OPENED + timedelta(days=20))
    return made


def pay_off(world: World) -> Any:
    """What the payoff says, paid on its day with notice of repaying everything."""
    quote = selectors.facility_payoff(world.facility, world.today)
    (loan,) = world.facility.loans.all()
    notice = services.propose_instruction(
        kind="prepayment",
        facility=world.facility,
        loan=loan,
        value_date=world.today,
        amount=quote.principal,
        reason="refinanced",
        actor=world.borrower,
        on=world.today,
    )
    services.book_instruction(instruction=notice, actor=world.checker, on=world.today)
    world.receive(quote.total)
    return quote


def test_paying_the_payoff_amount_closes_the_loan_to_the_cent(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=29))
    quote = pay_off(world)
    assert (quote.principal, quote.interest, quote.total) == (D(1_000_000), D("2500.00"), D("1002500.00"))
    assert not quote.estimated
    assert selectors.principal(loan) == 0
    assert selectors.facility_payoff(world.facility, world.today).total == 0


def test_a_payoff_can_be_had_for_any_day_past_or_to_come(world: World) -> None:
    """Asked for by every borrower; the rivals quote today only."""
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=29))
    for days, interest in ((0, "0.00"), (10, "833.33"), (60, "5000.00"), (364, "30333.31")):
        assert selectors.payoff(loan, OPENED + timedelta(days=days)).interest == D(interest)
    later = world.draw(D(5))
    with pytest.raises(Refused, match=f"no loan {later.number}"):
        selectors.payoff(later, OPENED)
    with pytest.raises(Refused, match="from 02 March 2026 on") as refused:
        selectors.payoff(loan, OPENED - timedelta(days=1))
    assert refused.value.field == "on"


def test_a_payoff_ahead_of_the_fixings_says_that_it_is_an_estimate(floating: World) -> None:
    loan = floating.draw(D(1_000_000))
    floating.close_through(OPENED + timedelta(days=9))
    assert not selectors.payoff(loan, floating.today).estimated
    ahead = selectors.payoff(loan, floating.today + timedelta(days=200))
    assert ahead.estimated
    assert D(34_000) < ahead.interest < D(36_000)  # 210 nights at 4 % compounded, plus 2 %


def test_the_schedule_to_come_is_what_falls_due_when_its_days_come(world: World) -> None:
    loan = world.draw(D(1_000_000))
    foreseen = selectors.schedule_of(loan)
    assert len(foreseen) == 12
    assert [(row.due_date, row.days, row.rate, row.principal, row.interest) for row in foreseen[:2]] == [
        (date(2026, 4, 2), 31, D("0.03"), D(0), D("2583.33")),
        (date(2026, 5, 4), 30, D("0.03"), D(0), D("2500.00")),
    ]
    assert (foreseen[-1].due_date, foreseen[-1].principal) == (date(2027, 3, 2), D(1_000_000))
    assert {row.status for row in foreseen} == {Status.COMING}
    world.close_through(date(2026, 4, 1))
    world.receive(D("2583.33"))
    paid, *rest = selectors.schedule_of(loan)
    assert (paid.status, paid.paid, paid.outstanding) == (Status.PAID, D("2583.33"), D(0))
    assert rest == foreseen[1:]


def test_a_row_of_the_schedule_is_due_on_its_day_and_overdue_on_the_next(world: World) -> None:
    loan = world.draw(D(1_000_000))
    seen = []
    for day in (date(2026, 3, 31), date(2026, 4, 1), date(2026, 4, 2)):
        world.close_through(day)
        row = selectors.schedule_of(loan)[0]
        seen.append((row.status, row.days_past_due))
    assert seen == [(Status.COMING, 0), (Status.DUE, 0), (Status.OVERDUE, 1)]


def test_what_is_beside_the_instalments_has_rows_of_its_own(world: World) -> None:
    facility = world.sign(
        bullet(commitment_fee="0.01", prepayment_fee="0.01", arrangement_fee="500")
        | {"commitment": "2000000"},
        commitment=D(2_000_000),
        arrangement_fee=D(500),
    )
    loan = world.draw(D(1_000_000), facility=facility)
    notice = services.propose_instruction(
        kind="prepayment",
        facility=facility,
        loan=loan,
        value_date=world.today,
        amount=D(400_000),
        reason="sold",
        actor=world.borrower,
        on=world.today,
    )
    services.book_instruction(instruction=notice, actor=world.checker, on=world.today)
    rows = selectors.schedule_of(facility)
    beside = [(row.what, row.status, row.due) for row in rows if row.period_end is None]
    assert beside[0] == ("fees", Status.DUE, D(500))
    assert ("fees", Status.COMING) in {(what, status) for what, status, _ in beside}
    assert sum(row.principal for row in rows if row.loan == loan.number) == D(600_000)
    assert selectors.schedule_of(loan) == [row for row in rows if row.loan == loan.number]


def test_a_schedule_under_a_floating_rate_marks_what_is_estimated(floating: World) -> None:
    loan = floating.draw(D(1_000_000))
    rows = selectors.schedule_of(loan)
    assert len(rows) == 4
    assert all(row.estimated for row in rows)
    assert all(row.rate is not None and D("0.06") < row.rate < D("0.0603") for row in rows)
    fixed = floating.sign(bullet(), commitment=D(10_000))
    assert not any(row.estimated for row in selectors.schedule_of(floating.draw(D(100), facility=fixed)))


def test_an_overview_says_where_a_loan_stands(world: World) -> None:
    loan = world.draw(D(1_000_000))
    first = selectors.loan_overview(loan)
    assert (first.balance, first.accrued, first.all_in_rate) == (D(1_000_000), D(0), D("0.03"))
    assert (first.next_due, first.next_amount) == (date(2026, 4, 2), D("2583.33"))
    world.close_through(date(2026, 4, 11))
    late = selectors.loan_overview(loan)
    assert (late.arrears, late.days_past_due) == (D("2583.33"), 10)
    assert late.accrued == D("833.33")
    assert (late.next_due, late.next_amount) == (date(2026, 5, 4), D("2500.00"))


def test_the_balance_through_time_has_a_point_for_each_change(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=9))
    services.book_instruction(
        instruction=services.propose_instruction(
            kind="prepayment",
            facility=world.facility,
            loan=loan,
            value_date=OPENED + timedelta(days=5),
            amount=D(400_000),
            reason="asked for by mail",
            actor=world.maker,
            on=world.today,
        ),
        actor=world.checker,
        on=world.today,
    )
    world.receive(D(401_000), value_date=OPENED + timedelta(days=5))
    world.close_through(OPENED + timedelta(days=12))
    assert [(point.on, point.balance) for point in selectors.balance_history(loan)] == [
        (OPENED, D(1_000_000)),
        (OPENED + timedelta(days=5), D(600_000)),
    ]
    pay_off(world)
    assert selectors.balance_history(loan)[-1] == selectors.BalancePoint(world.today, D(0))


def test_a_balance_begins_with_the_loan_before_its_first_close(world: World) -> None:
    loan = world.draw(D(1_000))
    assert selectors.balance_history(loan) == [selectors.BalancePoint(OPENED, D(1_000))]


def test_a_nights_interest_is_explained_down_to_the_fixing(floating: World) -> None:
    loan = floating.draw(D(1_000_000))
    floating.close_through(OPENED + timedelta(days=9))
    told = selectors.explain_interest(loan, OPENED, OPENED + timedelta(days=8))
    assert [night.on for night in told.nights] == [OPENED + timedelta(days=n) for n in range(9)]
    first, weekend = told.nights[0], told.nights[6]
    assert (first.reference, first.fixing, first.margin) == ("SOFR", D("0.04"), D("0.02"))
    assert (first.observed_on, first.source) == (date(2026, 2, 26), "test")  # two business days before Monday
    assert first.all_in_rate == D("0.06")
    assert (first.exact, first.posted) == (D("166.666666666667"), D("166.67"))
    assert first.residual == D("-0.003333333333")
    # Sunday takes Friday's rate, looked up two business days before Friday.
    assert (weekend.on.weekday(), weekend.observed_on) == (6, date(2026, 3, 4))
    assert told.posted == sum(night.posted for night in told.nights)
    assert told.exact == pytest.approx(told.posted, abs=D("0.005"))
    assert not any(night.estimated for night in told.nights)


def test_a_fixed_rate_needs_no_fixing_to_be_explained_and_a_correction_names_its_day(world: World) -> None:
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=5))
    services.book_instruction(
        instruction=services.propose_instruction(
            kind="prepayment",
            facility=world.facility,
            loan=loan,
            value_date=OPENED + timedelta(days=3),
            amount=D(400_000),
            reason="asked for by mail",
            actor=world.maker,
            on=world.today,
        ),
        actor=world.checker,
        on=world.today,
    )
    world.receive(D(401_000), value_date=OPENED + timedelta(days=3))
    before, after = selectors.explain_interest(
        loan, OPENED + timedelta(days=2), OPENED + timedelta(days=3)
    ).nights
    assert (before.reference, before.fixing, before.source, before.corrected_on) == ("", None, "", ())
    assert (after.principal, after.exact) == (D(600_000), D(50))
    assert after.corrected_on == (world.today,)


def test_a_night_is_explained_from_the_replay_where_its_class_is_not_to_be_found(
    floating: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    loan = floating.draw(D(1_000_000))
    floating.close_through(OPENED + timedelta(days=4))
    as_stored = selectors.explain_interest(loan, OPENED, floating.today)
    monkeypatch.setattr("loanfund.servicing.selectors.explain.known", lambda wanted: {})
    assert selectors.explain_interest(loan, OPENED, floating.today) == as_stored
    assert len(as_stored.nights) == 5


@pytest.mark.parametrize("lookback", [2, 5])
@pytest.mark.parametrize("lockout", [0, 3])
def test_the_fixing_shown_is_the_one_the_night_was_reckoned_with(
    floating: World, lookback: int, lockout: int
) -> None:
    """Averaged rates with another value each day: the night's rate less its margin is the fixing that is shown."""
    rate = ReferenceRate.objects.get(code="SOFR")
    newest = RateFixing.objects.filter(rate=rate).latest("date").date
    publish(newest + timedelta(days=1), newest + timedelta(days=3), per_cent=5)
    for step, day in enumerate(
        RateFixing.objects.filter(rate=rate).order_by("date").values_list("date", flat=True)
    ):
        later = RateFixing.objects.get(rate=rate, date=day)
        RateFixing.objects.create(
            rate=rate,
            date=day,
            value=D("0.03") + D(step) / 10_000,
            published_at=later.published_at,
            known_at=later.known_at + timedelta(hours=1),
            source="second",
        )
    terms = {**SOFR, "lookback_days": lookback, "lockout_days": lockout, "method": "averaged"}
    facility = floating.sign(bullet(rate="0", months=1) | {"rate": terms}, commitment=D(1_000_000))
    loan = floating.draw(D(1_000_000), facility=facility)
    floating.close_through(OPENED + timedelta(days=15))
    nights = selectors.explain_interest(loan, OPENED, floating.today).nights
    assert len(nights) == 16
    for night in nights:
        assert night.used is not None
        assert night.all_in_rate == night.used + night.margin, night.on
        assert night.source == "second"


def test_no_figure_costs_more_queries_as_a_loan_ages(world: World) -> None:
    def count(work: Callable[[], Any]) -> int:
        work()  # what a process remembers of calendars and of a day's fixings, it remembers for all
        with CaptureQueriesContext(connection) as seen:
            work()
        return len(seen)

    loan = world.draw(D(1_000_000))
    figures: list[Callable[[], Any]] = [
        lambda: selectors.loan_overview(loan),
        lambda: selectors.schedule_of(world.facility),
        lambda: selectors.facility_payoff(world.facility, world.today),
        lambda: selectors.balance_history(loan),
        lambda: selectors.explain_interest(loan, OPENED, world.today),
    ]
    world.close_through(OPENED)
    before = [count(work) for work in figures]
    world.close_through(OPENED + timedelta(days=30))
    assert [count(work) for work in figures] == before
    assert max(before) < 40
