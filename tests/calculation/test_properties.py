"""What holds for every history: hypothesis makes the facilities, the events and their order of arrival."""

import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loanfund.calculation import events as ev
from loanfund.calculation.calendars import EVERY_DAY, WEEKENDS_ONLY
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.facility import Refusal, advance, replay, start, what_if
from loanfund.calculation.growth import Factors
from loanfund.calculation.history import History, Record, history_of
from loanfund.calculation.money import Rounding, round_minor
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import PrepaymentEffect, Profile, ProfileKind
from loanfund.calculation.rates import FixedRate, Fixings, Method, OvernightRate, SteppedRate, ZeroUntil
from loanfund.calculation.saved import state_document, state_from_document
from loanfund.calculation.terms import Component, FacilityTerms
from tests.calculation.deals import USD, day, terms

THROUGH = 160
FIXINGS = Fixings(
    {"SOFR": {day(n): Decimal(430 + (n * 37) % 23) / 10_000 for n in range(-30, THROUGH + 400)}}
)
DATED = tuple(c for c in DayCount if c not in (DayCount.ACT_365L,))

amounts = st.integers(1, 600_000_00).map(lambda cents: Decimal(cents) / 100)
days = st.integers(0, THROUGH - 1)
rates = st.one_of(
    st.builds(FixedRate, st.integers(0, 1500).map(lambda bp: Decimal(bp) / 10_000)),
    st.builds(
        OvernightRate,
        st.just("SOFR"),
        method=st.sampled_from(Method),
        lookback_days=st.integers(2, 5),
        margin=st.sampled_from([Decimal(0), Decimal("0.0175")]),
        publication_calendar=st.sampled_from([EVERY_DAY, WEEKENDS_ONLY]),
    ),
    st.just(SteppedRate(((day(0), Decimal("0.01")), (day(45), Decimal("0.04"))))),
    st.just(ZeroUntil(day(60), FixedRate(Decimal("0.05")))),
)
profiles = st.one_of(
    st.builds(Profile, st.sampled_from([ProfileKind.BULLET, ProfileKind.EQUAL_PRINCIPAL, ProfileKind.LEVEL])),
    st.builds(Profile, st.just(ProfileKind.LEVEL), st.integers(0, 2), st.integers(0, 2)),
    st.just(Profile(ProfileKind.EQUAL_PRINCIPAL, balloon=Decimal(100_000), multiple=Decimal(1000))),
    st.just(
        Profile(ProfileKind.CUSTOM, table=(Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), Decimal("0.4")))
    ),
)


@st.composite
def deals(draw: st.DrawFn) -> FacilityTerms:
    day_count = draw(st.sampled_from(DATED))
    tenors = [Tenor(1, "M"), Tenor(3, "M"), Tenor(90, "D")]
    return terms(
        rate=draw(rates),
        day_count=day_count,
        period_tenor=draw(st.sampled_from(tenors[:2] if day_count is DayCount.ACT_ACT_ICMA else tenors)),
        profile=draw(profiles),
        payment_calendar=draw(st.sampled_from([EVERY_DAY, WEEKENDS_ONLY])),
        adjust_periods=draw(st.booleans()),
        rounding=draw(st.sampled_from([Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.DOWN])),
        default_margin=draw(st.sampled_from([Decimal(0), Decimal("0.02")])),
        grace_days=draw(st.sampled_from([0, 3])),
        commitment_fee=draw(st.sampled_from([Decimal(0), Decimal("0.005")])),
        prepayment_fee=draw(st.sampled_from([Decimal(0), Decimal("0.01")])),
        late_fee=draw(st.sampled_from([Decimal(0), Decimal(250)])),
        arrangement_fee=draw(st.sampled_from([Decimal(0), Decimal(5000)])),
        waterfall=tuple(draw(st.permutations(tuple(Component)))),
    )


