"""Reads of a running facility: what is left, what is owed, what is late, what a day's figures are made of."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balance
from loanfund.servicing.models import Accrual, Allocation, Due, Loan

ZERO = Decimal(0)


def available_commitment(facility: Facility) -> Decimal:
    """What can still be asked for: committed, not cancelled, not drawn, not earmarked; in the facility's currency."""
    ref = AccountRef(AccountKind.M_UNDRAWN, facility.currency, facility_owner(facility.pk))
    return balance(ref, book_id=facility.fund.book_id)


def allowance_held(facility: Facility) -> Decimal:
    """The allowance for losses kept for a facility, in its currency."""
    ref = AccountRef(AccountKind.LOSS_ALLOWANCE, facility.currency, facility_owner(facility.pk))
    return balance(ref, book_id=facility.fund.book_id)


@dataclass(frozen=True)
class OpenDue:
    """One due with what is still to pay of it. `days_past_due` is 0 on the due date."""

    key: str
    component: str
    loan: Loan | None
    due_date: date
    amount: Decimal
    paid: Decimal
    days_past_due: int

    @property
    def outstanding(self) -> Decimal:
        return self.amount - self.paid


def dues(facility: Facility, *, on: date, open_only: bool = True) -> list[OpenDue]:
    """The facility's dues, oldest first; with `open_only` those that have something left to pay. Three queries."""
    parts: dict[str, list[Due]] = defaultdict(list)
    for row in Due.objects.filter(facility=facility).order_by("due_date", "key", "payable_from", "sequence"):
        parts[row.key].append(row)
    paid = dict(
        Allocation.objects.filter(facility=facility).values_list("due_key").annotate(total=Sum("amount"))
    )
    loans = {loan.pk: loan for loan in facility.loans.all()}
    found = [
        OpenDue(
            key=key,
            component=rows[0].component,
            loan=loans[rows[0].loan_id] if rows[0].loan_id else None,
            due_date=min(row.due_date for row in rows),
            amount=sum((row.amount for row in rows), ZERO),
            paid=paid.get(key, ZERO),
            days_past_due=max((on - _unpaid_since(rows, paid.get(key, ZERO))).days, 0),
        )
        for key, rows in parts.items()
    ]
    return [due for due in found if due.outstanding or not open_only]


def _unpaid_since(parts: list[Due], paid: Decimal) -> date:
    """The first day on which what is unpaid of a due was payable. Money pays what was payable first."""
    ordered = sorted(parts, key=lambda part: (max(part.due_date, part.payable_from), part.sequence))
    running = ZERO
    for part in ordered:
        running += part.amount
        if running > paid:
            return max(part.due_date, part.payable_from)
    last = ordered[-1]
    return max(last.due_date, last.payable_from)


def principal(loan: Loan) -> Decimal:
    """Principal owed on a loan, with capitalised interest, from the book."""
    book, owner = loan.facility.fund.book_id, loan_owner(loan.pk)
    kinds = (AccountKind.LOAN_PRINCIPAL, AccountKind.CAPITALISED_INTEREST)
    return sum((balance(AccountRef(kind, loan.currency, owner), book_id=book) for kind in kinds), ZERO)


def last_night(loan: Loan) -> Accrual | None:
    """The newest accrual row of a loan: its state. None before its first close."""
    return Accrual.objects.filter(loan_id=loan.pk).order_by("-accrual_date", "-sequence").first()


def nights(loan: Loan, *, since: date, until: date) -> list[Accrual]:
    """Every accrual row of a loan for the nights from `since` to `until`, adjustments included: what explains a figure."""
    rows = Accrual.objects.filter(loan_id=loan.pk, accrual_date__range=(since, until))
    return list(rows.order_by("accrual_date", "sequence"))
