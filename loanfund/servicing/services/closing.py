"""Asking for a close, and curing what it had to leave behind. The work itself is in `servicing.close`."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import OperationalError, transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Fund
from loanfund.ledger.services import post_entries
from loanfund.parties.models import User
from loanfund.servicing import rights
from loanfund.servicing.close import runs, steps
from loanfund.servicing.close.attend import see_in_the_morning
from loanfund.servicing.desk import hold_facility
from loanfund.servicing.engine import bring_to
from loanfund.servicing.fold import draw_picture
from loanfund.servicing.models import CloseException, CloseRun, Event

__all__ = [
    "auto_close_due",
    "close_day",
    "close_through",
    "request_close",
    "request_retry",
    "resume_close",
    "retry_exceptions",
]


@transaction.atomic
def request_close(*, fund: Fund, actor: User, on: date) -> CloseRun:
    """Ask for the close of business date `on`: a row that the workers find within seconds. Asking twice is once."""
    rights.must(rights.RUN_CLOSE, actor=actor)
    if not Fund.objects.filter(pk=fund.pk, business_date=on).exists():
        raise Refused("The business date has moved on. Load the page again.", field="on")
    return runs.open_run(fund=fund, on=on, actor=actor)


def resume_close(*, run: CloseRun, actor: User, on: date) -> CloseRun:
    """Let a close that stopped, because its books did not prove, try again once the cause is put right."""
    rights.must(rights.RUN_CLOSE, actor=actor)
    return runs.resume(run=run, actor=actor, on=on)


def close_day(*, fund: Fund, on: date, actor: User | None = None) -> CloseRun | None:
    """`close.steps.close_day`, asked of a person for the right; the beat and the command have no actor."""
    if actor is not None:
        rights.must(rights.RUN_CLOSE, actor=actor)
    return steps.close_day(fund=fund, on=on, actor=actor)


def close_through(*, fund: Fund, through: date, actor: User | None = None) -> int:
    """`close.steps.close_through`, asked of a person for the right; the beat and the command have no actor."""
    if actor is not None:
        rights.must(rights.RUN_CLOSE, actor=actor)
    return steps.close_through(fund=fund, through=through, actor=actor)


def auto_close_due(now: datetime) -> list[tuple[Fund, date]]:
    """The funds whose business date is over in their own time zone and that close by themselves, with that date.

    One date a fund: missed days follow one another.
    """
    return [
        (fund, fund.business_date)
        for fund in Fund.objects.filter(auto_close=True)
        if now.astimezone(ZoneInfo(fund.time_zone)).date() > fund.business_date
    ]


@transaction.atomic
def request_retry(*, exception: CloseException, actor: User, on: date) -> CloseException:
    """Ask for another try of a facility that a close left behind."""
    rights.must(rights.RUN_CLOSE, actor=actor)
    locked = CloseException.objects.select_for_update(of=("self",)).get(pk=exception.pk)
    if locked.state == CloseException.State.CURED:
        raise Refused("This facility has caught up already.")
    locked.state, locked.retried_by = CloseException.State.RETRY, actor
    locked.save(update_fields=["state", "retried_by"])
    record(actor=actor, action="close.retry_requested", obj=locked, on=on, reason=locked.reason)
    return locked


def retry_exceptions(*, fund: Fund, on: date) -> dict[str, int]:
    """Try every facility for which a retry is asked: all its missed nights are booked today, each with its own date.

    One transaction a facility. One that fails again is open again, with its new reason. While a close runs, and when a
    server is gone, nothing is tried and the retry stays asked for.
    """
    found = CloseException.objects.filter(facility__fund=fund, state=CloseException.State.RETRY)
    outcome = {"cured": 0, "failed": 0}
    for exception in found.select_related("facility__fund").order_by("facility_id"):
        try:
            outcome["cured"] += _cure(exception, on)
        except OperationalError:
            raise
        except Exception as error:
            if isinstance(error, Refused) and error.code in {"close_running", "closed"}:
                break
            CloseException.objects.filter(pk=exception.pk, state=CloseException.State.RETRY).update(
                state=CloseException.State.OPEN, reason=str(error)[:2000], attempts=exception.attempts + 1
            )
            outcome["failed"] += 1
    return outcome


@transaction.atomic
def _cure(exception: CloseException, on: date) -> bool:
    """Catch one facility up; False when another worker did meanwhile."""
    facility = hold_facility(exception.facility, on)
    asked = CloseException.objects.select_for_update().filter(
        pk=exception.pk, state=CloseException.State.RETRY
    )
    if not asked.exists():
        return False
    caught_up = Event.objects.create(
        facility=facility,
        number=(facility.events.order_by("-number").values_list("number", flat=True).first() or 0) + 1,
        key=f"caught-up:{exception.pk}",
        kind="caught_up",
        value_date=exception.since,
        booking_date=on,
        document={},
        cause=f"close_exception:{exception.pk}",
        actor=exception.retried_by,
    )
    difference = bring_to(
        facility=facility,
        picture=draw_picture(facility, through=on),
        on=on,
        batch_id=-caught_up.pk,
        key=f"facility:{facility.pk}:event:{caught_up.number}",
        kind="caught_up",
        value_date=on,
        event=caught_up,
    )
    post_entries(entries=difference.drafts, actor=exception.retried_by, on=on)
    CloseException.objects.filter(pk=exception.pk).update(state=CloseException.State.CURED, cured_on=on)
    see_in_the_morning(facility, on)
    record(
        actor=exception.retried_by,
        action="close.caught_up",
        obj=facility,
        on=on,
        after={"since": exception.since, "rows": difference.counts, "until": on - timedelta(days=1)},
    )
    return True
