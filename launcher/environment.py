"""The virtual environment: made once, filled from the pinned, hashed lock, and filled again only when that changes."""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from launcher.layout import Layout
from launcher.osuser import Trouble

PIP_WHEEL = next((Path(__file__).parent / "wheels").glob("pip-*.whl"))
"""For a Python without ensurepip (Debian's, without python3-venv)."""


def prepare(layout: Layout, *, dev: bool) -> None:
    """Makes `.venv` hold exactly what the lock says, the test tools too where `dev`; does nothing when it does."""
    locks = [layout.root / "requirements.txt"] + ([layout.root / "requirements-dev.txt"] if dev else [])
    wanted = {lock.name: hashlib.sha256(lock.read_bytes()).hexdigest() for lock in locks}
    note = layout.venv / "installed"
    installed = dict(line.split() for line in note.read_text().splitlines()) if note.exists() else {}
    if _works(layout) and all(installed.get(name) == digest for name, digest in wanted.items()):
        return
    if not (_works(layout) and _has_pip(layout)):
        print(f"Making {layout.venv.name} with Python {sys.version.split()[0]} ...", flush=True)
        _make(layout)
    missing = [lock for lock in locks if installed.get(lock.name) != wanted[lock.name]]
    print(f"Installing {' and '.join(lock.name for lock in missing)} ...", flush=True)
    named = [part for lock in missing for part in ("--requirement", str(lock))]
    told = subprocess.run(
        [*_pip(layout), "install", "--quiet", "--require-hashes", "--no-deps", "--prefer-binary", *named],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise Trouble(
            f"Installing failed:\n{told.stdout}{told.stderr}\n"
            "The wheels exist for Linux with glibc and for macOS, for Python 3.11 to 3.13. "
            "On Windows or Alpine use docker compose."
        )
    note.write_text("".join(f"{name} {digest}\n" for name, digest in {**installed, **wanted}.items()))


def _works(layout: Layout) -> bool:
    """Whether the environment's Python is there and runs (a system upgrade may have removed the one beneath)."""
    if not layout.python.exists():
        return False
    return subprocess.run([layout.python, "-c", ""], check=False, capture_output=True).returncode == 0


def _has_pip(layout: Layout) -> bool:
    return subprocess.run([*_pip(layout), "--version"], check=False, capture_output=True).returncode == 0


def _pip(layout: Layout) -> list[str]:
    return [str(layout.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _make(layout: Layout) -> None:
    shutil.rmtree(layout.venv, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(layout.venv)], capture_output=True, check=False)
    if made.returncode == 0 and _has_pip(layout):
        return
    make_without_ensurepip(layout)


def make_without_ensurepip(layout: Layout) -> None:
    """Makes the environment with the wheel of pip that lies beside this file."""
    shutil.rmtree(layout.venv, ignore_errors=True)
    venv.create(layout.venv, with_pip=False, symlinks=True)
    told = subprocess.run(
        [layout.python, str(PIP_WHEEL / "pip"), "install", "--quiet", "--no-index", str(PIP_WHEEL)],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise Trouble(f"pip could not be installed into {layout.venv}:\n{told.stdout}{told.stderr}")
