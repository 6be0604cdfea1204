"""Trying a whole service again when the database chose it as the victim of a deadlock or a serialisation failure."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

from loanfund.audit.errors import sqlstate

DEADLOCK_DETECTED = "40P01"
SERIALISATION_FAILURE = "40001"
ATTEMPTS = 3

Result = TypeVar("Result")


def retrying(service: Callable[[], Result], *, attempts: int = ATTEMPTS) -> Result:
    """Call `service` and return its result; on a deadlock or serialisation failure call it again, whole.

    For faces only: inside a transaction nothing can be tried again, so the error passes through at once. The pause
    between attempts is random (up to 50 ms, then 100 ms) so that two victims do not meet again.
    """
    for attempt in range(1, attempts + 1):
        try:
            return service()
        except OperationalError as error:
            again = sqlstate(error) in {DEADLOCK_DETECTED, SERIALISATION_FAILURE}
            if not again or attempt == attempts or connection.in_atomic_block:
                raise
            time.sleep(random.uniform(0, 0.05 * attempt))  # nosec B311 # a pause, not a secret
    raise AssertionError("unreachable: the last attempt returns or raises")
