"""Cash in the book beside the bank's and the chain's own statements, line by line, so that nothing is lost in between."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind as K
from loanfund.reporting.reports.accruals import ledger_balances
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
from loanfund.servicing.models import BankImportRow, Receipt

HELD = (K.CASH, K.BANK_OVERDRAFT)
COLUMNS = (
    Column("booked_on", "Booked", Kind.DATE),
    Column("value_date", "Value", Kind.DATE),
    Column("what", "What"),
    Column("entry", "Entry", Kind.ENTRY),
    Column("receipt", "Receipt", Kind.RECEIPT),
    Column("reference", "Reference"),
    Column("statement", "Statement's line"),
    Column("on_statement", "On the statement", Kind.MONEY, total=True),
    Column("in_book", "In the book", Kind.MONEY, total=True),
    Column("standing", "How it stands"),
)

MOVED = """
SELECT e.booking_date, e.value_date, replace(e.kind, '_', ' '), e.id::text, e.cause,
    sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END),
    coalesce(max(d.reference), max(x.reference), max(h.reference), ''),
    bool_or(d.id IS NOT NULL AND (d.settled_on IS NULL OR d.settled_on > %(last_day)s))
FROM ledger_account a
JOIN ledger_posting p ON p.account_id = a.id
JOIN ledger_journalentry e ON e.id = p.entry_id
LEFT JOIN servicing_drawdown d ON e.cause = 'drawdown:' || d.id
LEFT JOIN servicing_refund x ON e.cause = 'refund:' || x.id
LEFT JOIN servicing_handjournal h ON e.cause = 'journal:' || h.id
WHERE a.book_id = %(book)s AND a.kind IN ('CASH', 'BANK_OVERDRAFT')
    AND e.booking_date BETWEEN %(first_day)s AND %(last_day)s
GROUP BY e.id ORDER BY e.booking_date, e.id
"""


def reconciliation(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """Every movement of cash with the statement's line behind it, then every line of a statement that is not in the book.

    A line belongs to the period by the day its file was loaded. What the book has without a line was typed by hand, with
    the bank's reference beside it; money out that is not settled yet is still at the bank.
    """
    moved = fetched(MOVED, first_day=first_day, last_day=last_day, book=fund.book_id)
    lines = list(
        BankImportRow.objects.filter(
            bank_import__fund=fund, bank_import__imported_on__lte=last_day
        ).select_related("bank_import", "receipt")
    )
    by_receipt = {line.receipt_id: line for line in lines if line.receipt_id}
    receipts = _receipts(row[4] for row in moved)
    rows: list[tuple[Cell, ...]] = []
    transit = ZERO
    for booked, value, what, entry, cause, amount, reference, unsettled in moved:
        receipt = receipts.get(cause)
        line = by_receipt.get(receipt.pk) if receipt and what == "receipt booked" else None
        transit += -amount if unsettled else ZERO
        said = (receipt.transfer_hash or receipt.reference) if receipt else reference
        standing = "agrees" if line else _unlisted(receipt, unsettled, reference)
        rows.append(
            (
                booked, value, what, entry, receipt.number if receipt else "", said,
                _place(line) if line else "", amount if line else None, amount, standing,
            )
        )  # fmt: skip
    waiting = [line for line in lines if _not_booked(line, first_day, last_day)]
    rows += [_alone(line) for line in waiting]
    cash = sum(ledger_balances(fund, last_day, HELD).values(), ZERO)
    owed = sum((line.receipt.amount for line in waiting if line.receipt), ZERO)
    places = Decimal("0.01")
    notes = (
        f"Cash in the book at the end: {cash.quantize(places):,}. With {owed.quantize(places):,} on statements and not in "
        f"the book, and {transit.quantize(places):,} paid out and not settled, the bank and the chain should hold "
        f"{(cash + owed + transit).quantize(places):,}.",
    )
    change = sum(ledger_balances(fund, last_day, HELD, since=first_day).values(), ZERO)
    shown = sum((row[5] for row in moved), ZERO)
    spec = ("reconciliation", "Cash beside the statements")
    words = period_words(fund, first_day, last_day)
    checks = (Check("Cash that moved", shown, change),)
    return report_of(spec, fund, words, COLUMNS, rows, checks=checks, notes=notes)


def _receipts(causes: Iterable[str]) -> dict[str, Receipt]:
    keys = {int(cause.partition(":")[2]) for cause in causes if cause.startswith("receipt:")}
    return {f"receipt:{row.pk}": row for row in Receipt.objects.filter(pk__in=keys)}


def _place(line: BankImportRow) -> str:
    return f"{line.bank_import.name}, line {line.line}"


def _unlisted(receipt: Receipt | None, unsettled: bool, reference: str) -> str:
    if receipt is not None:
        return "typed by hand, on no statement loaded here"
    if unsettled:
        return "on its way, still at the bank"
    return "paid with this reference" if reference else "on no statement loaded here"


def _not_booked(line: BankImportRow, first_day: date, last_day: date) -> bool:
    """Whether a line was on a statement by the last day and not in the book; one that could not be entered counts in the
    period in which its file was loaded."""
    if line.receipt is None:
        return bool(line.bank_import.imported_on >= first_day)
    booked = line.receipt.booked_on
    return booked is None or booked > last_day


def _alone(line: BankImportRow) -> tuple[Cell, ...]:
    receipt, cells = line.receipt, line.cells
    if receipt is None:
        standing = f"not entered: {line.outcome}"
    else:
        standing = "entered, not booked by the last day"
    return (
        None, receipt.value_date if receipt else None, line.bank_import.get_layout_display(), "",
        receipt.number if receipt else "", str(cells.get("hash") or cells.get("reference") or ""), _place(line),
        receipt.amount if receipt else None, None, standing,
    )  # fmt: skip


SPECS = (
    ReportSpec(
        "reconciliation",
        "Cash beside the statements",
        "Each movement of cash beside the bank's or the chain's line, and every line that is not in the book.",
        PERIOD,
        LENDERS,
        reconciliation,
    ),
)
