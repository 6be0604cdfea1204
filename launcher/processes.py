"""Finding and stopping processes, those that an earlier, killed run left behind included."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MARK = "LOANFUND_RUN"
"""Every process we start carries this variable, with the folder it works for, in its environment."""


def alive(pid: int) -> bool:
    """Whether a process with this number runs (a zombie does not)."""
    if sys.platform == "linux":
        try:
            # The name in brackets may hold spaces; the state is the first word after it.
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
        except (OSError, IndexError):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_of(pid: int) -> str:
    """The command line of a process, or "" when it is gone or not ours to see."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
                .strip()
            )
        return ""
    shown = subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()


def is_leader(pid: int) -> bool:
    """Whether a process began its session, as the first of each service of ours does."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def wait_until(done: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    """Waits until `done()`, at most `seconds`; returns whether it came true."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def stop(pid: int, *, first: signal.Signals = signal.SIGTERM, patience: float = 15) -> None:
    """Asks a process to end, and after `patience` seconds ends it."""
    send(pid, first)
    if not wait_until(lambda: not alive(pid), patience):
        send(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), 5)


def _linux_pids() -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            yield int(entry.name)


def marked(folder: Path) -> list[int]:
    """Our processes that work for `folder`, oldest first, this one left out."""
    wanted = f"{MARK}={folder}"
    if sys.platform == "linux":
        found = []
        for pid in _linux_pids():
            with contextlib.suppress(OSError):
                if wanted.encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") and alive(pid):
                    found.append(pid)
        return sorted(found)
    shown = subprocess.run(
        ["ps", "-axEwwo", "pid=,command="], capture_output=True, text=True, check=False
    ).stdout
    rows = (line.split(None, 1) for line in shown.splitlines() if wanted in line)
    return sorted(int(row[0]) for row in rows if int(row[0]) != os.getpid())


def working_in(folder: Path, executable: str) -> list[int]:
    """Processes of a program named `executable` whose working folder is `folder`: how PostgreSQL's are known."""
    if sys.platform != "linux":
        return []
    found = []
    for pid in _linux_pids():
        with contextlib.suppress(OSError):
            program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
            if (
                Path(program).name == executable
                and Path(os.readlink(f"/proc/{pid}/cwd")) == folder
                and alive(pid)
            ):
                found.append(pid)
    return found
