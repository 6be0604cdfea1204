"""Starts services, waits until they answer, starts again what dies, and stops everything in order."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.osuser import Trouble
from launcher.processes import alive, send, wait_until

LOG_BYTES = 10 * 1024 * 1024
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to start a service that keeps dying; the pause doubles from half a second up to this."""
STEADY = 60.0
"""A service that has run this many seconds starts with the shortest pause again."""


@dataclass
class Service:
    """One process to keep running.

    `command` is asked for anew at each start, `environment` likewise; `before` runs ahead of each start (what a killed
    predecessor left is cleared there). `stop_with` asks it to end; after `patience` seconds its whole group is killed. The
    others need a `server`, which therefore ends after them.
    """

    name: str
    command: Callable[[], Sequence[str]]
    environment: Callable[[], Mapping[str, str]]
    answers: Callable[[], bool] = lambda: True
    before: Callable[[], None] = lambda: None
    stop_with: signal.Signals = signal.SIGTERM
    patience: float = 25
    server: bool = False
    folder: Path = Path("/")
    options: Mapping[str, Any] = field(default_factory=dict)
    child: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0
    start_again_at: float = 0
    pause: float = 0.5


class Supervisor:
    """Keeps services running until it is told to stop. Their output goes to one log file each."""

    def __init__(self, logs: Path, say: Callable[[str], None] = lambda text: print(text, flush=True)) -> None:
        self.logs = logs
        self.say = say
        self.services: list[Service] = []
        self.stopping = False

    def log(self, service: Service) -> Path:
        return self.logs / f"{service.name}.log"

    def launch(self, service: Service) -> None:
        """Starts the process of a service in a session of its own, so that Ctrl-C reaches us alone."""
        service.before()
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.log(service)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            service.child = subprocess.Popen(
                list(service.command()),
                env=dict(service.environment()),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=service.folder,
                **service.options,
            )
        service.started_at = time.monotonic()
        if service not in self.services:
            self.services.append(service)

    def wait_for(self, service: Service, seconds: float) -> None:
        """Waits until a service answers. One that dies on the way is started again, and given up after the time."""

        def done() -> bool:
            self.revive()
            return self.stopping or (self._runs(service) and service.answers())

        if not wait_until(done, seconds, every=0.05):
            raise Trouble(
                f"{service.name} does not answer after {seconds:.0f} seconds. The end of {self.log(service)}:\n"
                f"{self.tail(service)}"
            )

    def tail(self, service: Service, lines: int = 15) -> str:
        log = self.log(service)
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    @staticmethod
    def _runs(service: Service) -> bool:
        return service.child is not None and service.child.poll() is None

    def revive(self) -> None:
        """Starts again, after its pause, every service that has died."""
        now = time.monotonic()
        for service in self.services:
            if self.stopping or self._runs(service):
                continue
            if not service.start_again_at:
                if now - service.started_at > STEADY:
                    service.pause = 0.5
                code = service.child.returncode if service.child else None
                self.say(f"{service.name} ended ({_cause(code)}); starting it again in {service.pause:g} s.")
                if code is not None and code > 0 and self.tail(service, 1):
                    self.say(f"  Its last words: {self.tail(service, 1)[:200]}")
                self._end_group(service)
                service.start_again_at = now + service.pause
                service.pause = min(service.pause * 2, LONGEST_PAUSE)
            elif now >= service.start_again_at:
                service.start_again_at = 0
                self.launch(service)

    def watch(self) -> None:
        """Returns when told to stop."""
        while not self.stopping:
            self.revive()
            time.sleep(0.2)

    def stop(self) -> None:
        """Ends all services, each given the time to finish what it does: first those that work, then their servers."""
        self.stopping = True
        for servers in (False, True):
            together = [service for service in self.services if service.server is servers]
            for service in together:
                if service.child is not None and self._runs(service):
                    send(service.child.pid, service.stop_with)
            for service in together:
                self._await_end(service)

    def _await_end(self, service: Service) -> None:
        child = service.child
        if child is not None and not wait_until(lambda: child.poll() is not None, service.patience):
            self.say(f"{service.name} did not end in {service.patience:.0f} s and is killed.")
        self._end_group(service)

    @staticmethod
    def _end_group(service: Service) -> None:
        """Kills what is left of a service's processes: a killed parent leaves its children behind."""
        if service.child is None:
            return
        try:
            os.killpg(service.child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        service.child.poll()
        wait_until(lambda: not alive(service.child.pid) if service.child else True, 2)


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def on_signals(stop: Callable[[], None]) -> None:
    """Ctrl-C, `kill` and a closed terminal all stop in order; a second one changes nothing."""

    def handle(number: int, frame: object) -> None:
        stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
