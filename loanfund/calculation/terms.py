"""The terms of a facility: everything that its events and the fixings need to become a history.

``to_document`` gives canonical JSON (numbers as strings, calendars by name or whole), ``from_document`` reads it back, and
``digest`` names the terms for ever.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from loanfund.calculation.calendars import EVERY_DAY, WEEKENDS_ONLY, BusinessDayConvention, Calendar
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.money import Currency, Rounding, currency
from loanfund.calculation.periods import InterestPeriod, Rule, Stub, Tenor, interest_periods
from loanfund.calculation.profiles import PrepaymentEffect, Profile
from loanfund.calculation.rates import (
    FixedRate,
    FloatingRate,
    FloorOn,
    Method,
    OvernightRate,
    Rate,
    SteppedRate,
    ZeroUntil,
)

CalendarOf = Callable[[str], Calendar]


class Component(StrEnum):
    """What a due is for; the default waterfall pays them in this order."""

    COSTS = "costs"
    FEES = "fees"
    DEFAULT_INTEREST = "default_interest"
    INTEREST = "interest"
    PRINCIPAL = "principal"


WATERFALL = tuple(Component)
QUARTER = Tenor(3, "M")
MOST_YEARS = 100
"""A facility that runs longer is a slip of the keyboard, and every figure of it would take minutes."""
_BY_PERIOD = (DayCount.ACT_ACT_ICMA, DayCount.ACT_365L)


@dataclass(frozen=True, slots=True)
class FacilityTerms:
    """Terms of one facility and of each loan drawn under it.

    Money is in major units of ``currency``; rates and fees are fractions (0.01 is 1 %), commitment fee and margins a
    year. With ``adjust_periods`` interest periods end on business days, else only payments move. Default interest starts
    once a sum is unpaid at the end of ``grace_days`` calendar days after it was due, and then counts from the due date.
    Raises ValueError with a sentence when the terms contradict themselves.
    """

    currency: Currency
    commitment: Decimal
    signed_on: date
    availability_end: date
    maturity: date
    rate: Rate
    day_count: DayCount = DayCount.ACT_360
    period_tenor: Tenor = QUARTER
    profile: Profile = field(default_factory=Profile)
    revolving: bool = False
    payment_calendar: Calendar = WEEKENDS_ONLY
    convention: BusinessDayConvention = BusinessDayConvention.MODIFIED_FOLLOWING
    adjust_periods: bool = False
    end_of_month: bool = False
    first_payment: date | None = None
    stub: Stub = Stub.SHORT
    rounding: Rounding = Rounding.HALF_UP
    waterfall: tuple[Component, ...] = WATERFALL
    default_margin: Decimal = Decimal(0)
    grace_days: int = 0
    default_interest_compounds: bool = False
    prepayment_effect: PrepaymentEffect = PrepaymentEffect.INSTALMENT
    prepayment_fee: Decimal = Decimal(0)
    late_fee: Decimal = Decimal(0)
    arrangement_fee: Decimal = Decimal(0)
    commitment_fee: Decimal = Decimal(0)
    commitment_fee_day_count: DayCount = DayCount.ACT_360
    commitment_fee_tenor: Tenor = QUARTER

    def __post_init__(self) -> None:
        if self.commitment <= 0:
            raise ValueError("commitment: a commitment is above 0.")
        if self.maturity.year - self.signed_on.year > MOST_YEARS:
            raise ValueError(f"maturity: no facility runs longer than {MOST_YEARS} years.")
        if not self.signed_on <= self.availability_end <= self.maturity:
            raise ValueError("availability_end: it lies between signing and maturity.")
        if sorted(self.waterfall) != sorted(WATERFALL):
            raise ValueError("waterfall: it names each component once.")
        for name in ("default_margin", "prepayment_fee", "late_fee", "arrangement_fee", "commitment_fee"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: it is 0 or more.")
        if self.grace_days < 0:
            raise ValueError("grace_days: it is 0 or more.")
        months = self.period_tenor.months
        if self.day_count in _BY_PERIOD and (not months or 12 % months):
            raise ValueError(
                f"day_count: {self.day_count} needs interest periods of 1, 2, 3, 4, 6 or 12 months."
            )
        if self.commitment_fee_day_count in _BY_PERIOD:
            raise ValueError(
                f"commitment_fee_day_count: {self.commitment_fee_day_count} needs interest periods."
            )
        _published_in_time(self)

    def periods(self, start: date, maturity: date | None = None) -> tuple[InterestPeriod, ...]:
        """The interest periods of a loan drawn on ``start``.

        Interest is never payable before it is earned: where modified following would pay a period that is not adjusted
        before its end, it is paid on the business day after.
        """
        first = self.first_payment if self.first_payment and start < self.first_payment else None
        made = interest_periods(
            start,
            maturity or self.maturity,
            self.period_tenor,
            rule=Rule.BACKWARD if first is None else Rule.FORWARD,
            first=first,
            end_of_month=self.end_of_month,
            stub=self.stub,
            adjust_periods=self.adjust_periods,
            convention=self.convention,
            calendar=self.payment_calendar,
        )
        return tuple(
            one
            if one.payment_date >= one.end
            else replace(
                one,
                payment_date=self.payment_calendar.adjust(one.end, BusinessDayConvention.FOLLOWING),
            )
            for one in made
        )

    def to_document(self, *, calendars_by_name: bool = False) -> dict[str, Any]:
        """Canonical JSON. Calendars stand whole, so that the terms can be recomputed anywhere, or by name."""

        def calendar(one: Calendar) -> Any:
            return one.name if calendars_by_name else calendar_document(one)

        return {
            "currency": self.currency.code,
            "decimals": self.currency.decimals,
            "commitment": str(self.commitment),
            "signed_on": self.signed_on.isoformat(),
            "availability_end": self.availability_end.isoformat(),
            "maturity": self.maturity.isoformat(),
            "rate": rate_document(self.rate, calendar),
            "day_count": self.day_count.value,
            "period_tenor": str(self.period_tenor),
            "profile": self.profile.to_document(),
            "revolving": self.revolving,
            "payment_calendar": calendar(self.payment_calendar),
            "convention": self.convention.value,
            "adjust_periods": self.adjust_periods,
            "end_of_month": self.end_of_month,
            "first_payment": self.first_payment.isoformat() if self.first_payment else None,
            "stub": self.stub.value,
            "rounding": self.rounding.value,
            "waterfall": [component.value for component in self.waterfall],
            "default_margin": str(self.default_margin),
            "grace_days": self.grace_days,
            "default_interest_compounds": self.default_interest_compounds,
            "prepayment_effect": self.prepayment_effect.value,
            "prepayment_fee": str(self.prepayment_fee),
            "late_fee": str(self.late_fee),
            "arrangement_fee": str(self.arrangement_fee),
            "commitment_fee": str(self.commitment_fee),
            "commitment_fee_day_count": self.commitment_fee_day_count.value,
            "commitment_fee_tenor": str(self.commitment_fee_tenor),
        }

    def digest(self) -> str:
        """SHA-256 of the canonical document, in hexadecimal."""
        text = json.dumps(self.to_document(calendars_by_name=True), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], calendar_of: CalendarOf | None = None
    ) -> "FacilityTerms":
        """The terms of a document; ``calendar_of`` finds calendars that stand by name. ValueError names the field."""
        known = set(cls.__dataclass_fields__) | {"decimals"}
        unknown = set(document) - known
        if unknown:
            raise ValueError(f"{sorted(unknown)[0]}: there is no such term.")
        values: dict[str, Any] = {}
        for name, value in document.items():
            if name == "decimals" or value is None:
                continue
            try:
                values[name] = _read(name, value, document, calendar_of)
            except (ValueError, ArithmeticError, TypeError, KeyError) as error:
                raise ValueError(f"{name}: {error}") from error
        missing = {"currency", "commitment", "signed_on", "availability_end", "maturity", "rate"} - set(
            values
        )
        if missing:
            raise ValueError(f"{sorted(missing)[0]}: it is missing.")
        return cls(**values)


def _published_in_time(terms: FacilityTerms) -> None:
    """Refuse an overnight rate whose last fixing of a period would be published after its payment."""
    rate = terms.rate.then if isinstance(terms.rate, ZeroUntil) else terms.rate
    if not isinstance(rate, OvernightRate):
        return
    # Interest falls due at the start of the day that ends its period. The last night's rate is that of the business day
    # before, so many business days back, and is published a lag later: on the very day it is too late to be asked for.
    if rate.lookback_days + rate.lockout_days < rate.publication_lag:
        raise ValueError(
            "rate: the last fixing of a period would be published after its payment; give it a longer lookback."
        )


def _read(name: str, value: Any, document: Mapping[str, Any], calendar_of: CalendarOf | None) -> Any:
    if name == "currency":
        decimals = document.get("decimals")
        return currency(value) if decimals is None else Currency(value, int(decimals))
    if name == "rate":
        return rate_from_document(value, calendar_of)
    if name in _DATES:
        return date.fromisoformat(value)
    if name in _AMOUNTS:
        return exact_decimal(value)
    if name in ("revolving", "adjust_periods", "end_of_month", "default_interest_compounds"):
        if not isinstance(value, bool):
            raise ValueError("it is true or false.")
        return value
    if name == "grace_days":
        return int(value)
    if name == "payment_calendar":
        return calendar_from_document(value, calendar_of)
    return _READERS[name](value)


_DATES = ("signed_on", "availability_end", "maturity", "first_payment")
_AMOUNTS = (
    "commitment",
    "default_margin",
    "prepayment_fee",
    "late_fee",
    "arrangement_fee",
    "commitment_fee",
)
_READERS: dict[str, Callable[[Any], Any]] = {
    "day_count": DayCount,
    "commitment_fee_day_count": DayCount,
    "period_tenor": Tenor.parse,
    "commitment_fee_tenor": Tenor.parse,
    "profile": Profile.from_document,
    "convention": BusinessDayConvention,
    "stub": Stub,
    "rounding": Rounding,
    "prepayment_effect": PrepaymentEffect,
    "waterfall": lambda names: tuple(Component(name) for name in names),
}


def exact_decimal(value: Any) -> Decimal:
    """A number written as a string; a float is refused, for it is not what was written."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"write {value!r} as a string.")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{value} is not a number.")
    if number and not -60 < number.adjusted() < 60:
        raise ValueError(f"{value} is not of a size that money or rates have.")
    return number


