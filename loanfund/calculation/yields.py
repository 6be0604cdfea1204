"""Yields: the rate at which flows of money are worth nothing on their first day. The one place for floats.

A rate of return is an approximation by nature and is never booked, so it is found in binary floating point, by
``pyxirr``, and given back as a Decimal. Flows that change sign more than once may have several rates: all are bracketed
between rates of nearly -100 % and 100 million per cent a year, and reported.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyxirr

from loanfund.calculation.daycount import DayCount, ReferencePeriod, year_fraction
from loanfund.calculation.schedules import Schedule

_LOWEST, _HIGHEST, _STEPS = math.log(1e-9), math.log(1e6), 6000
_PLACES = 12


@dataclass(frozen=True, slots=True)
class XirrResult:
    """A rate of return as a fraction a year (or a period), and every root found, lowest first, to 12 decimals.

    ``rate`` is the root that pyxirr comes to from its usual start, else the one nearest to zero.
    """

    rate: Decimal
    roots: tuple[Decimal, ...]


class NoRate(ValueError):
    """No rate makes these flows worth nothing."""


def xirr(
    flows: Sequence[tuple[date, Decimal]],
    day_count: DayCount = DayCount.ACT_365F,
    *,
    period: ReferencePeriod | None = None,
) -> XirrResult:
    """The effective annual rate of dated flows, in any order: sum of amount / (1 + rate)^fraction = 0.

    Fractions are measured from the earliest date. Raises NoRate when no rate is found, ValueError when the flows do not
    have both signs.
    """
    _check([amount for _, amount in flows])
    first = min(day for day, _ in flows)
    times = [float(year_fraction(first, day, day_count, period=period)) for day, _ in flows]
    amounts = [float(amount) for _, amount in flows]
    if len(set(times)) == 1:
        raise NoRate("All flows fall on one date: there is no rate.")
    usual = None
    if day_count is DayCount.ACT_365F:
        usual = pyxirr.xirr([day for day, _ in flows], amounts, silent=True)
    return _result(times, amounts, usual)


def irr(flows: Sequence[Decimal]) -> XirrResult:
    """The rate a period of flows that are one period apart; errors as ``xirr``."""
    _check(flows)
    amounts = [float(amount) for amount in flows]
    return _result([float(n) for n in range(len(amounts))], amounts, pyxirr.irr(amounts, silent=True))


def nominal_rate(periodic: Decimal, periods_per_year: int) -> Decimal:
    """A rate a period as a nominal rate a year."""
    return periodic * periods_per_year


def effective_rate(periodic: Decimal, periods_per_year: int) -> Decimal:
    """A rate a period as an effective rate a year, compounded."""
    return _decimal(math.expm1(math.log1p(float(periodic)) * periods_per_year))


def effective_rate_of(schedule: Schedule, fees: Sequence[tuple[date, Decimal]] = ()) -> XirrResult:
    """The effective interest rate of a schedule with the fees that are paid beside it, on ACT/365F."""
    flows = [(day, schedule.amount(minor)) for day, minor in schedule.cash_flows() if minor]
    return xirr([*flows, *fees])


def _check(amounts: Sequence[Decimal]) -> None:
    if not (any(amount > 0 for amount in amounts) and any(amount < 0 for amount in amounts)):
        raise ValueError("Money must go both ways, or there is no rate.")


def _result(times: list[float], amounts: list[float], usual: float | None) -> XirrResult:
    roots = _roots(times, amounts)
    if usual is not None and math.isfinite(usual) and usual > -1:
        near = [root for root in roots if abs(root - usual) <= 1e-6 * max(1, abs(usual))]
        if not near and _sign_changes(times, amounts, math.log1p(usual)):
            roots.append(usual)
        chosen = near[0] if near else (usual if usual in roots else None)
    else:
        chosen = None
    if not roots:
        raise NoRate("No rate makes these flows worth nothing.")
    if chosen is None:
        chosen = min(roots, key=abs)
    return XirrResult(_decimal(chosen), tuple(sorted({_decimal(root) for root in roots})))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(value, _PLACES)))


def _worth(times: list[float], amounts: list[float], x: float) -> float:
    """The sum of amount x exp(-x t), divided by its largest term so that nothing overflows; x = log(1 + rate)."""
    exponents = [-x * t for t in times]
    largest = max(exponents)
    return math.fsum(a * math.exp(e - largest) for a, e in zip(amounts, exponents, strict=True))


def _sign_changes(times: list[float], amounts: list[float], x: float) -> bool:
    """Whether the worth has another sign a little on either side of x."""
    gap = 1e-6 * max(1.0, abs(x))
    return _worth(times, amounts, x - gap) * _worth(times, amounts, x + gap) <= 0


def _roots(times: list[float], amounts: list[float]) -> list[float]:
    """Every rate in range at which the worth changes its sign, each bracketed by neighbouring points of a grid.

    Points lie densest around a rate of zero, where the rates of loans are.
    """
    grid = [_point(n) for n in range(_STEPS + 1)]
    roots = []
    low, below = grid[0], _worth(times, amounts, grid[0])
    for high in grid[1:]:
        above = _worth(times, amounts, high)
        if below != 0 and (above == 0 or (below < 0) != (above < 0)):
            roots.append(math.expm1(_bisected(times, amounts, low, high)))
        low, below = high, above
    return roots


def _point(n: int) -> float:
    """The n-th point of the grid in log(1 + rate): cubic, so that its middle is fine."""
    u = 2 * n / _STEPS - 1
    return (_HIGHEST if u > 0 else -_LOWEST) * u**3 if u else 0.0


def _bisected(times: list[float], amounts: list[float], low: float, high: float) -> float:
    """The root between two points of opposite sign, to the last bit or two."""
    below = _worth(times, amounts, low)
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        at = _worth(times, amounts, middle)
        if at == 0:
            return middle
        if (at < 0) == (below < 0):
            low = middle
        else:
            high = middle
    return (low + high) / 2
