"""The SOFR Index and averages as the Federal Reserve Bank of New York published them, from the fixings alone."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.calculation.indices import CompoundedIndex, compounded_index
from tests.calculation.data import sofr, sofr_index

PUBLISHED = {30: 1796, 90: 1649, 180: 1649}


@pytest.fixture(scope="module")
def index() -> CompoundedIndex:
    return compounded_index(sofr(), date.fromisoformat(sofr_index()[-1]["date"]))


def test_every_published_index_value_follows_from_the_fixings(index: CompoundedIndex) -> None:
    rows = sofr_index()
    wrong = [
        row for row in rows if index.value(date.fromisoformat(row["date"])) != Decimal(row["sofr_index"])
    ]
    assert len(rows) >= 2096
    assert wrong == []


@pytest.mark.parametrize("days", PUBLISHED)
def test_every_published_average_follows_from_the_fixings(index: CompoundedIndex, days: int) -> None:
    rows = [row for row in sofr_index() if row[f"avg_{days}d"]]
    wrong = [
        row
        for row in rows
        if index.average(date.fromisoformat(row["date"]), days) != Decimal(row[f"avg_{days}d"])
    ]
    assert len(rows) >= PUBLISHED[days]
    assert wrong == []


def test_a_day_without_business_has_no_index(index: CompoundedIndex) -> None:
    with pytest.raises(ValueError, match="no index on 2026-01-03"):
        index.value(date(2026, 1, 3))


def test_an_average_cannot_begin_before_the_fixings(index: CompoundedIndex) -> None:
    with pytest.raises(ValueError, match="begins before the fixings"):
        index.average(date(2018, 4, 20), 30)
