"""docker-compose.yml runs the commands that `make run` runs, and holds no secret."""

import re
import subprocess
import sys
from typing import Any

import yaml

from launcher import serve
from tests.servers import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {*serve.SERVICES, "migrate"}


def test_every_service_of_ours_starts_by_the_shared_command() -> None:
    assert set(COMPOSE["services"]) == {"db", "redis", *OURS}
    for name in OURS:
        assert COMPOSE["services"][name]["command"] == [name]
    assert 'ENTRYPOINT ["python", "-m", "launcher.serve"]' in (ROOT / "Dockerfile").read_text()


def test_every_lasting_service_has_a_health_check() -> None:
    for name, service in COMPOSE["services"].items():
        assert ("healthcheck" in service) == (name != "migrate"), name


def test_data_and_documents_outlive_the_containers() -> None:
    kept = {volume for service in COMPOSE["services"].values() for volume in service.get("volumes", [])}
    assert {mount.split(":")[0] for mount in kept} == set(COMPOSE["volumes"])


def test_only_the_migration_knows_the_owner_and_no_secret_is_written_down() -> None:
    for name, service in COMPOSE["services"].items():
        assert ("owner_password" in service.get("secrets", [])) == (name in {"db", "migrate"})
        for variable, value in service.get("environment", {}).items():
            if re.search("KEY|PASSWORD|TOKEN|DSN|SECRET", variable):
                assert re.fullmatch(r"/run/secrets/\w+|\$\{\w+:-\}", value), (name, variable)


def test_the_lock_files_name_no_index_and_pin_every_file() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"^\s*-|https?://", text.replace("    --hash", "hash"), re.MULTILINE), name
        pins = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
        assert len(pins) > 20
        assert text.count("--hash=sha256:") >= len(pins)


def test_the_operators_commands_start_as_the_image_starts_them() -> None:
    """Every `docker compose run` that docs/production.md prints, tried with --help as the image's entry point runs it."""
    printed = re.findall(
        r"`docker compose run --rm web (\S+) (\w+)", (ROOT / "docs" / "production.md").read_text()
    )
    assert {command for _, command in printed} >= {
        "ensure_reference",
        "add_staff",
        "open_fund",
        "verify_books",
    }
    for word, command in printed:
        told = subprocess.run(
            [sys.executable, "-m", "launcher.serve", word, command, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "usage:" in told.stdout
