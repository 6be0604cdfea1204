"""A wrong or missing setting stops the start with a sentence that says what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT

RIGHT = {
    "SECRET_KEY": "x" * 50,
    "DATABASE_URL": "postgres://loanfund_app@localhost/loanfund",
    "REDIS_URL": "redis://localhost:6379/0",
    "BASE_URL": "https://fund.example",
    "DEBUG": "false",
    "ENV_FILE": os.devnull,
}


def load(code: str = "", **changes: str | None) -> "subprocess.CompletedProcess[str]":
    """Loads the settings in a process of its own, as a server would, and runs `code` with them."""
    environment = {name: value for name, value in {**RIGHT, **changes}.items() if value is not None}
    script = f"import loanfund.settings as settings\n{code}"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters. Give it at least 50"),
        ("SECRET_KEY", "", "SECRET_KEY is not set. Set SECRET_KEY, or SECRET_KEY_FILE"),
        ("DATABASE_URL", "", "DATABASE_URL is not set."),
        ("DATABASE_URL", "sqlite:///books.db", "Only PostgreSQL, 15 or later, will do."),
        ("REDIS_URL", "", "REDIS_URL is not set."),
        ("REDIS_URL", "amqp://localhost", "Use redis://, rediss:// or unix:///path?db=0."),
        ("BASE_URL", "fund.example", "Set it to the address people type"),
        ("BASE_URL", "http://fund.example", "people sign in over https:// only"),
        ("UPLOAD_MAX_BYTES", "20 MB", "UPLOAD_MAX_BYTES is '20 MB'. Set it to a whole number above zero."),
    ],
)
def test_a_wrong_value_is_answered_with_a_sentence(name: str, value: str, sentence: str) -> None:
    told = load(**{name: value})
    assert told.returncode != 0
    assert sentence in told.stderr.splitlines()[-1]


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("from a file\n")
    told = load("print(settings.DATABASES['default']['PASSWORD'])", DATABASE_PASSWORD_FILE=str(secret))
    assert told.stdout == "from a file\n", told.stderr


def test_the_environment_outranks_the_file_of_a_try_out(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"SECRET_KEY_FILE={tmp_path / 'nowhere'}\nMAIL_FROM=file@fund.example\n")
    told = load("print(settings.SECRET_KEY, settings.DEFAULT_FROM_EMAIL)", ENV_FILE=str(file))
    assert told.stdout.split() == ["x" * 50, "file@fund.example"], told.stderr


def test_the_queue_and_the_cache_never_share_a_numbered_database() -> None:
    for url in (
        "redis://localhost:6379/3",
        "rediss://:secret@redis.example/3",
        "unix:///run/valkey.sock?db=3",
    ):
        told = load(
            "print(settings.CELERY_BROKER_URL, settings.CACHES['default']['LOCATION'])", REDIS_URL=url
        )
        queue, cache = told.stdout.split()
        assert queue[-1] == "3", told.stderr
        assert cache[-1] == "4"


def test_production_hides_cookies_from_plain_http_and_scripts() -> None:
    told = load(
        "print(settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY,"
        " settings.SECURE_HSTS_SECONDS > 0)"
    )
    assert told.stdout.split() == ["True"] * 4, told.stderr
