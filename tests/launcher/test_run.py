"""A newcomer starts the system, stops it, pulls the plug, and finds everything as it was."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from launcher.layout import Layout
from launcher.osuser import unprivileged
from launcher.processes import alive, marked, wait_until
from tests import servers
from tests.launcher.checkout import Run, checkout, everything, postgres_of, sql, start

pytestmark = pytest.mark.slow

WELL = {"database": "ok", "migrations": "ok", "redis": "ok", "worker": "ok", "beat": "ok"}


@pytest.fixture(scope="module")
def ours() -> Iterator[Layout]:
    """A checkout whose first start is over."""
    with checkout() as layout:
        run = start(layout).wait_until_up()
        assert run.health() == {"ok": True, "parts": WELL}
        assert run.press_ctrl_c() == 0
        yield layout


@pytest.fixture
def running(ours: Layout) -> Iterator[Run]:
    run = start(ours).wait_until_up()
    yield run
    if run.child.poll() is None:
        run.press_ctrl_c()


def note(layout: Layout, key: str) -> None:
    """Something to lose: a row of a table that the app may write."""
    sql(layout, f"INSERT INTO django_session VALUES ('{key}', 'kept', now())")


def noted(layout: Layout) -> set[str]:
    return {
        row[0] for row in sql(layout, "SELECT session_key FROM django_session WHERE session_data = 'kept'")
    }


def test_ctrl_c_leaves_no_process_behind(ours: Layout) -> None:
    run = start(ours).wait_until_up()
    assert len(everything(ours)) > 5
    assert run.press_ctrl_c() == 0
    assert everything(ours) == []
    assert run.said.rstrip().endswith("Stopped.")


def test_a_later_start_answers_within_ten_seconds(ours: Layout) -> None:
    """The quickest of a few: a machine that does something else meanwhile says nothing about the start."""
    taken: list[float] = []
    while len(taken) < 4 and min(taken, default=11) > 10:
        began = time.monotonic()
        run = start(ours).wait_until_up()
        taken.append(time.monotonic() - began)
        run.press_ctrl_c()
    assert min(taken) <= 10, taken


def test_a_taken_port_is_passed_over(ours: Layout) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        run = start(ours, PORT=str(taken)).wait_until_up()
        assert run.url.startswith("http://localhost:")
        assert not run.url.endswith(f":{taken}")
        assert run.health()["ok"]
        run.press_ctrl_c()


def test_a_second_launcher_is_told_who_runs_already(running: Run) -> None:
    second = start(running.layout)
    assert second.child.wait(20) == 1
    assert f"It already runs here: process {running.child.pid}" in second.said
    assert running.health()["ok"]


def test_nothing_is_lost_when_everything_is_killed_twice_in_a_row(ours: Layout) -> None:
    for key in ("before-first-kill", "before-second-kill"):
        run = start(ours).wait_until_up()
        note(ours, key)
        run.kill_everything()
    run = start(ours).wait_until_up()
    assert {"before-first-kill", "before-second-kill"} <= noted(ours)
    assert run.health() == {"ok": True, "parts": WELL}
    run.press_ctrl_c()


def test_what_a_killed_launcher_left_running_is_ended_before_the_next_start(ours: Layout) -> None:
    run = start(ours).wait_until_up()
    note(ours, "before-orphans")
    orphans = everything(ours)
    os.kill(run.child.pid, signal.SIGKILL)
    run.child.wait(10)
    assert sum(alive(pid) for pid in orphans) > 5  # a backend or two may have ended by themselves
    again = start(ours).wait_until_up()
    assert not any(alive(pid) for pid in orphans)
    assert "before-orphans" in noted(ours)
    again.press_ctrl_c()


def test_a_killed_database_comes_back_by_itself(running: Run) -> None:
    note(running.layout, "before-database-kill")
    postmaster = int((running.layout.var / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert wait_until(lambda: postmaster not in postgres_of(running.layout) and bool(running.health()), 40)
    assert running.health()["ok"]
    assert "before-database-kill" in noted(running.layout)


def test_a_killed_worker_comes_back_by_itself(running: Run) -> None:
    [worker] = [
        pid
        for pid in marked(running.layout.var)
        if b"loanfund.celery\0worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(running.child.pid)
    ]
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: "worker ended (killed by SIGKILL)" in running.said, 10)
    assert wait_until(lambda: bool(running.health()), 40)


def test_a_stale_lock_file_that_names_a_living_stranger_is_overcome(ours: Layout) -> None:
    """After a reboot the number in postmaster.pid may belong to anybody; here to a process of the same user."""
    run = start(ours).wait_until_up()
    lock = ours.var / "postgres" / "data" / "postmaster.pid"
    lines = lock.read_text().split("\n")
    run.kill_everything()
    way = unprivileged(ours.var / "postgres")[0]
    with subprocess.Popen(way.command(["/bin/sleep", "60"]), cwd="/", **way.popen_options()) as stranger:
        lock.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        again = start(ours).wait_until_up()
        assert again.health()["ok"]
        assert stranger.poll() is None
        again.press_ctrl_c()
        stranger.kill()


def test_an_ordinary_user_starts_it_too() -> None:
    """As root this becomes nobody; as an ordinary user it is the other tests once more, in a fresh checkout."""
    way = next(
        one for one in unprivileged(Path("/nonexistent")) if one.reaches(Path(sys.executable).resolve())
    )
    with checkout(way.uid) as layout:
        run = start(layout, before=way.prefix, HOME=str(layout.root)).wait_until_up()
        assert run.health()["ok"]
        assert (layout.var / "postgres").stat().st_uid == way.uid
        assert run.press_ctrl_c() == 0
        assert everything(layout) == []


def test_a_checkout_below_a_home_closed_to_others_is_served_without_opening_it() -> None:
    with checkout(closed=True) as layout:
        run = start(layout).wait_until_up()
        assert run.health()["ok"]
        assert stat.S_IMODE(layout.root.parent.stat().st_mode) == 0o700
        assert run.press_ctrl_c() == 0


SMALL_DEMO = """
import time
from pathlib import Path
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils import timezone

