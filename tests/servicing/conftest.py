"""What the tests of servicing need beside their world."""

from collections.abc import Iterator

import pytest

from loanfund.servicing import factors


@pytest.fixture(autouse=True)
def _no_class_is_remembered() -> Iterator[None]:
    """A process remembers the ids of stored accrual classes; a test that is undone takes the rows away beneath it."""
    factors._CLASSES.clear()
    yield
    factors._CLASSES.clear()
