"""A facility is a fold over its value-dated events: the doors to it.

``replay`` gives the whole history up to a day; ``start`` and ``advance`` move a saved state one calendar day, in time that
does not depend on its past; both run the same code, so a replayed and an advanced state are equal. A what-if is a replay
with more events; a view as it was known is a replay of the events known then.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from loanfund.calculation.billing import charge, start_fee
from loanfund.calculation.events import Event, PrepaymentNotice, Received, Refunded, Reversed, in_order
from loanfund.calculation.fold import begin_day, run_night
from loanfund.calculation.growth import Factors
from loanfund.calculation.happenings import ARRANGEMENT
from loanfund.calculation.history import DueRow, History, Record, history_of
from loanfund.calculation.money import (
    Currency,
    Rounding,
    minor_to_decimal,
    q12,
    round_minor,
)
from loanfund.calculation.paying import prepayment_fee
from loanfund.calculation.rates import Fixings
from loanfund.calculation.state import DueState, State
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.workings import Refusal, Tranches, Workings

__all__ = [
    "ARRANGEMENT",
    "Payoff",
    "Refusal",
    "advance",
    "known_at",
    "payoff",
    "replay",
    "start",
    "what_if",
]

_ONE_DAY = timedelta(days=1)


def replay(
    terms: FacilityTerms,
    events: Iterable[Event],
    fixings: Fixings,
    through: date,
    *,
    with_night: bool = False,
) -> History:
    """The whole history of a facility up to and during the day ``through``.

    Nights before ``through`` have accrued; its own has only ``with_night`` (the close of that day). Events of later value
    dates do not count. Raises Refusal when an event cannot be, FixingMissing when a due fixing is absent, ValueError when
    events contradict each other.
    """
    everything = list(events)
    tranches = _tranches(terms, everything, fixings, through)
    return _fold(terms, everything, fixings, through, with_night=with_night, tranches=tranches)


def what_if(
    terms: FacilityTerms,
    events: Iterable[Event],
    extra: Iterable[Event],
    fixings: Fixings,
    through: date,
) -> History:
    """The history as it would be with further events: the same function that books them."""
    return replay(terms, [*events, *extra], fixings, through)


def known_at(events: Iterable[Event], moment: datetime) -> list[Event]:
    """The events that the system knew at a moment; one without a time was always known."""
    return [event for event in events if event.known_at is None or event.known_at <= moment]


def start(terms: FacilityTerms, fixings: Fixings, events: Sequence[Event] = ()) -> tuple[State, Record]:
    """A facility on the day of its signing, with that day's events."""
    state, record = State(terms, terms.rate, terms.signed_on), Record()
    fold = Workings(state, Factors(fixings.at(terms.signed_on, end_of_day=False)), record)
    _sign(fold)
    begin_day(fold, terms.signed_on, in_order(events))
    return state, record


def advance(state: State, events: Sequence[Event], factors: Factors) -> tuple[State, Record]:
    """One calendar day on: the night of ``state.day``, then the next day with its ``events`` (all of that value date).

    The state given is left as it was. ``factors`` may be shared by all facilities of a close: each day's factor is then
    worked out once. Takes time in proportion to the loans and open dues, not to the past.
    """
    following, record = state.copy(), Record()
    record.dues = {key: _row_of(due) for key, due in following.dues.items()}
    fold = Workings(following, factors, record)
    run_night(fold)
    begin_day(fold, state.day + _ONE_DAY, in_order(events))
    return following, record


def _row_of(due: DueState) -> DueRow:
    return DueRow(
        due.key,
        due.component,
        due.loan,
        due.due_date,
        due.payable_from(),
        due.amount,
        due.outstanding,
    )


@dataclass(frozen=True, slots=True)
class Payoff:
    """What closes a facility, or one loan of it, on a day, by component, in major units; ``total`` is what to pay."""

    on: date
    principal: Decimal
    interest: Decimal
    default_interest: Decimal
    fees: Decimal
    prepayment_fee: Decimal
    unapplied: Decimal

    @property
    def total(self) -> Decimal:
        return (
            self.principal
            + self.interest
            + self.default_interest
            + self.fees
            + self.prepayment_fee
            - self.unapplied
        )


def payoff(
    terms: FacilityTerms, events: Iterable[Event], fixings: Fixings, on: date, *, loan: str = ""
) -> Payoff:
    """The amount that pays everything off on a day: it is the replay to that day, so the day itself earns nothing.

    For one ``loan`` it leaves out what the facility owes beside it and money held unapplied, which is the facility's.
    Raises Refusal when there is no such loan on that day.
    """
    state = replay(terms, events, fixings, on).state
    terms = state.terms  # as amended
    if loan and loan not in state.loans:
        raise Refusal(f"There is no loan {loan} on {on}.")
    loans = [one for one in state.loans.values() if loan in ("", one.name)]
    dues: dict[Component, int] = defaultdict(int)
    for due in state.dues.values():
        if loan in ("", due.loan):
            dues[due.component] += due.outstanding
            dues[Component.DEFAULT_INTEREST] += due.posted - due.billed
    accrued = sum(period.posted - period.billed for one in loans for period in one.open)
    fee = state.fee.posted - state.fee.billed if state.fee and not loan else 0
    early = sum(prepayment_fee(terms, one.undue) for one in loans)

    def money(amount: int) -> Decimal:
        return minor_to_decimal(amount, terms.currency)

    return Payoff(
        on,
        money(sum(one.principal for one in loans)),
        money(dues[Component.INTEREST] + accrued),
        money(dues[Component.DEFAULT_INTEREST]),
        money(dues[Component.FEES] + dues[Component.COSTS] + fee),
        money(early),
        money(0 if loan else state.unapplied),
    )


