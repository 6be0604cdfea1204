"""What happens to a facility, as values: the input of the fold.

Every event has the sender's ``id`` (unique in its facility), the ``value_date`` on which it counts, and, for views as they
were known, ``known_at`` and the ``booked_on`` date. Amounts are Decimals in the facility's currency, above 0. Within a
value date events go by rank, then by id; never by arrival.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Any, ClassVar

from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.calculation.rates import Rate
from loanfund.calculation.terms import (
    CalendarOf,
    Component,
    FacilityTerms,
    calendar_document,
    exact_decimal,
    rate_document,
    rate_from_document,
)


class Rank(IntEnum):
    """The order within a value date. Sums fall due between TERMS and DRAWDOWN."""

    TERMS = 0
    DRAWDOWN = 1
    CAPITALISATION = 2
    CHARGE = 3
    WAIVER = 4
    MONEY = 5
    WRITE_OFF = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have."""

    kind: ClassVar[str] = ""
    rank: ClassVar[Rank] = Rank.TERMS

    id: str
    value_date: date
    booked_on: date | None = None
    known_at: datetime | None = None

    @property
    def order(self) -> tuple[date, int, str]:
        """Its place in the fold."""
        return self.value_date, int(self.rank), self.id

    def to_document(self) -> dict[str, Any]:
        """The event as plain strings and numbers."""
        document: dict[str, Any] = {"kind": self.kind}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None:
                document[item.name] = _plain(value)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursed(Event):
    """Money went out: the loan begins. ``netted`` is what of the amount was kept back to pay fees that were due."""

    kind: ClassVar[str] = "disbursed"
    rank: ClassVar[Rank] = Rank.DRAWDOWN

    loan: str
    amount: Decimal
    netted: Decimal = Decimal(0)
    maturity: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Event):
    """Money came in for this facility; the waterfall allocates it."""

    kind: ClassVar[str] = "received"
    rank: ClassVar[Rank] = Rank.MONEY

    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepaymentNotice(Event):
    """From its value date, money beyond the dues repays this much principal of a loan early, until it is used up."""

    kind: ClassVar[str] = "prepayment_notice"
    rank: ClassVar[Rank] = Rank.MONEY

    loan: str
    amount: Decimal
    effect: PrepaymentEffect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded(Event):
    """Unapplied money was sent back."""

    kind: ClassVar[str] = "refunded"
    rank: ClassVar[Rank] = Rank.WRITE_OFF

    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed(Event):
    """Another event never was: a bounced receipt, a booking error. Its value date is that of the event undone."""

    kind: ClassVar[str] = "reversed"

    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChanged(Event):
    """Another rate from the night of the value date on, for all loans."""

    kind: ClassVar[str] = "rate_changed"

    rate: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended(Event):
    """Other terms from the value date on. Interest periods that have begun run out as they were."""

    kind: ClassVar[str] = "amended"

    terms: FacilityTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentHoliday(Event):
    """Principal that would fall due until ``until`` is spread over the periods after; interest then is capitalised if so
    agreed, else it is due as ever."""

    kind: ClassVar[str] = "payment_holiday"

    loan: str
    until: date
    capitalise_interest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentCancelled(Event):
    """So much of the undrawn commitment is cancelled; the commitment fee to the day falls due."""

    kind: ClassVar[str] = "commitment_cancelled"

    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerated(Event):
    """All principal falls due at once."""

    kind: ClassVar[str] = "accelerated"


