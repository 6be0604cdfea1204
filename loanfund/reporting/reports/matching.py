"""Which movements of cash in the book a statement's lines are, and why: what people paired by hand first, then each line
with one movement at most."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from loanfund.servicing.selectors.pairs import HandPair
from loanfund.servicing.selectors.statement_lines import StatementLine

NEAR = 5
"""A payment takes some days at most; farther apart, an amount alone says nothing."""
SAYING = 6
"""So many letters and digits of a reference are taken to name one payment when the other side holds them too."""


@dataclass(frozen=True)
class Movement:
    """One entry of the book that moved cash; `amount` is below zero for money out. `day` is when it counts, `number` what it
    belongs to, `unsettled` a payment that is on its way."""

    entry: str
    booked: date
    day: date
    kind: str
    cause: str
    number: str
    reference: str
    transfer: bool
    amount: Decimal
    unsettled: bool


@dataclass(frozen=True)
class Pair:
    """A line and the movement that it is, and the reason for taking it to be that one; by hand either may be several,
    whose sums are the same."""

    lines: tuple[StatementLine, ...]
    movements: tuple[Movement, ...]
    why: str
    by_hand: str = ""


Fits = Callable[[StatementLine, Movement], str]


def match(
    lines: Sequence[StatementLine], movements: Sequence[Movement], by_hand: Sequence[HandPair] = ()
) -> list[Pair]:
    """The pairs of lines and movements: those made by hand, then the surest reason first; a line of a receipt belongs to
    that receipt alone.

    The amounts of a pair are the same. A bare amount is a reason only where nothing else fits on either side.
    """
    free_lines = {line.key: line for line in lines if line.value_date is not None}
    free = {movement.entry: movement for movement in movements}
    found = list(_taken_by_hand(free_lines, free, by_hand))
    for fits, alone in ((_receipt, False), (_reference, False), (_names, False), (_day, True), (_near, True)):
        for line, movement, why in list(_fitting(free_lines, free, fits, alone)):
            if line.key in free_lines and movement.entry in free:
                del free_lines[line.key], free[movement.entry]
                found.append(Pair((line,), (movement,), why))
    return found


def _taken_by_hand(
    lines: dict[int, StatementLine], movements: dict[str, Movement], by_hand: Sequence[HandPair]
) -> Iterator[Pair]:
    """The confirmed pairs, taken out of what is free; one of which anything is missing does not count."""
    for one in by_hand:
        keys, entries = list(one.lines), [str(key) for key in one.entries]
        if one.confirmed and all(key in lines for key in keys) and all(key in movements for key in entries):
            yield Pair(
                tuple(lines.pop(key) for key in keys),
                tuple(movements.pop(key) for key in entries),
                one.why,
                one.number,
            )


def as_paired(
    lines: Sequence[StatementLine], movements: Sequence[Movement], by_hand: Sequence[HandPair]
) -> list[StatementLine]:
    """The lines, with what a confirmed pair says of those whose amount or day cannot be read: the amount that is theirs,
    and the day of the first movement."""
    said = {key: (amount, one) for one in by_hand if one.confirmed for key, amount in one.lines.items()}
    days = {movement.entry: movement.day for movement in movements}
    found = []
    for line in lines:
        if line.key in said and (line.amount is None or line.value_date is None):
            amount, one = said[line.key]
            known = [days[str(key)] for key in one.entries if str(key) in days]
            line = replace(
                line,
                amount=amount if line.amount is None else line.amount,
                value_date=line.value_date or min(known, default=None),
            )
        found.append(line)
    return found


def _fitting(
    lines: dict[int, StatementLine],
    movements: dict[str, Movement],
    fits: Fits,
    alone: bool,
) -> Iterator[tuple[StatementLine, Movement, str]]:
    """What fits by one reason, nearest days first. With `alone`, only what fits nothing else on either side."""
    by_amount: dict[Decimal, list[Movement]] = {}
    for movement in movements.values():
        by_amount.setdefault(movement.amount, []).append(movement)
    fitting = [
        (_apart(line, movement), line, movement, why)
        for line in lines.values()
        if line.amount is not None
        for movement in by_amount.get(line.amount, ())
        if (why := fits(line, movement))
    ]
    of_line = Counter(line.key for _, line, _, _ in fitting)
    of_movement = Counter(movement.entry for _, _, movement, _ in fitting)
    for _, line, movement, why in sorted(fitting, key=lambda one: (one[0], one[1].key, one[2].entry)):
        if not alone or of_line[line.key] == of_movement[movement.entry] == 1:
            yield line, movement, why


def _apart(line: StatementLine, movement: Movement) -> int:
    return abs((line.value_date - movement.day).days) if line.value_date else 0


def waits(line: StatementLine) -> bool:
    """Whether a line became a receipt that stands: it belongs to that receipt's own entry and to no other."""
    return line.receipt is not None and line.receipt.state != "rejected"


def _receipt(line: StatementLine, movement: Movement) -> str:
    same = line.receipt is not None and waits(line) and movement.number == line.receipt.number
    return f"it became {movement.number}" if same and movement.kind == "receipt booked" else ""


def _reference(line: StatementLine, movement: Movement) -> str:
    ours, theirs = _plain(movement.reference), _plain(line.reference)
    if waits(line) or not ours or not theirs:
        return ""
    shorter, longer = sorted((ours, theirs), key=len)
    held = ours == theirs or (len(shorter) >= SAYING and shorter in longer)
    return "the reference and the amount agree" if held else ""


def _names(line: StatementLine, movement: Movement) -> str:
    named = not waits(line) and movement.number and _plain(movement.number) in _plain(line.reference)
    return f"the reference names {movement.number} and the amount agrees" if named else ""


def _day(line: StatementLine, movement: Movement) -> str:
    same = not waits(line) and _apart(line, movement) == 0
    return "the amount and the day agree, and nothing else fits" if same else ""


def _near(line: StatementLine, movement: Movement) -> str:
    days = _apart(line, movement)
    if waits(line) or days > NEAR:
        return ""
    return f"the amount agrees, {days} day{'' if days == 1 else 's'} apart, and nothing else fits"


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def undone(movements: Sequence[Movement]) -> dict[str, str]:
    """Of movements that no statement has: those that another entry of the same cause took back, each with that entry."""
    found: dict[str, str] = {}
    open_ones: dict[tuple[str, Decimal], list[str]] = {}
    for movement in movements:
        against = open_ones.get((movement.cause, -movement.amount), []) if movement.cause else []
        if against:
            other = against.pop()
            found |= {other: movement.entry, movement.entry: other}
        else:
            open_ones.setdefault((movement.cause, movement.amount), []).append(movement.entry)
    return found
