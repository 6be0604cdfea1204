"""Month end: what has to hold, who put the month forward, who locked it, and the exception of opening it again."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.office.finance.statements import last_month
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.reporting.models import MonthLock
from loanfund.reporting.selectors.arrivals import Arrival, arrived_since
from loanfund.reporting.selectors.month_end import MonthCheck, month_checks, month_of
from loanfund.reporting.services import month_locks

READERS = (roles.FINANCE, roles.OPERATIONS_CHECKER)
State = MonthLock.State
STANDING = (State.PROPOSED, State.LOCKED, State.REOPENING)
TONES = {
    State.PROPOSED: "warn", State.LOCKED: "ok", State.REFUSED: "", State.REOPENING: "warn", State.REOPENED: "bad",
}  # fmt: skip


class MonthForm(forms.Form):
    """The month, as YYYY-MM."""

    month = forms.DateField(
        label="Month",
        input_formats=["%Y-%m"],
        error_messages={"invalid": "Enter a month such as 2026-07."},
        widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m"),
    )


@page("month-end/", name="month_end", readers=READERS, actors=READERS, menu="Month end", section="Finance")
def month_end(request: HttpRequest) -> HttpResponse:
    """The checklist of one month; the last whole one unless another is asked for."""
    seat = take_seat(request)
    usual = last_month(seat.on)[0]
    form = MonthForm(request.GET if "month" in request.GET else None, initial={"month": usual})
    first = usual
    if form.is_bound and form.is_valid():
        first = form.cleaned_data["month"]
    first, last = month_of(first)
    begun = first <= seat.on and last >= seat.fund.opened_on
    checks = month_checks(seat.fund, first, last) if begun and not form.errors else []
    locks = list(
        MonthLock.objects.filter(fund=seat.fund).select_related(
            "maker", "checker", "reopening_by", "reopened_by"
        )[:60]
    )
    lock = next((one for one in locks if one.first_day == first and one.state in STANDING), None)
    still = sum(1 for check in checks if not check.holds)
    desk = Desk(request, _acts(seat, first, lock, ready=begun and not still and last < seat.on))
    if (answer := desk.answer()) is not None:
        return answer
    context = {
        "form": form,
        "first": first,
        "checks": [
            (check, _desk_of(check, max(first, seat.fund.opened_on), last), then)
            for check, then in _beside(checks, lock)
        ],
        "arrived": [(one, _arrival_href(one)) for one in arrived_since(lock)]
        if lock and lock.locked_on
        else [],
        "open": still,
        "over": last < seat.on,
        "lock": lock,
        "tone": TONES[State(lock.state)] if lock else "",
        "waits": _waits(seat, lock),
        "locks": [(one, TONES[State(one.state)]) for one in locks],
        "desk": desk,
    }
    status = 422 if form.errors else desk.status
    return show(request, "office/finance/month_end.html", context, title="Month end", status=status)


def _beside(checks: list[MonthCheck], lock: MonthLock | None) -> list[tuple[MonthCheck, str]]:
    """Each check with how it stood when the month was locked; empty when it stands so still, or is not locked."""
    then = dict(lock.checks) if lock and lock.locked_on else {}
    return [
        (check, then[check.label] if then.get(check.label, check.text) != check.text else "")
        for check in checks
    ]


ARRIVALS = {"RC": "receipt", "JN": "journal"}


def _arrival_href(one: Arrival) -> str:
    name = ARRIVALS.get(one.number.partition("-")[0])
    if name:
        return reverse(f"admin:{name}", args=[one.number])
    return reverse("admin:facility", args=[one.facility]) if one.facility else ""


REPORT_OF = {"roll": "accrual-roll-forward", "cash": "reconciliation"}


def _desk_of(check: MonthCheck, first: date, last: date) -> str:
    if check.desk in REPORT_OF:
        days = urlencode({"first_day": first.isoformat(), "last_day": last.isoformat()})
        return f"{reverse('admin:report', args=[REPORT_OF[check.desk]])}?{days}"
    if check.desk == "held":
        return f"{reverse('admin:receipts')}?state=held"
    return reverse(f"admin:{check.desk}")


def _waits(seat: Seat, lock: MonthLock | None) -> str:
    """Why the person cannot take the next step, when nothing but having taken the last one keeps them from it."""
    if lock and lock.state == State.PROPOSED and lock.maker_id == seat.user.pk:
        return "You put it forward: another person has to lock it."
    if lock and lock.state == State.REOPENING and lock.reopening_by_id == seat.user.pk:
        return "You asked for it to be reopened: another person has to agree."
    return ""


def _acts(seat: Seat, first: Any, lock: MonthLock | None, *, ready: bool) -> Iterator[Act]:
    state = lock.state if lock else ""
    right = seat.holds(*READERS)
    yield Act(
        "propose",
        "Put it forward",
        partial(_propose, seat, first),
        right=seat.holds(roles.FINANCE),
        ready=ready and lock is None,
        title="Lock the month",
        says="Everything on the list holds. Another person locks the month, and nothing is booked into it any more.",
    )
    yield Act(
        "lock",
        f"Lock {first:%B %Y}",
        partial(_step, seat, lock, month_locks.lock_month, "locked"),
        right=right,
        ready=bool(lock) and state == State.PROPOSED and seat.second(lock.maker_id if lock else None),
        title="Lock the month",
        says="The list is worked out once more before it is locked.",
    )
    yield Act(
        "refuse",
        "Do not lock it",
        partial(_reasoned, seat, lock, month_locks.refuse_lock, "sent back"),
        right=right,
        ready=state == State.PROPOSED,
        form=ReasonForm,
        danger=True,
        title="Send it back",
    )
    yield Act(
        "ask",
        "Ask for it to be reopened",
        partial(
            _reasoned, seat, lock, month_locks.ask_reopening, "to be reopened; another person has to agree"
        ),
        right=right,
        ready=state == State.LOCKED,
        form=ReasonForm,
        danger=True,
        title="Reopen the month",
        says="An exception that is kept with both people's names. Corrections do not need it: they are booked in the "
        "open month with both dates.",
    )
    yield Act(
        "reopen",
        f"Reopen {first:%B %Y}",
        partial(_step, seat, lock, month_locks.reopen_month, "reopened"),
        right=right,
        ready=bool(lock) and state == State.REOPENING and seat.second(lock.reopening_by_id if lock else None),
        title="Reopen the month",
        says=f"Asked for by {lock.reopening_by}: {lock.reason}" if lock and lock.reopening_by else "",
    )
    yield Act(
        "keep",
        "Keep it locked",
        partial(_reasoned, seat, lock, month_locks.keep_locked, "still locked"),
        right=right,
        ready=state == State.REOPENING,
        form=ReasonForm,
        danger=True,
        title="Keep it locked",
    )


def _propose(seat: Seat, first: Any, entries: Entries) -> Done:
    made = month_locks.propose_lock(fund=seat.fund, month=first, actor=seat.user, on=seat.on)
    return Done(f"{made} is put forward. Another person locks it.")


def _step(seat: Seat, lock: MonthLock | None, service: Any, became: str, entries: Entries) -> Done:
    if lock is None:
        return Done("This has been decided already. Here is how it stands.")
    service(lock=lock, actor=seat.user, on=seat.on)
    return Done(f"{lock} is {became}.")


def _reasoned(seat: Seat, lock: MonthLock | None, service: Any, became: str, entries: Entries) -> Done:
    if lock is None:
        return Done("This has been decided already. Here is how it stands.")
    service(lock=lock, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{lock} is {became}.")