@dataclass(frozen=True, slots=True, kw_only=True)
class NonAccrual(Event):
    """Interest goes to suspense (on) or to income again (off)."""

    kind: ClassVar[str] = "non_accrual"

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Capitalised(Event):
    """The interest a loan has earned and not been billed becomes principal."""

    kind: ClassVar[str] = "capitalised"
    rank: ClassVar[Rank] = Rank.CAPITALISATION

    loan: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged(Event):
    """A fee or a cost is charged to the borrower and due from the value date."""

    kind: ClassVar[str] = "charged"
    rank: ClassVar[Rank] = Rank.CHARGE

    component: Component
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived(Event):
    """The lender gives up part of what is due, oldest first."""

    kind: ClassVar[str] = "waived"
    rank: ClassVar[Rank] = Rank.WAIVER

    component: Component
    amount: Decimal
    loan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenOff(Event):
    """Everything a loan still owes, or the whole facility when no loan is named, is written off."""

    kind: ClassVar[str] = "written_off"
    rank: ClassVar[Rank] = Rank.WRITE_OFF

    loan: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered(Event):
    """Money came in for what was written off."""

    kind: ClassVar[str] = "recovered"
    rank: ClassVar[Rank] = Rank.WRITE_OFF

    amount: Decimal


KINDS: dict[str, type[Event]] = {
    one.kind: one
    for one in (
        Disbursed,
        Received,
        PrepaymentNotice,
        Refunded,
        Reversed,
        RateChanged,
        Amended,
        PaymentHoliday,
        CommitmentCancelled,
        Accelerated,
        NonAccrual,
        Capitalised,
        Charged,
        Waived,
        WrittenOff,
        Recovered,
    )
}


def in_order(events: Iterable[Event]) -> list[Event]:
    """The events that count, in the order of the fold: what was reversed is left out, and so are the reversals.

    A reversal may itself be reversed. Raises ValueError for two events with one id, or a reversal of what is not there.
    """
    by_id: dict[str, Event] = {}
    for event in events:
        if event.id in by_id:
            raise ValueError(f"Two events have the id {event.id}.")
        by_id[event.id] = event
    undone_by: dict[str, list[str]] = {}
    for event in by_id.values():
        if isinstance(event, Reversed):
            if event.of not in by_id:
                raise ValueError(f"{event.id} reverses {event.of}, which is not there.")
            undone_by.setdefault(event.of, []).append(event.id)

    def stands(name: str, trail: frozenset[str] = frozenset()) -> bool:
        if name in trail:
            raise ValueError(f"{name} reverses itself.")
        return not any(stands(other, trail | {name}) for other in undone_by.get(name, ()))

    kept = [event for event in by_id.values() if not isinstance(event, Reversed) and stands(event.id)]
    return sorted(kept, key=lambda event: event.order)


def event_from_document(document: Mapping[str, Any], calendar_of: CalendarOf | None = None) -> Event:
    """The event of a document; ValueError names the field that is wrong."""
    kind = KINDS.get(document.get("kind", ""))
    if kind is None:
        raise ValueError(f"kind: {document.get('kind')!r} is no kind of event.")
    known = {item.name for item in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name == "kind":
            continue
        if name not in known:
            raise ValueError(f"{name}: {kind.kind} has no such field.")
        try:
            values[name] = _read(name, value, calendar_of)
        except (ValueError, ArithmeticError, TypeError, KeyError) as error:
            raise ValueError(f"{name}: {error}") from error
    try:
        event = kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.kind}: {error}") from error
    amount = getattr(event, "amount", None)
    if amount is not None and amount <= 0:
        raise ValueError("amount: it is above 0.")
    return event


def _read(name: str, value: Any, calendar_of: CalendarOf | None) -> Any:
    if name in ("value_date", "booked_on", "until", "maturity"):
        return date.fromisoformat(value)
    if name == "known_at":
        return datetime.fromisoformat(value)
    if name in ("amount", "netted"):
        return exact_decimal(value)
    if name == "rate":
        return rate_from_document(value, calendar_of)
    if name == "terms":
        return FacilityTerms.from_document(value, calendar_of)
    if name == "component":
        return Component(value)
    if name == "effect":
        return PrepaymentEffect(value)
    if name in ("on", "capitalise_interest"):
        if not isinstance(value, bool):
            raise ValueError("it is true or false.")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text.")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, FacilityTerms):
        return value.to_document()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, bool | str):
        return value
    return rate_document(value, calendar_document)
