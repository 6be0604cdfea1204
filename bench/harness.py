"""What a benchmark is, and how it is timed.

A module in this folder registers its benchmarks:

    @benchmark("posting", max_ratio=5)
    def posting() -> Figure:
        with fresh_database():
            ours, floor = pair(post_one, insert_by_hand, rounds=30)
        return Figure(ours, floor, note="one entry of two legs; 4 rows on both sides")

`floor_s` is the time of the best thing anyone could do instead, measured in the same run; `ratio` is ours over it.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tests import copies, servers, stack


@dataclass(frozen=True)
class Figure:
    """What was measured, in seconds for the same work. `floor_s` is None where only a time is promised."""

    ours_s: float
    floor_s: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours_s / self.floor_s if self.floor_s else None


@dataclass(frozen=True)
class Benchmark:
    """A named measurement with what it promises: at most a ratio to its floor, at most a time, or both."""

    name: str
    measure: Callable[[], Figure]
    max_ratio: float | None
    max_seconds: float | None

    @property
    def target(self) -> str:
        promises = []
        if self.max_ratio is not None:
            promises.append(f"ratio <= {self.max_ratio:g}")
        if self.max_seconds is not None:
            promises.append(f"{self.max_seconds:g} s")
        return ", ".join(promises)

    def met_by(self, figure: Figure) -> bool:
        fast = self.max_seconds is None or figure.ours_s <= self.max_seconds
        near = self.max_ratio is None or (figure.ratio is not None and figure.ratio <= self.max_ratio)
        return fast and near


REGISTERED: dict[str, Benchmark] = {}


def benchmark(
    name: str, *, max_ratio: float | None = None, max_seconds: float | None = None
) -> Callable[[Callable[[], Figure]], Callable[[], Figure]]:
    """Registers a function that measures and returns one Figure."""

    def register(measure: Callable[[], Figure]) -> Callable[[], Figure]:
        if name in REGISTERED:
            raise ValueError(f"two benchmarks are named {name}")
        REGISTERED[name] = Benchmark(name, measure, max_ratio, max_seconds)
        return measure

    return register


def once(work: Callable[[], object]) -> float:
    """Seconds of one call, with the garbage collector quiet."""
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    finally:
        gc.enable()


def best(work: Callable[[], object], *, rounds: int = 5) -> float:
    """The fastest of some calls, in seconds: what is left when nothing else disturbs."""
    return min(once(work) for _ in range(rounds))


def pair(ours: Callable[[], object], floor: Callable[[], object], *, rounds: int = 5) -> tuple[float, float]:
    """The fastest of both, called in turn so that a change in the machine's mood touches both alike."""
    taken = [(once(ours), once(floor)) for _ in range(rounds)]
    return min(one for one, _ in taken), min(other for _, other in taken)


@contextmanager
def fresh_database() -> Iterator[str]:
    """A migrated, empty database on a PostgreSQL that writes to disk as in production; `default` means it."""
    servers.start()
    with copies.fresh(f"bench_{os.getpid()}") as name:
        yield name


def workers(processes: int = 2) -> AbstractContextManager[stack.Process]:
    """A real Celery worker on the current database."""
    return stack.worker(processes)
