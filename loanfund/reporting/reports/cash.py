"""Cash in the book beside the bank's and the chain's own statements, line by line, so that nothing is lost in between."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind as K
from loanfund.reporting.reports.accruals import ledger_balances
from loanfund.reporting.reports.matching import Movement, Pair, as_paired, match, undone, waits
from loanfund.reporting.reports.report import (
    LENDERS,
    PERIOD,
    ZERO,
    Cell,
    Check,
    Column,
    Kind,
    Report,
    ReportSpec,
    fetched,
    period_words,
    report_of,
)
from loanfund.servicing.models import BankImport, ClosingBalance
from loanfund.servicing.selectors.pairs import hand_pairs
from loanfund.servicing.selectors.statement_lines import StatementLine, closing_balances, statement_lines

HELD = (K.CASH, K.BANK_OVERDRAFT)
CENTS = Decimal("0.01")
Layout = BankImport.Layout
COLUMNS = (
    Column("booked_on", "Booked", Kind.DATE),
    Column("value_date", "Value", Kind.DATE),
    Column("what", "What"),
    Column("entry", "Entry", Kind.ENTRY),
    Column("number", "Belongs to", Kind.RECEIPT),
    Column("reference", "Reference"),
    Column("standing", "How it stands"),
    Column("on_statement", "On the statement", Kind.MONEY, total=True),
    Column("in_book", "In the book", Kind.MONEY, total=True),
    Column("statement", "Statement's line"),
)

# All of it, whatever the day: a statement of the last days of a month is loaded, and answered in the book, after them.
MOVED = """
SELECT e.id::text, e.booking_date,
    CASE WHEN e.kind = 'drawdown_released' AND d.value_date IS NOT NULL THEN d.value_date
        WHEN e.kind = 'receipt_booked' THEN coalesce(r.value_date, e.value_date) ELSE e.value_date END,
    replace(e.kind, '_', ' '), e.cause, coalesce(d.number, x.number, h.number, r.number, ''),
    coalesce(nullif(d.reference, ''), nullif(x.reference, ''), h.reference,
        nullif(r.transfer_hash, ''), r.reference, ''),
    coalesce(r.transfer_hash, d.reference, x.reference, '') ~* '^0x',
    sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END),
    e.kind = 'drawdown_released' AND (d.settled_on IS NULL OR d.settled_on > %(last_day)s)
FROM ledger_account a
JOIN ledger_posting p ON p.account_id = a.id
JOIN ledger_journalentry e ON e.id = p.entry_id
LEFT JOIN servicing_drawdown d ON e.cause = 'drawdown:' || d.id
LEFT JOIN servicing_refund x ON e.cause = 'refund:' || x.id
LEFT JOIN servicing_handjournal h ON e.cause = 'journal:' || h.id
LEFT JOIN servicing_receipt r ON e.cause = 'receipt:' || r.id
WHERE a.book_id = %(book)s AND a.kind IN ('CASH', 'BANK_OVERDRAFT')
GROUP BY e.id, d.id, x.id, h.id, r.id
HAVING sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END) <> 0
ORDER BY e.booking_date, e.id
"""


@dataclass(frozen=True)
class Standing:
    """What moved cash by a day, in the book (`movements`) and on statements (`lines`); every pair, and what no pair has.

    `undone` are movements that another entry took back, each with that entry; `waiting` the keys of lines and the entries
    that somebody wants to pair, each with the pair's number."""

    last_day: date
    movements: Sequence[Movement]
    lines: Sequence[StatementLine]
    pairs: Sequence[Pair]
    loose: Sequence[Movement]
    alone: Sequence[StatementLine]
    undone: dict[str, str]
    waiting: dict[int | str, str]

    def by_then(self, pair: Pair) -> tuple[list[StatementLine], list[Movement]]:
        """What of a pair was on statements and in the book by the day."""
        return (
            [line for line in pair.lines if line.day <= self.last_day],
            [one for one in pair.movements if one.booked <= self.last_day],
        )

    @property
    def answered_later(self) -> list[tuple[Pair, StatementLine]]:
        """The lines of which nothing was in the book by the day and that are there since."""
        found = []
        for pair in self.pairs:
            lines, moved = self.by_then(pair)
            found += [(pair, line) for line in lines if not moved]
        return found

    @property
    def ahead(self) -> Decimal:
        """What statements say beyond the book by the day: lines that nothing answers, or that less does than will."""
        total = sum((line.amount or ZERO for line in self.alone), ZERO)
        for pair in self.pairs:
            lines, moved = self.by_then(pair)
            if lines:
                total += sum((line.amount or ZERO for line in lines), ZERO)
                total -= sum((one.amount for one in moved), ZERO)
        return total


@dataclass(frozen=True)
class Side:
    """One kind of statement up to its last closing balance: from which day it speaks, and what it should say."""

    closing: ClosingBalance
    since: date
    expected: Decimal


