"""What stands behind a statement's movements: nights of interest, what each receipt paid, what is due."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from loanfund.calculation.periods import Tenor, add_tenor
from loanfund.facilities.models import FacilityTerms
from loanfund.reporting.selectors.ahead import dues_ahead
from loanfund.reporting.selectors.movements import nights_of
from loanfund.reporting.selectors.references import source_number
from loanfund.reporting.selectors.scopes import Scope
from loanfund.reporting.statement import AllocationLine, DueLine, InterestLine
from loanfund.servicing.models import Accrual, Allocation, CloseRun, Due, InterestPeriod

ZERO = Decimal(0)
AHEAD = Tenor(12, "M")
"""How far ahead a statement looks."""


def _runs(rows: Iterable[Accrual], starts: Container[tuple[int, date]]) -> Iterator[list[Accrual]]:
    """Consecutive nights of one interest period on one principal at one rate, first rows and adjustments apart."""
    run: list[Accrual] = []
    for row in rows:
        if run and (not _follows(run[-1], row) or (row.loan_id, row.accrual_date) in starts):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _follows(before: Accrual, row: Accrual) -> bool:
    same = (
        before.loan_id, before.principal, before.rate, before.estimated, bool(before.sequence),
    ) == (
        row.loan_id, row.principal, row.rate, row.estimated, bool(row.sequence),
    )  # fmt: skip
    return same and row.accrual_date == before.accrual_date + timedelta(days=1)


def interest(scope: Scope, terms: FacilityTerms, first_day: date, last_day: date) -> Iterator[InterestLine]:
    """The nights booked in a period, in runs within an interest period on one principal at one rate."""
    begun = InterestPeriod.objects.filter(loan_id__in=scope.loans, booking_date__lte=last_day)
    starts = set(begun.values_list("loan_id", "start"))
    for run in _runs(nights_of(scope, first_day, last_day), starts):
        length = sum((Fraction(int(row.num), int(row.den)) for row in run), Fraction(0))
        yield InterestLine(
            facility=scope.facility.number,
            loan=scope.loans[run[0].loan_id],
            first_day=run[0].accrual_date,
            last_day=run[-1].accrual_date,
            days=len(run),
            principal=run[0].principal.quantize(run[0].posted),
            rate=run[0].rate,
            basis=terms.document["day_count"],
            numerator=length.numerator,
            denominator=length.denominator,
            interest_exact=sum((row.exact for row in run), ZERO),
            interest=sum((row.posted for row in run), ZERO),
            estimated=run[0].estimated,
            correction=bool(run[0].sequence),
            period_start=max(
                (start for loan, start in starts if loan == run[0].loan_id and start <= run[0].accrual_date),
                default=None,
            ),
        )


def allocations(scope: Scope, first_day: date, last_day: date) -> Iterator[AllocationLine]:
    """What receipts, waivers and write-offs went to, as booked in a period; taken back is negative."""
    rows = Allocation.objects.filter(facility=scope.facility, booking_date__range=(first_day, last_day))
    if scope.only:
        rows = rows.filter(loan=scope.only)
    due_dates = dict(scope.facility.dues.filter(sequence=0).values_list("key", "due_date"))
    for row in rows.order_by("booking_date", "id"):
        yield AllocationLine(
            receipt=source_number(row.source),
            value_date=row.value_date,
            component=row.get_component_display(),
            loan=scope.loans.get(row.loan_id or 0, ""),
            due_date=due_dates.get(row.due_key),
            amount=row.amount,
        )


def dues(scope: Scope, day: date) -> Iterator[DueLine]:
    """What had fallen due and was not settled at the end of a booking date, oldest first; as booked by then."""
    rows = Due.objects.filter(facility=scope.facility, booking_date__lte=day, due_date__lte=day)
    paid = Allocation.objects.filter(facility=scope.facility, booking_date__lte=day)
    if scope.only:
        rows, paid = rows.filter(loan=scope.only), paid.filter(loan=scope.only)
    settled: dict[str, Decimal] = defaultdict(Decimal)
    for key, amount in paid.values_list("due_key", "amount"):
        settled[key] += amount
    found: dict[str, list[Due]] = defaultdict(list)
    for row in rows.order_by("due_date", "key", "sequence"):
        found[row.key].append(row)
    for key, parts in found.items():
        left = sum((part.amount for part in parts), ZERO) - settled[key]
        if left:
            late_from = max(part.payable_from for part in parts)
            yield DueLine(
                due_date=parts[0].due_date,
                facility=scope.facility.number,
                loan=scope.loans.get(parts[0].loan_id or 0, ""),
                component=parts[0].component.replace("_", " ").capitalize(),
                amount=left,
                days_past_due=max((day - max(parts[0].due_date, late_from)).days, 0),
            )


def ahead(scope: Scope, day: date) -> Iterator[DueLine]:
    """What will fall due in the twelve months after a booking date, by what was booked and known when it was closed."""
    facility = scope.facility
    closed = CloseRun.objects.filter(fund=facility.fund_id, business_date=day).values_list(
        "finished_at", flat=True
    )
    until = add_tenor(day, AHEAD)
    for due in dues_ahead(facility, day, until=until, known_at=closed.first()):
        if scope.only is None or due.loan == scope.only.number:
            yield DueLine(
                due_date=due.due_date,
                facility=facility.number,
                loan=due.loan,
                component=due.component.replace("_", " ").capitalize(),
                amount=due.amount,
                estimated=due.estimated,
            )
