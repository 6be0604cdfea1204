"""What a process remembers of accrual classes between one night and the next."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.growth import GrowthKey
from loanfund.calculation.rates import FixedRate
from loanfund.servicing.factors import class_id, known

pytestmark = pytest.mark.django_db
START, END = date(2026, 1, 15), date(2026, 4, 15)


def rare(rate: str) -> GrowthKey:
    return GrowthKey(
        rate=FixedRate(Decimal(rate)),
        day_count=DayCount.ACT_360,
        start=START,
        end=END,
        reference=ReferencePeriod(START, END, 4, END, False),
    )


def test_a_class_met_twice_in_work_that_was_undone_is_stored_again() -> None:
    key = rare("0.0312500001")
    with transaction.atomic():
        undone = class_id(key)
        assert class_id(key) == undone
        transaction.set_rollback(True)

    stored = class_id(key)

    assert known([stored]) == {stored: key}
    assert not known([undone])


def test_a_class_that_was_committed_is_looked_up_no_more(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Any]]],
    django_assert_num_queries: Callable[[int], AbstractContextManager[Any]],
) -> None:
    key = rare("0.0312500002")
    with django_capture_on_commit_callbacks(execute=True):
        stored = class_id(key)

    with django_assert_num_queries(0):
        assert class_id(key) == stored