class Command(BaseCommand):
    def handle(self, *args, **options):
        Session.objects.create(session_key=str(time.time()), session_data="demo", expire_date=timezone.now())
        while Path("be-slow").exists():
            time.sleep(0.1)
"""


def test_a_demo_load_that_was_killed_is_begun_anew_and_a_finished_one_never_again() -> None:
    """With a demo of one row, that takes as long as the test wants."""
    with checkout() as layout:
        for real in layout.root.glob("loanfund/*/management/commands/demo.py"):
            real.unlink()
        commands = layout.root / "loanfund" / "audit" / "management" / "commands"
        (commands / "demo.py").write_text(SMALL_DEMO)
        (layout.root / "be-slow").touch()
        rows = "SELECT count(*) FROM django_session WHERE session_data = 'demo'"
        run = start(layout, LOAD_DEMO="true")
        assert wait_until(lambda: "Loading the demo" in run.said and sql(layout, rows) == [(1,)], 90)
        run.kill_everything()
        (layout.root / "be-slow").unlink()
        for _ in range(2):
            run = start(layout, LOAD_DEMO="true").wait_until_up()
            assert sql(layout, rows) == [(1,)]
            assert run.press_ctrl_c() == 0


def test_servers_named_in_the_environment_are_used_instead(module_db: str) -> None:
    """One address, the owner's: the app still gets a role of its own beside it."""
    owner = servers.database_url(module_db, servers.OWNER)
    with checkout() as layout:
        run = start(layout, DATABASE_URL=owner, REDIS_URL=servers.valkey().url(100)).wait_until_up()
        assert run.health()["ok"]
        assert postgres_of(layout) == []
        assert not (layout.var / "postgres").exists()
        assert not (layout.var / "valkey").exists()
        [role] = {
            line for line in layout.env_file.read_text().splitlines() if line.startswith("DATABASE_URL=")
        }
        assert role.startswith("DATABASE_URL=postgres://loanfund_app:")
        run.press_ctrl_c()
