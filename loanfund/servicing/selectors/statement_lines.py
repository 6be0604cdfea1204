"""What the bank's and the chain's statements say, line by line, each payment once however many files list it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.facilities.models import Fund
from loanfund.servicing.bank_files import Payment, read_payment
from loanfund.servicing.models import BankImport, BankImportRow, CashPairSide, ClosingBalance, Receipt


@dataclass(frozen=True)
class StatementLine:
    """One line of a statement. `amount` is in the fund's currency, below zero for money out; None when it cannot be read
    or is in another asset that no receipt converts. `earlier` is the key of the line that lists the same payment on an
    earlier file, else 0."""

    key: int
    layout: str
    place: str
    imported_on: date
    value_date: date | None
    amount: Decimal | None
    reference: str
    receipt: Receipt | None
    outcome: str
    earlier: int = 0

    @property
    def day(self) -> date:
        """The day it counts for; of a line that cannot be read, the day on which its file was loaded."""
        return self.value_date or self.imported_on


def statement_lines(fund: Fund) -> list[StatementLine]:
    """Every line of every file, in the order in which they were loaded."""
    rows = (
        BankImportRow.objects.filter(bank_import__fund=fund)
        .select_related("bank_import", "receipt")
        .order_by("bank_import_id", "line")
    )
    found: list[StatementLine] = []
    known: dict[tuple[str, int], int] = {}
    file, listed = 0, Counter[str]()
    for row in rows:
        if row.bank_import_id != file:
            file, listed = row.bank_import_id, Counter()
        payment = _payment(row, fund)
        listed[payment.fingerprint] += 1
        key = (payment.fingerprint, listed[payment.fingerprint])
        first = row.pk if payment.problem else known.setdefault(key, row.pk)
        found.append(_line(row, payment, fund, first if first != row.pk else 0))
    return found


def listed_before(imported: BankImport) -> dict[tuple[str, int], str]:
    """The place of every payment that an earlier file of the fund lists and that is no receipt to be: money out, and what
    was paired by hand. By what names the payment and its how-manieth of that name in its file."""
    rows = BankImportRow.objects.filter(
        bank_import__fund=imported.fund,
        bank_import__layout=imported.layout,
        bank_import__lt=imported.pk,
    ).select_related("bank_import")
    paired = dict(
        CashPairSide.objects.filter(live=True, line__bank_import__fund=imported.fund).values_list(
            "line_id", "pair__number"
        )
    )
    found: dict[tuple[str, int], str] = {}
    file, listed = 0, Counter[str]()
    for row in rows.order_by("bank_import_id", "line"):
        if row.bank_import_id != file:
            file, listed = row.bank_import_id, Counter()
        name = _payment(row, imported.fund).fingerprint
        listed[name] += 1
        if row.pk in paired:
            found[name, listed[name]] = f"{_place(row)}, in {paired[row.pk]}"
        elif str(row.cells.get("amount", "")).startswith("-"):
            found.setdefault((name, listed[name]), _place(row))
    return found


def closing_balances(fund: Fund, through: date) -> Iterable[ClosingBalance]:
    """The closing balances of days up to one, oldest first, whenever their files were loaded."""
    return (
        ClosingBalance.objects.filter(bank_import__fund=fund, day__lte=through)
        .select_related("bank_import")
        .order_by("day", "id")
    )


def _payment(row: BankImportRow, fund: Fund) -> Payment:
    layout = row.bank_import.layout
    return read_payment(row.line, row.cells, layout, zone=fund.time_zone, cut_off=fund.receipt_cut_off)


def _place(row: BankImportRow) -> str:
    return f"{row.bank_import.name}, line {row.line}"


def _line(row: BankImportRow, payment: Payment, fund: Fund, earlier: int) -> StatementLine:
    amount: Decimal | None = None
    if row.receipt is not None:
        amount = row.receipt.amount
    elif not payment.problem and payment.asset in ("", fund.currency):
        amount = payment.amount
    return StatementLine(
        key=row.pk,
        layout=row.bank_import.layout,
        place=_place(row),
        imported_on=row.bank_import.imported_on,
        value_date=payment.value_date if payment.value_date != date.min else None,
        amount=amount,
        reference=payment.transfer_hash or payment.reference or str(row.cells.get("reference", "")),
        receipt=row.receipt,
        outcome=row.outcome,
        earlier=earlier,
    )
