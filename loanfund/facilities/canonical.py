"""One way to write a document down, so that the same content always has the same digest."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:
    """`value` in JSON's own types: amounts as plain decimal strings without idle zeros, days and times in ISO 8601.

    Raises TypeError for a float, which never stands in a document, and for any other type.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in a document: {value!r}")


def plain_decimal(value: Decimal) -> str:
    """1000000.500000 as "1000000.5"; never an exponent."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def digest(document: Any) -> str:
    """sha256, as 64 hex digits, over the document's canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(plain(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
