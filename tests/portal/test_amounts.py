"""What a treasurer types for an amount is read as it was meant, or asked about; never taken for another sum."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from loanfund.portal.applying.fields import MoneyField as Applied
from loanfund.portal.borrowing.forms import MoneyField as Borrowed

FIELDS = [Applied(), Borrowed(code="USD", label="Amount")]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "typed",
    ["250000.5", "250,000.50", " 250 000.50 ", "250'000.50", "250’000.50", "250\u00a0000.50", "250_000.5"],
)
def test_thousands_may_be_separated_as_one_likes(field: Applied | Borrowed, typed: str) -> None:
    assert field.clean(typed) == Decimal("250000.50")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "typed", ["250000,50", "250,00", "1,5", "2,50,000", "250.000,50", "1,250,00.5", "1.5,000", ","]
)
def test_what_could_mean_two_sums_is_asked_about(field: Applied | Borrowed, typed: str) -> None:
    with pytest.raises(ValidationError, match="groups of three digits"):
        field.clean(typed)


def test_a_point_before_thousands_is_asked_about_where_the_currency_has_fewer_decimals() -> None:
    with pytest.raises(ValidationError, match="USD has 2 decimals"):
        FIELDS[1].clean("250.000")
    assert Borrowed(code="USDC", label="Amount").clean("250.000") == 250


def test_an_amount_that_is_stored_comes_back_as_people_write_it() -> None:
    field = Applied()
    for stored, shown in {"1900000.00": "1,900,000", "1250000.50": "1,250,000.5", "0": "0"}.items():
        assert field.prepare_value(Decimal(stored)) == shown
        assert field.clean(shown) == Decimal(stored)
