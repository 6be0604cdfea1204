"""Statements of the bank and the chain: every line is kept, money in becomes a receipt, money out is for the comparison."""

import hashlib
from collections import Counter
from datetime import date
from decimal import Decimal

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.money import decimal_to_minor
from loanfund.facilities.models import Fund
from loanfund.parties.models import User
from loanfund.servicing import rights
from loanfund.servicing.bank_files import Payment, read_payments
from loanfund.servicing.desk import hold_payments
from loanfund.servicing.models import BankImport, BankImportRow, ClosingBalance, Receipt
from loanfund.servicing.selectors.statement_lines import listed_before
from loanfund.servicing.services.receipts import enter_payment


@transaction.atomic
def import_payments(
    *,
    fund: Fund,
    layout: str,
    name: str,
    text: str,
    actor: User,
    on: date,
    closing_balance: Decimal | None = None,
    closing_on: date | None = None,
) -> BankImport:
    """Import a statement (`bank_files` says how it must look): a receipt for each good line of money in, entered and
    waiting for a second person; a sentence for every other line. Money out is kept and stands beside the book.

    `closing_balance` is what the statement says was held at the end of `closing_on`, in the fund's currency; with it a
    file may be without lines. The same file again is refused; a payment that an earlier file had is not taken twice.
    """
    rights.must(rights.ENTER_RECEIPT, actor=actor)
    hold_payments(fund, on)
    _check_closing(fund, layout, closing_balance, closing_on, on)
    payments = read_payments(text, layout, zone=fund.time_zone, cut_off=fund.receipt_cut_off)
    if not payments and closing_balance is None:
        raise Refused("The file has no lines beneath its header.", field="file")
    # The statement of a quiet month is a bare header, as any other month's is: its day makes it another file.
    content = text if payments else f"{layout} {closing_on} {text}"
    file_digest = hashlib.sha256(content.encode()).hexdigest()
    if (there := BankImport.objects.filter(fund=fund, digest=file_digest).first()) is not None:
        raise Refused(
            f"This file was imported on {there.imported_on:%d %B %Y}, as {there.name}.", field="file"
        )
    imported = BankImport.objects.create(
        fund=fund, layout=layout, name=name[:200], digest=file_digest, imported_on=on, imported_by=actor
    )
    entered = _keep_lines(imported, payments, actor, on)
    after = {"name": imported.name, "lines": len(payments), "entered": entered}
    if closing_balance is not None and closing_on is not None:
        ClosingBalance.objects.create(bank_import=imported, day=closing_on, amount=closing_balance)
        after |= {"closing_balance": closing_balance, "closing_on": closing_on}
    record(actor=actor, action="payments.imported", obj=imported, on=on, after=after)
    return imported


def _check_closing(fund: Fund, layout: str, amount: Decimal | None, day: date | None, on: date) -> None:
    if amount is None and day is None:
        return
    if amount is None or day is None:
        missing = "closing_balance" if amount is None else "closing_on"
        raise Refused("A closing balance needs its amount and its day: give both, or neither.", field=missing)
    try:
        decimal_to_minor(amount, currency_of(fund.currency))
    except ValueError as error:
        raise Refused(str(error), field="closing_balance") from error
    if not fund.opened_on <= day <= on:
        raise Refused(
            f"Choose a day from {fund.opened_on:%d %B %Y}, when the fund opened, to {on:%d %B %Y}.",
            field="closing_on",
        )
    kept = ClosingBalance.objects.filter(bank_import__fund=fund, bank_import__layout=layout, day=day)
    if (there := kept.select_related("bank_import").first()) is not None and there.amount != amount:
        written = currency_of(fund.currency).written(there.amount)
        raise Refused(
            f"{there.bank_import.name} says {written} for this day. One of the two is wrong.",
            field="closing_balance",
        )


def _keep_lines(imported: BankImport, payments: list[Payment], actor: User, on: date) -> int:
    """Keep every line with what became of it; how many became receipts."""
    before, seen = listed_before(imported), Counter[str]()
    lines = []
    for payment in payments:
        receipt: Receipt | None = None
        seen[payment.fingerprint] += 1
        outcome = payment.problem
        place = before.get((payment.fingerprint, seen[payment.fingerprint]))
        if not outcome and place:
            outcome = f"on an earlier file already: {place}"
        elif not outcome and payment.amount < 0:
            outcome = "money out, beside the book's cash"
        elif not outcome:
            try:
                receipt = enter_payment(imported.fund, payment, None, None, actor, on)
                outcome = receipt.match_reason
            except Refused as refused:
                outcome = str(refused)
        lines.append(
            BankImportRow(
                bank_import=imported,
                line=payment.line,
                cells=payment.cells,
                receipt=receipt,
                outcome=outcome[:300],
            )
        )
    BankImportRow.objects.bulk_create(lines)
    return sum(1 for line in lines if line.receipt is not None)
