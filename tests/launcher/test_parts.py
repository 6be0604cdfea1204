"""Small promises of the launcher: ports, socket paths, restarts, secrets."""

import os
import socket
import stat
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from launcher.layout import Layout, schema_digest
from launcher.osuser import Drop, Trouble, same_user
from launcher.postgres import SOCKET_PATH_LIMIT, binaries_in, choose, free_port, socket_folder
from launcher.processes import MARK, marked, wait_until
from launcher.supervisor import Service, Supervisor
from tests.servers import SITE_PACKAGES


def service(name: str, code: str, **options: object) -> Service:
    return Service(
        name,
        command=lambda: [sys.executable, "-c", code],
        environment=lambda: dict(os.environ),
        **options,
    )


def test_a_port_taken_on_ipv6_alone_is_not_free() -> None:
    """A browser tries localhost's IPv6 address first and would land with the stranger."""
    with closing(socket.socket(socket.AF_INET6)) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert free_port(taken) != taken


def test_no_free_port_is_answered_with_a_sentence() -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(Trouble, match="Set PORT to a free one"):
            free_port(taken, tries=1)


def test_a_deep_checkout_gets_its_sockets_in_a_short_folder() -> None:
    deep, short = Path("/srv") / ("d" * SOCKET_PATH_LIMIT), Path("/tmp/short")
    assert socket_folder(deep, short) == short
    assert socket_folder(Path("/srv/fund/var/sockets"), short) == Path("/srv/fund/var/sockets")
    assert len(os.fsencode(Layout(deep).sockets)) < SOCKET_PATH_LIMIT


def test_of_the_two_databases_in_the_wheel_the_newer_is_used() -> None:
    assert binaries_in(SITE_PACKAGES).parent.name == "pginstall18"


def test_where_the_database_user_cannot_reach_the_checkout_it_lives_elsewhere() -> None:
    """A user who reaches nothing stands for a container in which root may keep no right to look."""
    refusing = Drop(os.geteuid(), os.getegid(), prefix=("/bin/false",))
    with tempfile.TemporaryDirectory(prefix="lfl-") as made:
        fallback = Path(made) / "elsewhere"
        there, told = choose(SITE_PACKAGES, Path(made) / "pg", Path(made) / "s", fallback, ways=[refusing])
        assert there.home == fallback / "postgres"
        assert there.binaries.is_relative_to(fallback)
        assert (there.binaries / "initdb").exists()
        assert (
            told == f"The database lives in {fallback}: the user it runs as cannot reach {Path(made) / 'pg'}."
        )


def test_a_machine_without_the_wheel_is_pointed_to_its_own_servers(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="set DATABASE_URL and REDIS_URL to servers of your own"):
        binaries_in(tmp_path)


def test_secrets_are_made_once_and_read_by_their_owner_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = layout.secret("secret_key").read_text()
    assert len(first) >= 50
    assert layout.secret("secret_key").read_text() == first
    layout.write_settings(layout.settings())
    for path in (layout.secret("secret_key"), layout.env_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_of_somebody_else_is_not_taken_over(tmp_path: Path) -> None:
    stranger = tmp_path / "theirs"
    stranger.mkdir()
    if os.geteuid() == 0:
        os.chown(stranger, 4242, 4242)
    else:
        stranger = Path("/usr")
    with pytest.raises(Trouble, match="Start as that user, or move the folder away"):
        same_user().own(stranger)


def test_a_service_that_keeps_dying_is_started_at_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(tmp_path, said.append)
    dying = service("dying", "raise SystemExit(3)")
    keeper.launch(dying)
    end = time.monotonic() + 20
    while len(said) < 3 and time.monotonic() < end:
        keeper.revive()
        time.sleep(0.02)
    keeper.stop()
    assert said[:3] == [
        "dying ended (exit code 3); starting it again in 0.5 s.",
        "dying ended (exit code 3); starting it again in 1 s.",
        "dying ended (exit code 3); starting it again in 2 s.",
    ]


def test_a_service_that_never_answers_is_reported_with_its_last_words(tmp_path: Path) -> None:
    keeper = Supervisor(tmp_path)
    mute = service("mute", "import time; print('I wait', flush=True); time.sleep(60)", answers=lambda: False)
    keeper.launch(mute)
    with pytest.raises(Trouble, match=r"(?s)mute does not answer after 1 seconds.*I wait"):
        keeper.wait_for(mute, 1)
    keeper.stop()


def test_servers_end_after_those_who_need_them_and_the_deaf_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(tmp_path, said.append)
    order = tmp_path / "order"
    polite = (
        "import signal, sys, time\n"
        f"def end(*_): time.sleep(0.3); open({str(order)!r}, 'a').write(NAME); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(60)"
    )
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    parts = [
        service("first", f"NAME = 'server '\n{polite}", server=True),
        service("second", f"NAME = 'worker '\n{polite}"),
        service("deaf", deaf, patience=0.3),
    ]
    for part in parts:
        keeper.launch(part)
    assert wait_until(lambda: all("ready" in keeper.tail(part) for part in parts), 10)
    keeper.stop()
    assert order.read_text() == "worker server "
    assert said == ["deaf did not end in 0 s and is killed."]
    assert all(part.child and part.child.poll() is not None for part in parts)


def test_our_processes_are_known_by_their_mark(tmp_path: Path) -> None:
    keeper = Supervisor(tmp_path)
    one = service("one", "import time; time.sleep(60)")
    one.environment = lambda: os.environ | {MARK: str(tmp_path)}
    keeper.launch(one)
    assert one.child
    assert wait_until(lambda: marked(tmp_path) == [one.child.pid], 5)
    keeper.stop()
    assert marked(tmp_path) == []


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("loanfund/servicing/migrations/0001_initial.py", True),
        ("loanfund/reference/models.py", True),  # a table that comes under seal has no migration
        ("loanfund/origination/models/committee.py", True),
        ("loanfund/origination/services/voting.py", False),
    ],
)
def test_a_later_start_migrates_again_when_what_a_migration_applies_has_changed(
    tmp_path: Path, changed: str, counts: bool
) -> None:
    for name in ("requirements.txt", "loanfund/settings.py", "launcher/postgres.py", changed):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before\n")
    before = schema_digest(tmp_path)
    (tmp_path / changed).write_text("after\n")
    assert (schema_digest(tmp_path) != before) is counts
