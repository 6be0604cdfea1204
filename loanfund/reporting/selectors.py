"""An interest statement read from the books: every line is what an entry or an accrual row did to what is owed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from django.db.models import Sum

from loanfund.audit.errors import Refused
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Facility, FacilityTerms, Fund
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.facilities.selectors import terms_on
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import DayMovement, Posting
from loanfund.reporting.statement import (
    AllocationLine,
    Balances,
    DueLine,
    InterestLine,
    Line,
    LineKind,
    Statement,
)
from loanfund.servicing.models import Accrual, Allocation, ControlPosting, FacilityAccrual
from loanfund.servicing.selectors.facilities import dues

ZERO = Decimal(0)
COMPONENTS = {
    K.LOAN_PRINCIPAL: "principal",
    K.CAPITALISED_INTEREST: "capitalised_interest",
    K.ACCRUED_INTEREST: "accrued_interest",
    K.INTEREST_DUE: "interest_due",
    K.ACCRUED_DEFAULT_INTEREST: "default_interest",
    K.DEFAULT_INTEREST_DUE: "default_interest",
    K.ACCRUED_COMMITMENT_FEE: "fees",
    K.FEES_DUE: "fees",
    K.COSTS_DUE: "fees",
    K.UNAPPLIED: "unapplied",
}
OWNED = [
    K.LOAN_PRINCIPAL, K.CAPITALISED_INTEREST, K.INTEREST_DUE, K.DEFAULT_INTEREST_DUE, K.FEES_DUE, K.COSTS_DUE, K.UNAPPLIED,
]  # fmt: skip
CONTROL = [K.ACCRUED_INTEREST, K.ACCRUED_DEFAULT_INTEREST, K.ACCRUED_COMMITMENT_FEE]
BESIDE = {
    FacilityAccrual.Kind.DEFAULT_INTEREST: (K.ACCRUED_DEFAULT_INTEREST, LineKind.DEFAULT_INTEREST),
    FacilityAccrual.Kind.COMMITMENT_FEE: (K.ACCRUED_COMMITMENT_FEE, LineKind.COMMITMENT_FEE),
}
KINDS = {
    "drawdown_settled": (LineKind.DRAWDOWN, "Drawdown"),
    "receipt_booked": (LineKind.RECEIPT, "Receipt"),
    "receipt_applied": (LineKind.RECEIPT, "Receipt applied"),
    "receipt_bounced": (LineKind.RECEIPT, "Receipt taken back by the bank"),
    "receipt_taken_back": (LineKind.RECEIPT, "Receipt taken back by the bank"),
    "refund_approved": (LineKind.REFUND, "Refund of unapplied money"),
    "arrangement_fee": (LineKind.FEE, "Arrangement fee"),
    "waiver": (LineKind.WAIVER, "Waiver"),
    "write_off": (LineKind.WRITE_OFF, "Write-off"),
    "prepayment": (LineKind.FEE, "Prepayment fee"),
    "cost": (LineKind.FEE, "Cost charged"),
}


@dataclass(frozen=True)
class _Scope:
    """One facility and the owners of its accounts."""

    facility: Facility
    loans: dict[int, str]

    @property
    def owners(self) -> list[str]:
        return [facility_owner(self.facility.pk), *(loan_owner(pk) for pk in self.loans)]


def facility_statement(*, facility: Facility, first_day: date, last_day: date) -> Statement:
    """The interest statement of a facility over booking dates, both included.

    Refused when the period is backwards or its last day is not over. Raises AssertionError when the lines do not tie to
    the balances of the book: a statement that does not tie is never shown.
    """
    fund = Fund.objects.get(pk=facility.fund_id)
    if first_day > last_day:
        raise Refused("The period ends before it begins.", field="last_day")
    if last_day >= fund.business_date:
        raise Refused(
            f"The books are closed through {fund.business_date - timedelta(days=1):%d %B %Y}: "
            "choose that day or an earlier one.",
            field="last_day",
        )
    scope = _Scope(facility, dict(facility.loans.values_list("pk", "number")))
    opening = _balances(scope, first_day - timedelta(days=1))
    statement = Statement(
        fund=fund.name,
        partner_number=facility.partner.number,
        partner_name=facility.partner.legal_name,
        scope=facility.number,
        currency=facility.currency,
        decimals=currency_of(facility.currency).decimals,
        first_day=first_day,
        last_day=last_day,
        business_date=last_day,
        opening=opening,
        closing=_balances(scope, last_day),
        lines=tuple(_lines(scope, opening, first_day, last_day)),
        interest=tuple(_interest(scope, terms_on(facility, last_day), first_day, last_day)),
        allocations=tuple(_allocations(scope, first_day, last_day)),
        dues=tuple(_dues(scope, last_day)),
    )
    problems = statement.problems()
    if problems:
        raise AssertionError(f"{facility.number}: " + " ".join(problems))
    return statement


def _balances(scope: _Scope, day: date) -> Balances:
    """What was owed at the end of a booking date: the ledger's accounts, and the facility's part of control accounts."""
    facility, sums = scope.facility, defaultdict[str, Decimal](Decimal)
    rows = (
        DayMovement.objects.filter(
            account__book_id=facility.fund.book_id,
            account__owner__in=scope.owners,
            account__kind__in=OWNED,
            account__currency=facility.currency,
            booking_date__lte=day,
        )
        .values_list("account__kind")
        .annotate(debits=Sum("debit"), credits=Sum("credit"))
    )
    for kind, debits, credits_ in rows:
        sign = -1 if kind == K.UNAPPLIED else 1
        sums[COMPONENTS[K(kind)]] += sign * (debits - credits_)
    nights = Accrual.objects.filter(loan_id__in=scope.loans, booking_date__lte=day)
    sums["accrued_interest"] += nights.aggregate(total=Sum("posted"))["total"] or ZERO
    beside = FacilityAccrual.objects.filter(facility_id=facility.pk, booking_date__lte=day)
    for kind, posted in beside.values_list("kind").annotate(total=Sum("posted")):
        sums[COMPONENTS[BESIDE[FacilityAccrual.Kind(kind)][0]]] += posted
    shares = ControlPosting.objects.filter(facility=facility, booking_date__lte=day, kind__in=CONTROL)
    for kind, amount in shares.values_list("kind").annotate(total=Sum("amount")):
        sums[COMPONENTS[K(kind)]] += amount
    places = Decimal(1).scaleb(-currency_of(facility.currency).decimals)
    return Balances(**{field.name: sums[field.name].quantize(places) for field in fields(Balances)})


@dataclass(frozen=True)
class _Move:
    """One change of what is owed, before its running balance."""

    booking_date: date
    value_date: date
    order: int
    loan: str
    kind: LineKind
    text: str
    amount: Decimal
    reference: str = ""
    estimated: bool = False


def _lines(scope: _Scope, opening: Balances, first_day: date, last_day: date) -> Iterator[Line]:
    moves = [
        *_entry_moves(scope, first_day, last_day),
        *_accrual_moves(scope, first_day, last_day),
        *_beside_moves(scope, first_day, last_day),
    ]
    owed = opening.owed
    places = Decimal(1).scaleb(-currency_of(scope.facility.currency).decimals)
    for move in sorted(
        moves, key=lambda one: (one.booking_date, one.order, one.value_date, one.loan, one.text)
    ):
        amount = move.amount.quantize(places)
        owed += amount
        yield Line(
            booking_date=move.booking_date,
            value_date=move.value_date,
            facility=scope.facility.number,
            loan=move.loan,
            kind=move.kind,
            text=move.text,
            debit=max(amount, ZERO),
            credit=max(-amount, ZERO),
            balance=owed,
            reference=move.reference,
            estimated=move.estimated,
        )


def _entry_moves(scope: _Scope, first_day: date, last_day: date) -> Iterator[_Move]:
    """One move for each entry that changed the sum of what is owed; falling due and allocation do not."""
    facility = scope.facility
    legs = Posting.objects.filter(
        account__book_id=facility.fund.book_id,
        account__owner__in=scope.owners,
        account__kind__in=OWNED,
        entry__booking_date__range=(first_day, last_day),
    ).select_related("entry", "account")
    names = {loan_owner(pk): number for pk, number in scope.loans.items()}
    sums: dict[int, Decimal] = defaultdict(Decimal)
    entries, loans, keys = {}, defaultdict[int, set[str]](set), {}
    for leg in legs:
        sums[leg.entry_id] += leg.amount if leg.side == "D" else -leg.amount
        entries[leg.entry_id], keys[leg.entry.key] = leg.entry, leg.entry_id
        loans[leg.entry_id] |= {names[leg.account.owner]} if leg.account.owner in names else set()
    shares = ControlPosting.objects.filter(
        facility=facility, kind__in=CONTROL, booking_date__range=(first_day, last_day)
    )
    for share in shares:
        if share.entry_key in keys:
            sums[keys[share.entry_key]] += share.amount
        else:
            yield _Move(
                share.booking_date,
                share.value_date,
                1,
                "",
                LineKind.CORRECTION,
                "Correction",
                share.amount,
                share.entry_key,
            )
    for pk, amount in sums.items():
        if amount:
            entry = entries[pk]
            plain = entry.kind.removesuffix("_back_valued")
            kind, text = KINDS.get(plain, (LineKind.CORRECTION, plain.replace("_", " ").capitalize()))
            loan = loans[pk].pop() if len(loans[pk]) == 1 else ""
            reference = entry.memo or entry.cause
            yield _Move(entry.booking_date, entry.value_date, 1, loan, kind, text, amount, reference)


def _runs(rows: Iterable[Accrual]) -> Iterator[list[Accrual]]:
    """Consecutive nights on one principal at one rate, first rows and adjustments apart."""
    run: list[Accrual] = []
    for row in rows:
        if run and not _follows(run[-1], row):
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


def _nights(scope: _Scope, first_day: date, last_day: date) -> list[Accrual]:
    rows = Accrual.objects.filter(loan_id__in=scope.loans, booking_date__range=(first_day, last_day))
    return sorted(rows, key=lambda row: (bool(row.sequence), row.loan_id, row.accrual_date, row.sequence))


def _accrual_moves(scope: _Scope, first_day: date, last_day: date) -> Iterator[_Move]:
    """Interest as it was booked: by loan and month of booking; corrections by loan and booking date."""

    def chunk(row: Accrual) -> tuple[bool, int, date]:
        booked = row.booking_date
        return bool(row.sequence), row.loan_id, booked if row.sequence else booked.replace(day=1)

    rows = sorted(_nights(scope, first_day, last_day), key=lambda row: (*chunk(row), row.accrual_date))
    for (corrected, loan_id, _), group in groupby(rows, key=chunk):
        nights = list(group)
        amount = sum((row.posted for row in nights), ZERO)
        first, last = nights[0].accrual_date, nights[-1].accrual_date
        if amount:
            yield _Move(
                booking_date=max(row.booking_date for row in nights),
                value_date=first if corrected else last,
                order=2,
                loan=scope.loans[loan_id],
                kind=LineKind.CORRECTION if corrected else LineKind.INTEREST,
                text=f"{'Interest corrected for' if corrected else 'Interest of'} the nights {first} to {last}",
                amount=amount,
                estimated=any(row.estimated for row in nights),
            )


def _beside_moves(scope: _Scope, first_day: date, last_day: date) -> Iterator[_Move]:
    """Default interest and commitment fee as they were booked, by month; corrections by booking date."""

    def chunk(row: FacilityAccrual) -> tuple[bool, str, date]:
        booked = row.booking_date
        return bool(row.sequence), row.kind, booked if row.sequence else booked.replace(day=1)

    found = FacilityAccrual.objects.filter(
        facility_id=scope.facility.pk, booking_date__range=(first_day, last_day)
    )
    rows = sorted(found, key=lambda row: (*chunk(row), row.accrual_date, row.subject))
    for (corrected, kind, _), group in groupby(rows, key=chunk):
        nights = list(group)
        amount = sum((row.posted for row in nights), ZERO)
        word = BESIDE[FacilityAccrual.Kind(kind)][1]
        first, last = nights[0].accrual_date, nights[-1].accrual_date
        if amount:
            yield _Move(
                booking_date=max(row.booking_date for row in nights),
                value_date=first if corrected else last,
                order=3,
                loan="",
                kind=LineKind.CORRECTION if corrected else word,
                text=f"{word.value} of the nights {first} to {last}",
                amount=amount,
            )


def _interest(scope: _Scope, terms: FacilityTerms, first_day: date, last_day: date) -> Iterator[InterestLine]:
    for run in _runs(_nights(scope, first_day, last_day)):
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
        )


def _allocations(scope: _Scope, first_day: date, last_day: date) -> Iterator[AllocationLine]:
    rows = Allocation.objects.filter(
        facility=scope.facility, booking_date__range=(first_day, last_day)
    ).order_by("booking_date", "id")
    due_dates = dict(scope.facility.dues.filter(sequence=0).values_list("key", "due_date"))
    for row in rows:
        yield AllocationLine(
            receipt=row.source,
            value_date=row.value_date,
            component=row.get_component_display(),
            loan=scope.loans.get(row.loan_id or 0, ""),
            due_date=due_dates.get(row.due_key),
            amount=row.amount,
        )


def _dues(scope: _Scope, day: date) -> Iterator[DueLine]:
    for due in dues(scope.facility, on=day):
        if due.due_date <= day:
            yield DueLine(
                due_date=due.due_date,
                facility=scope.facility.number,
                loan=due.loan.number if due.loan else "",
                component=due.component.replace("_", " ").capitalize(),
                amount=due.outstanding,
                days_past_due=due.days_past_due,
            )
