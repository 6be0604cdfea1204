"""Locking a month and, as an exception, reopening it: each by two people, the list worked out again by the second."""

from datetime import date

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Fund
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.services.rights import require_role
from loanfund.reporting.models import MonthLock
from loanfund.reporting.selectors.month_end import month_checks, month_of

LOCKERS = (roles.FINANCE, roles.OPERATIONS_CHECKER)
State = MonthLock.State


@transaction.atomic
def propose_lock(*, fund: Fund, month: date, actor: User, on: date) -> MonthLock:
    """Say that the calendar month of `month` is complete, for a second person to lock.

    Refused for a month that is not over or lies before the fund, one that is locked or put forward already, and while
    anything on the month end's list does not hold.
    """
    require_role(actor=actor, roles=(roles.FINANCE,), to="put a month forward to be locked")
    fund = Fund.objects.get(pk=fund.pk)
    first, last = month_of(month)
    if last >= fund.business_date:
        raise Refused(f"{first:%B %Y} is not over: the business date is {fund.business_date:%d %B %Y}.")
    if last < fund.opened_on:
        raise Refused(f"The fund was not open in {first:%B %Y}.")
    checks = _complete(fund, first, last)
    try:
        with transaction.atomic():
            lock = MonthLock.objects.create(
                fund=fund, first_day=first, last_day=last, checks=checks, proposed_on=on, maker=actor
            )
    except IntegrityError as error:
        raise Refused(f"{first:%B %Y} is locked or put forward already.") from error
    record(
        actor=actor, action="month_lock.proposed", obj=lock, on=on, after={"month": first, "checks": checks}
    )
    return lock


def _complete(fund: Fund, first: date, last: date) -> list[list[str]]:
    """The list as pairs of words. Refused, naming what does not hold."""
    checks = month_checks(fund, first, last)
    open_ = [f"{check.label.lower()} ({check.text})" for check in checks if not check.holds]
    if open_:
        raise Refused(f"{first:%B %Y} is not complete: {'; '.join(open_)}.")
    return [[check.label, check.text] for check in checks]


@transaction.atomic
def lock_month(*, lock: MonthLock, actor: User, on: date) -> MonthLock:
    """The second person locks it, on a list worked out anew. Refused to the one who put it forward."""
    require_role(actor=actor, roles=LOCKERS, to="lock a month")
    held = _held(lock, State.PROPOSED)
    _another(actor, held.maker, "put this month forward")
    held.checks = _complete(held.fund, held.first_day, held.last_day)
    held.state, held.locked_on = State.LOCKED, on
    held.checker, held.checked_at = actor, Now()
    held.save()
    after = {"month": held.first_day, "checks": held.checks}
    record(actor=actor, action="month_lock.locked", obj=held, on=on, after=after)
    return held


@transaction.atomic
def refuse_lock(*, lock: MonthLock, reason: str, actor: User, on: date) -> MonthLock:
    """Send the month back, or withdraw what one put forward oneself; with a reason."""
    require_role(actor=actor, roles=LOCKERS, to="refuse to lock a month")
    held = _held(lock, State.PROPOSED)
    held.state, held.reason = State.REFUSED, _said(reason)
    held.save()
    record(actor=actor, action="month_lock.refused", obj=held, on=on, reason=held.reason)
    return held


@transaction.atomic
def ask_reopening(*, lock: MonthLock, reason: str, actor: User, on: date) -> MonthLock:
    """Ask for a locked month to be reopened. It stays locked until a second person agrees."""
    require_role(actor=actor, roles=LOCKERS, to="ask for a month to be reopened")
    held = _held(lock, State.LOCKED)
    held.state, held.reason, held.reopening_by = State.REOPENING, _said(reason), actor
    held.save()
    record(actor=actor, action="month_lock.reopening_asked", obj=held, on=on, reason=held.reason)
    return held


@transaction.atomic
def reopen_month(*, lock: MonthLock, actor: User, on: date) -> MonthLock:
    """The second person reopens it. The exception is kept with both people and the reason."""
    require_role(actor=actor, roles=LOCKERS, to="reopen a month")
    held = _held(lock, State.REOPENING)
    _another(actor, held.reopening_by, "asked for it")
    held.state, held.reopened_by, held.reopened_on = State.REOPENED, actor, on
    held.save()
    record(actor=actor, action="month_lock.reopened", obj=held, on=on, reason=held.reason)
    return held


@transaction.atomic
def keep_locked(*, lock: MonthLock, reason: str, actor: User, on: date) -> MonthLock:
    """Refuse to reopen a month, or take back the asking: it stays locked."""
    require_role(actor=actor, roles=LOCKERS, to="keep a month locked")
    held, said = _held(lock, State.REOPENING), _said(reason)
    held.state, held.reason, held.reopening_by = State.LOCKED, "", None
    held.save()
    record(actor=actor, action="month_lock.reopening_refused", obj=held, on=on, reason=said)
    return held


def _held(lock: MonthLock, state: str) -> MonthLock:
    held = MonthLock.objects.select_for_update(of=("self",)).select_related("fund").get(pk=lock.pk)
    if held.state != state:
        raise Refused(f"{held} is {held.get_state_display()}.")
    return held


def _another(actor: User, first: User | None, did: str) -> None:
    if first is not None and first.pk == actor.pk:
        raise Refused(f"You {did}: another person has to agree.", code="same_person")


def _said(reason: str) -> str:
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    return reason.strip()
