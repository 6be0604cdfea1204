"""How amounts, rates and days are written on every page: exactly, in one way, never through a float."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from loanfund.calculation.money import currency as currency_of

register = template.Library()
MINUS = "\N{MINUS SIGN}"
GAP = "\N{NO-BREAK SPACE}"


def exact(value: Any) -> Decimal:
    """The value as a Decimal. A float is a mistake of the programmer's and raises TypeError."""
    value = getattr(value, "amount", value)
    if isinstance(value, float | bool):
        raise TypeError(f"An amount is never a {type(value).__name__}: {value!r}.")
    return Decimal(value)


def grouped(value: Decimal, places: int) -> str:
    """With thousands separators, a true minus sign and this many decimals, rounded half up for the eye."""
    with localcontext() as context:
        context.prec = 60
        rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{MINUS if rounded < 0 else ''}{abs(rounded):,f}"


@register.filter
def amount(value: Any, code: str = "USD") -> str:
    """`{{ sum|amount:"USD" }}`: 1,234.50 - for a column whose head names the currency. Nothing for None."""
    if value is None or value == "":
        return ""
    return grouped(exact(value), currency_of(str(code)).decimals)


@register.filter
def money(value: Any, code: str = "USD") -> str:
    """`{{ sum|money:"USD" }}`: USD 1,234.50, held together by a no-break space. Nothing for None."""
    if value is None or value == "":
        return ""
    code = str(getattr(value, "currency", code))
    return f"{code}{GAP}{amount(value, code)}"


@register.filter
def whole_money(value: Any, code: str = "USD") -> str:
    """`{{ size|whole_money:"USD" }}`: USD 100,000,000 - no decimals where there are none to show."""
    if value is None or value == "":
        return ""
    sum_ = exact(value)
    return f"{code}{GAP}{grouped(sum_, 0)}" if sum_ == sum_.to_integral_value() else money(value, code)


@register.filter
def exact_amount(value: Any) -> str:
    """Every digit that is there, as an accrual of twelve decimals needs; thousands separated."""
    if value is None or value == "":
        return ""
    sum_ = exact(value)
    return f"{MINUS if sum_ < 0 else ''}{abs(sum_):,f}"


@register.filter
def percent(value: Any, places: int = 2) -> str:
    """`{{ rate|percent }}` of a fraction: 0.0325 is 3.25 %; more decimals where the rate has them, to `places` at least."""
    if value is None or value == "":
        return ""
    rate = (exact(value) * 100).normalize()
    digits = max(places, -int(rate.as_tuple().exponent))
    return f"{grouped(rate, min(digits, 8))}{GAP}%"


@register.filter
def day(value: date | None) -> SafeString | str:
    """21 Aug 2026, as a `<time>` that machines read too."""
    if not value:
        return ""
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), f"{value.day} {value:%b %Y}")


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """21 Aug 2026, 14:05 UTC."""
    if not value:
        return ""
    at = localtime(value)
    words = f"{at.day} {at:%b %Y, %H:%M} {at.tzname()}"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), words)
