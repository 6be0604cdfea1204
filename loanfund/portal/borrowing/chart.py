"""A loan's balance and rate over time as a picture of steps; the figures stand in a table beneath it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

WIDTH, HEIGHT, LEFT, TOP, BASE = 720, 220, 62, 16, 186
RIGHT = WIDTH - LEFT
DAYS = 5
"""So many days at most are named along the bottom."""
SIZES = ((Decimal(10**9), "bn"), (Decimal(10**6), "m"), (Decimal(10**3), "k"))


@dataclass(frozen=True)
class Chart:
    """Lines in the units of the picture: the balance as an area of steps, the rate as a line of steps over it.

    `sums` stand at heights on the left, `rates` on the right, `days` along the bottom.
    """

    area: str
    line: str
    rate: str
    first: date
    last: date
    most: Decimal
    most_rate: Decimal
    sums: list[tuple[int, str]]
    rates: list[tuple[int, str]]
    days: list[tuple[int, date]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
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
        sums=[(_y(most * n / 2, most), _short(most * n / 2)) for n in range(3)],
        rates=[(_y(top * n, top * 2), f"{top * n * 100:.1f} %") for n in range(3)] if top else [],
        days=_named(first, until),
    )


def _short(amount: Decimal) -> str:
    """900000 as "900 k", 1250000 as "1.3 m"."""
    for size, word in SIZES:
        if amount >= size:
            return f"{(amount / size).quantize(Decimal('0.1')).normalize():f} {word}"
    return f"{amount.normalize():f}"


def _named(first: date, until: date) -> list[tuple[int, date]]:
    """The first day, the last, and days evenly between where there is room for them."""
    span = (until - first).days
    parts = max(1, min(DAYS - 1, span // 20))
    days = [first + timedelta(days=span * n // parts) for n in range(parts + 1)]
    return [(_x(day, first, until), day) for day in days]


def _x(day: date, first: date, until: date) -> int:
    return LEFT + (RIGHT - LEFT) * max((day - first).days, 0) // (until - first).days


def _y(value: Decimal, most: Decimal) -> int:
    return BASE - int((BASE - TOP) * max(value, Decimal(0)) / most)


def _steps(points: Sequence[tuple[date, Decimal]], first: date, until: date, most: Decimal) -> str:
    """Each value from its day to the next one's."""
    parts = []
    ends = [*(day for day, _ in points[1:]), until]
    for (day, value), end in zip(points, ends, strict=True):
        height = _y(value, most)
        parts += [f"{_x(day, first, until)} {height}", f"{_x(min(end, until), first, until)} {height}"]
    return " L".join(parts)
