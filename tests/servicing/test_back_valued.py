"""What counts from a day in a closed month, and is told only weeks later, ends where it would have ended told on the day.

A pair of facilities for every kind of event: the first is told on the value date, the second 25 days later, with March
closed in between. Both then stand the same, and as the replay says; what the second was told is booked on the day it was
told, with its value date beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Max

from loanfund.calculation.events import Event as Happening
from loanfund.facilities.models import Facility
from loanfund.ledger.models import JournalEntry
from loanfund.ledger.services import close_period
from loanfund.servicing import services
from loanfund.servicing.models import Drawdown, Event, Instruction, Loan
from tests.servicing.standing import booked, replayed
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world

D = Decimal
Kind = Instruction.Kind
VALUE = date(2026, 3, 19)
TOLD = date(2026, 4, 13)
END = date(2026, 4, 15)
"""The first monthly interest falls due on 2 April, between the value date and the day on which the second is told."""


@dataclass
class Side:
    """One facility of a pair, its loans, and what was agreed about it before."""

    world: World
    facility: Facility
    loans: list[Loan] = field(default_factory=list)
    before: list[Event] = field(default_factory=list)

    def agree(
        self, kind: str, *, value: date = VALUE, amount: str = "", loan: bool = False, **details: object
    ) -> Event:
        """A change by two people, and by the borrower where it has to consent."""
        one = services.propose_instruction(
            kind=kind,
            facility=self.facility,
            loan=self.loans[0] if loan else None,
            value_date=value,
            amount=D(amount) if amount else None,
            details=details,
            reason="As agreed.",
            actor=self.world.maker,
            on=self.world.today,
        )
        if kind in (Kind.AMENDMENT, Kind.PAYMENT_HOLIDAY):
            services.consent_to_instruction(
                instruction=one,
                seen_digest=one.proposed_digest,
                actor=self.world.borrower,
                on=self.world.today,
            )
        one = services.book_instruction(instruction=one, actor=self.world.checker, on=self.world.today)
        assert one.event is not None
        return one.event

    def pays(self, amount: str, *, value: date = VALUE) -> None:
        receipt = services.enter_receipt(
            fund=self.world.fund,
            facility=self.facility,
            amount=D(amount),
            value_date=value,
            reference=f"{self.facility.number} of {value}",
            actor=self.world.maker,
            on=self.world.today,
        )
        services.book_receipt(receipt=receipt, actor=self.world.checker, on=self.world.today)

    def settles(self, value: date = VALUE) -> None:
        drawdown = Drawdown.objects.get(facility=self.facility, state=Drawdown.State.RELEASED)
        loan = services.settle_drawdown(
            drawdown=drawdown,
            reference=f"BANK-{drawdown.pk}",
            value_date=value,
            actor=self.world.maker,
            on=self.world.today,
        )
        self.loans.append(loan)

    def undoes(self) -> None:
        """Undo what was agreed first."""
        one = services.propose_reversal(
            event=self.before[0], reason="It was wrong.", actor=self.world.maker, on=self.world.today
        )
        services.book_instruction(instruction=one, actor=self.world.checker, on=self.world.today)

    def reprices(self) -> Event:
        document = {**self.facility.terms.get().document, "rate": {"kind": "fixed", "rate": "0.0451"}}
        return self.agree(Kind.AMENDMENT, terms=document)

    def names(self) -> dict[str, str]:
        """Each event by what it is and the day from which it counts: its number says only when it was told."""
        return {
            one.key: f"{one.kind} {one.value_date}" for one in Event.objects.filter(facility=self.facility)
        }

    def recovers(self, amount: str) -> None:
        """After a write-off money comes in all the same."""
        self.pays(amount)
        self.agree(Kind.RECOVERY, amount=amount)


Act = Callable[[Side], object]
NOTHING: Act = lambda side: None  # noqa: E731 - an act like the others
HAPPENED: dict[str, tuple[Act, Act]] = {
    "disbursed": (NOTHING, lambda side: side.settles()),
    "received": (NOTHING, lambda side: side.pays("1234.56")),
    "prepayment_notice": (
        lambda side: side.pays("20000", value=date(2026, 3, 9)),
        lambda side: side.agree(Kind.PREPAYMENT, amount="15000", loan=True, effect="term"),
    ),
    "amended": (NOTHING, lambda side: side.reprices()),
    "payment_holiday": (
        NOTHING,
        lambda side: side.agree(
            Kind.PAYMENT_HOLIDAY, loan=True, until="2026-06-02", capitalise_interest=False
        ),
    ),
    "commitment_cancelled": (NOTHING, lambda side: side.agree(Kind.CANCELLATION, amount="50000")),
    "accelerated": (NOTHING, lambda side: side.agree(Kind.ACCELERATION)),
    "non_accrual": (NOTHING, lambda side: side.agree(Kind.NON_ACCRUAL, on=True)),
    "non_accrual off": (
        lambda side: side.before.append(side.agree(Kind.NON_ACCRUAL, value=date(2026, 3, 9), on=True)),
        lambda side: side.agree(Kind.NON_ACCRUAL, on=False),
    ),
    "capitalised": (NOTHING, lambda side: side.agree(Kind.CAPITALISATION, loan=True)),
    "charged": (NOTHING, lambda side: side.agree(Kind.COST, amount="321.09", component="costs")),
    "waived": (
        lambda side: side.agree(Kind.COST, value=date(2026, 3, 9), amount="500", component="costs"),
        lambda side: side.agree(Kind.WAIVER, amount="120.50", component="costs"),
    ),
    "written_off": (NOTHING, lambda side: side.agree(Kind.WRITE_OFF)),
    "recovered": (
        lambda side: side.agree(Kind.WRITE_OFF, value=date(2026, 3, 9)),
        lambda side: side.recovers("7777.77"),
    ),
    "reversed": (
        lambda side: side.before.append(side.agree(Kind.COST, value=VALUE, amount="500", component="costs")),
        lambda side: side.undoes(),
    ),
}
"""What happened before, known to both in time, and what is told on the day or later."""
NOT_ALONE = {
    "rate_changed": "the lender's people change a rate by an amendment",
    "refunded": "what goes back is held no more from the approval on; the payment that follows, told late, moves only cash",
}


def test_every_kind_of_event_is_here() -> None:
    kinds = {one.kind for one in Happening.__subclasses__()}
    assert kinds == {name.split()[0] for name in HAPPENED} | set(NOT_ALONE)


@pytest.fixture(scope="module")
def pairs(module_db: str) -> tuple[World, dict[str, tuple[Side, Side]]]:
    world = make_world()
    sides = {name: (_side(world), _side(world)) for name in HAPPENED}
    days = (VALUE - OPENED).days
    for number in range(days):
        world.close_through(OPENED + timedelta(days=number))
        for name, (before, _) in HAPPENED.items():
            if world.today == (VALUE if name == "reversed" else date(2026, 3, 9)):
                for side in sides[name]:
                    before(side)
    for name, (_, told) in HAPPENED.items():
        told(sides[name][0])
    world.close_through(TOLD - timedelta(days=1))
    close_period(
        book=world.fund.book,
        starts_on=date(2026, 3, 1),
        ends_on=date(2026, 3, 31),
        actor=None,
        on=world.today,
    )
    newest = JournalEntry.objects.aggregate(n=Max("pk"))["n"]
    for name, (_, told) in HAPPENED.items():
        told(sides[name][1])
    corrections = JournalEntry.objects.filter(pk__gt=newest)
    assert corrections.exists()
    assert set(corrections.values_list("booking_date", flat=True)) == {TOLD}
    world.close_through(END)
    return world, sides


def _side(world: World) -> Side:
    facility = world.sign(bullet(months=1, commitment="400000") | {"grace_days": 60}, commitment=D(400_000))
    side = Side(world, facility)
    side.loans = [world.draw(D(100_000), facility=facility) for _ in range(2)]
    late = world.request(D("54321.09"), facility=facility)
    services.approve_drawdown(drawdown=late, actor=world.checker, on=world.today)
    services.release_drawdown(drawdown=late, actor=world.releaser, on=world.today)
    return side


@pytest.mark.parametrize("name", HAPPENED)
def test_told_late_it_stands_as_if_told_in_time(
    pairs: tuple[World, dict[str, tuple[Side, Side]]], name: str
) -> None:
    world, sides = pairs
    in_time, late = sides[name]
    first, second = (
        booked(side.facility, side.loans, world.today, names=side.names()) for side in (in_time, late)
    )
    for what, told in first.items():
        assert second[what] == told, what
    for what, told in replayed(late.facility, late.loans, world.today).items():
        assert second[what] == told, what


@pytest.mark.parametrize("name", HAPPENED)
def test_both_dates_are_kept(pairs: tuple[World, dict[str, tuple[Side, Side]]], name: str) -> None:
    _, sides = pairs
    event = Event.objects.filter(facility=sides[name][1].facility, booking_date=TOLD).latest("pk")
    assert event.kind == name.split()[0]
    assert event.value_date == VALUE


def test_the_books_hold_after_all_of_it(pairs: tuple[World, dict[str, tuple[Side, Side]]]) -> None:
    assert_books_hold()
