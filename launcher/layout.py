"""Where things lie: the checkout, its `var` folder, and the file of settings that `manage.py` reads too."""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.postgres import APP, DATABASE, OWNER, socket_folder

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Layout:
    """The folders of one checkout."""

    root: Path = ROOT

    @property
    def var(self) -> Path:
        return self.root / "var"

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        return next(iter(sorted((self.venv / "lib").glob("python3.*/site-packages"))))

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def env_file(self) -> Path:
        return self.var / "env"

    @property
    def elsewhere(self) -> Path:
        """A folder below the system's temp, this user's and this checkout's alone, for what `var` cannot hold."""
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"loanfund-{os.geteuid()}-{name}"

    @property
    def sockets(self) -> Path:
        return socket_folder(self.var / "sockets", self.elsewhere / "sockets")

    def secret(self, name: str) -> Path:
        """A file with 50 random bytes, made at the first start and kept."""
        path = self.var / "secrets" / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path

    def settings(self, port: int = 8000) -> dict[str, str]:
        """The settings of a try-out on this machine, with its own servers."""
        return {
            "DEBUG": "true",
            "SECRET_KEY_FILE": str(self.secret("secret_key")),
            "BASE_URL": f"http://localhost:{port}",
            "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
            "APP_ROLE": APP,
            "DATABASE_URL": f"postgres://{APP}@/{DATABASE}?host={self.sockets}",
            "DATABASE_OWNER_URL": f"postgres://{OWNER}@/{DATABASE}?host={self.sockets}",
            "REDIS_URL": f"unix://{self.sockets / 'valkey.sock'}?db=0",
        }

    def write_settings(self, settings: Mapping[str, str]) -> None:
        write_private(self.env_file, "".join(f"{name}={value}\n" for name, value in settings.items()))


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.replace(path)


def schema_digest(root: Path) -> str:
    """Names a state of the schema: it changes with any file that running `migrate` could read. Models are among them: how
    each protects its table is applied after every migrate."""
    read = [root / "requirements.txt", root / "loanfund" / "settings.py", root / "launcher" / "postgres.py"]
    for path in sorted((root / "loanfund").rglob("*.py")):
        folder, name = path.parent.name, path.name
        of_the_schema = folder in {"migrations", "models"} or name in {"models.py", "apps.py"}
        if of_the_schema or b"post_migrate" in path.read_bytes():
            read.append(path)
    whole = hashlib.sha256()
    for path in read:
        whole.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return whole.hexdigest()[:20]
