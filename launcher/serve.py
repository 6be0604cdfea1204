"""The start command of each service, one for `make run` and docker compose alike: `python -m launcher.serve web`; and the
management commands, since this is what the image starts: `python -m launcher.serve manage verify_books`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from launcher.layout import ROOT


def _program(name: str) -> str:
    """A program installed beside the Python that runs this."""
    return str(Path(sys.executable).parent / name)


def web() -> list[str]:
    """Gunicorn on BIND, with WEB_WORKERS processes of WEB_THREADS threads each."""
    if os.environ.get("METRICS_TOKEN"):
        # Whichever process answers /metrics must speak for all of them, so their counters lie in one folder.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="loanfund-metrics-"))
    return [
        _program("gunicorn"),
        "loanfund.wsgi",
        f"--bind={os.environ.get('BIND', '127.0.0.1:8000')}",
        f"--workers={os.environ.get('WEB_WORKERS', '2')}",
        f"--threads={os.environ.get('WEB_THREADS', '4')}",
        "--worker-class=gthread",
        "--preload",
        "--timeout=60",
        "--graceful-timeout=20",
        "--max-requests=5000",
        "--max-requests-jitter=500",
        "--log-level=warning",
        *(["--worker-tmp-dir=/dev/shm"] if os.access("/dev/shm", os.W_OK) else []),  # nosec B108 # a heartbeat file
    ]


def worker() -> list[str]:
    """A Celery worker with WORKER_PROCESSES processes."""
    processes = os.environ.get("WORKER_PROCESSES", "2")
    return [
        *(_program("celery"), "--app=loanfund.celery", "worker"),
        *(f"--concurrency={processes}", "--loglevel=warning", "--without-mingle", "--without-gossip"),
    ]


def beat() -> list[str]:
    """Celery's clock. Exactly one runs."""
    return [_program("celery"), "--app=loanfund.celery", "beat", "--loglevel=warning", "--pidfile="]


def migrate() -> None:
    """Prepares roles and schema as the owner of the database, then ends."""
    subprocess.run([sys.executable, "-m", "launcher.roles"], cwd=ROOT, check=True)
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input"], cwd=ROOT, env=owner_environment(), check=True
    )


def owner_environment() -> dict[str, str]:
    """This process's environment, with the database's owner in the place of the app."""
    mine = dict(os.environ)
    for name in ("URL", "PASSWORD"):
        for suffix in ("", "_FILE"):
            mine.pop(f"DATABASE_{name}{suffix}", None)
            value = mine.get(f"DATABASE_OWNER_{name}{suffix}")
            if value:
                mine[f"DATABASE_{name}{suffix}"] = value
    return mine


def with_role(url: str, role: str, password: str) -> str:
    """The same database as `url` names, as somebody else."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password)}@{address}"))


SERVICES = {"web": web, "worker": worker, "beat": beat}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) == 2 or sys.argv[1:2] == ["manage"] else ""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loanfund.settings")
    if name == "migrate":
        try:
            migrate()
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)
    elif name == "manage":
        os.chdir(ROOT)
        command = [sys.executable, "manage.py", *sys.argv[2:]]
        os.execv(command[0], command)  # nosec B606 # this process becomes the command
    elif name in SERVICES:
        command = SERVICES[name]()
        os.chdir(ROOT)
        os.execv(command[0], command)  # nosec B606 # this process becomes the service
    else:
        sys.exit(
            f"Say which service: python -m launcher.serve {'|'.join([*SERVICES, 'migrate'])}, or manage COMMAND"
        )


if __name__ == "__main__":
    main()
