"""What each entry and accrual row did to what is owed, read from the books of one facility."""

from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from itertools import groupby

from django.db.models import Sum

from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.postings import loan_owner
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import DayMovement, Posting
from loanfund.reporting.selectors.references import references
from loanfund.reporting.selectors.scopes import Scope
from loanfund.reporting.statement import Balances, LineKind
from loanfund.servicing.models import Accrual, ControlPosting, FacilityAccrual

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
    K.OVER_LIMIT: "unapplied",
}
OWNED = [
    K.LOAN_PRINCIPAL, K.CAPITALISED_INTEREST, K.INTEREST_DUE, K.DEFAULT_INTEREST_DUE, K.FEES_DUE, K.COSTS_DUE, K.UNAPPLIED,
    K.OVER_LIMIT,
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
    "signing": (LineKind.FEE, "Arrangement fee"),
    "waiver": (LineKind.WAIVER, "Waiver"),
    "write_off": (LineKind.WRITE_OFF, "Write-off"),
    "prepayment": (LineKind.FEE, "Prepayment fee"),
    "cost": (LineKind.FEE, "Cost charged"),
}


def balances(scope: Scope, day: date) -> Balances:
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
        sign = -1 if COMPONENTS[K(kind)] == "unapplied" else 1
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
class Move:
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


def entry_moves(scope: Scope, first_day: date, last_day: date) -> Iterator[Move]:
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
    alone: list[ControlPosting] = []
    for share in shares:
        if share.entry_key in keys:
            sums[keys[share.entry_key]] += share.amount
        else:
            alone.append(share)
    for share in alone:
        yield Move(
            share.booking_date, share.value_date, 1, "", LineKind.CORRECTION, "Correction", share.amount
        )
    numbers = references(entry.cause for entry in entries.values())
    for pk, amount in sums.items():
        if amount:
            entry = entries[pk]
            plain = entry.kind.removesuffix("_back_valued")
            kind, text = KINDS.get(plain, (LineKind.CORRECTION, plain.replace("_", " ").capitalize()))
            loan = loans[pk].pop() if len(loans[pk]) == 1 else ""
            reference = numbers.get(entry.cause, "") or entry.memo
            yield Move(entry.booking_date, entry.value_date, 1, loan, kind, text, amount, reference)


def nights_of(scope: Scope, first_day: date, last_day: date) -> list[Accrual]:
    """The accrual rows booked in a period, first rows before adjustments, by loan and night."""
    rows = Accrual.objects.filter(loan_id__in=scope.loans, booking_date__range=(first_day, last_day))
    return sorted(rows, key=lambda row: (bool(row.sequence), row.loan_id, row.accrual_date, row.sequence))


def _nights_words(first: date, last: date) -> str:
    return f"the nights {first:%d %b %Y} to {last:%d %b %Y}"


def accrual_moves(scope: Scope, first_day: date, last_day: date) -> Iterator[Move]:
    """Interest as it was booked: by loan and month of booking; corrections by loan and booking date."""

    def chunk(row: Accrual) -> tuple[bool, int, date]:
        booked = row.booking_date
        return bool(row.sequence), row.loan_id, booked if row.sequence else booked.replace(day=1)

    rows = sorted(nights_of(scope, first_day, last_day), key=lambda row: (*chunk(row), row.accrual_date))
    for (corrected, loan_id, _), group in groupby(rows, key=chunk):
        nights = list(group)
        amount = sum((row.posted for row in nights), ZERO)
        first, last = nights[0].accrual_date, nights[-1].accrual_date
        if amount:
            yield Move(
                booking_date=max(row.booking_date for row in nights),
                value_date=first if corrected else last,
                order=2,
                loan=scope.loans[loan_id],
                kind=LineKind.CORRECTION if corrected else LineKind.INTEREST,
                text=f"{'Interest corrected for' if corrected else 'Interest of'} {_nights_words(first, last)}",
                amount=amount,
                estimated=any(row.estimated for row in nights),
            )


def beside_moves(
    scope: Scope, first_day: date, last_day: date, subjects: Container[str] | None = None
) -> Iterator[Move]:
    """Default interest and commitment fee as they were booked, by month; corrections by booking date.

    With `subjects` only the default interest on those dues.
    """

    def chunk(row: FacilityAccrual) -> tuple[bool, str, date]:
        booked = row.booking_date
        return bool(row.sequence), row.kind, booked if row.sequence else booked.replace(day=1)

    found = FacilityAccrual.objects.filter(
        facility_id=scope.facility.pk, booking_date__range=(first_day, last_day)
    )
    if subjects is not None:
        found = found.filter(kind=FacilityAccrual.Kind.DEFAULT_INTEREST)
    rows = sorted(found, key=lambda row: (*chunk(row), row.accrual_date, row.subject))
    if subjects is not None:
        rows = [row for row in rows if row.subject in subjects]
    for (corrected, kind, _), group in groupby(rows, key=chunk):
        nights = list(group)
        amount = sum((row.posted for row in nights), ZERO)
        word = BESIDE[FacilityAccrual.Kind(kind)][1]
        first, last = nights[0].accrual_date, nights[-1].accrual_date
        if amount:
            yield Move(
                booking_date=max(row.booking_date for row in nights),
                value_date=first if corrected else last,
                order=3,
                loan="",
                kind=LineKind.CORRECTION if corrected else word,
                text=f"{word.value} of {_nights_words(first, last)}",
                amount=amount,
            )