@st.composite
def happenings(draw: st.DrawFn, *, back_valued: bool = False) -> list[ev.Event]:
    """A drawdown or two, then receipts, prepayments, charges, capitalisations, reversals ..."""
    found: list[ev.Event] = [
        ev.Disbursed(id="d1", value_date=day(draw(st.integers(0, 20))), loan="L1", amount=Decimal(3_000_000))
    ]
    if draw(st.booleans()):
        found.append(
            ev.Disbursed(id="d2", value_date=day(draw(st.integers(21, 100))), loan="L2", amount=draw(amounts))
        )
    for i in range(draw(st.integers(0, 7))):
        on = draw(st.integers(21, THROUGH - 1))
        common: dict[str, Any] = {"id": f"e{i}", "value_date": day(on)}
        if back_valued and draw(st.booleans()):
            common["booked_on"] = day(draw(st.integers(on, THROUGH)))
        kind = draw(st.integers(0, 9))
        if kind <= 3:
            found.append(ev.Received(amount=draw(amounts), **common))
        elif kind <= 5:
            effect = draw(st.sampled_from(PrepaymentEffect))
            found.append(ev.PrepaymentNotice(loan="L1", amount=draw(amounts), effect=effect, **common))
        elif kind == 6:
            found.append(ev.Charged(component=Component.COSTS, amount=draw(amounts), **common))
        elif kind == 7:
            found.append(ev.Capitalised(loan="L1", **common))
        elif kind == 8:
            found.append(ev.NonAccrual(on=draw(st.booleans()), **common))
        else:
            found.append(ev.RateChanged(rate=FixedRate(Decimal("0.0625")), **common))
    receipts = [event.id for event in found if isinstance(event, ev.Received)]
    if receipts and draw(st.booleans()):
        undone = draw(st.sampled_from(receipts))
        of = next(event for event in found if event.id == undone)
        found.append(ev.Reversed(id="undo", of=undone, value_date=of.value_date))
    return found


def told(history: History) -> tuple[Any, ...]:
    """Everything a history says, in a form that can be compared."""
    return (
        [
            (
                n.loan,
                n.on,
                n.principal,
                n.units,
                n.posted,
                n.period_units,
                n.base_units,
                n.piece_start,
                n.estimated,
            )
            for n in history.nights
        ],
        history.facility_nights,
        sorted(map(repr, history.dues)),
        history.shares,
        history.owned(),
        history.control(),
    )


@settings(max_examples=15, deadline=None)
@given(deals(), happenings(back_valued=True), st.randoms())
def test_any_order_of_arrival_gives_the_same_history(deal: FacilityTerms, events: list, random: Any) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    first = replay(deal, events, FIXINGS, day(THROUGH))
    assert told(first) == told(replay(deal, shuffled, FIXINGS, day(THROUGH)))
    assert first.nights


@settings(max_examples=15, deadline=None)
@given(deals(), happenings(back_valued=True))
def test_what_was_lent_and_charged_is_settled_or_owed(deal: FacilityTerms, events: list) -> None:
    history = replay(deal, events, FIXINGS, day(THROUGH))
    given_out, accounted = history.conservation()
    assert given_out == accounted > 0


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_principal_is_never_negative_and_nothing_owed_is(deal: FacilityTerms, events: list) -> None:
    history = replay(deal, events, FIXINGS, day(THROUGH))
    assert all(night.principal >= 0 for night in history.nights)
    assert all(0 <= due.outstanding <= due.amount for due in history.dues)
    assert all(amount >= 0 for amount in history.owned().values())
    for loan in history.state.loans.values():
        assert min(loan.lent, loan.capitalised, loan.undue, loan.resting, loan.overdue) >= 0


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_days_add_up_to_their_period_and_cents_to_the_rounded_total(
    deal: FacilityTerms, events: list
) -> None:
    history = replay(deal, events, FIXINGS, day(THROUGH))
    periods: dict[tuple[str, date], list[Any]] = defaultdict(list)
    for night in history.nights:
        periods[night.loan, night.growth.key.start].append(night)
    for nights in periods.values():
        if all(night.growth.key.start <= night.on < night.growth.key.end for night in nights):
            units = sum(night.units for night in nights)
            assert units == nights[-1].period_units
            assert sum(night.posted for night in nights) == round_minor(units, USD, deal.rounding)


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_an_advanced_state_is_the_replayed_one_saved_in_between_or_not(
    deal: FacilityTerms, events: list
) -> None:
    kept = ev.in_order(events)
    by_day: dict[date, list[ev.Event]] = defaultdict(list)
    for event in kept:
        by_day[event.value_date].append(event)
    factors = Factors(FIXINGS)
    state, _ = start(deal, FIXINGS, by_day[day(0)])
    nights = 0
    for n in range(1, THROUGH + 1):
        before = state.copy()
        following, record = advance(state, by_day[day(n)], factors)
        assert state == before
        state, nights = following, nights + len(record.nights)
        if n % 40 == 0:
            state = state_from_document(json.loads(json.dumps(state_document(state))))
    whole = replay(deal, events, FIXINGS, day(THROUGH))
    assert state == whole.state
    assert nights == len(whole.nights)


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_a_what_if_is_what_the_booking_then_gives(deal: FacilityTerms, events: list) -> None:
    extra = [
        ev.PrepaymentNotice(id="w1", value_date=day(140), loan="L1", amount=Decimal(500_000)),
        ev.Received(id="w2", value_date=day(140), amount=Decimal(500_000)),
    ]
    seen = what_if(deal, events, extra, FIXINGS, day(THROUGH))
    assert told(seen) == told(replay(deal, [*events, *extra], FIXINGS, day(THROUGH)))


