"""Money: exact at any size, rounded in one place, whatever the rest of the process does to its decimal context."""

import decimal
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loanfund.calculation.money import (
    CURRENCIES,
    UNITS12,
    Currency,
    Rounding,
    currency,
    decimal_to_minor,
    from_units12,
    minor_to_decimal,
    minor_to_units12,
    q12,
    round_decimal,
    round_minor,
    rounded_quotient,
    to_units12,
)

USD = currency("USD")
USDC = currency("USDC")
JPY = currency("JPY")
ETH = currency("ETH")

TRILLION = 10**12
WHOLE = st.integers(-(10**40), 10**40)
POSITIVE = st.integers(1, 10**30)
ANY_CURRENCY = st.sampled_from(sorted(CURRENCIES.values(), key=lambda c: c.code))


@pytest.mark.parametrize(
    ("code", "decimals"),
    [
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KWD", 3),
        ("USDC", 6),
        ("USDT", 6),
        ("BTC", 8),
        ("SOL", 9),
        ("ETH", 12),
    ],
)
def test_a_currency_knows_its_decimals(code: str, decimals: int) -> None:
    assert currency(code) == Currency(code, decimals)
    assert currency(code).minor_units == 10**decimals
    assert str(currency(code)) == code


def test_an_unknown_currency_is_refused_and_can_be_made() -> None:
    with pytest.raises(ValueError, match="No currency"):
        currency("XYZ")
    assert Currency("XYZ", 5).minor_units == 100_000


@pytest.mark.parametrize(
    ("code", "decimals"), [("usd", 2), ("", 2), ("US D", 2), ("ΩΩΩ", 2), ("USD", 13), ("USD", -1)]
)
def test_a_currency_that_cannot_be_is_refused(code: str, decimals: int) -> None:
    with pytest.raises(ValueError, match=r"decimals|capital letters"):
        Currency(code, decimals)


@pytest.mark.parametrize(
    ("rounding", "rounded"),
    [
        (Rounding.HALF_UP, (3, -3, 4, -4, 3, -3, 2, -2, 1, -1)),
        (Rounding.HALF_DOWN, (2, -2, 3, -3, 3, -3, 2, -2, 0, 0)),
        (Rounding.HALF_EVEN, (2, -2, 4, -4, 3, -3, 2, -2, 0, 0)),
        (Rounding.DOWN, (2, -2, 3, -3, 2, -2, 2, -2, 0, 0)),
        (Rounding.UP, (3, -3, 4, -4, 3, -3, 3, -3, 1, -1)),
        (Rounding.FLOOR, (2, -3, 3, -4, 2, -3, 2, -3, 0, -1)),
        (Rounding.CEILING, (3, -2, 4, -3, 3, -2, 3, -2, 1, 0)),
    ],
)
def test_each_rounding_mode_treats_ties_and_signs_its_own_way(
    rounding: Rounding, rounded: tuple[int, ...]
) -> None:
    tenths = (25, -25, 35, -35, 26, -26, 24, -24, 5, -5)
    assert tuple(rounded_quotient(n, 10, rounding) for n in tenths) == rounded
    assert tuple(rounded_quotient(-n, -10, rounding) for n in tenths) == rounded


@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.HALF_DOWN])
def test_the_nearest_is_found_over_an_odd_denominator(rounding: Rounding) -> None:
    assert [rounded_quotient(n, 5, rounding) for n in (-3, -2, 2, 3, 7, 8)] == [-1, 0, 0, 1, 1, 2]


@given(st.integers(-(10**25), 10**25), st.integers(0, 12), st.sampled_from(list(Rounding)))
def test_rounding_agrees_with_the_decimal_module(units: int, decimals: int, rounding: Rounding) -> None:
    with localcontext(prec=90):
        exact = Decimal(units).scaleb(-12)
        expected = exact.quantize(Decimal(1).scaleb(-decimals), rounding=f"ROUND_{rounding.name}")
    money = Currency("ANY", decimals)
    assert minor_to_decimal(round_minor(units, money, rounding), money) == expected


@given(WHOLE, POSITIVE)
def test_q12_is_the_nearest_twelfth_decimal_with_ties_away_from_zero(
    numerator: int, denominator: int
) -> None:
    off = Fraction(q12(numerator, denominator)) - Fraction(numerator * 10**12, denominator)
    assert abs(off) <= Fraction(1, 2)
    if abs(off) == Fraction(1, 2):
        assert (off > 0) == (numerator > 0)
    assert q12(-numerator, denominator) == -q12(numerator, denominator) == q12(numerator, -denominator)


def test_interest_is_rounded_once_from_the_exact_rational() -> None:
    principal, rate, fraction = Fraction(10_000_000), Fraction(3, 100), Fraction(1, 360)
    interest = principal * rate * fraction
    assert from_units12(q12(*interest.as_integer_ratio())) == Decimal("833.333333333333")


def test_dividing_by_nothing_is_an_error_and_not_an_amount() -> None:
    with pytest.raises(ZeroDivisionError):
        q12(1, 0)
    with pytest.raises(ZeroDivisionError):
        rounded_quotient(1, 0)


@given(WHOLE)
def test_twelve_decimals_survive_the_way_there_and_back(units: int) -> None:
    assert to_units12(from_units12(units)) == units
    assert to_units12(Decimal(1)) == UNITS12


