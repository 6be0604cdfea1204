"""`make run`: from a bare checkout to a page that answers, and back to nothing running on Ctrl-C."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher import environment, serve
from launcher.asking import answer_of
from launcher.layout import Layout, schema_digest, write_private
from launcher.osuser import Trouble
from launcher.postgres import APP, DATABASE, OWNER, Postgres, choose, free_port
from launcher.processes import MARK, alive, command_of, is_leader, marked, send, stop, wait_until
from launcher.supervisor import Service, Supervisor, on_signals
from launcher.valkey import Valkey, binary_in

START_SECONDS = 120


@contextmanager
def sole(layout: Layout) -> Iterator[None]:
    """Holds the lock of this checkout's `var`, so that two launchers never touch one database."""
    layout.var.mkdir(parents=True, exist_ok=True)
    with (layout.var / "lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.seek(0)
            raise Trouble(
                f"It already runs here: {held.read().strip() or 'another start is under way'}."
            ) from None
        held.truncate(0)
        held.write(f"process {os.getpid()}")
        held.flush()
        yield


class Run:
    """One run of the whole system."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.supervisor = Supervisor(layout.logs)
        self.settings: dict[str, str] = {}
        self.postgres: Postgres | None = None
        self.started_at = f"{time.time():.3f}"

    def everything(self) -> None:
        began = time.monotonic()
        on_signals(lambda: setattr(self.supervisor, "stopping", True))
        environment.prepare(self.layout, dev=False)
        try:
            self._start_all(began)
            self.supervisor.watch()
        finally:
            print("\nStopping ...", flush=True)
            self.supervisor.stop()
            print("Stopped.", flush=True)

    def _start_all(self, began: float) -> None:
        self.clear_leftovers()
        port = free_port(int(os.environ.get("PORT", "8000")))
        self.settings = self.layout.settings(port)
        self._servers()
        self._foreign_servers()
        self.layout.write_settings(self.settings)
        for step in (self._migrate, self._demo):
            if not self.supervisor.stopping:
                step()
        if self.supervisor.stopping:
            return
        self._services(port)
        sign_ins = self._start_manage("sign_ins")
        url = self.settings["BASE_URL"]
        self._wait_until_healthy(f"http://127.0.0.1:{port}/healthz")
        if self.supervisor.stopping:
            return
        print(
            f"\nThe loan fund manager is at {url}  (started in {time.monotonic() - began:.1f} s)\n",
            flush=True,
        )
        if sign_ins is not None:
            print(sign_ins.communicate()[0].decode(), flush=True)
        print("Ctrl-C stops everything. Logs are in var/log, mail in var/mail.", flush=True)

    # --- servers ---

    def clear_leftovers(self) -> None:
        """Ends what a killed launcher left running for this checkout: our processes first, then the queue they use.

        PostgreSQL, which carries no mark, is ended by `Postgres.clear_leftovers`, after these.
        """
        left = marked(self.layout.var)
        queue = [pid for pid in left if "valkey-server" in command_of(pid)]
        for group in ([pid for pid in left if pid not in queue], queue):
            # The first process of each service ends its own children once they have finished what they do.
            for pid in group:
                if is_leader(pid):
                    send(pid, signal.SIGTERM)
            if not wait_until(lambda group=group: not any(alive(pid) for pid in group), 20):  # type: ignore[misc] # binds the loop's value
                for pid in group:
                    stop(pid, first=signal.SIGKILL)

    def _mark(self) -> dict[str, str]:
        return {MARK: str(self.layout.var)}

    def _servers(self) -> None:
        """Starts our own PostgreSQL and Valkey, as far as nobody named others."""
        starting = []
        if not os.environ.get("DATABASE_URL") and not os.environ.get("DATABASE_URL_FILE"):
            starting.append(self._own_postgres())
        if not os.environ.get("REDIS_URL") and not os.environ.get("REDIS_URL_FILE"):
            starting.append(self._own_valkey())
        for service in starting:
            self.supervisor.launch(service)
        for service in starting:
            self.supervisor.wait_for(service, START_SECONDS)
        if self.postgres and not self.supervisor.stopping:
            self.postgres.make_roles()

    def _own_postgres(self) -> Service:
        layout = self.layout
        cluster, told = choose(
            layout.site_packages, layout.var / "postgres", layout.sockets, layout.elsewhere
        )
        if told:
            print(told, flush=True)
        if not (cluster.home / "made").exists():
            print("Making the database ...", flush=True)
        cluster.clear_leftovers()
        cluster.initialise()
        self.postgres = cluster
        self.settings["DATABASE_URL"] = cluster.url(APP)
        self.settings["DATABASE_OWNER_URL"] = cluster.url(OWNER)
        return Service(
            "postgres",
            command=cluster.command,
            # Not marked: marked processes are ended by SIGTERM, in which PostgreSQL waits for its clients to leave.
            environment=cluster.environment,
            answers=cluster.answers,
            before=cluster.clear_leftovers,
            stop_with=signal.SIGINT,
            patience=60,
            server=True,
            options=cluster.drop.popen_options(),
        )

    def _own_valkey(self) -> Service:
        sockets = self.layout.sockets
        sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        cache = Valkey(binary_in(self.layout.site_packages), self.layout.var / "valkey", sockets)
        self.settings["REDIS_URL"] = cache.url()
        return Service(
            "valkey",
            command=cache.command,
            environment=lambda: os.environ | self._mark(),
            answers=cache.answers,
            before=cache.clear_leftovers,
            patience=15,
            server=True,
        )

    def _foreign_servers(self) -> None:
        """Takes the servers that the environment names, and gives the app a role of its own on a single given one."""
        given = {
            name: value
            for name, value in os.environ.items()
            if name.removesuffix("_FILE").startswith(("DATABASE_", "REDIS_URL", "APP_ROLE")) and value
        }
        if any(name.startswith("DATABASE_URL") for name in given):
            for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
                self.settings.pop(name)
        if any(name.startswith("REDIS_URL") for name in given):
            self.settings.pop("REDIS_URL")
        self.settings.update(given)
        if "DATABASE_URL" in given and not any(name.startswith("DATABASE_OWNER_URL") for name in given):
            # One address only: it is the owner's, since somebody must migrate. The app gets a role beside it.
            password = self.layout.secret("app_password").read_text()
            self.settings["DATABASE_OWNER_URL"] = given["DATABASE_URL"]
            self.settings["DATABASE_URL"] = serve.with_role(given["DATABASE_URL"], APP, password)

    # --- schema and contents ---

    def _process_environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **self.settings, **self._mark(), "STARTED_AT": self.started_at, **more}

    def _python(self, *arguments: str) -> list[str]:
        return [str(self.layout.python), *arguments]

    def _state(self) -> Path:
        """Where what was done to the current database is noted; it goes when the database goes."""
        return self.postgres.home if self.postgres else self.layout.var

    def _migrate(self) -> None:
        digest, noted = schema_digest(self.layout.root), self._state() / "migrated"
        if self.postgres and noted.exists() and noted.read_text() == digest:
            return
        print("Migrating ...", flush=True)
        self._must("The migrations", self._python("-m", "launcher.serve", "migrate"))
        if self.postgres:
            write_private(noted, digest)

    def _demo(self) -> None:
        """Loads the demo portfolio into a database that has none. A load that was killed is begun anew."""
        if os.environ.get("LOAD_DEMO", "true").lower() in {"false", "0", "no"}:
            return
        done, begun = self._state() / "demo-loaded", self._state() / "demo-begun"
        if (self.postgres and done.exists()) or not self._has_command("demo"):
            return
        if self.postgres:
            if begun.exists():
                self.postgres.psql(f"DROP DATABASE {DATABASE} WITH (FORCE)")
                self.postgres.make_roles()
                self._must("The migrations", self._python("-m", "launcher.serve", "migrate"))
            begun.touch()
        print("Loading the demo portfolio (about a minute, once) ...", flush=True)
        self._must("The demo portfolio", self._python("manage.py", "demo"))
        if self.postgres:
            done.touch()
            begun.unlink()

    def _must(self, what: str, command: list[str]) -> None:
        """Runs a step, watching the servers beneath it; its output is shown only when it fails."""
        log = self.layout.logs / "setup.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                cwd=self.layout.root,
                env=self._process_environment(),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while child.poll() is None:
            self.supervisor.revive()
            if self.supervisor.stopping:
                child.terminate()
                child.wait()
                raise Trouble(f"{what}: interrupted. The next start goes on from here.")
            time.sleep(0.05)
        if child.returncode:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            raise Trouble(f"{what} failed. The end of {log}:\n{end}")

    def _has_command(self, name: str) -> bool:
        return any(self.layout.root.glob(f"loanfund/*/management/commands/{name}.py"))

    def _start_manage(self, name: str) -> "subprocess.Popen[bytes] | None":
        if not self._has_command(name):
            return None
        return subprocess.Popen(
            self._python("manage.py", name),
            cwd=self.layout.root,
            env=self._process_environment(),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    # --- our processes ---

    def _services(self, port: int) -> None:
        (self.layout.var / "mail").mkdir(exist_ok=True)
        for name in serve.SERVICES:
            self.supervisor.launch(
                Service(
                    name,
                    command=lambda name=name: self._python("-m", "launcher.serve", name),  # type: ignore[misc] # the default binds the loop's value
                    environment=lambda: self._process_environment(BIND=f"127.0.0.1:{port}"),
                    folder=self.layout.root,
                )
            )

    def _wait_until_healthy(self, url: str) -> None:
        heard = ""

        def healthy() -> bool:
            nonlocal heard
            self.supervisor.revive()
            if self.supervisor.stopping:
                return True
            status, heard = answer_of(url)
            return status == 200

        if not wait_until(healthy, START_SECONDS, every=0.1):
            raise Trouble(
                f"{url} is not well after {START_SECONDS} seconds: {heard}\nThe logs are in var/log."
            )
