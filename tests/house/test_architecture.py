"""The house keeps its shape: what the import contracts cannot say."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ROOT

CODE = ROOT / "loanfund"
APPS_WITH_MODELS = ("audit", "parties", "reference", "ledger", "facilities", "origination", "servicing")
FACES = ("portal", "api", "office")
NAMES_NOT_USED = {"accounts", "core", "common", "utils", "helpers", "misc"}


def sources(folder: Path = CODE) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts)


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))


def test_the_package_itself_is_empty() -> None:
    """Otherwise the calculator would load Django and Celery."""
    assert (CODE / "__init__.py").read_text() == ""


def test_the_arithmetic_loads_no_framework() -> None:
    modules = ", ".join(
        f"loanfund.calculation.{path.stem}" for path in (CODE / "calculation").glob("[a-z]*.py")
    )
    code = f"import sys, {modules}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"django", "celery", "rest_framework", "psycopg", "environ"} & set(told.stdout.split())


@pytest.mark.parametrize("app", APPS_WITH_MODELS)
def test_every_app_with_tables_says_what_must_always_hold(app: str) -> None:
    assert (CODE / app / "invariants.py").is_file()


@pytest.mark.parametrize("face", FACES)
def test_a_face_has_no_tables(face: str) -> None:
    assert not (CODE / face / "models.py").exists()
    assert not (CODE / face / "migrations").exists()


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {path.relative_to(ROOT) for path in sources() if NAMES_NOT_USED & {path.stem, path.parent.name}}
    assert named == set()


def test_files_and_functions_can_be_read_at_a_sitting() -> None:
    long = [str(path.relative_to(ROOT)) for path in sources() if len(path.read_text().splitlines()) > 500]
    long += [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sources()
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno >= 70
    ]
    assert long == []


def test_nothing_that_holds_money_makes_a_float() -> None:
    """Only a yield, which is reported and never booked, may be one."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for app in ("calculation", "ledger", "facilities", "origination", "servicing", "reporting")
        for path in sources(CODE / app)
        if path.name not in {"yields.py", "xlsx_format.py"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
    ]
    assert found == []


def test_the_clock_is_read_in_faces_only() -> None:
    """A service is told the date; otherwise a past day could not be closed again."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources()
        if path.name in {"services.py", "selectors.py", "models.py"}
        or {"services", "selectors"} & set(path.parts)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in {"date.today", "datetime.date.today", "timezone.localdate", "datetime.today"}
    ]
    assert found == []
