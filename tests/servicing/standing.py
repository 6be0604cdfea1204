"""Where a facility stands: everything that is booked on it, corrections netted, and what the replay alone says of it.

Two facilities that lived through the same stand the same, whatever their loans are called and whenever each was told.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.servicing.balances import booked_control, kept
from loanfund.servicing.fold import draw_picture
from loanfund.servicing.models import Accrual, Allocation, Due, FacilityAccrual, Loan

ZERO = Decimal(0)


def booked(
    facility: Facility, loans: Sequence[Loan], today: date, *, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Nights, accruals beside them, dues, allocations and balances; loans are named by their place in `loans`, events by
    `names` where it has their key."""
    places = {loan.pk: f"L{place}" for place, loan in enumerate(loans)}
    said = {loan.number: places[loan.pk] for loan in loans} | dict(names or {})

    def plain(text: str) -> str:
        for number, name in said.items():
            text = text.replace(number, name)
        return text

    nights: dict[Any, list[Any]] = {}
    for row in Accrual.objects.filter(facility_id=facility.pk).order_by("sequence"):
        standing = nights.setdefault((places[row.loan_id], row.accrual_date), [ZERO, ZERO])
        standing[:] = [
            standing[0] + row.exact,
            standing[1] + row.posted,
            row.principal,
            _carried(row.accrual_date, row.period_exact, today),
        ]
    beside: dict[Any, Decimal] = defaultdict(Decimal)
    for one in FacilityAccrual.objects.filter(facility_id=facility.pk):
        beside[one.kind, plain(one.subject), one.accrual_date] += one.exact
    dues = Due.objects.filter(facility=facility).values_list("key").annotate(n=Sum("amount"))
    shares = (
        Allocation.objects.filter(facility=facility)
        .values_list("source", "due_key", "component", "how", "value_date")
        .annotate(n=Sum("amount"))
    )
    owners = {facility_owner(facility.pk): "F"} | {f"loan:{pk}": name for pk, name in places.items()}
    return {
        "nights": _with_interest(nights),
        "beside": {place: amount for place, amount in beside.items() if amount},
        "dues": {plain(key): amount for key, amount in dues if amount},
        "shares": {
            (plain(source), plain(key), *rest): amount for source, key, *rest, amount in shares if amount
        },
        "balances": {
            (kind, owners[owner]): amount for (kind, owner), amount in kept(facility).items() if amount
        },
        "control": {kind: amount for kind, amount in booked_control(facility).items() if amount},
    }


def replayed(facility: Facility, loans: Sequence[Loan], today: date) -> dict[str, Any]:
    """What of `booked` the replay alone says."""
    picture = draw_picture(facility, through=today)
    places = {loan.pk: f"L{place}" for place, loan in enumerate(loans)}
    nights = {
        (places[one.loan_id], one.on): [
            one.exact,
            one.posted,
            one.principal,
            _carried(one.on, one.state.period_exact, today),
        ]
        for one in picture.nights
    }
    return {
        "nights": _with_interest(nights),
        "control": {kind: amount for kind, amount in picture.control.items() if amount},
    }


def _with_interest(nights: dict[Any, list[Any]]) -> dict[Any, list[Any]]:
    return {place: row for place, row in nights.items() if row[0] or row[1] or row[2]}


def _carried(night: date, exact: Decimal, today: date) -> Decimal:
    """What a night hands on to the next one: it counts on the newest night alone, and is kept right there alone."""
    return exact if night == today - timedelta(days=1) else ZERO
