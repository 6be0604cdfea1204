"""Reads of the statements that are made once a month is closed."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from loanfund.audit.models import IdempotencyKey
from loanfund.facilities.models import Fund
from loanfund.parties.models import Partner
from loanfund.reporting.models import MonthStatement
from loanfund.servicing.models import CloseRun

MADE = "reporting:monthly"
"""The scope of the keys that say which partner's month was seen to, whether or not it had anything to state."""
ONE_DAY = timedelta(days=1)


def months_over(fund: Fund) -> list[date]:
    """The last day of each month that is closed since the fund's first facility was signed, the newest first."""
    signed = fund.facilities.order_by("signed_on").values_list("signed_on", flat=True).first()
    if signed is None:
        return []
    found, last = [], fund.business_date.replace(day=1) - ONE_DAY
    while last >= signed:
        found.append(last)
        last = last.replace(day=1) - ONE_DAY
    return found


def closed_when(fund: Fund, last_day: date) -> datetime | None:
    """When the close of a month's last day was done; None when the fund has none of that day on record."""
    done = CloseRun.objects.filter(fund=fund, business_date__gte=last_day, state=CloseRun.State.DONE)
    return done.order_by("business_date").values_list("finished_at", flat=True).first()


def made_key(partner_id: int, fund_id: int, last_day: date) -> str:
    """The key of one partner's month in one fund."""
    return f"{fund_id}:{partner_id}:{last_day:%Y-%m}"


def made_already(keys: Iterable[str]) -> set[str]:
    """Those of the keys that are kept."""
    return set(IdempotencyKey.objects.filter(scope=MADE, key__in=list(keys)).values_list("key", flat=True))


def month_statements(partner: Partner) -> QuerySet[MonthStatement]:
    """A partner's statements of the months gone by, the newest first."""
    return partner.month_statements.order_by("-first_day", "number")


def being_made(partner: Partner) -> list[date]:
    """The last day of each closed month whose statement of the partner the workers have not come to yet, newest first."""
    found: set[date] = set()
    for fund in Fund.objects.filter(facilities__partner=partner).distinct():
        since = partner.facilities.filter(fund=fund).earliest("signed_on").signed_on
        keys = {made_key(partner.pk, fund.pk, last): last for last in months_over(fund) if last >= since}
        found |= {keys[key] for key in keys.keys() - made_already(keys)}
    return sorted(found, reverse=True)