@given(WHOLE, ANY_CURRENCY)
def test_minor_units_survive_the_way_there_and_back(minor: int, money: Currency) -> None:
    amount = minor_to_decimal(minor, money)
    assert decimal_to_minor(amount, money) == minor
    assert amount.as_tuple().exponent == -money.decimals
    assert round_minor(minor_to_units12(minor, money), money, Rounding.DOWN) == minor


@given(st.integers(-(10**30), 10**30), ANY_CURRENCY, st.sampled_from(list(Rounding)))
def test_a_crowded_decimal_context_changes_nothing(units: int, money: Currency, rounding: Rounding) -> None:
    def figures() -> list[object]:
        amount = from_units12(units)
        minor = round_minor(units, money, rounding)
        rounded = round_decimal(amount, money, rounding)
        return [
            amount,
            to_units12(amount),
            minor_to_decimal(minor, money),
            rounded,
            decimal_to_minor(rounded, money),
        ]

    calm = figures()
    with localcontext(prec=3, rounding=decimal.ROUND_UP, traps=[decimal.Inexact, decimal.Rounded]):
        assert [repr(f) for f in figures()] == [repr(f) for f in calm]


def test_a_trillion_with_six_decimals_loses_nothing() -> None:
    amount = Decimal("999999999999.999999")
    assert minor_to_decimal(decimal_to_minor(amount, USDC), USDC) == amount
    assert from_units12(to_units12(amount)) == amount
    assert round_decimal(amount, USDC) == amount
    a_day = q12(to_units12(amount) * 3, 10**12 * 100 * 360)
    assert from_units12(a_day) == Decimal("83333333.333333333250")


def test_a_currency_of_twelve_decimals_loses_nothing() -> None:
    amount = Decimal("123456789012.123456789012")
    assert minor_to_decimal(decimal_to_minor(amount, ETH), ETH) == amount
    assert round_minor(to_units12(amount), ETH) == to_units12(amount)


def test_twelve_billion_keeps_its_cents() -> None:
    assert round_decimal(Decimal("12345678901.23"), USD) == Decimal("12345678901.23")


def test_a_year_of_days_earns_thirty_thousand_and_not_three_dollars_more() -> None:
    """Cents are differences of rounded cumulatives, so rounding a day never piles up."""
    cumulative = [q12(1_000_000 * 3 * day, 100 * 365) for day in range(366)]
    cents = [round_minor(units, USD) for units in cumulative]
    posted = [later - earlier for earlier, later in pairwise(cents)]
    assert minor_to_decimal(sum(posted), USD) == Decimal("30000.00")
    assert set(posted) == {8219, 8220}


@given(
    st.lists(st.integers(0, 10**20), min_size=1, max_size=50), ANY_CURRENCY, st.sampled_from(list(Rounding))
)
def test_posted_minor_units_add_up_to_the_rounded_total(
    accruals: list[int], money: Currency, rounding: Rounding
) -> None:
    total, posted, booked = 0, 0, 0
    for accrual in accruals:
        total += accrual
        step = round_minor(total, money, rounding) - booked
        booked += step
        posted += step
    assert posted == round_minor(sum(accruals), money, rounding)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Decimal("2.675"), "2.68"),
        (Decimal("-2.675"), "-2.68"),
        (Decimal("1e3"), "1000.00"),
        (Fraction(1, 3), "0.33"),
        (Fraction(-2, 3), "-0.67"),
    ],
)
def test_an_amount_is_rounded_to_cents_and_shows_them(value: Decimal | Fraction, rounded: str) -> None:
    assert str(round_decimal(value, USD)) == rounded


def test_yen_have_no_decimals() -> None:
    assert str(round_decimal(Decimal("1234.5"), JPY)) == "1235"
    assert str(minor_to_decimal(1235, JPY)) == "1235"


@pytest.mark.parametrize(
    "amount",
    ["0.0000000000001", "NaN", "sNaN", "Infinity", "-Infinity", "1" * 61, "1E+999999", "1E-999999"],
)
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount|does not fit"):
        to_units12(Decimal(amount))
    with pytest.raises(ValueError, match=r"not an amount|does not fit"):
        decimal_to_minor(Decimal(amount), USD)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity"])
def test_what_is_no_number_cannot_be_rounded(amount: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        round_decimal(Decimal(amount), USD)


def test_more_decimals_than_the_currency_has_are_refused_and_zeros_are_not_decimals() -> None:
    with pytest.raises(ValueError, match="does not fit into 2 decimals of USD"):
        decimal_to_minor(Decimal("10.505"), USD)
    assert decimal_to_minor(Decimal("10.5000"), USD) == 1050


@pytest.mark.parametrize("amount", [1.5, 1, "1.5", None])
def test_only_a_decimal_is_money(amount: object) -> None:
    for take in (to_units12, lambda a: decimal_to_minor(a, USD), lambda a: round_decimal(a, USD)):
        with pytest.raises(TypeError, match="Money is a Decimal"):
            take(amount)


@pytest.mark.parametrize("minor", [1.5, Decimal(1), "1"])
def test_only_a_whole_number_counts_units(minor: object) -> None:
    for take in (from_units12, lambda n: minor_to_decimal(n, USD)):
        with pytest.raises(TypeError, match="whole numbers"):
            take(minor)


def test_an_unknown_rounding_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="not a valid Rounding"):
        rounded_quotient(1, 3, "sideways")