def reconciliation(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """Every movement of cash with the statement's line behind it, then every line of a statement that is not in the book.

    A line counts on its value date, whenever its file was loaded, and stands here until the book has it; one that was
    booked after the period says when. Up to a closing balance the book has to lead to it: the book's cash, without what
    no statement has yet, with what only a statement has. What is left over, and each movement or line that should be on
    both sides and is on one, is named.
    """
    stands = standing(fund, last_day)
    closings = list(closing_balances(fund, last_day))
    sides = {layout: side for layout in Layout.values if (side := _side(layout, stands, closings))}
    by_entry = {one.entry: pair for pair in stands.pairs for one in pair.movements}
    moved = [one for one in stands.movements if first_day <= one.booked]
    rows = [_row(one, by_entry.get(one.entry), stands, sides) for one in moved]
    rows += [_alone(line, _said_since(pair)) for pair, line in stands.answered_later]
    rows += [_alone(line, _left(line, stands)) for line in stands.alone]
    shown = sum((one.amount for one in moved), ZERO)
    change = sum(ledger_balances(fund, last_day, HELD, since=first_day).values(), ZERO)
    checks = [Check("Cash that moved", shown, change), *_statements_foot(stands.lines, closings)]
    for layout, side in sides.items():
        what = f"{Layout(layout).label.capitalize()} on {side.closing.day:%d %B %Y}, as the book explains it"
        checks.append(Check(what, side.expected, side.closing.amount, "the closing balance"))
    cash = sum(ledger_balances(fund, last_day, HELD).values(), ZERO)
    return report_of(
        ("reconciliation", "Cash beside the statements"),
        fund,
        period_words(fund, first_day, last_day),
        COLUMNS,
        rows,
        checks=tuple(checks),
        notes=tuple(_notes(cash, stands, sides)),
        broken=tuple(_broken(stands, sides)),
    )


def standing(fund: Fund, last_day: date) -> Standing:
    """What the book and the statements say of the fund's cash by a day, and what belongs together."""
    moved = [Movement(*row) for row in fetched(MOVED, last_day=last_day, book=fund.book_id)]
    by_hand = hand_pairs(fund)
    listed = as_paired(_once(statement_lines(fund)), moved, by_hand)
    pairs = match(listed, moved, by_hand)
    with_line = {line.key for pair in pairs for line in pair.lines}
    with_entry = {one.entry for pair in pairs for one in pair.movements}
    by_then = [one for one in moved if one.booked <= last_day]
    loose = [one for one in by_then if one.entry not in with_entry]
    lines = [line for line in listed if line.day <= last_day]
    alone = [line for line in lines if line.key not in with_line]
    waiting: dict[int | str, str] = {}
    for one in by_hand:
        if not one.confirmed:
            waiting |= dict.fromkeys([*one.lines, *map(str, one.entries)], one.number)
    return Standing(last_day, by_then, lines, pairs, loose, alone, undone(loose), waiting)


def _once(lines: Sequence[StatementLine]) -> list[StatementLine]:
    """Each payment once: the line of the first file that lists it, or a later one's when only that became a receipt."""
    replaced = {line.earlier for line in lines if line.earlier and line.receipt is not None}
    return [
        line for line in lines if line.key not in replaced and (not line.earlier or line.receipt is not None)
    ]


def _place_of(movement: Movement) -> str:
    return Layout.STABLECOIN if movement.transfer else Layout.BANK


def _side(layout: str, stands: Standing, closings: Sequence[ClosingBalance]) -> Side | None:
    """What the last closing balance of a kind of statement should be, by the book; None when none is loaded.

    What was in the book before the first line of all is taken to be in the statements' opening balance.
    """
    own = [closing for closing in closings if closing.bank_import.layout == layout]
    if not own:
        return None
    last = own[-1]
    days = [line.value_date for line in stands.lines if line.layout == layout and line.value_date]
    since = min([*days, own[0].day])
    # The lines of a pair are its movements to the cent, and may lie on both sides of the day.
    paired = (
        line.amount or ZERO
        for pair in stands.pairs
        for line in pair.lines
        if line.layout == layout and line.value_date and line.value_date <= last.day
    )
    opening = (
        one.amount
        for one in stands.loose
        if _place_of(one) == layout and one.day < since and not one.unsettled
    )
    only_there = (
        line.amount or ZERO
        for line in stands.alone
        if line.layout == layout and line.value_date and line.value_date <= last.day
    )
    return Side(last, since, sum((*paired, *opening, *only_there), ZERO))


def _statements_foot(lines: Sequence[StatementLine], closings: Sequence[ClosingBalance]) -> Iterator[Check]:
    """Whether each closing balance follows from the one before it and the lines between."""
    before: dict[str, ClosingBalance] = {}
    for closing in closings:
        layout = closing.bank_import.layout
        earlier = before.get(layout)
        before[layout] = closing
        if earlier is None or earlier.day == closing.day:
            continue
        between = (
            line.amount or ZERO
            for line in lines
            if line.layout == layout and line.value_date and earlier.day < line.value_date <= closing.day
        )
        what = f"{closing.bank_import.name}: the balance of {earlier.day:%d %B %Y} and the lines since"
        yield Check(what, sum(between, earlier.amount), closing.amount, "its closing balance")


def _notes(cash: Decimal, stands: Standing, sides: dict[str, Side]) -> Iterator[str]:
    transit = -sum(
        (one.amount for one in stands.loose if one.unsettled and one.entry not in stands.undone), ZERO
    )
    only_there = stands.ahead
    yield (
        f"Cash in the book at the end: {_said(cash)}. With {_said(only_there)} on statements and not in the book, and "
        f"{_said(transit)} paid out and not settled, the bank and the chain should hold "
        f"{_said(cash + only_there + transit)}."
    )
    if not sides:
        yield "No closing balance of a statement is loaded up to this day: give it when you import the file."


def _said(amount: Decimal) -> str:
    return f"{amount.quantize(CENTS):,}"


def _covered(movement: Movement, sides: dict[str, Side]) -> bool:
    """Whether a statement that is loaded should have a movement: it speaks of the movement's day."""
    side = sides.get(_place_of(movement))
    return side is not None and side.since <= movement.day <= side.closing.day


def _broken(stands: Standing, sides: dict[str, Side]) -> Iterator[tuple[str, str]]:
    for line in stands.alone:
        amount = "an amount that cannot be read" if line.amount is None else _said(line.amount)
        yield (
            line.place,
            f"{amount} with the reference {line.reference or 'none'} is not in the book: {_left(line, stands)}.",
        )
    for one in stands.loose:
        if _covered(one, sides) and not one.unsettled and one.entry not in stands.undone:
            closing = sides[_place_of(one)].closing.bank_import.name
            yield (
                f"entry {one.entry}",
                f"{_said(one.amount)}, {one.kind} {one.number}, is in the book and on no statement up to {closing}.",
            )


def _row(one: Movement, pair: Pair | None, stands: Standing, sides: dict[str, Side]) -> tuple[Cell, ...]:
    lines, moved = stands.by_then(pair) if pair else ([], [])
    if pair and lines:
        others = ", ".join(other.entry for other in pair.movements if other != one)
        words = f"agrees{f' with entry {others}' if others else ''}: {pair.why}"
    elif pair:
        words = f"on the statement of {pair.lines[0].day:%d %B %Y}: {pair.why}"
    else:
        words = _unlisted(one, stands, sides) + _wait(stands.waiting.get(one.entry))
    # What several movements are together stands once, at the first.
    listed = sum((line.amount or ZERO for line in lines), ZERO) if lines and moved[0] == one else None
    return (
        one.booked, one.day, one.kind, one.entry, one.number, one.reference, words,
        listed, one.amount, "; ".join(line.place for line in lines),
    )  # fmt: skip


def _wait(number: str | None) -> str:
    return f"; {number} waits for a second person" if number else ""


def _unlisted(one: Movement, stands: Standing, sides: dict[str, Side]) -> str:
    if one.entry in stands.undone:
        return f"undone in the book by entry {stands.undone[one.entry]}"
    if one.unsettled:
        return "on its way, still at the bank"
    if _covered(one, sides):
        return "missing on the statement of its day"
    if _place_of(one) in sides:
        side = sides[_place_of(one)]
        return (
            "in the first statement's opening balance" if one.day < side.since else "after the last statement"
        )
    if one.kind == "receipt booked":
        return "typed by hand, on no statement loaded here"
    return "paid with this reference" if one.reference else "on no statement loaded here"


def _left(line: StatementLine, stands: Standing) -> str:
    return _open(line) + _wait(stands.waiting.get(line.key))


def _open(line: StatementLine) -> str:
    if line.amount is not None and line.amount < 0:
        return "money out that nothing in the book answers to"
    if not waits(line):
        return f"not entered: {line.outcome}" if line.receipt is None else "its receipt was rejected"
    return "entered, not booked by the last day"


def _said_since(pair: Pair) -> str:
    return f"booked on {min(one.booked for one in pair.movements):%d %B %Y}: {pair.why}"


def _alone(line: StatementLine, standing: str) -> tuple[Cell, ...]:
    number = line.receipt.number if line.receipt else ""
    return (
        None, line.value_date, Layout(line.layout).label, "", number, line.reference, standing,
        line.amount, None, line.place,
    )  # fmt: skip


SPECS = (
    ReportSpec(
        "reconciliation",
        "Cash beside the statements",
        "Each movement of cash beside the bank's or the chain's line and why, every line that is not in the book, and "
        "whether the book leads to the closing balance.",
        PERIOD,
        LENDERS,
        reconciliation,
    ),
)
