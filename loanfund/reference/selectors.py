"""Calendars and fixings as frozen values of `calculation`."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from django.db import connection

from loanfund.audit.errors import Refused
from loanfund.calculation.calendars import EVERY_DAY, WEEKENDS_ONLY, Calendar, joined
from loanfund.calculation.rates import Fixings
from loanfund.reference.models import Holiday, RateFixing, ReferenceRate

KEPT = 16
"""How many calendars and readings of fixings a process keeps; each is rebuilt when a row was added since."""


Stamp = tuple[int, ...]
"""What a cached reading rests on: the database and the newest row. Another stamp is read anew."""


_DATABASES: WeakKeyDictionary[object, int] = WeakKeyDictionary()


def database_id() -> int:
    """The number that PostgreSQL gave the database in use: another for a copy, whatever its name. Asked once a connection.

    Whoever keeps rows within the process keeps this beside them; two databases of one name have rows of the same ids.
    """
    connection.ensure_connection()
    raw = connection.connection
    if raw not in _DATABASES:
        found = raw.execute(
            "SELECT oid::bigint FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        _DATABASES[raw] = found[0]
    return _DATABASES[raw]


def _stamp(query: str, *values: str | int) -> Stamp:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return (database_id(), *(value or 0 for value in cursor.fetchone()))


def newest_fixing() -> Stamp:
    """What everything kept of the fixings rests on: it changes as soon as one is learnt."""
    return _stamp("SELECT max(id) FROM reference_ratefixing")


def _newest(rate: int) -> Stamp:
    return _stamp("SELECT max(id) FROM reference_ratefixing WHERE rate_id = %s", rate)


def calendar(name: str) -> Calendar:
    """The calendar of that name: its weekend and its holidays. "A+B" is the days on which both are open.

    "weekends" and "every day" need no rows. Raises Refused for a name without rows.
    """
    if "+" in name:
        return joined(*(calendar(part.strip()) for part in name.split("+")))
    if name == WEEKENDS_ONLY.name:
        return WEEKENDS_ONLY
    if name == EVERY_DAY.name:
        return EVERY_DAY
    stamp = _stamp("SELECT max(id), count(*) FROM reference_holiday WHERE calendar = %s", name)
    if not stamp[-1]:
        raise Refused(f"There is no calendar {name}. Run `manage.py ensure_reference`, or name a known one.")
    return _calendar(name, stamp)


@lru_cache(maxsize=KEPT)
def _calendar(name: str, _stamp: Stamp) -> Calendar:
    days = Holiday.objects.filter(calendar=name).values_list("date", flat=True)
    return Calendar(name=name, holidays=frozenset(days))


def publication_moment(rate: ReferenceRate, day: date, days: Calendar | None = None) -> datetime:
    """When the value for `day` is due to be published: so many business days later, at an hour of the rate's place.

    `days` is the rate's calendar, for a caller that has it at hand.
    """
    due = (days or calendar(rate.calendar)).add_business_days(day, rate.publication_lag)
    return datetime.combine(due, rate.publication_time, ZoneInfo(rate.time_zone))


def fixings(
    *codes: str, known_at: datetime | None = None, as_of: date | None = None, end_of_day: bool = True
) -> Fixings:
    """The fixings of these reference rates (of all when none is named) as a value of `calculation`.

    `known_at` ignores what we learnt later. `as_of` ignores what was published after that day, and with
    `end_of_day=False` on it: so the close of a past day sees what it would have seen then. Cheap to call again: one
    small query a rate tells whether a row was added since.
    """
    wanted = ReferenceRate.objects.filter(code__in=codes) if codes else ReferenceRate.objects.all()
    rates = {rate.code: rate for rate in wanted}
    unknown = set(codes) - set(rates)
    if unknown:
        raise Refused(f"There is no reference rate {', '.join(sorted(unknown))}.")
    values = {
        code: _published(rate, calendar(rate.calendar), _newest(rate.pk), known_at, as_of, end_of_day)
        for code, rate in rates.items()
    }
    return Fixings(values, as_of or date.max, end_of_day)


def known_fixings(code: str, known_at: datetime | None = None) -> Mapping[date, Decimal]:
    """Each day's value of a rate as a fraction a year (0.0363), as known now, or as it was known at a moment."""
    rate = ReferenceRate.objects.filter(code=code).values_list("pk", flat=True).first() or 0
    return _values(code, _newest(rate), known_at)


@lru_cache(maxsize=KEPT)
def _values(code: str, _stamp: Stamp, known_at: datetime | None) -> Mapping[date, Decimal]:
    rows = RateFixing.objects.filter(rate__code=code)
    if known_at is not None:
        rows = rows.filter(known_at__lte=known_at)
    # Later knowledge overwrites earlier; the rows come in that order.
    found = dict(rows.order_by("date", "known_at", "id").values_list("date", "value"))
    return MappingProxyType({day: plain_fraction(value) for day, value in found.items()})


@lru_cache(maxsize=KEPT)
def _published(
    rate: ReferenceRate,
    days: Calendar,
    newest: Stamp,
    known_at: datetime | None,
    as_of: date | None,
    end_of_day: bool,
) -> Mapping[date, Decimal]:
    values = _values(rate.code, newest, known_at)
    if as_of is None:
        return values
    last = as_of if end_of_day else as_of - timedelta(days=1)
    # Publication follows the days in order, so the values not yet out are the last few.
    held_back: set[date] = set()
    for day in sorted(values, reverse=True):
        if days.add_business_days(day, rate.publication_lag) <= last:
            break
        held_back.add(day)
    return MappingProxyType({day: value for day, value in values.items() if day not in held_back})


def plain_fraction(value: Decimal) -> Decimal:
    """The same number without the idle zeros of its column: 0.036300000000 as 0.0363."""
    return value.quantize(Decimal(1)) if value == value.to_integral() else value.normalize()
