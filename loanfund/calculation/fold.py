"""The fold itself: one facility, one calendar day at a time.

A day begins (terms change, periods end, sums fall due, money held is applied), then its events come by rank, then its night
accrues. `facility.py` is how others call it.
"""

from collections.abc import Sequence
from datetime import date

from loanfund.calculation import events as ev
from loanfund.calculation.billing import accrue_fee, begin
from loanfund.calculation.falling import accrue, fall_due, rates_step
from loanfund.calculation.happenings import apply_event
from loanfund.calculation.interest import overtime
from loanfund.calculation.lateness import accrue_late
from loanfund.calculation.paying import apply_money
from loanfund.calculation.workings import Workings


def begin_day(fold: Workings, day: date, events: Sequence[ev.Event]) -> None:
    """Start of day, and the day's events in their order."""
    fold.state.day = day
    terms = [event for event in events if event.rank is ev.Rank.TERMS]
    for event in terms:
        apply_event(fold, event)
    fall_due(fold, day)
    rates_step(fold, day)
    if fold.state.money and fold.state.dues:
        apply_money(fold, day)
    for event in events[len(terms) :]:
        apply_event(fold, event)


def run_night(fold: Workings) -> None:
    """The night that follows the state's day."""
    state, night = fold.state, fold.state.day
    for loan in state.loans.values():
        if loan.principal > loan.resting and (not loan.open or loan.open[-1].ended):
            # Principal is late beyond maturity and bears interest on.
            begin(fold, loan, len(loan.periods), overtime(state.terms, loan, night))
        if loan.open:
            accrue(fold, loan, night)
    if state.dues:
        accrue_late(fold.factors, state, fold.record, night)
    if state.fee is not None:
        accrue_fee(fold, night)
