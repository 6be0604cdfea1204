"""The factors of a night: what loans share because their rate, convention and interest period are the same."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import transaction

from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.growth import Factors, Growth, GrowthKey
from loanfund.calculation.rates import FixedRate, FixingMissing, Fixings, FloatingRate, OvernightRate
from loanfund.calculation.terms import rate_document, rate_from_document
from loanfund.reference.models import ReferenceRate
from loanfund.reference.selectors import Stamp, calendar, database_id, known_fixings, newest_fixing
from loanfund.servicing.models import AccrualClass, DayFactor

RATE_PLACES = Decimal("0.000000000001")
ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=64)
def _readings(_newest: Stamp, as_of: date, end_of_day: bool) -> Factors:
    values = {code: known_fixings(code) for code in ReferenceRate.objects.values_list("code", flat=True)}
    return Factors(Fixings(values, as_of, end_of_day))


def factors_on(as_of: date, *, end_of_day: bool, newest: Stamp | None = None) -> Factors:
    """Growths under what is known of the fixings, judged on a business date: at its start, or when it is over.

    Shared within the process until a fixing is added. `newest` is `newest_fixing()` where the caller has just asked.
    """
    return _readings(newest_fixing() if newest is None else newest, as_of, end_of_day)


def class_document(key: GrowthKey) -> dict[str, Any]:
    """A growth's key as plain values; calendars by name."""
    reference = {name: getattr(key.reference, name) for name in ReferencePeriod.__dataclass_fields__}
    return {
        "rate": rate_document(key.rate, lambda one: one.name),
        "day_count": key.day_count.value,
        "start": key.start.isoformat(),
        "end": key.end.isoformat(),
        "reference": {
            name: value.isoformat() if isinstance(value, date) else value for name, value in reference.items()
        },
    }


def class_key(document: dict[str, Any]) -> GrowthKey:
    """The growth's key of a stored class."""
    reference = dict(document["reference"])
    for name in ("start", "end", "termination"):
        reference[name] = reference[name] and date.fromisoformat(reference[name])
    rate = rate_from_document(document["rate"], calendar)
    assert isinstance(rate, FixedRate | FloatingRate | OvernightRate)
    return GrowthKey(
        rate=rate,
        day_count=DayCount(document["day_count"]),
        start=date.fromisoformat(document["start"]),
        end=date.fromisoformat(document["end"]),
        reference=ReferencePeriod(**reference),
    )


ClassPlace = tuple[int, GrowthKey]
_CLASSES: dict[ClassPlace, int] = {}
_UNCOMMITTED: set[ClassPlace] = set()
MOST_CLASSES = 20_000


def class_id(key: GrowthKey) -> int:
    """The id of the class of a growth, stored when first met.

    Remembered within the process only once it is certain that the row stays: an id remembered from a transaction that is
    undone would be one that no row has.
    """
    place = (database_id(), key)
    if place in _CLASSES:
        return _CLASSES[place]
    document = class_document(key)
    text = json.dumps(document, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    found = AccrualClass.objects.filter(digest=digest).values_list("pk", flat=True).first()
    if found is None:
        _UNCOMMITTED.add(place)
        stored = int(AccrualClass.objects.get_or_create(digest=digest, defaults={"document": document})[0].pk)
        transaction.on_commit(lambda: _remember(place, stored))
        return stored
    if place not in _UNCOMMITTED:
        _remember(place, found)
    return found


def _remember(place: ClassPlace, pk: int) -> None:
    if len(_CLASSES) >= MOST_CLASSES:
        _CLASSES.clear()
    _CLASSES[place] = pk
    _UNCOMMITTED.discard(place)


def store_factors(classes: Sequence[int], night: date) -> int:
    """Work out and keep a night's factor of each class; return how many have none, because their interest period is over
    or a fixing that is due is absent, or only an estimated one."""
    factors = factors_on(night, end_of_day=True)
    there = set(
        DayFactor.objects.filter(accrual_date=night, accrual_class_id__in=classes).values_list(
            "accrual_class_id", flat=True
        )
    )
    new, without = [], 0
    for stored in AccrualClass.objects.filter(pk__in=[pk for pk in classes if pk not in there]).order_by(
        "pk"
    ):
        key = class_key(stored.document)
        if night >= key.end:
            without += 1
            continue
        try:
            row = day_factor(stored.pk, factors.growth(key), night)
        except FixingMissing:
            without += 1
            continue
        without += row.estimated
        new.append(row)
    DayFactor.objects.bulk_create(new, batch_size=1000, ignore_conflicts=True)
    return without


def day_factor(class_pk: int, growth: Growth, night: date) -> DayFactor:
    """One class's factor of one night, as stored."""
    num, den = growth.at(night + ONE_DAY)
    n1, d1 = growth.fraction(night + ONE_DAY)
    n0, d0 = growth.fraction(night)
    return DayFactor(
        accrual_date=night,
        accrual_class_id=class_pk,
        num=num,
        den=den,
        rate=rate_of(growth, night),
        day_num=n1 * d0 - n0 * d1 if d0 != d1 else n1 - n0,
        day_den=d0 * d1 if d0 != d1 else d1,
        estimated=growth.estimated(night),
    )


def rate_of(growth: Growth, night: date) -> Decimal:
    """The all-in rate of a night to twelve decimals, for the reader; interest never passes through it."""
    rate = growth.all_in(night)
    return (Decimal(rate.numerator) / Decimal(rate.denominator)).quantize(RATE_PLACES)


def known(classes: Iterable[int]) -> dict[int, GrowthKey]:
    """The growth keys of stored classes."""
    return {row.pk: class_key(row.document) for row in AccrualClass.objects.filter(pk__in=classes)}
