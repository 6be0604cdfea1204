"""What each row did to one loan of a facility.

Accrued interest is one account of the fund, and an entry moves it for all loans of a facility together. A loan's part
follows from its own rows: lent + interest of its nights - what was allocated to it = what it owes.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby

from django.db.models import Sum

from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Facility
from loanfund.facilities.postings import loan_owner
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import DayMovement
from loanfund.reporting.selectors.movements import ZERO, Move, accrual_moves, beside_moves
from loanfund.reporting.selectors.references import source_number
from loanfund.reporting.selectors.scopes import Scope
from loanfund.reporting.statement import Balances, LineKind
from loanfund.servicing.models import Accrual, Allocation, Due, FacilityAccrual, Loan, Receipt

PAID = {
    Allocation.How.PAID: (LineKind.RECEIPT, "Receipt applied"),
    Allocation.How.WAIVED: (LineKind.WAIVER, "Waiver"),
    Allocation.How.WRITTEN_OFF: (LineKind.WRITE_OFF, "Write-off"),
}
C = Due.Component


def loan_balances(facility: Facility, day: date) -> dict[int, Balances]:
    """What each loan of a facility owed at the end of a booking date, by loan id; fees and unapplied are the facility's."""
    kept = _ledger(facility, day)
    paid: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    settled = Allocation.objects.filter(facility=facility, loan__isnull=False, booking_date__lte=day)
    for loan_id, component, total in settled.values_list("loan_id", "component").annotate(
        total=Sum("amount")
    ):
        paid[loan_id, component] += total
    nights = Accrual.objects.filter(facility_id=facility.pk, booking_date__lte=day)
    earned = dict(nights.values_list("loan_id").annotate(total=Sum("posted")))
    late = _default_interest(facility, day)
    places = Decimal(1).scaleb(-currency_of(facility.currency).decimals)
    found = {}
    for loan in facility.loans.select_related("drawdown"):
        drawn = loan.amount if _settled_on(loan) <= day else ZERO
        principal, added = kept[loan.pk, K.LOAN_PRINCIPAL], kept[loan.pk, K.CAPITALISED_INTEREST]
        due, late_due = kept[loan.pk, K.INTEREST_DUE], kept[loan.pk, K.DEFAULT_INTEREST_DUE]
        capitalised = principal + added + paid[loan.pk, C.PRINCIPAL] - drawn
        billed = due + paid[loan.pk, C.INTEREST]
        late_billed = late_due + paid[loan.pk, C.DEFAULT_INTEREST]
        found[loan.pk] = Balances(
            principal=principal.quantize(places),
            capitalised_interest=added.quantize(places),
            accrued_interest=(earned.get(loan.pk, ZERO) - billed - capitalised).quantize(places),
            interest_due=due.quantize(places),
            default_interest=(late[loan.pk] - late_billed + late_due).quantize(places),
        )
    return found


def _settled_on(loan: Loan) -> date:
    if loan.drawdown is None or loan.drawdown.settled_on is None:
        return loan.disbursed_on
    return loan.drawdown.settled_on


def _ledger(facility: Facility, day: date) -> dict[tuple[int, K], Decimal]:
    owners = {loan_owner(pk): pk for pk in facility.loans.values_list("pk", flat=True)}
    rows = (
        DayMovement.objects.filter(
            account__book_id=facility.fund.book_id, account__owner__in=owners, booking_date__lte=day
        )
        .values_list("account__owner", "account__kind")
        .annotate(debits=Sum("debit"), credits=Sum("credit"))
    )
    found: dict[tuple[int, K], Decimal] = defaultdict(Decimal)
    for owner, kind, debits, credits_ in rows:
        found[owners[owner], K(kind)] += debits - credits_
    return found


def _default_interest(facility: Facility, day: date) -> dict[int, Decimal]:
    """Default interest earned on each loan's late sums; its rows name the due that is late."""
    loan_of = dict(facility.dues.filter(loan__isnull=False).values_list("key", "loan_id"))
    rows = FacilityAccrual.objects.filter(
        facility_id=facility.pk, kind=FacilityAccrual.Kind.DEFAULT_INTEREST, booking_date__lte=day
    )
    found: dict[int, Decimal] = defaultdict(Decimal)
    for subject, total in rows.values_list("subject").annotate(total=Sum("posted")):
        if subject in loan_of:
            found[loan_of[subject]] += total
    return found


def loan_moves(scope: Scope, loan: Loan, first_day: date, last_day: date) -> Iterator[Move]:
    """The drawdown, the nights, and what was allocated to the loan, as booked in a period."""
    drawdown = loan.drawdown
    if first_day <= (booked := _settled_on(loan)) <= last_day:
        reference = f"{drawdown.number}, {drawdown.reference}" if drawdown else ""
        yield Move(
            booked, loan.disbursed_on, 1, loan.number, LineKind.DRAWDOWN, "Drawdown", loan.amount, reference
        )
    yield from accrual_moves(scope, first_day, last_day)
    subjects = set(Due.objects.filter(loan=loan).values_list("key", flat=True))
    yield from beside_moves(scope, first_day, last_day, subjects)
    rows = Allocation.objects.filter(loan=loan, booking_date__range=(first_day, last_day))
    ordered = sorted(rows, key=lambda row: (row.booking_date, row.value_date, row.how, row.source))
    numbers = {source_number(row.source) for row in ordered}
    paid_by = dict(Receipt.objects.filter(number__in=numbers).values_list("number", "reference"))
    for (booked, value_date, how, source), group in groupby(
        ordered, key=lambda row: (row.booking_date, row.value_date, row.how, row.source)
    ):
        amount = sum((row.amount for row in group), ZERO)
        number = source_number(source)
        if amount:
            kind, text = PAID[Allocation.How(how)]
            reference = f"{number}, {paid_by[number]}" if paid_by.get(number) else number
            yield Move(booked, value_date, 1, loan.number, kind, text, -amount, reference)
