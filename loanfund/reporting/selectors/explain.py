"""Where a figure comes from: an entry with its legs, what caused it, and everyone who had a hand in it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.facilities.models import Facility, FundPolicy
from loanfund.ledger.models import AccountKind, JournalEntry
from loanfund.origination.models import Application
from loanfund.parties.models import Partner
from loanfund.reporting.selectors.references import references
from loanfund.servicing.models import Accrual, CloseRun, Event, Loan

OWNERS: dict[str, type[Facility] | type[Loan] | type[Partner] | type[Application]] = {
    "facility": Facility,
    "loan": Loan,
    "partner": Partner,
    "application": Application,
}
LOGGED = {
    "receipt": "servicing.receipt",
    "refund": "servicing.refund",
    "drawdown": "servicing.drawdown",
    "instruction": "servicing.instruction",
    "application": "origination.application",
    "close": "servicing.closerun",
    "policy": "facilities.fundpolicy",
    "journal": "servicing.handjournal",
}


@dataclass(frozen=True)
class TrailLeg:
    """One leg: the account's name, whose it is (a number such as LN-0004, or empty for the fund's own), and the amount."""

    account: str
    owner: str
    debit: Decimal | None
    credit: Decimal | None


@dataclass(frozen=True)
class TrailStep:
    """One act in the log: what was done, by whom, when, and why."""

    action: str
    actor: str
    at: datetime
    on: date
    reason: str


@dataclass(frozen=True)
class Trail:
    """An entry and what is behind it. `cause` is a number such as "RC-0085, WIRE-7", or words; `origin` its kind and the
    number, day or version that its page is found by, both empty for what no person and no close asked for. `event` is the
    document that the fold read, None for an entry that follows from no event of a facility (a close, a promise)."""

    entry: int
    kind: str
    booking_date: date
    value_date: date
    known_at: datetime
    memo: str
    legs: tuple[TrailLeg, ...]
    cause: str
    origin: tuple[str, str]
    event: dict[str, Any] | None
    steps: tuple[TrailStep, ...]


def explain_entry(entry_id: int) -> Trail:
    """The trail of a ledger entry. Refused (code "not_found") when there is none."""
    entry = JournalEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise Refused(f"There is no entry {entry_id}.", code="not_found")
    legs = list(entry.legs.select_related("account").order_by("line"))
    names = _owners({leg.account.owner for leg in legs})
    event = _event(entry)
    cause, origin = _cause(entry.cause)
    return Trail(
        entry=entry.pk,
        kind=entry.kind.replace("_", " "),
        booking_date=entry.booking_date,
        value_date=entry.value_date,
        known_at=entry.known_at,
        memo=entry.memo,
        legs=tuple(
            TrailLeg(
                account=AccountKind(leg.account.kind).label,
                owner=names.get(leg.account.owner, leg.account.owner),
                debit=leg.amount if leg.side == "D" else None,
                credit=leg.amount if leg.side == "C" else None,
            )
            for leg in legs
        ),
        cause=cause,
        origin=origin,
        event=event.document if event else None,
        steps=tuple(
            TrailStep(step.action, step.actor, step.at, step.on, step.reason)
            for step in _steps(entry).order_by("id")
        ),
    )


def _cause(cause: str) -> tuple[str, tuple[str, str]]:
    """What an entry came from in words, and its kind with what its page is found by."""
    kind, _, pk = cause.partition(":")
    if cause in (numbers := references([cause])):
        return numbers[cause], (kind, numbers[cause].partition(",")[0])
    if not pk.isdigit():
        return cause, ("", "")
    if kind == "application" and (application := Application.objects.filter(pk=pk).first()):
        return application.number, (kind, application.number)
    if kind == "close" and (run := CloseRun.objects.filter(pk=pk).first()):
        return f"the close of {run.business_date:%d %B %Y}", (kind, run.business_date.isoformat())
    if kind == "policy" and (policy := FundPolicy.objects.filter(pk=pk).first()):
        return f"version {policy.version} of the policy", (kind, str(policy.version))
    return cause, ("", "")


def _owners(owners: set[str]) -> dict[str, str]:
    found = {}
    for owner in owners:
        kind, _, pk = owner.partition(":")
        if kind in OWNERS and pk.isdigit():
            number = OWNERS[kind].objects.filter(pk=int(pk)).values_list("number", flat=True).first()
            found[owner] = number or owner
    return found


def _event(entry: JournalEntry) -> Event | None:
    """The event that an entry's key names: "facility:3:event:17", with or without ":fact" behind it."""
    words = entry.key.split(":")
    if len(words) < 4 or (words[0], words[2]) != ("facility", "event"):
        return None
    return Event.objects.filter(facility_id=int(words[1]), number=int(words[3])).first()


def _steps(entry: JournalEntry) -> Any:
    kind, _, pk = entry.cause.partition(":")
    about = Q(object_type="ledger.journalentry", object_id=str(entry.pk))
    if kind in LOGGED:
        about |= Q(object_type=LOGGED[kind], object_id=pk)
    return AuditEvent.objects.filter(about)


@dataclass(frozen=True)
class NightTrail:
    """One night of a loan's interest as it is booked: the first row and each correction of it, with the entry of each."""

    night: date
    sequence: int
    booking_date: date
    principal: Decimal
    rate: Decimal
    fraction: str
    exact: Decimal
    posted: Decimal
    estimated: bool
    entry: int | None


def explain_nights(loan: Loan, *, first_day: date, last_day: date) -> list[NightTrail]:
    """The nights behind a figure of interest, by night, each with the id of the entry that posted it (`explain_entry`)."""
    rows = list(
        Accrual.objects.filter(loan_id=loan.pk, accrual_date__range=(first_day, last_day)).order_by(
            "accrual_date", "sequence"
        )
    )
    closes = _nightly_entries(loan, {row.booking_date for row in rows if row.batch_id >= 0})
    corrections = _event_entries({-row.batch_id for row in rows if row.batch_id < 0})
    return [
        NightTrail(
            night=row.accrual_date,
            sequence=row.sequence,
            booking_date=row.booking_date,
            principal=row.principal,
            rate=row.rate,
            fraction=f"{row.num}/{row.den}",
            exact=row.exact,
            posted=row.posted,
            estimated=row.estimated,
            entry=closes.get(row.booking_date) if row.batch_id >= 0 else corrections.get(-row.batch_id),
        )
        for row in rows
    ]


def _nightly_entries(loan: Loan, days: set[date]) -> dict[date, int]:
    """The fund's own accrual entry of each booking date, the last of the day where there were several."""
    found = JournalEntry.objects.filter(
        book_id=loan.facility.fund.book_id, kind="daily_accrual", booking_date__in=days
    )
    return dict(found.order_by("id").values_list("booking_date", "pk"))


def _event_entries(events: set[int]) -> dict[int, int]:
    """The entry that booked what each event changed, by the event's id."""
    keys = {
        f"facility:{facility}:event:{number}": pk
        for pk, facility, number in Event.objects.filter(pk__in=events).values_list(
            "pk", "facility_id", "number"
        )
    }
    entries = JournalEntry.objects.filter(key__in=keys).values_list("key", "pk")
    return {keys[key]: pk for key, pk in entries}
