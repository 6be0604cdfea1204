"""A confirmation of what a borrower owes at the end of a day, for its auditors, as PDF/UA."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst

from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Facility
from loanfund.reporting.pdf_format import FONTS
from loanfund.reporting.statement import Statement

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "reporting" / "confirmation.typ"
COMPONENTS = (
    ("principal", "Principal"),
    ("capitalised_interest", "Interest added to the principal"),
    ("accrued_interest", "Interest accrued and not due"),
    ("interest_due", "Interest due and unpaid"),
    ("default_interest", "Default interest, accrued and due"),
    ("fees", "Fees and costs, accrued and due"),
)


def render(*, facility: Facility, statement: Statement, number: str, purpose: str) -> bytes:
    """The confirmation of a facility's closing balances in `statement`; the same input gives the same bytes."""
    options: dict[str, Any] = {
        "format": "pdf",
        "font_paths": [FONTS],
        "ignore_system_fonts": True,
        "sys_inputs": {"data": json.dumps(_data(facility, statement, number, purpose))},
        "pdf_standards": ["ua-1"],
        "timestamp": 0,
    }
    pdf: bytes = typst.compile(TEMPLATE.read_bytes(), **options)
    return pdf


def _data(facility: Facility, statement: Statement, number: str, purpose: str) -> dict[str, Any]:
    code, closing = facility.currency, statement.closing
    day = f"{statement.last_day.day} {statement.last_day:%B %Y}"

    def money(amount: Decimal) -> str:
        return f"{amount:,.{currency_of(code).decimals}f}"

    partner, fund = facility.partner, facility.fund
    rows = [[label, money(getattr(closing, name))] for name, label in COMPONENTS]
    rows.append(
        [
            "Held for the borrower, not applied",
            f"-{money(closing.unapplied)}" if closing.unapplied else money(closing.unapplied),
        ]
    )
    return {
        "title": f"Confirmation {number}",
        "fund": fund.name,
        "digest": statement.digest(),
        "day": day,
        "currency": code,
        "opening": f"{fund.name} confirms that at the end of {day} its books show the following under facility "
        f"{facility.number}, signed with {partner.legal_name} on {facility.signed_on.day} {facility.signed_on:%B %Y}.",
        "rows": rows,
        "owed": money(closing.owed),
        "closing": "These are the balances of the fund's ledger, by booking date. What was booked later with an earlier "
        "value date is not in them.",
        "facts": [
            ["Borrower", f"{partner.legal_name}, {partner.number}"],
            ["Commitment", f"{code} {money(facility.commitment)}"],
            ["Maturity", f"{facility.maturity.day} {facility.maturity:%B %Y}"],
            ["Asked for", purpose or "the borrower's auditors"],
            ["Confirmation", number],
        ],
    }
