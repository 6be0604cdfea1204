"""What every service does first: holds the business date and, where it books, sees that no close is running and holds the
facility."""

from datetime import date

from django.db import connection

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.services import lock_business_date
from loanfund.servicing.models import CloseRun

PAYMENTS_LOCK = 8317
"""The first key of the advisory lock under which payments are entered; the second is the fund."""


def hold_day(fund: Fund, on: date) -> Fund:
    """Hold the fund's business date until the transaction ends: enough for what is entered, proposed or refused, and books
    nothing. Refused when `on` is another day."""
    standing = lock_business_date(fund)
    if standing != on:
        raise Refused(
            f"The business date of {fund.name} is {standing:%d %B %Y}, not {on:%d %B %Y}. Load the page again.",
            field="on",
            code="closed",
        )
    return fund


def hold_payments(fund: Fund, on: date) -> Fund:
    """As `hold_day`, and one at a time for the fund: two who enter one payment, or load one file, follow each other, so
    that the second is told by a sentence that it is there."""
    hold_day(fund, on)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [PAYMENTS_LOCK, fund.pk])
    return fund


def hold_fund(fund: Fund, on: date) -> Fund:
    """As `hold_day`, for what books. Refused while a close runs: what is due on a day is due before that day's first
    receipt, so nothing is booked between two business dates."""
    hold_day(fund, on)
    running = CloseRun.objects.filter(fund=fund).exclude(state=CloseRun.State.DONE).first()
    if running is not None:
        raise Refused(
            f"The close of {running.business_date:%d %B %Y} is running. Try again when it is done, in a minute.",
            code="close_running",
        )
    return fund


def hold_facility(facility: Facility, on: date) -> Facility:
    """As `hold_fund`, then hold the facility itself: fund first, facility second, everywhere."""
    hold_fund(facility.fund, on)
    return (
        Facility.objects.select_for_update(of=("self",)).select_related("fund", "partner").get(pk=facility.pk)
    )
