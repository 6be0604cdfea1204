"""A loan's rate through time."""

from datetime import date
from decimal import Decimal

from loanfund.servicing.models import Accrual, Loan


def rate_history(loan: Loan) -> list[tuple[date, Decimal]]:
    """The all-in rate a year of each night, as a fraction, one point a change, as it is known now. One query."""
    rows = (
        Accrual.objects.filter(loan_id=loan.pk)
        .order_by("accrual_date", "-sequence")
        .distinct("accrual_date")
        .values_list("accrual_date", "rate")
    )
    points: list[tuple[date, Decimal]] = []
    for day, rate in rows.iterator():
        if not points or points[-1][1] != rate:
            points.append((day, rate))
    return points
