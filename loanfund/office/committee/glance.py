"""The fund at a glance: its size as one bar, how it was used over time, where it stands concentrated, when it comes back."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Sum
from django.urls import reverse

from loanfund.calculation.periods import Tenor, add_tenor
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.selectors import FundPosition, LimitUse, concentration
from loanfund.ledger.models import AccountKind, Balance, DayMovement

ZERO = Decimal(0)
USED = (AccountKind.M_RESERVED, AccountKind.M_UNDRAWN, AccountKind.M_EARMARKED, AccountKind.M_DRAWN)
POINTS = 80
"""At most so many points make the picture of the fund's use."""
WIDTH, HEIGHT, LEFT, BOTTOM = 760, 200, 44, 22
RUNGS = ((3, "in 3 months"), (6, "in 3 to 6 months"), (12, "in 6 to 12 months"), (24, "in 1 to 2 years"))
SHOWN = 6
"""So many of the largest partners and groups; the rest stand in the reports."""


@dataclass(frozen=True)
class Part:
    """One part of the fund's size, in its currency, and the page behind it (empty when this person may not open it)."""

    label: str
    amount: Decimal
    href: str
    note: str


def parts_of(position: FundPosition, opens: set[str]) -> list[Part]:
    """The seven parts that make up the fund's size. `opens` are the names of the pages that the person may open."""

    def href(name: str, query: str = "") -> str:
        return reverse(f"admin:{name}") + query if name in opens else ""

    return [
        Part("Available", position.available, href("policies"), "free to promise"),
        Part("Reserved", position.reserved, href("queue", "?state=approved"), "approved, not signed"),
        Part("Committed, undrawn", position.undrawn, href("facilities", "?state=available"), "signed"),
        Part("Earmarked", position.earmarked, href("drawdowns", "?state=waiting"), "asked for"),
        Part("Drawn", position.drawn, href("facilities", "?state=running"), "lent out"),
        Part("Repaid, not re-lent", position.repaid, href("facilities", "?state=ended"), "came back"),
        Part("Written off", position.written_off, href("facilities", "?state=ended"), "lost"),
    ]


@dataclass(frozen=True)
class Point:
    """What was promised and what was drawn at the end of a booking date, in the fund's currency."""

    on: date
    promised: Decimal
    drawn: Decimal


