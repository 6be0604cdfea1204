"""The page that lists the settings lists them all."""

import re

from tests.servers import ROOT

READ = re.compile(
    r"""(?:env\.\w+|positive_int|required|environ\.get|environ\.setdefault)\(\s*["']([A-Z_]+)["']"""
)


NOT_OURS = {"PATH", "DJANGO_SETTINGS_MODULE"}
NOT_READ_HERE = {"DATABASE_OWNER_URL", "DATABASE_OWNER_PASSWORD", "X", "X_FILE", "INFO"}
"""Read by `launcher.roles` under a name put together there, or no name of a setting."""


def without_file(name: str) -> str:
    return name if name == "ENV_FILE" else name.removesuffix("_FILE")


def test_every_variable_that_is_read_is_explained() -> None:
    sources = [ROOT / "loanfund" / "settings.py", *(ROOT / "launcher").glob("*.py")]
    read = {without_file(name) for one in sources for name in READ.findall(one.read_text())} - NOT_OURS
    explained = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text()))
    assert len(read) > 25
    assert read - explained == set()
    assert explained - read == NOT_READ_HERE
