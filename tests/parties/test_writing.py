"""How amounts, rates and days read on a page."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.test import RequestFactory

from loanfund.parties.templatetags.fund import money_bar, request_id
from loanfund.parties.templatetags.money import (
    amount,
    day,
    exact_amount,
    moment,
    money,
    percent,
    whole_money,
)

GAP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        (Decimal("1234567.5"), "USD", "1,234,567.50"),
        (Decimal("-0.005"), "USD", "\N{MINUS SIGN}0.01"),
        (Decimal("0"), "USD", "0.00"),
        (Decimal("-0.001"), "USD", "0.00"),
        (Decimal("12345678901234567890123456.78"), "USD", "12,345,678,901,234,567,890,123,456.78"),
        (1000, "JPY", "1,000"),
        (Decimal("0.000001"), "USDC", "0.000001"),
        (None, "USD", ""),
    ],
)
def test_a_treasurer_reads_every_digit_of_an_amount(value: Decimal | None, code: str, words: str) -> None:
    assert amount(value, code) == words


def test_an_amount_is_never_a_float() -> None:
    with pytest.raises(TypeError, match="never a float"):
        money(0.1, "USD")


def test_money_names_its_currency_and_does_not_break() -> None:
    assert money(Decimal("-1"), "USD") == f"USD{GAP}\N{MINUS SIGN}1.00"
    assert whole_money(Decimal("100000000.00"), "USD") == f"USD{GAP}100,000,000"
    assert whole_money(Decimal("0.50"), "USD") == f"USD{GAP}0.50"
    assert exact_amount(Decimal("1234.000000000001")) == "1,234.000000000001"


def test_a_rate_shows_the_decimals_it_has_and_two_at_least() -> None:
    assert percent(Decimal("0.03")) == f"3.00{GAP}%"
    assert percent(Decimal("0.0556250")) == f"5.5625{GAP}%"
    assert percent(Decimal("1")) == f"100.00{GAP}%"
    assert percent(Decimal("0.5"), 1) == f"50.0{GAP}%"


def test_days_and_moments_read_the_same_everywhere() -> None:
    assert day(date(2026, 8, 1)) == '<time datetime="2026-08-01">1 Aug 2026</time>'
    assert "1 Aug 2026, 14:05 UTC</time>" in moment(datetime(2026, 8, 1, 14, 5, tzinfo=UTC))


def test_a_form_that_comes_back_keeps_its_request_id_and_a_made_up_one_is_replaced() -> None:
    first = request_id({"request": RequestFactory().get("/")})
    posted = RequestFactory().post("/", {"request_id": first})
    assert request_id({"request": posted}) == first
    forged = RequestFactory().post("/", {"request_id": '"><script>'})
    assert "script" not in request_id({"request": forged})


def test_a_bar_never_grows_past_its_whole() -> None:
    bar = money_bar([("A", Decimal("33.33")), ("B", Decimal("66.67"))], Decimal(100), "USD", "t")
    widths = [part["width"] for part in bar["parts"]]
    assert widths == [3333, 6667]
    assert money_bar([("A", Decimal(0))], Decimal(0), "USD", "t")["parts"][0]["width"] == 0
