"""Working on a copy of the migrated database, in tests and in benchmarks. Django must be set up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connections

from loanfund.servicing import factors
from tests import servers


@contextmanager
def connected_to(name: str) -> Iterator[str]:
    """Points Django's `default` in this process, its threads and the processes it starts at another database."""
    connections.close_all()
    settings = connections["default"].settings_dict
    before, url_before = settings["NAME"], os.environ["DATABASE_URL"]
    settings["NAME"], os.environ["DATABASE_URL"] = name, servers.database_url(name)
    try:
        yield name
    finally:
        connections.close_all()
        settings["NAME"], os.environ["DATABASE_URL"] = before, url_before


@contextmanager
def fresh(name: str) -> Iterator[str]:
    """A new copy of the migrated database, which `default` means for as long as the block runs."""
    with servers.copy(name), connected_to(name):
        forget()
        yield name
    forget()


def forget() -> None:
    """Empties what remembers rows of another database, or of a test that was undone: the cache, and what a process keeps."""
    cache.clear()
    factors._CLASSES.clear()
    ContentType.objects.clear_cache()
