"""The worker, the database, Redis or all at once are killed with SIGKILL amid a close; once they run again the close
finishes by itself, in the very same books."""

import random
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connections

from loanfund.servicing.close import runs, steps
from loanfund.servicing.models import CloseBatch, CloseRun
from tests.servicing.crew import EVERYTHING, Crew, night_crew
from tests.servicing.portfolio import after, books_digest, seed
from tests.servicing.world import World, assert_books_hold, make_world

VICTIMS: dict[str, tuple[str, ...]] = {
    "worker": ("worker",),
    "database": ("database",),
    "redis": ("redis",),
    "everything": EVERYTHING,
}
PATIENCE = 90
"""Seconds that a close has to be done in after its kill, on a busy machine."""


def portfolio(facilities: int, loans_each: int) -> World:
    world = make_world(size=Decimal(100_000_000_000))
    seed(world, facilities=facilities, loans_each=loans_each)
    return world


def kill_amid(crew: Crew, run: CloseRun, victim: str, moment: random.Random) -> bool:
    """Kill somebody at some moment after the first batch of a close was begun; whether one was open then."""
    deadline = time.monotonic() + PATIENCE
    while not CloseBatch.objects.filter(run=run, state="claimed").exists():
        crew.restart_the_dead()
        if CloseRun.objects.filter(pk=run.pk, state="done").exists():
            break
        assert time.monotonic() < deadline, crew.logs()
        time.sleep(0.005)
    time.sleep(moment.uniform(0, 0.15))
    amid = CloseBatch.objects.filter(run=run).exclude(state="done").exists()
    connections.close_all()
    for name in VICTIMS[victim]:
        crew.kill(name)
    return amid


def wait_until_done(crew: Crew, run: CloseRun) -> None:
    """Do what a supervisor does, and nothing else, until the close is done."""
    deadline = time.monotonic() + PATIENCE
    while True:
        crew.restart_the_dead()
        try:
            if CloseRun.objects.filter(pk=run.pk, state="done").exists():
                return
        except (OperationalError, InterfaceError):
            connections.close_all()
        assert time.monotonic() < deadline, crew.logs()
        time.sleep(0.05)


def kills(*, facilities: int, loans_each: int, victims: Sequence[str]) -> int:
    """One close for each victim, who is killed amid it; return in how many a batch was open. The books must end as those
    of closes that nobody disturbed."""
    moment = random.Random(7)
    amid = 0
    with night_crew() as crew:
        with crew.database(f"undisturbed_{facilities}"):
            world = portfolio(facilities, loans_each)
            steps.close_through(fund=world.fund, through=after(len(victims) - 1))
            assert_books_hold()
            wanted = books_digest()
        with crew.database(f"killed_{facilities}"):
            world = portfolio(facilities, loans_each)
            for name in ("worker", "beat"):
                crew.start(name)
            for day, victim in enumerate(victims):
                run = runs.open_run(fund=world.fund, on=after(day), actor=None)
                amid += kill_amid(crew, run, victim, moment)
                wait_until_done(crew, run)
            assert books_digest() == wanted
            assert_books_hold()
    return amid


@pytest.mark.slow
def test_a_close_amid_which_anybody_is_killed_ends_in_the_same_books(
    django_db_setup: None, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        assert kills(facilities=30, loans_each=10, victims=tuple(VICTIMS)) > 0
