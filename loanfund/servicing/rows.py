"""Writing the sub-ledgers: each compares what should stand with what is booked, and inserts the difference."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from loanfund.facilities.models import Facility
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing.models import (
    Accrual,
    Allocation,
    ControlPosting,
    Due,
    Event,
    FacilityAccrual,
    InterestPeriod,
)
from loanfund.servicing.picture import ZERO, FacilityNight, Night, NightState, Picture

Effect = dict[K, Decimal]
"""Changes of control accounts, each on its normal side."""


@dataclass
class Written:
    """The control effect of accrual rows just written: first rows of a night, and adjustments of earlier ones."""

    first: Effect = field(default_factory=lambda: defaultdict(Decimal))
    adjusted: Effect = field(default_factory=lambda: defaultdict(Decimal))
    written: int = 0
    adjustments: int = 0

    @property
    def every(self) -> Effect:
        total: Effect = defaultdict(Decimal)
        for part in (self.first, self.adjusted):
            for kind, amount in part.items():
                total[kind] += amount
        return total


INTEREST = (K.ACCRUED_INTEREST, K.INTEREST_INCOME)
BESIDE = {
    FacilityAccrual.Kind.DEFAULT_INTEREST: (K.ACCRUED_DEFAULT_INTEREST, K.DEFAULT_INTEREST_INCOME),
    FacilityAccrual.Kind.COMMITMENT_FEE: (K.ACCRUED_COMMITMENT_FEE, K.COMMITMENT_FEE_INCOME),
}


def add_effect(effect: Effect, accounts: tuple[K, K], posted: Decimal, suspended: bool) -> None:
    """Count one accrual row: accrued goes up with income, or with suspense while a loan is not accruing."""
    effect[accounts[0]] += posted
    effect[K.INTEREST_SUSPENSE if suspended else accounts[1]] += posted


_BOOKED_NIGHTS = """
SELECT DISTINCT ON (loan_id, accrual_date) loan_id, accrual_date, sequence,
    sum(exact) OVER w, sum(posted) OVER w, principal, rate, estimated, suspended,
    accrual_class_id, period_exact, base_num, base_den, base_exact
