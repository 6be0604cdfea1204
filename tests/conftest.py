"""The world every test lives in: real servers, the app's own database role, nothing faked.

- `db` (pytest-django's, or `@pytest.mark.django_db`): the test runs inside a transaction that is rolled back.
- `committed_db`: a fresh copy of the migrated database for this one test, which may commit, race and fork.
- `module_db`: the same, one for all tests of the module.
- `running`: the real web server and Celery worker, as processes of their own, on the copy of `module_db`.
- `people`: browsers of named people at that server (marks the test `browser`); `accessible(page)` checks WCAG 2.2 AA.
- `owner_sql`, `superuser_sql`: run SQL in the current database past the app's rights, as its owner or the superuser.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests import servers

if TYPE_CHECKING:
    from tests.stack import Stack

PURE = "LOANFUND_TESTS_PURE"
"""Set when only the arithmetic is tested: it must pass without Django, settings or servers."""

# Where it is set, each server that a test starts would compile all of the code again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_named = [word for word in sys.argv[1:] if not word.startswith("-") and word.startswith("tests")]
if _named and all(word.startswith("tests/calculation") for word in _named):
    os.environ[PURE] = "1"

if PURE not in os.environ:
    servers.configure()
    import django

    import loanfund.celery  # noqa: F401 - as in every process of ours

    django.setup()

    from tests.browser import _event_loop_allowed, accessible, browser_type_launch_args, people  # noqa: F401


def worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def pytest_configure(config: pytest.Config) -> None:
    """The process that only hands tests out leaves the settings to its workers: with the variable inherited, pytest-django
    would load them before this file has given each worker a queue and a cache of its own."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that started the run, not its workers, ends the servers."""
    if PURE not in os.environ and not hasattr(config, "workerinput"):
        servers.remove(servers.folder())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"people", "page", "browser"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
        mark = item.get_closest_marker("django_db")
        if mark and (mark.kwargs.get("transaction") or mark.args[:1] == (True,)):
            raise pytest.UsageError(
                f"{item.nodeid} asks for transaction=True, which empties every table afterwards, roles and chart "
                "included, and the app's role may not. Use the committed_db fixture instead."
            )
    _long_ones_first(items)


def _long_ones_first(items: list[pytest.Item]) -> None:
    """Modules are handed out whole and in this order: were a long one the last, the other workers would wait for it."""
    weights: dict[str, int] = {}
    for item in items:
        weight = sum(item.get_closest_marker(name) is not None for name in ("browser", "slow"))
        module = item.nodeid.partition("::")[0]
        weights[module] = max(weights.get(module, 0), weight)
    items.sort(key=lambda item: -weights[item.nodeid.partition("::")[0]])


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """In place of pytest-django's: Django would create the test database as the app's role, which may not."""
    from tests import copies

    servers.start()
    with copies.fresh(f"test_{worker_number()}"):
        yield


@contextmanager
def _own_copy(blocker: Any, name: str) -> Iterator[str]:
    from tests import copies

    with blocker.unblock(), copies.fresh(name):
        yield name


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A copy of the migrated database for one test that commits. Gives its name."""
    with _own_copy(django_db_blocker, f"committed_{worker_number()}") as name:
        yield name


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A copy of the migrated database for all tests of a module, which commit and see each other's rows."""
    with _own_copy(django_db_blocker, f"module_{worker_number()}") as name:
        yield name


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> None:
    """Rate limits and used codes live in the cache; one test's must not stop another's sign-in."""
    # A test that asks for the database by its mark has no such fixture among its names.
    marked = request.node.get_closest_marker("django_db") is not None
    if marked or {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("django_db_setup")
        from tests import copies

        copies.forget()


@pytest.fixture(scope="module")
def running(module_db: str) -> "Iterator[Stack]":
    """The real web server and worker on this module's copy: `running.url`, `running.worker.output()`."""
    from tests import stack

    with stack.whole(module_db) as whole:
        yield whole


def _sql_as(role: str) -> Callable[..., list[tuple[Any, ...]]]:
    import psycopg
    from django.db import connections

    def run(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
        url = servers.database_url(str(connections["default"].settings_dict["NAME"]), role)
        with psycopg.connect(url, autocommit=True) as link, link.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def owner_sql(django_db_setup: None) -> Callable[..., list[tuple[Any, ...]]]:
    """`owner_sql("UPDATE ...", [...])` runs and commits as the owner of all tables; it sees committed rows only."""
    return _sql_as(servers.OWNER)


@pytest.fixture
def superuser_sql(django_db_setup: None) -> Callable[..., list[tuple[Any, ...]]]:
    """As `owner_sql`, for the attacks that only a superuser can make."""
    return _sql_as(servers.SUPERUSER)
