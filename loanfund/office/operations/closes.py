"""The close of business: ask for the next one, watch it step by step, and cure what it had to leave behind."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, MAKERS_AND_CHECKERS, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.servicing import rights, services
from loanfund.servicing.close.steps import STEPS
from loanfund.servicing.models import CloseBatch, CloseException, CloseRun
from loanfund.servicing.selectors import close_exceptions

State = CloseRun.State
TONES = {State.OPEN: "info", State.DONE: "ok", State.STOPPED: "bad"}
WORDS = {
    "fixings": "Read the fixings",
    "accrue": "Accrue the night",
    "post": "Post the night",
    "prove": "Prove the books",
    "move_date": "Move the business date",
    "fall_due": "Let dues fall due",
    "others": "Offers, availability and limits",
    "tell": "Tell people",
}


@page("closes/", name="closes", readers=DESK, actors=MAKERS_AND_CHECKERS, menu="Closes", section="Operations")
def closes(request: HttpRequest) -> HttpResponse:
    """The business date, the close that runs, the facilities that lag, and every close before."""
    seat = take_seat(request)
    running = seat.fund.close_runs.exclude(state=State.DONE).select_related("requested_by").first()
    lagging = close_exceptions(fund=seat.fund)
    desk = Desk(request, _acts(seat, running, lagging))
    if (answer := desk.answer()) is not None:
        return answer
    runs = seat.fund.close_runs.select_related("requested_by").order_by("-business_date")
    choices = [("all", "All", Q()), ("left", "Left something behind", Q(exceptions__gt=0))]
    context = {
        "listing": listed(request, runs, choices=choices, per_page=30),
        "running": running,
        "progress": progress(running) if running else None,
        "lagging": [(row, desk.offer(f"retry-{row.pk}")) for row in lagging],
        "close": desk.offer("close"),
        "resume": desk.offer("resume"),
    }
    return show(
        request, "office/operations/closes.html", context, title="Close of business", status=desk.status
    )


@page("closes/<str:day>/", name="close", readers=DESK)
def close(request: HttpRequest, day: str) -> HttpResponse:
    """One close: its steps with what each counted, how long it took and the digest of what it left."""
    run = _run(take_seat(request), day)
    context = {
        "run": run,
        "progress": progress(run),
        "exceptions": close_exceptions(run),
        "tone": TONES[State(run.state)],
        "trail": [("Close of business", reverse("admin:closes"))],
    }
    title = f"Close of {run.business_date.day} {run.business_date:%B %Y}"
    return show(request, "office/operations/close.html", context, title=title)


@page("closes/<str:day>/progress/", name="close_progress", readers=DESK)
def close_progress(request: HttpRequest, day: str) -> HttpResponse:
    """How far a close is: what the page asks for every second while it runs. When it ends, the page loads anew."""
    run = _run(take_seat(request), day)
    answer = render(request, "office/operations/parts/progress.html", {"run": run, "progress": progress(run)})
    if run.state != State.OPEN:
        answer["HX-Refresh"] = "true"
    return answer


def _run(seat: Seat, day: str) -> CloseRun:
    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise Http404("There is no such day.") from error
    found: CloseRun = get_object_or_404(
        seat.fund.close_runs.select_related("requested_by", "fund"), business_date=wanted
    )
    return found


@dataclass(frozen=True)
class StepLine:
    """One step of a close: `state` is done, current or todo; `counts` in words; `took` seconds in words."""

    label: str
    state: str
    counts: str
    finished_at: datetime | None
    took: str
    digest: str


def progress(run: CloseRun) -> list[StepLine]:
    """The steps of a run in order, the batches of the current one counted. Two queries."""
    done = {step.name: step for step in run.steps.all()}
    batches = CloseBatch.objects.filter(run=run).values_list("step")
    ready = Count("pk", filter=Q(state=CloseBatch.State.DONE))
    parts = {
        name: (finished, whole) for name, finished, whole in batches.annotate(ready=ready, whole=Count("pk"))
    }
    found, current = [], run.state != State.DONE
    for name, _ in STEPS:
        label = WORDS.get(name, name.replace("_", " ").capitalize())
        step = done.get(name)
        if step is not None:
            took = _seconds(step.finished_at - step.started_at)
            found.append(StepLine(label, "done", counted(step.counts), step.finished_at, took, step.digest))
            continue
        part = parts.get(name)
        words = f"{part[0]} of {part[1]} batches" if part else ""
        found.append(StepLine(label, "current" if current else "todo", words, None, "", ""))
        current = False
    return found


def counted(counts: dict[str, Any]) -> str:
    """Counts of a step as words: rows 30, exceptions 0."""
    plain = [(name, value) for name, value in counts.items() if isinstance(value, int | str)]
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in plain)


def _seconds(took: timedelta) -> str:
    milliseconds = took // timedelta(milliseconds=1)
    return (
        f"{milliseconds} ms"
        if milliseconds < 1000
        else f"{milliseconds // 1000}.{milliseconds % 1000 // 100} s"
    )


def _acts(seat: Seat, running: CloseRun | None, lagging: list[CloseException]) -> Iterator[Act]:
    right = seat.may(rights.RUN_CLOSE)
    yield Act(
        "close",
        f"Close {seat.on.day} {seat.on:%B %Y}",
        partial(_close, seat),
        right=right,
        ready=running is None,
        says="Interest of the night is accrued, the books are proven, and the business date moves on by one day.",
    )
    if running is not None:
        yield Act(
            "resume",
            "Try again",
            partial(_resume, seat, running),
            right=right,
            ready=running.state == State.STOPPED,
        )
    for exception in lagging:
        yield Act(
            f"retry-{exception.pk}",
            "Try again",
            partial(_retry, seat, exception),
            right=right,
            ready=exception.state == CloseException.State.OPEN,
            inline=True,
        )


def _close(seat: Seat, entries: Entries) -> Done:
    run = services.request_close(fund=seat.fund, actor=seat.user, on=seat.on)
    return Done(f"The close of {run.business_date:%d %B %Y} is asked for; it starts within seconds.")


def _resume(seat: Seat, run: CloseRun, entries: Entries) -> Done:
    services.resume_close(run=run, actor=seat.user, on=seat.on)
    return Done("The close goes on where it stopped.")


def _retry(seat: Seat, exception: CloseException, entries: Entries) -> Done:
    services.request_retry(exception=exception, actor=seat.user, on=seat.on)
    return Done(
        f"{exception.facility.number} is tried again within seconds, from {exception.since:%d %B %Y} on."
    )
