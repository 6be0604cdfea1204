"""The real PostgreSQL and Valkey behind a test run, shared by its workers, and the database copies tests get.

The first process that needs a database starts both servers in one short temporary folder (an environment variable
names it to xdist's workers), migrates once as the owner into a template, and every worker gets a copy. The run that
made the folder stops the servers; those of a run that was killed are swept by the next.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from launcher.layout import schema_digest
from launcher.osuser import Trouble
from launcher.postgres import APP, FAST, OWNER, SAFE, SUPERUSER, Postgres, choose
from launcher.processes import MARK, alive, command_of, marked, stop, wait_until, working_in
from launcher.valkey import Valkey, binary_in

ROOT = Path(__file__).resolve().parent.parent
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
FOLDER_VARIABLE = "LOANFUND_TEST_FOLDER"
DURABLE_VARIABLE = "LOANFUND_TEST_DURABLE"
"""Set where what is measured must include writing to disk."""
PREFIX = "lft-"
TEMPLATE = "template_loanfund"
CACHE = ROOT / "var" / "test-template"


def folder() -> Path:
    """This run's folder, made by the first process of the run to ask; short, for the sockets' sake."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    _sweep()
    made = Path(tempfile.mkdtemp(prefix=PREFIX))
    made.chmod(0o711)  # the database's unprivileged user passes through, and sees nothing
    (made / "run").write_text(str(os.getpid()))
    os.environ[FOLDER_VARIABLE] = str(made)
    return made


def _sweep() -> None:
    """Ends the servers of runs that were killed, and removes their folders."""
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            abandoned = not alive(int((old / "run").read_text()))
        except (OSError, ValueError):
            continue
        if abandoned:
            remove(old)


def configure() -> None:
    """Points the settings at this run's servers. Call before Django is set up; nothing is started yet."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.environ.update(
        DJANGO_SETTINGS_MODULE="loanfund.settings",
        SECRET_KEY="only for tests, where nobody outside is served, and long enough",
        DATABASE_URL=database_url(TEMPLATE),
        REDIS_URL=redis_url(worker),
        BASE_URL="http://localhost:8000",
        ALLOWED_HOSTS="localhost,127.0.0.1,testserver",
        DEBUG="false",
        COLLECTED_STATIC="false",
        ENV_FILE=os.devnull,
        LOG_LEVEL="WARNING",
        DOCUMENTS_ROOT=str(folder() / "documents"),
    )


def postgres() -> Postgres:
    here = folder()
    settings = SAFE if os.environ.get(DURABLE_VARIABLE) else FAST
    cluster, elsewhere = choose(SITE_PACKAGES, here / "pg", here / "s", here / "fallback", settings)
    if elsewhere:
        sys.stderr.write(elsewhere + "\n")
    return cluster


def valkey() -> Valkey:
    return Valkey(binary_in(SITE_PACKAGES), folder() / "valkey", folder() / "v", durable=False)


def database_url(name: str, role: str = APP) -> str:
    return postgres().url(role, name)


def redis_url(worker: int) -> str:
    """A queue and a cache of this worker's own: two numbered databases."""
    return valkey().url(worker * 2)


@contextmanager
def _lock(name: str) -> Iterator[None]:
    with (folder() / name).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def start() -> None:
    """Starts the servers and makes the template, unless another worker of this run has."""
    with _lock("start.lock"):
        if (folder() / "ready").exists():
            return
        cluster, cache = postgres(), valkey()
        key = _schema_digest()
        saved = CACHE / key
        if (saved / "made").exists() and not cluster.data.exists():
            cluster.drop.own(cluster.home)
            cluster.drop.own(cluster.sockets)
            subprocess.run(["cp", "-a", f"{saved}/.", str(cluster.home)], check=True)
        cluster.initialise()
        environment = os.environ | {MARK: str(folder())}
        _spawn("postgres", cluster.command(), cluster.environment() | {MARK: str(folder())}, cluster)
        _spawn("valkey", cache.command(), environment, None)
        if not wait_until(cluster.answers, 30) or not wait_until(cache.answers, 10):
            raise Trouble(f"The test servers did not start; their logs are in {folder()}.")
        if TEMPLATE not in cluster.psql("SELECT datname FROM pg_database").split():
            _make_template(cluster)
            _keep(cluster, saved)
        (folder() / "ready").touch()


def _spawn(name: str, command: list[str], environment: Mapping[str, str], cluster: Postgres | None) -> None:
    options = cluster.drop.popen_options() if cluster else {}
    with (folder() / f"{name}.log").open("ab") as log:
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            **options,
        )


def _make_template(cluster: Postgres) -> None:
    cluster.make_roles()
    cluster.psql(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
    cluster.grant(TEMPLATE)
    made = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": cluster.url(OWNER, TEMPLATE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        cluster.psql(f"DROP DATABASE {TEMPLATE} WITH (FORCE)")
        raise Trouble(f"The migrations failed:\n{made.stdout}{made.stderr}")
    cluster.psql(f"ALTER DATABASE {TEMPLATE} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")


def _schema_digest() -> str:
    """Names the state of the schema, and who may read a saved copy of it."""
    return f"{schema_digest(ROOT)}-{os.geteuid()}-{os.environ.get(DURABLE_VARIABLE, 'fast')}"


def _keep(cluster: Postgres, saved: Path) -> None:
    """Saves the stopped cluster with its template, so that the next run need not migrate; keeps the newest few."""
    cluster.psql("CHECKPOINT")
    _stop_postgres()
    partial = saved.with_name(f"{saved.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    subprocess.run(["cp", "-a", f"{cluster.home}/.", str(partial)], check=True)
    if saved.exists():
        shutil.rmtree(partial)
    else:
        partial.rename(saved)
    kept = sorted(CACHE.iterdir(), key=lambda one: one.stat().st_mtime)
    for old in kept[:-4]:
        if time.time() - old.stat().st_mtime > 600:
            shutil.rmtree(old, ignore_errors=True)
    _spawn("postgres", cluster.command(), cluster.environment() | {MARK: str(folder())}, cluster)
    if not wait_until(cluster.answers, 30):
        raise Trouble(f"The test database did not start again; its log is in {folder()}.")


def saved_cluster() -> Path:
    """The folder of a stopped cluster with the migrated template, to copy for servers of one's own. After `start`."""
    return CACHE / _schema_digest()


def _stop_postgres() -> None:
    postgres().clear_leftovers()


def remove(where: Path) -> None:
    """Stops whatever runs for the folder `where` and deletes it."""
    servers = working_in(where / "valkey", "valkey-server") + working_in(where / "pg" / "data", "postgres")
    for pid in sorted({*marked(where), *servers}):
        # PostgreSQL's SIGQUIT is at once and without ceremony: nobody reads a test database again.
        stop(pid, first=signal.SIGQUIT if "postgres" in command_of(pid) else signal.SIGTERM, patience=5)
    shutil.rmtree(where, ignore_errors=True)


@contextmanager
def copy(name: str) -> Iterator[str]:
    """A database of this name, equal to the migrated template, for as long as the block runs."""
    cluster = postgres()
    cluster.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    with _lock("copy.lock"):  # two copies of one template at a time would refuse each other
        cluster.psql(f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE} OWNER {OWNER} STRATEGY FILE_COPY')
    try:
        yield name
    finally:
        cluster.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


__all__ = ["APP", "OWNER", "SUPERUSER", "copy", "database_url", "folder", "redis_url", "remove", "start"]
