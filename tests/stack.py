"""Our own processes, really running, against the database and the queue that `default` and REDIS_URL mean now."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.core.cache import cache

from launcher.asking import answer_of
from launcher.postgres import free_port
from launcher.processes import MARK, wait_until
from tests import servers


@dataclass(frozen=True)
class Process:
    """One running service and the file its output goes to."""

    name: str
    pid: int
    log: Path

    def output(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def service(name: str, **variables: str) -> Iterator[Process]:
    """Runs `launcher.serve NAME` with more environment variables; ends it, and all it started, afterwards."""
    log = servers.folder() / f"{name}-{os.getpid()}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "launcher.serve", name],
            cwd=servers.ROOT,
            env={**os.environ, MARK: str(servers.folder()), **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Process(name, child.pid, log)
    finally:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


@contextmanager
def worker(processes: int = 1, **variables: str) -> Iterator[Process]:
    """A Celery worker that takes tasks by the time the block begins."""
    cache.delete("heartbeat:worker")
    with service("worker", WORKER_PROCESSES=str(processes), **variables) as running:
        _wait(running, lambda: cache.get("heartbeat:worker") is not None)
        yield running


@contextmanager
def web(**variables: str) -> Iterator[str]:
    """The web server; gives its address, such as http://localhost:41234."""
    port = free_port(20000 + os.getpid() % 20000)
    url = f"http://localhost:{port}"
    settings = {
        "BIND": f"127.0.0.1:{port}",
        "BASE_URL": url,
        "WEB_WORKERS": "1",
        "DEBUG": "false",
    } | variables
    with service("web", **settings) as running:
        _wait(running, lambda: answer_of(f"http://127.0.0.1:{port}/readyz", 2)[0] == 200)
        yield url


def _wait(running: Process, done: Callable[[], bool], seconds: float = 60) -> None:
    if not wait_until(done, seconds):
        raise RuntimeError(f"{running.name} did not start; it said:\n{running.output()[-3000:]}")


@dataclass(frozen=True)
class Stack:
    """The running system: a person's browser is pointed at `url`."""

    url: str
    database: str
    worker: Process


@contextmanager
def whole(database: str, **variables: str) -> Iterator[Stack]:
    """Web server and worker together, on the copy that is current; the links in the worker's mail lead to the server."""
    with ExitStack() as both:
        url = both.enter_context(web(**variables))
        taking = both.enter_context(worker(1, BASE_URL=url, **variables))
        yield Stack(url, database, taking)
