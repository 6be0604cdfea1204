"""What reached a month after it was locked: booked in the open month, with the value date that it carries."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q, QuerySet

from loanfund.facilities.models import Fund
from loanfund.reporting.models import MonthLock
from loanfund.servicing.models import BankImport, BankImportRow, Event, HandJournal, Receipt

LOCKED = (MonthLock.State.LOCKED, MonthLock.State.REOPENING)
SHOWN = 100


@dataclass(frozen=True)
class Arrival:
    """One thing whose value date lies in a locked month: `number` is its own or empty, `booked_on` None while it waits."""

    what: str
    number: str
    facility: str
    value_date: date
    booked_on: date | None
    amount: Decimal | None


def locked_month(fund: Fund, day: date) -> MonthLock | None:
    """The lock of the month that a day lies in; None when it is open."""
    return MonthLock.objects.filter(
        fund=fund, state__in=LOCKED, first_day__lte=day, last_day__gte=day
    ).first()


def arrived_since(lock: MonthLock) -> list[Arrival]:
    """What carries a value date of a locked month and was entered or booked after its end, by the day it was booked; what
    waits last. The first of each kind when there are many."""
    within = {"value_date__range": (lock.first_day, lock.last_day)}
    after = lock.last_day
    receipts = Receipt.objects.filter(fund=lock.fund, **within).exclude(state=Receipt.State.REJECTED)
    late = receipts.filter(Q(booked_on__gt=after) | Q(booked_on=None)).select_related("facility")
    found = [
        Arrival("receipt", one.number, str(one.facility or ""), one.value_date, one.booked_on, one.amount)
        for one in late.order_by("id")[:SHOWN]
    ]
    journals = HandJournal.objects.filter(fund=lock.fund, booked_on__gt=after, **within)
    found += [
        Arrival(
            one.get_kind_display(),
            one.number,
            str(one.facility or ""),
            one.value_date,
            one.booked_on,
            one.amount,
        )
        for one in journals.select_related("facility").order_by("id")[:SHOWN]
    ]
    events = Event.objects.filter(facility__fund=lock.fund, booking_date__gt=after, **within)
    found += [
        Arrival(one.kind.replace("_", " "), "", str(one.facility), one.value_date, one.booking_date, None)
        for one in events.exclude(kind__in=("received", "caught_up"))
        .select_related("facility")
        .order_by("id")[:SHOWN]
    ]
    return sorted(found, key=lambda one: (one.booked_on is None, one.booked_on or one.value_date, one.number))


def locked_lines(imported: BankImport) -> list[tuple[MonthLock, int, int]]:
    """The locked months that a file has lines of, each with how many became receipts and how many are of money out.

    A chain's time counts for the month that its own date names: the cut-off moves the last evening's at most.
    """
    found = []
    for lock in MonthLock.objects.filter(fund=imported.fund_id, state__in=LOCKED).order_by("first_day"):
        inside = imported.lines.filter(receipt__value_date__range=(lock.first_day, lock.last_day))
        out = _of_month(imported, lock).filter(receipt=None, cells__amount__startswith="-")
        counts = (inside.count(), out.count())
        if any(counts):
            found.append((lock, *counts))
    return found


def _of_month(imported: BankImport, lock: MonthLock) -> QuerySet[BankImportRow]:
    name = "value_date" if imported.layout == BankImport.Layout.BANK else "time"
    return imported.lines.filter(**{f"cells__{name}__startswith": f"{lock.first_day:%Y-%m}"})
