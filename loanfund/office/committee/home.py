"""Today: what waits for the person, the fund at a glance, and the last close."""

from typing import Any

from django.http import HttpRequest

from loanfund.facilities.models import Fund
from loanfund.facilities.selectors import fund_position
from loanfund.office.committee.glance import glance
from loanfund.office.committee.waiting import tasks_of
from loanfund.office.operations.seat import take_seat
from loanfund.office.pages import PAGES
from loanfund.parties import roles
from loanfund.servicing.models import CloseRun


def today(request: HttpRequest) -> dict[str, Any]:
    """What the home page shows this person; nothing of the fund before one is open, or to somebody without a role."""
    if not Fund.objects.exists():
        return {}
    seat = take_seat(request)
    if not seat.held & set(roles.ALL):
        return {}
    opens = {one.name for one in PAGES if seat.held & {*one.readers, *one.actors, roles.AUDITOR}}
    return {
        "fund": seat.fund,
        "code": seat.fund.currency,
        "tasks": tasks_of(seat),
        "opens": opens,
        "last_close": CloseRun.objects.filter(fund=seat.fund).order_by("-business_date").first(),
        **glance(seat.fund, fund_position(seat.fund), opens),
    }
