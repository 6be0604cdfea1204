"""A facility on a day that may lie ahead: the same fold, over the events that are known and fixings carried forward.

What a fixing will be nobody knows: on days to come the last published one stands, and every night that rests on it is
marked as estimated.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from loanfund.audit.errors import Refused
from loanfund.calculation import facility as of
from loanfund.calculation.events import Event, Received
from loanfund.calculation.history import History
from loanfund.calculation.rates import FixedRate, Fixings, SteppedRate
from loanfund.calculation.state import State
from loanfund.facilities.models import Facility, Fund
from loanfund.reference.models import ReferenceRate
from loanfund.reference.selectors import Stamp, known_fixings, newest_fixing
from loanfund.servicing.fold import known_events, terms_of

LONGEST = timedelta(days=366 * 40)
"""How far ahead anything may be asked: beyond the longest loan, and short of the end of the calendar."""
_SUNDAY = 6


def business_date(facility: Facility) -> date:
    """The facility's day as it is now, however long ago the row at hand was read."""
    return Fund.objects.values_list("business_date", flat=True).get(pk=facility.fund_id)


def payoff_on(facility: Facility, on: date, *, loan: str = "") -> tuple[of.Payoff, bool]:
    """What pays a facility off on a day, or one `loan` of it, and whether that rests on an estimated fixing.

    Refused, in calculation's sentence, for a day on which there is no such loan.
    """
    today = business_date(facility)
    if not facility.signed_on <= on <= today + LONGEST:
        raise Refused(f"Ask for a day from {facility.signed_on:%d %B %Y} on.", field="on")
    terms, events, fixings = terms_of(facility), known_events(facility, through=on), fixings_ahead(today)
    try:
        quote = of.payoff(terms, events, fixings, on, loan=loan)
        floats = not isinstance(terms.rate, FixedRate | SteppedRate) or any(
            event.kind == "amended" for event in events
        )
        estimated = floats and of.replay(terms, events, fixings, on).estimated
    except ValueError as error:
        raise Refused(f"{facility.number}: {error}", field="on") from error
    return quote, estimated


def paid_on_time(facility: Facility, through: date, extra: Sequence[Event] = ()) -> History:
    """The history to a day ahead, if from today on everything is paid on its day and nothing more is drawn; with `extra`
    as if these events, which are not stored, had been agreed too.

    Money beyond all dues stands ready as of today: it pays what is due, then each due as it falls due, and repays nothing
    early but what a notice has announced. So what it adds to the past is what is owed today.
    """
    today, terms = business_date(facility), terms_of(facility)
    events = [*known_events(facility, through=through), *(one for one in extra if one.value_date <= through)]
    last = max((event.id for event in events), default="")
    plenty = terms.commitment * 1000
    events.append(Received(id=f"{last}~", value_date=today, amount=plenty, booked_on=today))
    try:
        return of.replay(terms, events, fixings_ahead(today), through)
    except ValueError as error:
        raise Refused(f"{facility.number}: {error}") from error


def horizon(state: State) -> date:
    """The last day on which anything can fall due by the terms, the adjustment of payment days included."""
    ends = [state.terms.maturity, state.terms.availability_end]
    ends += [period.payment_date for loan in state.loans.values() for period in loan.periods]
    return max(ends) + timedelta(days=10)


def fixings_ahead(today: date) -> Fixings:
    """The fixings as known on business date `today`, carried forward for days to come."""
    return Fixings(_carried(newest_fixing(), today), today, end_of_day=False)


@lru_cache(maxsize=8)
def _carried(_newest: Stamp, today: date) -> Mapping[str, Mapping[date, Decimal]]:
    """Each rate's values with its last one repeated on every Sunday ahead.

    A fixing that is not due yet is estimated by the last value of the thirty days before it. No rate is published for a
    Sunday, so these values are never taken for a published one, and there is one within reach of every day.
    """
    values: dict[str, Mapping[date, Decimal]] = {}
    for code in ReferenceRate.objects.values_list("code", flat=True):
        known = known_fixings(code)
        if not known:
            continue
        newest_day = max(known)
        carried, day = dict(known), newest_day + timedelta(days=(_SUNDAY - newest_day.weekday()) % 7 or 7)
        while day <= today + LONGEST:
            carried[day] = known[newest_day]
            day += timedelta(days=7)
        values[code] = MappingProxyType(carried)
    return MappingProxyType(values)
