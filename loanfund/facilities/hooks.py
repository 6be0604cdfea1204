"""What apps that may not know each other do together when a day is closed. Each registers in its AppConfig.ready().

A function is called with `fund` and `on`, inside the close's transaction, at most once a day, and returns what it did as
plain counts for the close's record.
"""

from collections.abc import Callable
from typing import Any

START_OF_DAY: dict[str, Callable[..., dict[str, Any]]] = {}
"""By name: the work at the start of business date `on`, such as letting offers lapse."""

DAY_CLOSED: dict[str, Callable[..., dict[str, Any]]] = {}
"""By name: the work that follows the close of `on`; it writes rows for later and does nothing long."""
