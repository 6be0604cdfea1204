"""A night crew of a test's own: PostgreSQL, Valkey, a Celery worker and beat, each of which may be killed without warning.

The test stands in for the supervisor of `make run` or docker compose: it starts again what has died, and does nothing
else. Whatever a killed close still needs, the crew must find out by itself.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import environ
from django.contrib.contenttypes.models import ContentType
from django.db import connections

from launcher.postgres import APP, OWNER, SAFE, choose
from launcher.processes import MARK, wait_until
from launcher.valkey import Valkey, binary_in
from tests import servers

SMALL_BATCHES = """
import django
from launcher.serve import worker
from loanfund.celery import app
django.setup()
from loanfund.servicing.close import accrue
accrue.BATCH_LOANS = 50
app.worker_main(worker()[2:])
"""
EVERYTHING = ("beat", "worker", "redis", "database")
"""In the order in which a power cut may be told: nothing depends on it."""


class Crew:
    """The processes that close the books at night, on servers in `folder` that nobody else uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.cluster, _ = choose(
            servers.SITE_PACKAGES, folder / "pg", folder / "s", folder / "fallback", SAFE
        )
        self.redis = Valkey(binary_in(servers.SITE_PACKAGES), folder / "valkey", folder / "v")
        self.cluster.drop.own(self.cluster.home)
        saved = servers.saved_cluster()
        subprocess.run(["cp", "-a", f"{saved}/.", str(self.cluster.home)], check=True)
        self.cluster.initialise()
        self.environment = os.environ | {
            MARK: str(folder),
            "REDIS_URL": self.redis.url(),
            "WORKER_PROCESSES": "2",
        }

    def start(self, name: str) -> None:
        """Start one of the crew, as its supervisor would."""
        if name == "database":
            self.cluster.clear_leftovers()
            self._spawn(name, self.cluster.command(), database=True)
            assert wait_until(self.cluster.answers, 60)
        elif name == "redis":
            self.redis.clear_leftovers()
            self._spawn(name, self.redis.command())
            assert wait_until(self.redis.answers, 30)
        elif name == "worker":
            self._spawn(name, [sys.executable, "-c", SMALL_BATCHES])
        else:
            self._spawn(name, [sys.executable, "-m", "launcher.serve", name])

    def _spawn(self, name: str, command: list[str], *, database: bool = False) -> None:
        environment = self.cluster.environment() | {MARK: str(self.folder)} if database else self.environment
        options = self.cluster.drop.popen_options() if database else {}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                cwd="/" if database else servers.ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all its children at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running[name].wait()

    def restart_the_dead(self) -> None:
        """What a supervisor does: start again whoever is not there, servers first."""
        for name in reversed(EVERYTHING):
            if name in self.running and self.running[name].poll() is not None:
                self.start(name)

    def logs(self) -> str:
        """The end of what each of them said."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in self.folder.glob("*.log")
        )

    @contextmanager
    def database(self, name: str) -> Iterator[None]:
        """A new copy of the migrated database on this crew's server, which `default` and the crew mean meanwhile."""
        self.cluster.psql(
            f'CREATE DATABASE "{name}" TEMPLATE {servers.TEMPLATE} OWNER {OWNER} STRATEGY FILE_COPY'
        )
        url = self.cluster.url(APP, name)
        self.environment["DATABASE_URL"] = url
        connections.close_all()
        settings = connections["default"].settings_dict
        wanted = environ.Env.db_url_config(url)
        before = {key: settings[key] for key in ("NAME", "HOST", "OPTIONS")}
        options = {**settings["OPTIONS"], **wanted.get("OPTIONS", {})}
        settings.update(NAME=wanted["NAME"], HOST=wanted["HOST"], OPTIONS=options)
        ContentType.objects.clear_cache()
        try:
            yield
        finally:
            connections.close_all()
            settings.update(before)
            ContentType.objects.clear_cache()


@contextmanager
def night_crew() -> Iterator[Crew]:
    """A crew whose two servers run; ends them all, and removes their folder, afterwards."""
    servers.start()
    folder = Path(tempfile.mkdtemp(prefix=servers.PREFIX))
    folder.chmod(0o711)
    (folder / "run").write_text(str(os.getpid()))  # of a run that was killed the next one sweeps the rest
    try:
        crew = Crew(folder)
        for server in ("database", "redis"):
            crew.start(server)
        yield crew
    finally:
        servers.remove(folder)