def calendar_document(one: Calendar) -> dict[str, Any]:
    """A calendar with its holidays, as plain values."""
    return {
        "name": one.name,
        "holidays": [day.isoformat() for day in sorted(one.holidays)],
        "weekend": sorted(one.weekend),
    }


def calendar_from_document(value: Any, calendar_of: CalendarOf | None) -> Calendar:
    """A calendar given whole or by name."""
    if isinstance(value, str):
        for known in (WEEKENDS_ONLY, EVERY_DAY):
            if value == known.name:
                return known
        if calendar_of is None:
            raise ValueError(f"the calendar {value!r} has to be given with its holidays.")
        return calendar_of(value)
    return Calendar(
        value["name"],
        frozenset(date.fromisoformat(day) for day in value.get("holidays", ())),
        frozenset(value.get("weekend", (5, 6))),
    )


def rate_document(rate: Rate, calendar: Callable[[Calendar], Any]) -> dict[str, Any]:
    """A rate as plain values, by its kind."""
    if isinstance(rate, FixedRate):
        return {"kind": "fixed", "rate": str(rate.rate)}
    if isinstance(rate, SteppedRate):
        return {"kind": "stepped", "steps": [[day.isoformat(), str(value)] for day, value in rate.steps]}
    if isinstance(rate, ZeroUntil):
        return {
            "kind": "zero_until",
            "until": rate.until.isoformat(),
            "then": rate_document(rate.then, calendar),
        }
    shared = {
        "reference": rate.reference,
        "margin": str(rate.margin),
        "floor": None if rate.floor is None else str(rate.floor),
        "cap": None if rate.cap is None else str(rate.cap),
        "publication_calendar": calendar(rate.publication_calendar),
        "publication_lag": rate.publication_lag,
    }
    if isinstance(rate, FloatingRate):
        return {"kind": "floating", **shared, "reset_days": rate.reset_days}
    return {
        "kind": "overnight",
        **shared,
        "method": rate.method.value,
        "lookback_days": rate.lookback_days,
        "observation_shift": rate.observation_shift,
        "lockout_days": rate.lockout_days,
        "floor_on": rate.floor_on.value,
        "margin_inside": rate.margin_inside,
    }


