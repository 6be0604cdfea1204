"""The close is killed with SIGKILL while a batch is open; started again, it ends in the very same books."""

import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from django.db import connection, connections

from loanfund.servicing.models import CloseBatch, CloseRun
from tests import servers
from tests.copies import fresh
from tests.servicing.portfolio import after, books_digest, seed
from tests.servicing.world import World, assert_books_hold, make_world

DAYS = 2
SMALL_BATCHES = """
import sys, django
django.setup()
from django.core.management import call_command
from loanfund.servicing.close import accrue
accrue.BATCH_LOANS = 50
call_command("close_day", "--fund", "F1", "--through", sys.argv[1])
"""


def portfolio(facilities: int, loans_each: int) -> World:
    world = make_world(size=Decimal(100_000_000_000))
    seed(world, facilities=facilities, loans_each=loans_each)
    return world


def closing() -> subprocess.Popen[bytes]:
    through = after(DAYS - 1).isoformat()
    return subprocess.Popen(
        [sys.executable, "-c", SMALL_BATCHES, through],
        cwd=servers.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def undisturbed(facilities: int, loans_each: int) -> str:
    with fresh("undisturbed"):
        portfolio(facilities, loans_each)
        run = closing()
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output.decode()
        digest = books_digest()
        assert_books_hold()
        connections.close_all()
    return digest


def kill_once(moment: random.Random) -> bool:
    """Start a close, kill it somewhere inside; whether a batch was open then."""
    run = closing()
    deadline = time.monotonic() + 60
    while run.poll() is None and time.monotonic() < deadline:
        if CloseBatch.objects.filter(state="claimed").exists():
            break
        time.sleep(0.01)
    time.sleep(moment.uniform(0, 0.25))
    was_open = CloseBatch.objects.exclude(state="done").exists()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return was_open


@pytest.mark.slow
def test_a_close_that_is_killed_ends_in_the_same_books(
    django_db_setup: None, django_db_blocker: object
) -> None:
    with django_db_blocker.unblock():  # type: ignore[attr-defined] # pytest-django's own
        kills(facilities=30, loans_each=5, times=4)


def kills(*, facilities: int, loans_each: int, times: int) -> int:
    """Kill so many closes of the same two days; return how many had a batch open."""
    moment = random.Random(7)
    wanted = undisturbed(facilities, loans_each)
    amid = 0
    with fresh("killed"):
        portfolio(facilities, loans_each)
        for _ in range(times):
            amid += kill_once(moment)
        run = closing()
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output.decode()
        assert not CloseRun.objects.exclude(state="done").exists()
        assert books_digest() == wanted
        assert_books_hold()
        connection.close()
        connections.close_all()
    return amid
