"""Calendars, reference rates and fixings: loaded from files, or by hand with two people; never edited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.apps.registry import Apps
from django.db import connection, transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.services.rights import require_role, require_second_person
from loanfund.reference.fixing_files import BadFile, FileRow, read_fixings
from loanfund.reference.holiday_data import HolidayRow, holiday_rows
from loanfund.reference.models import FixingProposal, Holiday, RateFixing, ReferenceRate
from loanfund.reference.selectors import calendar, known_fixings, publication_moment

DESK = (roles.FINANCE, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
"""Who loads, types and checks fixings; two of them for one typed by hand."""
SHIPPED = Path(__file__).parent / "data"
PER_CENT = Decimal(100)

RATES = (
    ReferenceRate(
        code="SOFR",
        name="Secured Overnight Financing Rate",
        currency="USD",
        calendar="US-SOFR",
        day_count="ACT/360",
        time_zone="America/New_York",
        publication_time=time(8, 0),
        publication_lag=1,
        decimals=2,
        source="Federal Reserve Bank of New York",
    ),
)


@dataclass(frozen=True)
class Imported:
    """What a file came to: values new, values already known, values that correct a known one, and the days covered."""

    added: int
    unchanged: int
    revised: int
    first: date
    last: date

    def __str__(self) -> str:
        return (
            f"{self.added} added, {self.revised} revised, {self.unchanged} already known, "
            f"{self.first} to {self.last}"
        )


@cache
def _reviewed_holidays() -> tuple[HolidayRow, ...]:
    """The rows to load, found once a process: they are the same every time."""
    return holiday_rows()


@transaction.atomic
def ensure_calendars() -> int:
    """Load the reviewed holidays that are not there yet; return how many were added. Safe to call at every start."""
    known = set(Holiday.objects.values_list("calendar", "date"))
    missing = [row for row in _reviewed_holidays() if (row.calendar, row.date) not in known]
    Holiday.objects.bulk_create(
        (Holiday(calendar=row.calendar, date=row.date, name=row.name, source=row.source) for row in missing),
        ignore_conflicts=True,
    )
    return len(missing)


@transaction.atomic
def ensure_reference_rates() -> int:
    """Make the reference rates that are not there yet; return how many were made. Safe to call at every start."""
    known = set(ReferenceRate.objects.values_list("code", flat=True))
    missing = [rate for rate in RATES if rate.code not in known]
    for rate in missing:
        fields = {
            field.name: getattr(rate, field.name)
            for field in ReferenceRate._meta.concrete_fields
            if field.name != "id"
        }
        ReferenceRate.objects.get_or_create(code=rate.code, defaults=fields)
    return len(missing)


def ensure_after_migrate(*, apps: Apps | None = None, using: str = "default", **_signal: Any) -> None:
    """Handler of post_migrate: calendars and reference rates are there wherever their tables are."""
    migrated = {model._meta.label for model in apps.get_models()} if apps is not None else set()
    if using == "default" and {Holiday._meta.label, ReferenceRate._meta.label} <= migrated:
        ensure_calendars()
        ensure_reference_rates()


@transaction.atomic
def import_fixings(
    *, text: str, code: str, source: str, known_at: datetime, actor: User | None, on: date
) -> Imported:
    """Take a file of fixings of rate `code` whole, or not at all; the same file again adds nothing.

    The layouts are those of `fixing_files`. A figure that differs from the one known is kept beside it as a revision
    learnt at `known_at`; `actor` is None from the command line. Refused (BadFile), naming line and column, when a row
    cannot be read, lies on a day that the rate is not published for, or before it could have been published.
    """
    if actor is not None:
        require_role(actor=actor, roles=DESK, to="load fixings")
    rate = _rate(code)
    rows = read_fixings(text, rate.code)
    _check_days(rate, rows, known_at)
    _lock(rate)
    days = calendar(rate.calendar)
    known = known_fixings(rate.code)
    fresh = [row for row in rows if known.get(row.date) != row.percent / PER_CENT]
    RateFixing.objects.bulk_create(
        RateFixing(
            rate=rate,
            date=row.date,
            value=row.percent / PER_CENT,
            published_at=publication_moment(rate, row.date, days),
            known_at=known_at,
            source=source,
            recorded_by=actor,
        )
        for row in fresh
    )
    revised = sum(row.date in known for row in fresh)
    result = Imported(len(fresh) - revised, len(rows) - len(fresh), revised, rows[0].date, rows[-1].date)
    if fresh:
        record(
            actor=actor,
            action="fixings.imported",
            obj=rate,
            on=on,
            after={"source": source, "result": str(result)},
        )
    return result


def ensure_shipped_fixings(*, known_at: datetime, on: date) -> Imported:
    """Load the SOFR fixings that come with the project; the second time adds nothing."""
    text = (SHIPPED / "sofr.csv").read_text()
    return import_fixings(
        text=text,
        code="SOFR",
        source="Federal Reserve Bank of New York, as shipped",
        known_at=known_at,
        actor=None,
        on=on,
    )


@transaction.atomic
def propose_fixing(
    *, code: str, day: date, percent: Decimal, source: str, actor: User, on: date
) -> FixingProposal:
    """Type one fixing by hand, in per cent (3.63), saying where it was read. It counts once another person confirms it."""
    require_role(actor=actor, roles=DESK, to="type a fixing")
    rate = _rate(code)
    if not source.strip():
        raise Refused("Say where the rate was read, such as the page and the time.", field="source")
    if not -100 < percent < 1000:
        raise Refused("Give the rate in per cent, such as 3.63.", field="percent")
    if not calendar(rate.calendar).is_business_day(day):
        raise Refused(
            f"{code} is not published for {day}, which is no business day of {rate.calendar}.", field="day"
        )
    if FixingProposal.objects.filter(rate=rate, date=day, state=FixingProposal.State.PROPOSED).exists():
        raise Refused(f"A fixing of {code} for {day} waits to be confirmed already.")
    proposal = FixingProposal.objects.create(
        rate=rate, date=day, value=percent / PER_CENT, source=source.strip(), maker=actor
    )
    after = {"date": day, "percent": percent, "source": source.strip()}
    record(actor=actor, action="fixing.proposed", obj=proposal, on=on, after=after)
    return proposal


@transaction.atomic
def confirm_fixing(
    *, proposal: FixingProposal, percent: Decimal, known_at: datetime, actor: User, on: date
) -> RateFixing:
    """The second person confirms a fixing typed by hand, giving the per cent figure that he read for himself."""
    locked = _open(proposal, actor)
    _lock(locked.rate)
    if percent / PER_CENT != locked.value:
        raise Refused(
            f"You read {percent} and {locked.value * PER_CENT:f} was proposed. Look again, or refuse it.",
            field="percent",
        )
    if locked.date > known_at.astimezone(ZoneInfo(locked.rate.time_zone)).date():
        raise Refused(
            f"{locked.rate.code} of {locked.date:%d %B %Y} cannot have been read yet: that day is still to come. Refuse it "
            "and type the day that was meant."
        )
    locked.state, locked.checker, locked.checked_at = FixingProposal.State.CONFIRMED, actor, Now()
    locked.save(update_fields=["state", "checker", "checked_at"])
    fixing = RateFixing.objects.create(
        rate=locked.rate,
        date=locked.date,
        value=locked.value,
        published_at=min(publication_moment(locked.rate, locked.date), known_at),
        known_at=known_at,
        source=f"by hand: {locked.source}"[:300],
        proposal=locked,
        recorded_by=actor,
    )
    after = {"rate": locked.rate.code, "date": locked.date, "percent": percent}
    record(actor=actor, action="fixing.confirmed", obj=locked, on=on, after=after)
    return fixing


@transaction.atomic
def refuse_fixing(*, proposal: FixingProposal, reason: str, actor: User, on: date) -> FixingProposal:
    """The second person turns a fixing typed by hand down, saying why."""
    if not reason.strip():
        raise Refused("Say why the fixing is refused.", field="reason")
    locked = _open(proposal, actor)
    locked.state, locked.refusal_reason = FixingProposal.State.REFUSED, reason.strip()
    locked.checker, locked.checked_at = actor, Now()
    locked.save(update_fields=["state", "refusal_reason", "checker", "checked_at"])
    record(actor=actor, action="fixing.refused", obj=locked, on=on, reason=reason.strip())
    return locked


def _rate(code: str) -> ReferenceRate:
    found = ReferenceRate.objects.filter(code=code).first()
    if found is None:
        codes = ", ".join(ReferenceRate.objects.values_list("code", flat=True)) or "none"
        raise Refused(f"There is no reference rate {code}; known are {codes}.", field="rate")
    return found


def _lock(rate: ReferenceRate) -> None:
    """Two imports of one rate run one after the other, so that neither adds what the other has just added, and so
    that the newest row is the last to be seen."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(8316, %s)", [rate.pk])


def _check_days(rate: ReferenceRate, rows: Sequence[FileRow], known_at: datetime) -> None:
    days = calendar(rate.calendar)
    errors = []
    for row in rows:
        if not days.is_business_day(row.date):
            errors.append(
                f"Line {row.line}: {rate.code} is not published for {row.date}, no day of {rate.calendar}."
            )
        elif publication_moment(rate, row.date, days) > known_at:
            errors.append(
                f"Line {row.line}: the rate of {row.date} is not published before {known_at:%Y-%m-%d %H:%M}."
            )
    if errors:
        raise BadFile(errors)


def _open(proposal: FixingProposal, actor: User) -> FixingProposal:
    require_role(actor=actor, roles=DESK, to="check a fixing")
    locked = FixingProposal.objects.select_for_update(of=("self",)).select_related("rate").get(pk=proposal.pk)
    if locked.state != FixingProposal.State.PROPOSED:
        raise Refused(f"This fixing is {locked.get_state_display()} already.")
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this fixing")
    return locked