def used_over_time(fund: Fund) -> list[Point]:
    """The fund's use from its first promise to its business date, at most POINTS evenly spaced days, in one query."""
    moves = (
        DayMovement.objects.filter(
            account__book_id=fund.book_id, account__currency=fund.currency, account__kind__in=USED
        )
        .values("booking_date", "account__kind")
        .annotate(moved=Sum(F("debit") - F("credit")))
        .order_by("booking_date")
    )
    ends: dict[date, tuple[Decimal, Decimal]] = {}
    promised = drawn = ZERO
    for row in moves:
        promised += row["moved"]
        drawn += row["moved"] if row["account__kind"] == AccountKind.M_DRAWN else ZERO
        ends[row["booking_date"]] = (promised, drawn)
    if not ends:
        return []
    first = min(ends)
    step = max(1, -(-((fund.business_date - first).days) // POINTS))
    days = sorted({fund.business_date, *_every(first, fund.business_date, step)})
    known = sorted(ends)
    points, at = [], 0
    for day in days:
        while at < len(known) and known[at] <= day:
            at += 1
        promised, drawn = ends[known[at - 1]]
        points.append(Point(day, promised, drawn))
    return points


def _every(first: date, last: date, step: int) -> list[date]:
    return [first + timedelta(days=n) for n in range(0, (last - first).days + 1, step)]


@dataclass(frozen=True)
class Picture:
    """A chart in units of its own picture: two lines, an area beneath the lower, ticks and their words."""

    promised: str
    drawn: str
    area: str
    ticks: list[tuple[int, str]]
    days: list[tuple[int, date]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    base: int = HEIGHT - BOTTOM


def picture_of(points: list[Point]) -> Picture | None:
    """The points as lines. None when there is nothing to draw."""
    if len(points) < 2:
        return None
    most = max(point.promised for point in points)
    tick = _round_up(most / 4)
    top = tick * 4
    span = (points[-1].on - points[0].on).days
    base = HEIGHT - BOTTOM

    def across(day: date) -> int:
        return LEFT + (WIDTH - LEFT - 8) * (day - points[0].on).days // span

    def up(amount: Decimal) -> int:
        return base - int((base - 8) * amount / top)

    def line(sums: list[tuple[date, Decimal]]) -> str:
        return " ".join(f"{across(day)},{up(amount)}" for day, amount in sums)

    drawn = line([(point.on, point.drawn) for point in points])
    area = f"{across(points[0].on)},{base} {drawn} {across(points[-1].on)},{base}"
    ticks = [(up(tick * n), _short(tick * n)) for n in range(5)]
    months = [point.on for point in points[:: max(1, len(points) // 6)]]
    return Picture(
        line([(point.on, point.promised) for point in points]),
        drawn,
        area,
        ticks,
        [(across(day), day) for day in months],
    )


def _round_up(amount: Decimal) -> Decimal:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = Decimal(1).scaleb(amount.adjusted()) if amount > 0 else Decimal(1)
    factors = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
    return next(power * factor for factor in factors if power * factor >= amount)


def _short(amount: Decimal) -> str:
    millions = (amount / 1_000_000).normalize()
    return f"{millions:f} m" if amount else "0"


@dataclass(frozen=True)
class Rung:
    """What is drawn under facilities that end within a time, its share of all that is drawn, and which ends these are."""

    label: str
    amount: Decimal
    share: Decimal
    query: str


def ladder(fund: Fund) -> list[Rung]:
    """What is drawn, by the final maturity of its facility, in two queries."""
    drawn: dict[str, Decimal] = {
        row["account__owner"]: row["owed"]
        for row in Balance.objects.filter(
            account__book_id=fund.book_id,
            account__currency=fund.currency,
            account__kind=AccountKind.M_DRAWN,
            account__owner__startswith="facility:",
        )
        .annotate(owed=F("debit") - F("credit"))
        .values("account__owner", "owed")
    }
    sums: dict[str, Decimal] = {}
    spans = _spans(fund.business_date)
    for key, maturity in Facility.objects.filter(fund=fund).values_list("pk", "maturity"):
        label = next(label for label, _, last in spans if last is None or maturity <= last)
        sums[label] = sums.get(label, ZERO) + drawn.get(f"facility:{key}", ZERO)
    whole = sum(sums.values(), ZERO)
    return [
        Rung(
            label, amount, (amount / whole).quantize(Decimal("0.001")) if whole else ZERO, _query(first, last)
        )
        for label, first, last in spans
        if (amount := sums.get(label, ZERO)) or (first and last)
    ]


def _spans(today: date) -> list[tuple[str, date | None, date | None]]:
    """The rungs of the ladder: their words, and the first and the last day of each; None where it is open."""
    before = today - timedelta(days=1)
    spans: list[tuple[str, date | None, date | None]] = [("past maturity", None, before)]
    for months, label in RUNGS:
        end = add_tenor(today, Tenor(months, "M"))
        spans.append((label, before + timedelta(days=1), end))
        before = end
    return [*spans, ("later", before + timedelta(days=1), None)]


def _query(first: date | None, last: date | None) -> str:
    days = {"ends_from": first, "ends_to": last}
    return urlencode({"state": "all", **{name: day.isoformat() for name, day in days.items() if day}})


@dataclass(frozen=True)
class Concentration:
    """The largest uses of the limits of one kind; `more` says how many stand behind them."""

    label: str
    uses: list[tuple[LimitUse, int]]
    more: int


def concentrations(fund: Fund) -> list[Concentration]:
    """What is promised by partner, group, segment and tenor, each with the per cent of its limit that is used."""
    words = {"partner": "Partners", "group": "Connected groups", "segment": "Segments", "tenor": "Tenors"}
    found: dict[str, list[LimitUse]] = {}
    for use in concentration(fund):
        if use.promised or use.over:
            found.setdefault(use.kind, []).append(use)
    shown = []
    for kind, label in words.items():
        uses = found.get(kind, [])
        if uses:
            shown.append(
                Concentration(
                    label, [(use, _per_cent(use)) for use in uses[:SHOWN]], max(0, len(uses) - SHOWN)
                )
            )
    return shown


def _per_cent(use: LimitUse) -> int:
    return min(100, int(use.promised * 100 / use.limit)) if use.limit else 100


def month_ends(points: list[Point]) -> list[Point]:
    """The last point of each month, the table behind the picture."""
    last: dict[tuple[int, int], Point] = {(point.on.year, point.on.month): point for point in points}
    return list(last.values())


def glance(fund: Fund, position: FundPosition, opens: set[str]) -> dict[str, Any]:
    """What the home page says of the fund."""
    points = used_over_time(fund)
    parts = parts_of(position, opens)
    return {
        "position": position,
        "parts": parts,
        "bar_parts": [(part.label, part.amount) for part in parts],
        "bar_links": {part.label: part.href for part in parts if part.href},
        "picture": picture_of(points),
        "months": month_ends(points),
        "ladder": ladder(fund),
        "concentrations": concentrations(fund),
    }
