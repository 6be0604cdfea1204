"""A loan's balance and rate over time as a picture of steps; the figures stand in a table beneath it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

WIDTH, HEIGHT, LEFT, BASE = 720, 200, 8, 170


@dataclass(frozen=True)
class Chart:
    """Lines in the units of the picture: the balance as an area of steps, the rate as a line of steps over it."""

    area: str
    line: str
    rate: str
    first: date
    last: date
    most: Decimal
    most_rate: Decimal
    width: int = WIDTH
    height: int = HEIGHT
    base: int = BASE


def chart_of(
    balances: Sequence[tuple[date, Decimal]], rates: Sequence[tuple[date, Decimal]], until: date
) -> Chart | None:
    """`balances` and `rates` hold from their day to the next one's, the last to `until`. None without a span of days."""
    if not balances or balances[0][0] >= until:
        return None
    first = balances[0][0]
    most = max(amount for _, amount in balances) or Decimal(1)
    top = max((rate for _, rate in rates), default=Decimal(0))
    line = _steps(balances, first, until, most)
    return Chart(
        area=f"M{_x(first, first, until)} {BASE} L{line} L{_x(until, first, until)} {BASE} Z",
        line=f"M{line}",
        rate=f"M{_steps(rates, first, until, top * 2 or Decimal(1))}" if rates else "",
        first=first,
        last=until,
        most=most,
        most_rate=top,
    )


def _x(day: date, first: date, until: date) -> int:
    return LEFT + (WIDTH - 2 * LEFT) * max((day - first).days, 0) // (until - first).days


def _y(value: Decimal, most: Decimal) -> int:
    return BASE - int((BASE - 12) * max(value, Decimal(0)) / most)


def _steps(points: Sequence[tuple[date, Decimal]], first: date, until: date, most: Decimal) -> str:
    """Each value from its day to the next one's."""
    parts = []
    ends = [*(day for day, _ in points[1:]), until]
    for (day, value), end in zip(points, ends, strict=True):
        height = _y(value, most)
        parts += [f"{_x(day, first, until)} {height}", f"{_x(min(end, until), first, until)} {height}"]
    return " L".join(parts)
