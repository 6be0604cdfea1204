"""Facilities and events for the tests of the fold, in few words."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from loanfund.calculation import events as ev
from loanfund.calculation.calendars import EVERY_DAY
from loanfund.calculation.facility import replay
from loanfund.calculation.history import History
from loanfund.calculation.money import currency
from loanfund.calculation.periods import Tenor
from loanfund.calculation.rates import FixedRate, Fixings
from loanfund.calculation.terms import FacilityTerms

USD = currency("USD")
NEW_YEAR = date(2026, 1, 1)
NO_FIXINGS = Fixings()


def money(text: str | int) -> Decimal:
    return Decimal(text)


def terms(**changes: Any) -> FacilityTerms:
    """Ten million at 3 %, ACT/360, every day a business day, 90-day periods for 360 days."""
    values: dict[str, Any] = {
        "currency": USD,
        "commitment": money(10_000_000),
        "signed_on": NEW_YEAR,
        "availability_end": NEW_YEAR + timedelta(days=180),
        "maturity": NEW_YEAR + timedelta(days=360),
        "rate": FixedRate(money("0.03")),
        "period_tenor": Tenor(90, "D"),
        "payment_calendar": EVERY_DAY,
    }
    return FacilityTerms(**(values | changes))


def day(n: int) -> date:
    """The n-th day after signing."""
    return NEW_YEAR + timedelta(days=n)


def drawn(amount: str | int = 10_000_000, on: int = 0, loan: str = "L1", **more: Any) -> ev.Disbursed:
    return ev.Disbursed(id=f"draw-{loan}", value_date=day(on), loan=loan, amount=money(amount), **more)


def paid(amount: str | int, on: int, name: str = "", **more: Any) -> ev.Received:
    return ev.Received(id=name or f"pay-{on}", value_date=day(on), amount=money(amount), **more)


def notice(amount: str | int, on: int, name: str = "", **more: Any) -> ev.PrepaymentNotice:
    return ev.PrepaymentNotice(
        id=name or f"notice-{on}", value_date=day(on), loan="L1", amount=money(amount), **more
    )


def after(n: int, events: list[ev.Event], fixings: Fixings = NO_FIXINGS, **changes: Any) -> History:
    """The history of the deal during its n-th day."""
    return replay(terms(**changes), events, fixings, day(n))


def due(history: History, key: str) -> Decimal:
    (row,) = [row for row in history.dues if row.key == key]
    return money(row.amount) / 100


def dues(history: History) -> dict[str, Decimal]:
    return {row.key: money(row.amount) / 100 for row in history.dues}


def open_dues(history: History) -> dict[str, Decimal]:
    return {row.key: money(row.outstanding) / 100 for row in history.dues if row.outstanding}


def owned(history: History, kind: str, loan: str = "L1") -> Decimal:
    return history.owned().get((kind, loan), money(0))


def control(history: History, kind: str) -> Decimal:
    return history.control().get(kind, money(0))
