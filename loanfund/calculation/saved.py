"""A state as plain values, and back: what a close may keep of a facility between two nights.

Dates, fractions and decimals are strings, whole numbers stay numbers. Reading back gives an equal state, which advances as
the one that was saved.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from fractions import Fraction
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from loanfund.calculation.growth import Growth
from loanfund.calculation.rates import (
    BasicRate,
    FixedRate,
    FloatingRate,
    OvernightRate,
    Rate,
    SteppedRate,
    ZeroUntil,
)
from loanfund.calculation.state import State
from loanfund.calculation.terms import (
    CalendarOf,
    FacilityTerms,
    calendar_document,
    rate_document,
    rate_from_document,
)

_RATES = (FixedRate, SteppedRate, FloatingRate, OvernightRate, ZeroUntil)


def state_document(state: State, *, calendars_by_name: bool = False) -> dict[str, Any]:
    """A state as plain values; calendars whole, or by name for those who can look them up."""

    def plain(value: Any) -> Any:
        if isinstance(value, FacilityTerms):
            return value.to_document(calendars_by_name=calendars_by_name)
        if isinstance(value, _RATES):
            return rate_document(value, lambda one: one.name if calendars_by_name else calendar_document(one))
        if is_dataclass(value):
            return {item.name: plain(getattr(value, item.name)) for item in fields(value) if item.compare}
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, date):
            return value.isoformat()
        return str(value) if isinstance(value, Fraction) else value

    document: dict[str, Any] = plain(state)
    return document


def state_from_document(document: Mapping[str, Any], calendar_of: CalendarOf | None = None) -> State:
    """The state of such a document; ``calendar_of`` finds calendars that stand by name."""

    def read(kind: Any, value: Any) -> Any:
        if kind is FacilityTerms:
            return FacilityTerms.from_document(value, calendar_of)
        if kind in (Rate, BasicRate):
            return rate_from_document(value, calendar_of)
        origin, inner = get_origin(kind), get_args(kind)
        if origin in (UnionType, Union):
            return None if value is None else read(inner[0], value)
        if origin is list:
            return [read(inner[0], item) for item in value]
        if origin is dict:
            return {key: read(inner[1], item) for key, item in value.items()}
        if origin is tuple and inner[-1] is Ellipsis:
            return tuple(read(inner[0], item) for item in value)
        if origin is tuple:
            return tuple(read(one, item) for one, item in zip(inner, value, strict=True))
        if isinstance(kind, type) and is_dataclass(kind):
            hints = _hints(kind)
            return kind(**{name: read(hints[name], item) for name, item in value.items()})
        if kind is date:
            return date.fromisoformat(value)
        return kind(value) if kind is Fraction or issubclass(kind, Enum) else value

    state: State = read(State, document)
    state.control, state.totals = defaultdict(int, state.control), defaultdict(int, state.totals)
    return state


@cache
def _hints(kind: type) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(kind).items() if hint != Growth | None}
