"""Rates of return: one root or several, and none where there is none."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.calculation.daycount import DayCount
from loanfund.calculation.yields import NoRate, effective_rate, irr, nominal_rate, xirr

NEW_YEAR = [date(year, 1, 1) for year in range(2025, 2032)]


def test_a_year_at_ten_per_cent_yields_ten_per_cent() -> None:
    assert xirr([(NEW_YEAR[0], Decimal(-1000)), (NEW_YEAR[1], Decimal(1100))]).rate == Decimal("0.1")


def test_flows_may_come_in_any_order() -> None:
    flows = [(NEW_YEAR[2], Decimal(600)), (NEW_YEAR[0], Decimal(-1000)), (NEW_YEAR[1], Decimal(600))]
    assert xirr(flows) == xirr(sorted(flows))


def test_a_loan_repaid_without_interest_yields_nothing() -> None:
    found = xirr([(NEW_YEAR[0], Decimal(-1000)), (NEW_YEAR[1], Decimal(1000))])
    assert found.rate == 0
    assert found.roots == (Decimal("0.0"),)


def test_a_loan_half_lost_yields_less_than_nothing() -> None:
    assert xirr([(NEW_YEAR[0], Decimal(-1000)), (NEW_YEAR[1], Decimal(500))]).rate == Decimal("-0.5")


def test_both_roots_of_flows_that_turn_twice_are_reported() -> None:
    """-100 + 230 / (1 + r) - 132 / (1 + r)^2 is nothing at 10 % and at 20 %."""
    found = irr([Decimal(-100), Decimal(230), Decimal(-132)])
    assert found.roots == (Decimal("0.1"), Decimal("0.2"))
    assert found.rate in found.roots


def test_all_three_roots_are_reported() -> None:
    """Roots at 5 %, 15 % and 30 %: the flows are the product (x - 1.05)(x - 1.15)(x - 1.3)."""
    flows = [Decimal(text) for text in ("1000", "-3500", "4067.5", "-1569.75")]
    assert irr(flows).roots == (Decimal("0.05"), Decimal("0.15"), Decimal("0.3"))


def test_money_that_goes_one_way_only_has_no_rate() -> None:
    with pytest.raises(ValueError, match="both ways"):
        xirr([(NEW_YEAR[0], Decimal(1000)), (NEW_YEAR[1], Decimal(1100))])


def test_flows_that_no_rate_can_balance_have_none() -> None:
    with pytest.raises(NoRate, match="No rate"):
        irr([Decimal(100), Decimal(-100), Decimal(100)])


def test_flows_of_one_day_have_no_rate() -> None:
    with pytest.raises(NoRate, match="one date"):
        xirr([(NEW_YEAR[0], Decimal(-1000)), (NEW_YEAR[0], Decimal(1100))])


def test_a_trillion_over_a_century_overflows_nothing() -> None:
    flows = [(date(2000, 1, 1), Decimal(-(10**12))), (date(2100, 1, 1), Decimal(10**13))]
    assert float(xirr(flows).rate) == pytest.approx(10 ** (365 / 36525) - 1, abs=1e-12)


def test_another_day_count_gives_another_rate() -> None:
    flows = [(date(2026, 1, 31), Decimal(-1000)), (date(2026, 7, 31), Decimal(1050))]
    assert float(xirr(flows, DayCount.THIRTY_E_360).rate) == pytest.approx(1.05**2 - 1, abs=1e-12)
    assert xirr(flows).rate > xirr(flows, DayCount.ACT_360).rate


def test_a_months_rate_as_nominal_and_effective_rates_a_year() -> None:
    assert nominal_rate(Decimal("0.01"), 12) == Decimal("0.12")
    assert float(effective_rate(Decimal("0.01"), 12)) == pytest.approx(1.01**12 - 1, abs=1e-12)


def test_of_several_roots_the_one_nearest_to_nothing_is_the_rate_where_pyxirr_has_no_word() -> None:
    flows = list(zip(NEW_YEAR, (Decimal(-100), Decimal(230), Decimal(-132)), strict=False))
    found = xirr(flows, DayCount.THIRTY_E_360)
    assert found.roots == (Decimal("0.1"), Decimal("0.2"))
    assert found.rate == Decimal("0.1")
