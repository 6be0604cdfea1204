"""The environment is made once, exactly as the lock says, and on a Python without ensurepip too."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from launcher import environment
from launcher.layout import Layout
from launcher.osuser import Trouble
from tests.servers import ROOT


def test_a_python_without_ensurepip_gets_pip_from_its_wheel(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    environment.make_without_ensurepip(layout)
    told = subprocess.run(
        [layout.python, "-m", "pip", "--version"], capture_output=True, text=True, check=True
    )
    assert str(layout.site_packages) in told.stdout


def test_nothing_is_installed_again_while_the_lock_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    environment.prepare(Layout(ROOT), dev=True)
    assert capsys.readouterr().out == ""


def test_a_package_that_is_not_what_the_lock_says_is_refused(tmp_path: Path) -> None:
    """The lock pins pip's own wheel here, under a wrong hash: nothing is fetched and nothing installed."""
    layout = Layout(tmp_path)
    environment.make_without_ensurepip(layout)
    wheel = environment.PIP_WHEEL
    wrong = hashlib.sha256(b"something else").hexdigest()
    (tmp_path / "requirements.txt").write_text(f"pip @ {wheel.as_uri()} --hash=sha256:{wrong}\n")
    with pytest.raises(Trouble, match="Installing failed"):
        environment.prepare(layout, dev=False)
    assert not (layout.venv / "installed").exists()
