"""What would come if a borrower paid early: nothing is stored, and the function that would book it works it out."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.audit.errors import Refused
from loanfund.calculation.events import PrepaymentNotice
from loanfund.calculation.money import minor_to_decimal
from loanfund.calculation.terms import Component, PrepaymentEffect
from loanfund.servicing.models import Loan
from loanfund.servicing.outlook import business_date, horizon, paid_on_time

ZERO = Decimal(0)
TRIED = "~what-if"
"""Sorts behind every stored event of its day."""


@dataclass(frozen=True)
class Coming:
    """What falls due on one day to come, in whole units of the loan's currency; a None side has nothing on that day."""

    on: date
    principal_before: Decimal | None
    interest_before: Decimal | None
    principal_after: Decimal | None
    interest_after: Decimal | None


@dataclass(frozen=True)
class WhatIf:
    """A loan as it will be paid, and as it would be: interest to come, the fee for paying early, and every day with a sum.

    `estimated`: the interest of days to come rests on rates that are not published yet; both sides on the same.
    """

    rows: tuple[Coming, ...]
    interest_before: Decimal
    interest_after: Decimal
    fee: Decimal
    ends_before: date | None
    ends_after: date | None
    estimated: bool

    @property
    def saved(self) -> Decimal:
        """Interest saved, less the fee."""
        return self.interest_before - self.interest_after - self.fee


def prepaying(loan: Loan, *, amount: Decimal, on: date, effect: str) -> WhatIf:
    """The schedule of `loan` today, and as if `amount` were prepaid on day `on` (the business date or later) with `effect`
    ("instalment", "term" or "last": see PrepaymentEffect). Refused with calculation's own sentence when it cannot be."""
    today = business_date(loan.facility)
    if on < today:
        raise Refused("Choose today or a day to come.", field="value_date")
    try:
        notice = PrepaymentNotice(
            id=TRIED, value_date=on, loan=loan.number, amount=amount, effect=PrepaymentEffect(effect)
        )
    except ValueError as error:
        raise Refused(f"This cannot be: {error}") from error
    last = max(horizon(paid_on_time(loan.facility, today).state), on)
    before = paid_on_time(loan.facility, last)
    after = paid_on_time(loan.facility, last, [notice])
    sides: list[dict[date, list[Decimal]]] = []
    fees = []
    for history in (before, after):
        days: dict[date, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
        fee = ZERO
        for due in history.dues:
            if due.due_date <= today:
                continue
            amount_due = minor_to_decimal(due.amount, history.state.terms.currency)
            if due.loan == loan.number and due.component is Component.PRINCIPAL:
                days[due.due_date][0] += amount_due
            elif due.loan == loan.number and due.component is Component.INTEREST:
                days[due.due_date][1] += amount_due
            elif due.component is Component.FEES:
                fee += amount_due
        sides.append(days)
        fees.append(fee)
    old, new = sides
    rows = tuple(_row(day, old.get(day), new.get(day)) for day in sorted({*old, *new}))
    return WhatIf(
        rows=rows,
        interest_before=sum((interest for _, interest in old.values()), ZERO),
        interest_after=sum((interest for _, interest in new.values()), ZERO),
        fee=fees[1] - fees[0],
        ends_before=max(old, default=None),
        ends_after=max(new, default=None),
        estimated=any(night.estimated for night in after.nights if night.loan == loan.number),
    )


def _row(day: date, old: list[Decimal] | None, new: list[Decimal] | None) -> Coming:
    return Coming(
        day,
        old[0] if old else None,
        old[1] if old else None,
        new[0] if new else None,
        new[1] if new else None,
    )
