"""Figures before and after a change, side by side."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
Figures = dict[str, Any]


@dataclass(frozen=True)
class Beside:
    """One figure before and after, in the facility's currency."""

    label: str
    loan: str
    before: Decimal
    after: Decimal
    day: date | None = None

    @property
    def change(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True)
class Compared:
    """Balances, then what is due and unpaid, that a change moves; `same` when it moves none of them."""

    balances: tuple[Beside, ...]
    dues: tuple[Beside, ...]

    @property
    def same(self) -> bool:
        return not any(row.change for row in (*self.balances, *self.dues))


def compared(preview: dict[str, Figures]) -> Compared:
    """The two halves of a preview ({"before": ..., "after": ...}, amounts as strings in whole units) side by side."""
    before, after = preview.get("before") or {}, preview.get("after") or {}
    return Compared(_balances(before, after), _dues(before, after))


def _balances(before: Figures, after: Figures) -> tuple[Beside, ...]:
    sums: list[dict[tuple[str, str], Decimal]] = []
    for half in (before, after):
        found: dict[tuple[str, str], Decimal] = {}
        for row in half.get("balances", ()):
            key = (row["account"], row["loan"])
            found[key] = found.get(key, ZERO) + Decimal(row["amount"])
        sums.append(found)
    old, new = sums
    keys = [*old, *(key for key in new if key not in old)]
    rows = (
        Beside(
            account.replace("_", " ").capitalize(),
            loan,
            old.get((account, loan), ZERO),
            new.get((account, loan), ZERO),
        )
        for account, loan in keys
    )
    return tuple(row for row in rows if row.before or row.after)


def _dues(before: Figures, after: Figures) -> tuple[Beside, ...]:
    old = {row["key"]: row for row in before.get("dues", ())}
    new = {row["key"]: row for row in after.get("dues", ())}
    rows = []
    for key in [*old, *(key for key in new if key not in old)]:
        row = new.get(key) or old[key]
        left = [Decimal(half[key]["outstanding"]) if key in half else ZERO for half in (old, new)]
        day = date.fromisoformat(row["due_date"])
        rows.append(
            Beside(row["component"].replace("_", " ").capitalize(), row["loan"], left[0], left[1], day)
        )
    return tuple(sorted(rows, key=lambda row: (row.day or date.min, row.label, row.loan)))
