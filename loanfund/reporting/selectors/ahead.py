"""What will fall due if nothing else happens: the fold itself, played on to the end with each due paid on its day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from loanfund.calculation.events import KINDS, Received
from loanfund.calculation.facility import replay
from loanfund.calculation.money import minor_to_decimal
from loanfund.calculation.rates import FixedRate, FixingMissing, Fixings
from loanfund.facilities.models import Facility
from loanfund.reference.models import ReferenceRate
from loanfund.reference.selectors import calendar, fixings
from loanfund.servicing.events import stored
from loanfund.servicing.fold import terms_of

SETTLING_DAYS = 10
"""The last payment may move past the maturity by a business day convention and holidays."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A sum that will fall due; `loan` is its number, or empty for the facility's fees. In the facility's currency."""

    due_date: date
    component: str
    loan: str
    amount: Decimal
    estimated: bool


def dues_ahead(
    facility: Facility, after: date, *, until: date | None = None, known_at: datetime | None = None
) -> list[Ahead]:
    """What falls due later than `after` (and up to `until`), by what was booked by the end of `after`.

    A floating rate goes on at its last value published by then; `estimated` marks what rests on that. `known_at` leaves
    out fixings that were learnt later. Empty when the facility cannot be replayed: its close exception says why.
    """
    booked = facility.events.filter(kind__in=KINDS, booking_date__lte=after).order_by("number")
    events = [stored(row) for row in booked]
    terms = terms_of(facility)
    end = max([facility.maturity, *facility.loans.values_list("maturity", flat=True), after])
    end = min(end, until or end) + timedelta(days=SETTLING_DAYS)
    # Enough money, held unapplied, pays each due on its own day: so nothing ahead is late.
    paid = Received(id="ahead", value_date=after + timedelta(days=1), amount=facility.commitment * 10)
    try:
        history = replay(terms, [*events, paid], _carried_on(after, end, known_at), end)
    except (ValueError, FixingMissing):
        return []
    floating = {night.loan for night in history.nights if not isinstance(night.growth.key.rate, FixedRate)}
    found = [
        Ahead(
            due_date=due.due_date,
            component=due.component.value,
            loan=due.loan,
            amount=minor_to_decimal(due.amount, terms.currency),
            estimated=due.loan in floating and due.component.value == "interest",
        )
        for due in history.dues
        if due.due_date > after and (until is None or due.due_date <= until) and due.amount
    ]
    return sorted(found, key=lambda due: (due.due_date, due.loan, due.component))


def _carried_on(after: date, end: date, known_at: datetime | None) -> Fixings:
    """What was published by the end of `after`, the last value of each rate standing for every day to come."""
    values = {}
    for rate in ReferenceRate.objects.all():
        known = dict(fixings(rate.code, as_of=after, known_at=known_at).values[rate.code])
        if known:
            newest = max(known)
            days = calendar(rate.calendar)
            for day in _days(newest, end):
                if days.is_business_day(day):
                    known[day] = known[newest]
        values[rate.code] = known
    return Fixings(values)


def _days(after: date, end: date) -> Iterable[date]:
    return (after + timedelta(days=n) for n in range(1, (end - after).days + 1))
