"""The order in which events become known does not matter: stored, closed over and corrected, a facility ends the same.

Two facilities of the same terms live through the same history in one fund. Each learns of it in an order of its own, days
late, with the nights closed in between. In the end both have the same nights, dues, allocations and balances, and those
are the replay's, to the digit.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loanfund.calculation import events as of
from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.ledger.chart import Leg
from loanfund.servicing import events, factors, postings, services
from loanfund.servicing.engine import book_event
from loanfund.servicing.events import NewEvent
from loanfund.servicing.models import Drawdown, Event
from tests.servicing.standing import booked, replayed
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
DAYS = 12


@dataclass(frozen=True)
class Act:
    """Something that counts from day `value` and that the first facility learns `late[0]` days later, the second
    `late[1]`. A `bounce` is so many more days until it is undone."""

    kind: str
    value: int
    amount: Decimal
    late: tuple[int, int]
    bounce: tuple[int, int] | None


def cents(least: int, most: int) -> st.SearchStrategy[Decimal]:
    """Amounts between two whole ones, to the cent, as often large as small."""
    return st.floats(0, 1).map(lambda share: D(round((least + (most - least) * share) * 100)) / 100)


days_late = st.sampled_from([0, 1, 2, 3, 5, 8])
delays = st.tuples(days_late, days_late)
KINDS = ["received"] * 3 + ["prepaid"] * 2 + ["cost", "repriced", "capitalised", "suspended"]


def acts(kinds: list[str] = KINDS, bounces: bool = True) -> st.SearchStrategy[Act]:
    return st.builds(
        Act,
        kind=st.sampled_from(kinds),
        value=st.integers(3, DAYS - 2),
        amount=cents(5_000, 15_000),
        late=delays,
        bounce=st.none() | (delays if bounces else st.none()),
    )


histories = st.tuples(
    acts(["received"], bounces=False), acts(["prepaid"], bounces=False), acts(["received"])
).flatmap(lambda first: st.lists(acts(), min_size=1, max_size=4).map(lambda rest: [*first, *rest]))
"""Always with money that repays early, known late, and with more of everything around it."""


@st.composite
def deals(draw: st.DrawFn) -> dict[str, Any]:
    """Terms whose sums fall due weekly. Days of grace keep default interest out: from when a correction is late depends, by
    the rules, on the day it was booked."""
    return bullet(rate=draw(st.sampled_from(["0.03", "0.0725"]))) | {
        "period_tenor": draw(st.sampled_from(["5D", "1W"])),
        "profile": {"kind": draw(st.sampled_from(["bullet", "equal_principal", "level"]))},
        "day_count": draw(st.sampled_from(["ACT/360", "30/360", "ACT/ACT ISDA"])),
        "prepayment_fee": draw(st.sampled_from(["0", "0.01"])),
        "commitment_fee": draw(st.sampled_from(["0", "0.005"])),
        "grace_days": 60,
        "maturity": "2026-05-11",
        "availability_end": "2026-04-13",
    }


def day(number: int) -> date:
    return OPENED + timedelta(days=number)


class Life:
    """One facility that learns of its history in an order of its own."""

    def __init__(self, world: World, facility: Facility) -> None:
        self.world, self.facility = world, facility
        self.loans = [world.draw(D(100_000), facility=facility) for _ in range(2)]
        self.late = world.request(D("54321.09"), facility=facility)
        services.approve_drawdown(drawdown=self.late, actor=world.checker, on=world.today)
        services.release_drawdown(drawdown=self.late, actor=world.releaser, on=world.today)

    def learn(self, new: NewEvent, legs: tuple[Leg, ...] = (), kind: str = "") -> None:
        self.facility.refresh_from_db()
        book_event(
            facility=Facility.objects.select_related("fund", "partner", "promise").get(pk=self.facility.pk),
            events=[new],
            actor=self.world.maker,
            on=self.world.today,
            kind=new.event.kind,
            fact_legs=legs,
            fact_kind=kind,
        )

    def settle(self, value: int) -> None:
        drawdown = Drawdown.objects.get(pk=self.late.pk)
        loan = services.settle_drawdown(
            drawdown=drawdown,
            reference=f"BANK-{drawdown.pk}",
            value_date=day(value),
            actor=self.world.maker,
            on=self.world.today,
        )
        self.loans.append(loan)

    def do(self, act: Act, number: int) -> None:
        base: dict[str, Any] = {"id": f"E-{number:02d}", "value_date": day(act.value)}
        loan = self.loans[number % 2].number
        owner = facility_owner(self.facility.pk)
        if act.kind == "received":
            legs = postings.receipt_booked(currency="USD", owner=owner, amount=act.amount)
            self.learn(NewEvent(of.Received(**base, amount=act.amount)), legs, "receipt_booked")
        elif act.kind == "prepaid":
            effect = list(PrepaymentEffect)[number % len(PrepaymentEffect)]
            self.learn(NewEvent(of.PrepaymentNotice(**base, loan=loan, amount=act.amount, effect=effect)))
        elif act.kind == "cost":
            self.learn(NewEvent(of.Charged(**base, component=Component.COSTS, amount=act.amount)))
        elif act.kind == "repriced":
            document = {**self.facility.terms.get().document, "rate": {"kind": "fixed", "rate": "0.0451"}}
            self.learn(NewEvent(of.Amended(**base, terms=FacilityTerms.from_document(document))))
        elif act.kind == "capitalised":
            self.learn(NewEvent(of.Capitalised(**base, loan=loan)))
        else:
            self.learn(NewEvent(of.NonAccrual(**base, on=True)))

    def undo(self, act: Act, number: int) -> None:
        stored = Event.objects.get(facility=self.facility, key=f"E-{number:02d}")
        legs: tuple[Leg, ...] = ()
        if act.kind == "received":
            owner = facility_owner(self.facility.pk)
            legs = postings.receipt_bounced(currency="USD", owner=owner, amount=act.amount)
        self.learn(events.reversed_event(stored), legs, "receipt_bounced")

    def plan(self, history: list[Act], settled: tuple[int, tuple[int, int]], which: int) -> dict[int, list]:
        """What is learnt on which day; everything by the last one."""
        planned: dict[int, list] = defaultdict(list)
        value, lates = settled
        planned[min(value + lates[which], DAYS)].append((self.settle, (value,)))
        order = range(len(history)) if which else reversed(range(len(history)))
        for number in order:
            act = history[number]
            learnt = min(act.value + act.late[which], DAYS)
            planned[learnt].append((self.do, (act, number)))
            if act.bounce is not None:
                planned[min(learnt + act.bounce[which], DAYS)].append((self.undo, (act, number)))
        return planned

    def state(self) -> dict[str, Any]:
        return booked(self.facility, self.loans, self.world.today)

    def replayed(self) -> dict[str, Any]:
        return replayed(self.facility, self.loans, self.world.today)


def live(
    world: World, terms: dict[str, Any], history: list[Act], settled: tuple[int, tuple[int, int]]
) -> list[Life]:
    lives = [
        Life(world, world.sign(terms, maturity=date(2026, 5, 11), availability_end=date(2026, 4, 13)))
        for _ in range(2)
    ]
    plans = [life.plan(history, settled, which) for which, life in enumerate(lives)]
    for number in range(DAYS + 1):
        for plan in plans:
            for step, told in plan[number]:
                step(*told)
        world.close_through(day(number))
    return lives


@pytest.mark.django_db
@settings(
    max_examples=6,
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # a life is too long to be lived again for a shorter story
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    terms=deals(),
    history=histories,
    settled=st.tuples(st.sampled_from([0, 1, 2, 3, 4, 7]), delays),
)
def test_whatever_the_order_of_arrival_the_books_end_as_the_replay_says(
    terms: dict[str, Any], history: list[Act], settled: tuple[int, tuple[int, int]]
) -> None:
    factors._CLASSES.clear()
    with transaction.atomic():
        world = make_world()
        lives = live(world, terms, history, settled)
        first, second = (life.state() for life in lives)
        for name, told in first.items():
            assert told == second[name], name
        for life, stored in zip(lives, (first, second), strict=True):
            for name, told in life.replayed().items():
                assert stored[name] == told, name
        assert_books_hold()
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_what_is_learnt_later_on_a_day_does_not_hide_what_was_corrected_before() -> None:
    """A prepayment known late lowers nights gone by; a receipt booked after it on the same day changes none of them. The
    coming night goes on from the correction all the same."""
    terms = {
        "currency": "USD", "commitment": "10000000", "signed_on": "2026-03-02", "availability_end": "2026-04-13",
        "maturity": "2026-05-11", "rate": {"kind": "fixed", "rate": "0.0725"}, "day_count": "ACT/360",
        "period_tenor": "1W", "profile": {"kind": "bullet"}, "prepayment_fee": "0", "commitment_fee": "0",
        "grace_days": 60,
    }  # fmt: skip
    history = [
        Act("received", 10, D("6719.1"), (5, 2), None),
        Act("prepaid", 7, D("5635.84"), (8, 3), None),
        Act("received", 6, D("11968.48"), (5, 3), None),
        Act("received", 10, D("11205.36"), (2, 0), None),
    ]
    world = make_world()
    for life in live(world, terms, history, (7, (3, 8))):
        nights = life.state()["nights"]
        assert nights["L1", day(DAYS)][2] == D("94364.16")
        assert nights == life.replayed()["nights"]
    assert_books_hold()
