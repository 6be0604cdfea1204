"""The page that lists the settings lists them all."""

import re

from tests.servers import ROOT

READ = re.compile(r"""(?:env\.\w+|positive_int|required|environ\.get)\(\s*["']([A-Z_]+)["']""")


def test_every_variable_that_is_read_is_explained() -> None:
    sources = [ROOT / "loanfund" / "settings.py", *(ROOT / "launcher").glob("*.py")]
    read = {name.removesuffix("_FILE") for one in sources for name in READ.findall(one.read_text())}
    explained = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text()))
    not_names = {"PATH", "DJANGO_SETTINGS_MODULE", "INFO"}
    assert len(read) > 25
    assert read - not_names <= explained
    assert (
        explained
        - read
        - not_names
        - {"DATABASE_OWNER_URL", "DATABASE_OWNER_PASSWORD", "X_FILE", "X", "ENV_FILE"}
        == set()
    )
