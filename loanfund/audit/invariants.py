"""The shape of a check that the books hold, shared by every app's `invariants.py`.

Each app lists its checks in `INVARIANTS`: small functions without arguments that return a Finding. A check which saw no
rows has proven nothing and does not pass.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Break:
    """One place where the books do not hold: the object as "table:key", and a sentence for whoever has to look."""

    object: str
    sentence: str


@dataclass(frozen=True)
class Finding:
    """What one check saw: its name, how many rows it looked at, and every break it found."""

    check: str
    rows_seen: int
    breaks: list[Break] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.breaks

    @property
    def passed(self) -> bool:
        """True when the check looked at something and found it right."""
        return self.rows_seen > 0 and not self.breaks


Invariant = Callable[[], Finding]