def rate_from_document(document: Mapping[str, Any], calendar_of: CalendarOf | None = None) -> Rate:
    """The rate of such a document."""
    kind = document["kind"]
    if kind == "fixed":
        return FixedRate(exact_decimal(document["rate"]))
    if kind == "stepped":
        return SteppedRate(
            tuple((date.fromisoformat(day), exact_decimal(value)) for day, value in document["steps"])
        )
    if kind == "zero_until":
        then = rate_from_document(document["then"], calendar_of)
        if isinstance(then, ZeroUntil):
            raise ValueError("after a time without interest comes a rate.")
        return ZeroUntil(date.fromisoformat(document["until"]), then)
    if kind not in ("floating", "overnight"):
        raise ValueError(f"{kind!r} is no kind of rate: fixed, stepped, zero_until, floating or overnight.")
    shared: dict[str, Any] = {
        name: exact_decimal(document[name])
        for name in ("margin", "floor", "cap")
        if document.get(name) is not None
    }
    shared["reference"] = document["reference"]
    shared["publication_calendar"] = calendar_from_document(
        document.get("publication_calendar", WEEKENDS_ONLY.name), calendar_of
    )
    numbers = ("publication_lag", "reset_days", "lookback_days", "lockout_days")
    shared |= {name: int(document[name]) for name in numbers if name in document}
    if kind == "floating":
        return FloatingRate(**shared)
    return OvernightRate(
        **shared,
        method=Method(document.get("method", "compounded")),
        observation_shift=bool(document.get("observation_shift", False)),
        floor_on=FloorOn(document.get("floor_on", "daily")),
        margin_inside=bool(document.get("margin_inside", False)),
    )