@settings(max_examples=15, deadline=None)
@given(deals(), happenings(), st.integers(21, THROUGH - 1), amounts)
def test_a_reversed_event_leaves_no_trace(
    deal: FacilityTerms, events: list, on: int, amount: Decimal
) -> None:
    before = replay(deal, events, FIXINGS, day(THROUGH))
    booked = [
        *events,
        ev.Received(id="wrong", value_date=day(on), amount=amount),
        ev.Reversed(id="sorry", of="wrong", value_date=day(on)),
    ]
    assert told(before) == told(replay(deal, booked, FIXINGS, day(THROUGH)))


@settings(max_examples=15, deadline=None)
@given(rates, st.sampled_from([DayCount.ACT_360, DayCount.ACT_365F]))
def test_daily_rates_add_up_to_the_cumulative_one_while_principal_is_unchanged(
    rate: Any, convention: DayCount
) -> None:
    history = replay(
        terms(rate=rate, day_count=convention, availability_end=day(10)),
        [ev.Disbursed(id="d", value_date=day(0), loan="L1", amount=Decimal(1_000_000))],
        FIXINGS,
        day(90),
    )
    nights = [night for night in history.nights if night.on < day(90)]
    one = nights[-1].growth
    if isinstance(rate, OvernightRate):
        daily = sum((n.rate * n.fraction for n in nights), Fraction(0))
        assert daily == Fraction(*one.at(day(90)))
        assert sum(n.units for n in nights) == nights[-1].period_units
    assert [night.on for night in nights] == [day(0) + timedelta(days=n) for n in range(90)]


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_events_and_terms_read_back_what_they_wrote(deal: FacilityTerms, events: list) -> None:
    assert FacilityTerms.from_document(deal.to_document()) == deal
    assert [ev.event_from_document(event.to_document()) for event in events] == events


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_everything_can_be_written_off_and_then_nothing_is_owed(deal: FacilityTerms, events: list) -> None:
    history = replay(deal, [*events, ev.WrittenOff(id="z", value_date=day(THROUGH))], FIXINGS, day(THROUGH))
    assert history.owed_minor() == 0
    assert not any(owner != "" or kind != "UNAPPLIED" for kind, owner in history.owned())
    assert history.control().get("ACCRUED_INTEREST", 0) == 0


@settings(max_examples=15, deadline=None)
@given(deals(), happenings())
def test_a_refund_of_more_than_is_held_is_refused(deal: FacilityTerms, events: list) -> None:
    history = replay(deal, events, FIXINGS, day(THROUGH))
    held = Decimal(history.state.unapplied) / 100
    over = ev.Refunded(id="zz", value_date=day(THROUGH), amount=held + Decimal("0.01"))
    with pytest.raises(Refusal, match="less than that was held"):
        replay(deal, [*events, over], FIXINGS, day(THROUGH))
    assert (
        history_of(history.state, Record(dues={due.key: due for due in history.dues})).owned()
        == history.owned()
    )
