"""Reading a question: each field in its type, each mistake with the name of its field."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from loanfund.calculation.calendars import WEEKENDS_ONLY, Calendar
from loanfund.calculation.money import Currency, currency
from loanfund.calculation.rates import Fixings
from loanfund.calculation.terms import calendar_from_document, exact_decimal

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

MISTAKES = (ValueError, ArithmeticError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a wrong value of a JSON document can raise."""


class Wrong(ValueError):
    """A question that cannot be answered; the message begins with the field."""


class Fields:
    """The fields of one JSON object. Every reader notes the name it asked for; ``done`` refuses what nobody asked for.

    Raises Wrong with "field: what is wrong"; ``within`` is put before the names of nested objects.
    """

    def __init__(self, document: Any, within: str = "") -> None:
        if not isinstance(document, Mapping):
            raise Wrong(f"{within or 'question'}: it is a JSON object with named fields.")
        self._document, self._within = document, within
        self._asked: set[str] = set()

    def name(self, field: str) -> str:
        """The field with the objects it lies in, as in ``profile.balloon``."""
        return f"{self._within}.{field}" if self._within else field

    def has(self, field: str) -> bool:
        """Whether a field is there and not null."""
        self._asked.add(field)
        return self._document.get(field) is not None

    def get(self, field: str, read: Callable[[Any], T], default: T | None = None) -> T:
        """The field as ``read`` makes it, or the default; Wrong when it is missing without one."""
        if not self.has(field):
            if default is None:
                raise Wrong(f"{self.name(field)}: it is missing.")
            return default
        try:
            return read(self._document[field])
        except Wrong:
            raise
        except MISTAKES as error:
            raise Wrong(f"{self.name(field)}: {_sentence(error)}") from error

    def maybe(self, field: str, read: Callable[[Any], T]) -> T | None:
        """The field, or None."""
        return self.get(field, read) if self.has(field) else None

    def day(self, field: str) -> date:
        """A day as "2026-01-31"."""
        return self.get(field, as_date)

    def maybe_day(self, field: str) -> date | None:
        """A day, or None."""
        return self.maybe(field, as_date)

    def decimal(self, field: str, default: str | None = None) -> Decimal:
        """A number written as a string."""
        return self.get(field, exact_decimal, None if default is None else Decimal(default))

    def whole(self, field: str, default: int | None = None) -> int:
        """A whole number."""
        return self.get(field, as_whole, default)

    def flag(self, field: str, default: bool = False) -> bool:
        """True or false."""
        return self.get(field, as_flag, default)

    def choice(self, field: str, options: type[E], default: E | None = None) -> E:
        """One of the names of an enumeration."""
        return self.get(field, lambda value: as_choice(value, options), default)

    def inner(self, field: str) -> "Fields":
        """A nested object; an empty one when it is left out."""
        document = self._document[field] if self.has(field) else {}
        return Fields(document, self.name(field))

    def each(self, field: str, read: Callable[["Fields"], T]) -> tuple[T, ...]:
        """The objects of a list, none when it is left out."""
        values = self.maybe(field, as_list) or []
        made = []
        for place, value in enumerate(values):
            one = Fields(value, f"{self.name(field)}[{place}]")
            made.append(read(one))
            one.done()
        return tuple(made)

    def calendar(self, field: str, default: Calendar = WEEKENDS_ONLY) -> Calendar:
        """A calendar given whole, or by name where it needs no holidays."""
        return self.get(field, lambda value: calendar_from_document(value, None), default)

    def currency(self) -> Currency:
        """``currency``, with ``decimals`` for one that is not known by its code."""
        decimals = self.maybe("decimals", as_whole)
        return self.get(
            "currency", lambda code: currency(code) if decimals is None else Currency(code, decimals)
        )

    def done(self) -> None:
        """Wrong when there is a field that nobody asked for, which is most often a slip of the pen."""
        unknown = sorted(set(self._document) - self._asked)
        if unknown:
            raise Wrong(f"{self.name(unknown[0])}: there is no such field here.")


@contextmanager
def blaming(field: str) -> Iterator[None]:
    """Puts the field before what is wrong with the values of several fields together."""
    try:
        yield
    except Wrong:
        raise
    except MISTAKES as error:
        raise Wrong(f"{field}: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    if isinstance(error, ArithmeticError):
        return "it is not a number."
    return f"{error} is missing." if isinstance(error, KeyError) else f"{error}"


def as_date(value: Any) -> date:
    """A day of the calendar from "2026-01-31"."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a day such as 2026-01-31.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a day such as 2026-01-31.") from None


def as_whole(value: Any) -> int:
    """A whole number, as such or as a string."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a whole number.")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a whole number.") from None


def as_flag(value: Any) -> bool:
    """True or false, and nothing that merely resembles them."""
    if not isinstance(value, bool):
        raise ValueError("it is true or false.")
    return value


def as_list(value: Any) -> list[Any]:
    """A JSON array."""
    if not isinstance(value, list):
        raise ValueError("it is a list.")
    return value


def as_choice(value: Any, options: type[E]) -> E:
    """A member by its name; the message lists what there is."""
    try:
        return options(value)
    except ValueError:
        names = ", ".join(option.value for option in options)
        raise ValueError(f"{value!r} is none of {names}.") from None


def as_fixings(value: Any) -> Fixings:
    """{"SOFR": {"2026-01-02": "0.0363"}}: fractions a year by reference rate and day."""
    if not isinstance(value, Mapping):
        raise ValueError('it is an object such as {"SOFR": {"2026-01-02": "0.0363"}}.')
    return Fixings(
        {
            reference: {as_date(day): exact_decimal(number) for day, number in days.items()}
            for reference, days in value.items()
        }
    )
