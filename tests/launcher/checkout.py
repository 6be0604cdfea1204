"""A checkout of its own in which `make run`'s launcher really runs, and a hand on the processes it starts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from launcher.asking import answer_of
from launcher.layout import Layout
from launcher.postgres import APP, DATABASE
from launcher.processes import alive, marked, wait_until, working_in
from tests.servers import ROOT

PARTS = ("manage.py", "requirements.txt", "launcher", "loanfund", "templates", "static")


@contextmanager
def checkout(uid: int | None = None, *, closed: bool = False) -> Iterator[Layout]:
    """The product's files in a short temporary folder, with this environment's packages; gone afterwards.

    `closed` hides it below a folder that only its owner enters, as root's home is.
    """
    with tempfile.TemporaryDirectory(prefix="lfl-", ignore_cleanup_errors=True) as made:
        root = Path(made).resolve() / "fund"
        root.mkdir()
        root.parent.chmod(0o700 if closed else 0o755)
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, root / part)
        (root / ".venv").symlink_to(ROOT / ".venv")
        if uid is not None:
            os.chown(root, uid, uid)
        layout = Layout(root)
        try:
            yield layout
        finally:
            for pid in everything(layout):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not everything(layout), 10)
            shutil.rmtree(layout.elsewhere, ignore_errors=True)


def postgres_of(layout: Layout) -> list[int]:
    return working_in(layout.var / "postgres" / "data", "postgres")


def everything(layout: Layout) -> list[int]:
    """All processes that run for this checkout, by their mark or, for the servers, by the folder they work in."""
    return sorted(
        {*marked(layout.var), *postgres_of(layout), *working_in(layout.var / "valkey", "valkey-server")}
    )


@dataclass
class Run:
    """One `python -m launcher run`."""

    layout: Layout
    child: "subprocess.Popen[bytes]"
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def url(self) -> str:
        return self.said.split("manager is at ", 1)[1].split()[0]

    def wait_until_up(self, seconds: float = 180) -> "Run":
        wait_until(lambda: "manager is at" in self.said or self.child.poll() is not None, seconds)
        assert "manager is at" in self.said, self.said
        return self

    def health(self) -> dict[str, Any]:
        """What /healthz says, or {} when nobody answers."""
        status, said = answer_of(f"{self.url}/healthz")
        whole: dict[str, Any] = json.loads(said) if status == 200 else {}
        return whole

    def press_ctrl_c(self) -> int:
        self.child.send_signal(signal.SIGINT)
        return self.child.wait(60)

    def kill_everything(self) -> None:
        """As a power cut would: all at once, with SIGKILL."""
        for pid in [self.child.pid, *everything(self.layout)]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.child.wait(10)
        assert wait_until(lambda: not everything(self.layout), 15)


def start(layout: Layout, *, before: Sequence[str] = (), **variables: str) -> Run:
    """Starts the launcher. `before` goes ahead of its command, to run it as somebody else."""
    output = layout.root / f"output-{os.urandom(4).hex()}"
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_", "REDIS_", "DJANGO_", "LOANFUND_", "SECRET_", "DOCUMENTS_"))
        and name
        not in {
            "DEBUG",
            "BASE_URL",
            "ALLOWED_HOSTS",
            "COLLECTED_STATIC",
            "LOG_LEVEL",
            "APP_ROLE",
            "STARTED_AT",
            "ENV_FILE",
        }
    }
    with output.open("wb") as file:
        child = subprocess.Popen(
            [*before, sys.executable, "-m", "launcher", "run"],
            cwd=layout.root,
            env={**inherited, "LOAD_DEMO": "false", "PORT": "21000", **variables},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    return Run(layout, child, output)


def sql(layout: Layout, statement: str) -> list[tuple[Any, ...]]:
    """Runs a statement in the checkout's database as the app's role."""
    address = f"postgres://{APP}@/{DATABASE}?host={layout.sockets}"
    with psycopg.connect(address, autocommit=True) as link, link.cursor() as cursor:
        cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