def _sign(fold: Workings) -> None:
    terms = fold.state.terms
    start_fee(fold)
    charge(fold, Component.FEES, "", ARRANGEMENT, fold.minor(terms.arrangement_fee), terms.signed_on, "")


def _fold(
    terms: FacilityTerms,
    events: Sequence[Event],
    fixings: Fixings,
    through: date,
    *,
    with_night: bool,
    tranches: Tranches,
    proposed: frozenset[str] | None = None,
) -> History:
    by_day: dict[date, list[Event]] = defaultdict(list)
    for event in in_order(events):
        if event.value_date < terms.signed_on:
            raise Refusal(f"{event.id} counts from {event.value_date}, before the facility was signed.")
        by_day[event.value_date].append(event)
    knowledge = fixings.at(through, end_of_day=with_night) if fixings.as_of == date.max else fixings
    state, record = State(terms, terms.rate, terms.signed_on), Record()
    fold = Workings(
        state, Factors(knowledge), record, tranches, _newest(events) if proposed is None else proposed
    )
    day = terms.signed_on
    _sign(fold)
    begin_day(fold, day, by_day.get(day, ()))
    while day < through:
        run_night(fold)
        day += _ONE_DAY
        begin_day(fold, day, by_day.get(day, ()))
    if with_night:
        run_night(fold)
    return history_of(state, record)


def _newest(events: Sequence[Event]) -> frozenset[str]:
    """The events that nothing was learnt after: those without a time, and those known last."""
    last = max((event.known_at for event in events if event.known_at is not None), default=None)
    return frozenset(event.id for event in events if event.known_at is None or event.known_at == last)


def _tranches(
    terms: FacilityTerms, events: Sequence[Event], fixings: Fixings, through: date
) -> dict[str, tuple[tuple[int, date], ...]]:
    """What corrections added to dues after their day: late only from the correction's booking date.

    One replay for each booking date of a back-valued event, with what was known then: the growth of a due from one
    to the next is payable from that booking date.
    """
    announced = any(isinstance(event, PrepaymentNotice) for event in events)
    cuts = sorted(
        {
            event.booked_on
            for event in events
            if event.booked_on is not None
            and event.value_date < event.booked_on <= through
            # Money that came earlier than was known makes nothing due, unless it was to repay early.
            and (announced or not isinstance(event, Received | Refunded))
        }
    )
    found: dict[str, tuple[tuple[int, date], ...]] = {}
    if not cuts:
        return found
    known: dict[str, int] = {}
    for cut in cuts:
        before = _known_on(events, cut, including=False)
        for key, amount in _due_amounts(terms, before, fixings, cut, found).items():
            known.setdefault(key, amount)
        after = _due_amounts(terms, _known_on(events, cut, including=True), fixings, cut, found)
        for key, amount in after.items():
            added = amount - known.get(key, 0)
            if added > 0:
                found[key] = (*found.get(key, ()), (added, cut))
            known[key] = max(known.get(key, 0), amount)
    return found


def _known_on(events: Sequence[Event], cut: date, *, including: bool) -> list[Event]:
    kept = [
        event
        for event in events
        if event.booked_on is None or event.booked_on < cut or (including and event.booked_on == cut)
    ]
    ids = {event.id for event in kept}
    return [event for event in kept if not isinstance(event, Reversed) or event.of in ids]


def _due_amounts(
    terms: FacilityTerms,
    events: Sequence[Event],
    fixings: Fixings,
    cut: date,
    tranches: Mapping[str, tuple[tuple[int, date], ...]],
) -> dict[str, int]:
    history = _fold(terms, events, fixings, cut, with_night=False, tranches=tranches, proposed=frozenset())
    return {due.key: due.amount for due in history.dues if due.due_date < cut}


@dataclass(frozen=True, slots=True)
class NightlyLoan:
    """What one loan's night needs when nothing happens to it: its piece, and what its period has earned before."""

    principal: int
    base_num: int
    base_den: int
    base_units: int
    units: int
    posted: int


def advance_nights(
    loans: Iterable[NightlyLoan], num: int, den: int, currency: Currency, rounding: Rounding
) -> list[tuple[int, int, int]]:
    """One quiet night of many loans that share a growth of ``num / den`` at its end: (A, interest, posted) of each.

    A = base + div(2x + d, 2d) with x = principal x (num x base_den - base_num x den) x 10^12 and d = den x base_den x minor
    units: the formula that the close's SQL states a second time.
    """
    minor = currency.minor_units
    cents = 10 ** (12 - currency.decimals)
    half_up = rounding is Rounding.HALF_UP
    rows = []
    for loan in loans:
        if loan.base_den == den:
            total = loan.base_units + q12(loan.principal * (num - loan.base_num), den * minor)
        else:
            grown = num * loan.base_den - loan.base_num * den
            total = loan.base_units + q12(loan.principal * grown, den * loan.base_den * minor)
        if half_up and total >= 0:
            posted = (2 * total + cents) // (2 * cents)
        else:
            posted = round_minor(total, currency, rounding)
        rows.append((total, total - loan.units, posted - loan.posted))
    return rows