FROM servicing_accrual WHERE loan_id = ANY (%s) AND accrual_date >= %s
WINDOW w AS (PARTITION BY loan_id, accrual_date)
ORDER BY loan_id, accrual_date, sequence DESC
"""


def write_nights(facility: Facility, picture: Picture, *, on: date, batch_id: int) -> Written:
    """The accrual rows of a facility's loans, from `picture.since` on."""
    result = Written()
    booked: dict[tuple[int, date], Any] = {}
    if not picture.partial:
        loans = list(facility.loans.values_list("pk", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(_BOOKED_NIGHTS, [loans, picture.since])
            booked = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    new = _night_rows(facility, picture, booked, on, batch_id)
    for row in new:
        effect = result.adjusted if row.sequence else result.first
        add_effect(effect, INTEREST, row.posted, row.suspended)
        result.adjustments += row.sequence > 0
    Accrual.objects.bulk_create(new, batch_size=500)
    result.written = len(new)
    return result


def write_steps(steps: Iterable[tuple[Facility, Picture]], *, on: date, batch_id: int) -> None:
    """The rows of one night of many facilities, each after a step: none is booked yet."""
    nights: list[Accrual] = []
    beside: list[FacilityAccrual] = []
    for facility, picture in steps:
        nights += _night_rows(facility, picture, {}, on, batch_id)
        beside += _beside_rows(facility, picture, {}, on, batch_id)
    Accrual.objects.bulk_create(nights, batch_size=500)
    FacilityAccrual.objects.bulk_create(beside, batch_size=500)


def _night_rows(
    facility: Facility, picture: Picture, booked: dict[tuple[int, date], Any], on: date, batch_id: int
) -> list[Accrual]:
    """The rows that bring what is booked, by loan and night, to the picture."""
    wanted = {(night.loan_id, night.on): night for night in picture.nights}
    new = []
    for place, night in wanted.items():
        row = _night_row(night, booked.pop(place, None), facility, on, batch_id, place[1] == picture.through)
        if row is not None:
            new.append(row)
    return new + [
        _withdrawn(place, standing, facility, on, batch_id)
        for place, standing in booked.items()
        if standing[1] or standing[2]
    ]


def _night_row(
    night: Night, standing: tuple | None, facility: Facility, on: date, batch_id: int, newest: bool
) -> Accrual | None:
    sequence, exact, posted = 0, night.exact, night.posted
    suspended = night.suspended
    if standing is not None:
        sequence, exact, posted = standing[0] + 1, exact - standing[1], posted - standing[2]
        # A night keeps the side it was first booked to; what moves to suspense later is posted by itself.
        suspended = standing[6]
        same = not exact and not posted and (night.principal, night.rate) == (standing[3], standing[4])
        if same and (not newest or _same_state(night.state, standing)) and night.estimated == standing[5]:
            return None
    return Accrual(
        accrual_date=night.on,
        loan_id=night.loan_id,
        sequence=sequence,
        facility_id=facility.pk,
        batch_id=batch_id,
        booking_date=on,
        principal=night.principal,
        rate=night.rate,
        num=night.num,
        den=night.den,
        exact=exact,
        posted=posted,
        estimated=night.estimated,
        suspended=suspended,
        accrual_class_id=night.state.accrual_class,
        period_exact=night.state.period_exact,
        base_num=night.state.base_num,
        base_den=night.state.base_den,
        base_exact=night.state.base_exact,
    )


def _same_state(state: NightState, standing: tuple) -> bool:
    kept = standing[7:]
    return kept == (state.accrual_class, state.period_exact, state.base_num, state.base_den, state.base_exact)


def _withdrawn(
    place: tuple[int, date], standing: tuple, facility: Facility, on: date, batch_id: int
) -> Accrual:
    """A night that was booked and, by a correction, never was: its loan had not begun, or was repaid by then."""
    return Accrual(
        accrual_date=place[1],
        loan_id=place[0],
        sequence=standing[0] + 1,
        facility_id=facility.pk,
        batch_id=batch_id,
        booking_date=on,
        principal=ZERO,
        rate=standing[4],
        num=0,
        den=1,
        exact=-standing[1],
        posted=-standing[2],
        suspended=standing[6],
        accrual_class_id=standing[7],
        period_exact=ZERO,
        base_num=0,
        base_den=1,
        base_exact=ZERO,
    )


_BOOKED_BESIDE = """
SELECT DISTINCT ON (kind, subject, accrual_date) kind, subject, accrual_date, sequence,
    sum(exact) OVER w, sum(posted) OVER w, on_amount, rate, suspended
FROM servicing_facilityaccrual WHERE facility_id = %s AND accrual_date >= %s
WINDOW w AS (PARTITION BY kind, subject, accrual_date)
ORDER BY kind, subject, accrual_date, sequence DESC
"""


def write_facility_nights(facility: Facility, picture: Picture, *, on: date, batch_id: int) -> Written:
    """The rows of default interest and commitment fee, from `picture.since` on."""
    result = Written()
    booked: dict[tuple[Any, ...], Any] = {}
    if not picture.partial:
        with connection.cursor() as cursor:
            cursor.execute(_BOOKED_BESIDE, [facility.pk, picture.since])
            booked = {row[:3]: row[3:] for row in cursor.fetchall()}
    new = _beside_rows(facility, picture, booked, on, batch_id)
    for row in new:
        effect = result.adjusted if row.sequence else result.first
        add_effect(effect, BESIDE[FacilityAccrual.Kind(row.kind)], row.posted, row.suspended)
    FacilityAccrual.objects.bulk_create(new, batch_size=500)
    result.written = len(new)
    return result


def _beside_rows(
    facility: Facility, picture: Picture, booked: dict[tuple[Any, ...], Any], on: date, batch_id: int
) -> list[FacilityAccrual]:
    """The rows that bring what is booked, by kind, subject and night, to the picture."""
    new = []
    for night in picture.facility_nights:
        standing = booked.pop((night.kind, night.subject, night.on), None)
        sequence, exact, posted = (
            (0, ZERO, ZERO) if standing is None else (standing[0] + 1, standing[1], standing[2])
        )
        if standing is not None and (exact, posted) == (night.exact, night.posted):
            continue
        suspended = night.suspended if standing is None else standing[5]
        new.append(
            _beside(
                facility, night, on, batch_id, sequence, night.exact - exact, night.posted - posted, suspended
            )
        )
    for (kind, subject, day), standing in booked.items():
        if standing[1] or standing[2]:
            gone = FacilityNight(kind, subject, day, ZERO, standing[4], ZERO, ZERO)
            new.append(
                _beside(
                    facility, gone, on, batch_id, standing[0] + 1, -standing[1], -standing[2], standing[5]
                )
            )
    return new


def _beside(
    facility: Facility,
    night: FacilityNight,
    on: date,
    batch_id: int,
    sequence: int,
    exact: Decimal,
    posted: Decimal,
    suspended: bool,
) -> FacilityAccrual:
    return FacilityAccrual(
        accrual_date=night.on,
        facility_id=facility.pk,
        kind=night.kind,
        subject=night.subject,
        sequence=sequence,
        batch_id=batch_id,
        booking_date=on,
        on_amount=night.on_amount,
        rate=night.rate,
        exact=exact,
        posted=posted,
        suspended=suspended,
    )


def write_dues(facility: Facility, picture: Picture, *, on: date, event: Event | None) -> int:
    """A row for each due that is new, and a signed one for each whose amount changed."""
    booked: dict[str, list[Due]] = defaultdict(list)
    if picture.partial and not picture.dues:
        return 0
    for due in facility.dues.order_by("key", "sequence"):
        booked[due.key].append(due)
    new = []
    for line in picture.dues:
        standing = booked.pop(line.key, [])
        change = line.amount - sum((due.amount for due in standing), ZERO)
        if change:
            new.append(
                Due(
                    facility=facility,
                    loan_id=line.loan_id,
                    key=line.key,
                    sequence=len(standing),
                    component=line.component,
                    amount=change,
                    due_date=line.due_date,
                    payable_from=line.payable_from if not standing else max(line.payable_from, on),
                    booking_date=on,
                    event=event,
                )
            )
    for key, standing in () if picture.partial else booked.items():
        total = sum((due.amount for due in standing), ZERO)
        if total:
            first = standing[0]
            new.append(
                Due(
                    facility=facility,
                    loan_id=first.loan_id,
                    key=key,
                    sequence=len(standing),
                    component=first.component,
                    amount=-total,
                    due_date=first.due_date,
                    payable_from=first.payable_from,
                    booking_date=on,
                    event=event,
                )
            )
    return len(Due.objects.bulk_create(new))


def write_shares(facility: Facility, picture: Picture, *, on: date, event: Event | None) -> int:
    """A row for each allocation that is new, and a signed one for each that changed or is taken back."""
    booked: dict[tuple[str, str, str, str, date], list[Allocation]] = defaultdict(list)
    if picture.partial and not picture.shares:
        return 0
    for row in facility.allocations.order_by("sequence"):
        booked[row.source, row.due_key, row.component, row.how, row.value_date].append(row)
    wanted = {
        (share.source, share.due_key, share.component, share.how, share.value_date): (
            share.loan_id,
            share.amount,
        )
        for share in picture.shares
    }
    for place, standing in () if picture.partial else booked.items():
        wanted.setdefault(place, (standing[0].loan_id, ZERO))
    new = []
    for place, (loan_id, amount) in wanted.items():
        standing = booked.get(place, [])
        change = amount - sum((row.amount for row in standing), ZERO)
        if change:
            source, due_key, component, how, value_date = place
            new.append(
                Allocation(
                    facility=facility,
                    loan_id=loan_id,
                    source=source,
                    due_key=due_key,
                    component=component,
                    how=how,
                    value_date=value_date,
                    sequence=len(standing),
                    amount=change,
                    booking_date=on,
                    event=event,
                )
            )
    return len(Allocation.objects.bulk_create(new))


def write_periods(picture: Picture, *, on: date) -> int:
    """Each interest period that has begun; a changed one as a further version."""
    loans = {period.loan_id for period in picture.periods}
    booked: dict[tuple[int, date], InterestPeriod] = {
        (row.loan_id, row.start): row
        for row in InterestPeriod.objects.filter(loan_id__in=loans).order_by("version")
    }
    new = []
    for period in picture.periods:
        standing = booked.get((period.loan_id, period.start))
        if standing is not None and (standing.end, standing.payment_date) == (
            period.end,
            period.payment_date,
        ):
            continue
        new.append(
            InterestPeriod(
                loan_id=period.loan_id,
                start=period.start,
                version=0 if standing is None else standing.version + 1,
                end=period.end,
                payment_date=period.payment_date,
                unadjusted_start=period.unadjusted_start,
                unadjusted_end=period.unadjusted_end,
                booking_date=on,
            )
        )
    return len(InterestPeriod.objects.bulk_create(new))


def write_control(
    facility: Facility, shares: Iterable[tuple[K, Decimal]], *, on: date, value_date: date, key: str
) -> int:
    """The facility's share of what an entry posts to control accounts, beside what its accrual rows stand for."""
    new = [
        ControlPosting(
            facility=facility,
            kind=kind,
            amount=amount,
            booking_date=on,
            value_date=value_date,
            entry_key=key,
        )
        for kind, amount in shares
        if amount
    ]
    return len(ControlPosting.objects.bulk_create(new))
