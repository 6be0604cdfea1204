"""Money on the wire: a string with its currency, never a JSON number."""

import re
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from loanfund.calculation.money import currency as currency_of

PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")
SENTENCE = 'Give the amount as a string of digits such as "1500000.00": no sign, no exponent, fifteen digits at most.'


@extend_schema_field(
    {
        "type": "object",
        "required": ["amount", "currency"],
        "properties": {
            "amount": {"type": "string", "example": "1500000.00"},
            "currency": {"type": "string", "example": "USD"},
        },
    }
)
class Money(serializers.Field):
    """An amount that is read: {"amount": "1500000.00", "currency": "USD"}, with the currency's decimals.

    `currency` is the path to the currency from the object, such as "fund.currency".
    """

    def __init__(self, *, currency: str = "currency", **options: Any) -> None:
        self.path = currency
        super().__init__(read_only=True, **options)

    def get_attribute(self, instance: Any) -> Any:
        amount = super().get_attribute(instance)
        code = instance
        for step in self.path.split("."):
            code = getattr(code, step)
        return None if amount is None else (amount, code)

    def to_representation(self, value: tuple[Decimal, str]) -> dict[str, str]:
        return money(*value)


def money(amount: Decimal, code: str) -> dict[str, str]:
    """An amount and its currency as they are sent."""
    return {"amount": f"{amount:.{currency_of(code).decimals}f}", "currency": code}


@extend_schema_field({"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,12})?$", "example": "1500000.00"})
class AmountText(serializers.Field):
    """An amount that is written: a string of digits with a point, in the fund's currency. Gives a Decimal."""

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not PLAIN.fullmatch(data):
            raise serializers.ValidationError(SENTENCE)
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        return f"{value:f}"
