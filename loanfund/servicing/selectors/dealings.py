"""Money out and money in under one facility, as both sides read it: each drawdown with its loan, each receipt with what it
paid. Money is Decimal in whole units of the facility's currency."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Max, Min, Sum

from loanfund.facilities.models import Facility
from loanfund.servicing.models import Allocation, Drawdown, Due, Loan, Receipt, ReceiptShare

ZERO = Decimal(0)


@dataclass(frozen=True)
class DrawdownLine:
    """A drawdown and the loan it became, if it has settled."""

    drawdown: Drawdown
    loan: Loan | None


def drawdowns_of(facility: Facility) -> list[DrawdownLine]:
    """Every drawdown under a facility, newest first. One query."""
    rows = Drawdown.objects.filter(facility=facility).select_related(
        "loan", "requested_by", "approved_by", "released_by", "settled_by", "settlement_account"
    )
    return [DrawdownLine(row, getattr(row, "loan", None)) for row in rows.order_by("-id")]


@dataclass(frozen=True)
class AllocationLine:
    """So much of a receipt went to one due (`due_date` None: to principal ahead of its day), counting from `value_date`."""

    component: str
    loan: str
    due_key: str
    due_date: date | None
    value_date: date
    amount: Decimal


@dataclass(frozen=True)
class ReceiptLine:
    """A receipt as it concerns one facility: `amount` is the facility's share of it, `applied` what of that has paid dues.

    What is left (`unapplied`) waits for the next due or was refunded. Without a `share` it is entered and not booked.
    """

    receipt: Receipt
    share: ReceiptShare | None
    amount: Decimal
    lines: tuple[AllocationLine, ...]

    @property
    def applied(self) -> Decimal:
        return sum((line.amount for line in self.lines), ZERO)

    @property
    def unapplied(self) -> Decimal:
        return self.amount - self.applied


def receipts_of(facility: Facility) -> list[ReceiptLine]:
    """Every receipt of a facility by value date, the newest first: booked ones with what they paid as it stands now, after
    every correction; entered and rejected ones that name the facility. Five queries."""
    shares = {
        share.receipt_id: share
        for share in ReceiptShare.objects.filter(facility=facility).select_related(
            "event", "maker", "checker"
        )
    }
    named = Receipt.objects.filter(facility=facility) | Receipt.objects.filter(pk__in=list(shares))
    receipts = list(named.select_related("maker", "checker").order_by("-value_date", "-id"))
    paid = _paid(facility)
    found = []
    for receipt in receipts:
        share = shares.get(receipt.pk)
        lines = paid.get(share.event.key, ()) if share is not None and share.event is not None else ()
        found.append(
            ReceiptLine(receipt, share, receipt.amount if share is None else share.amount, tuple(lines))
        )
    return found


def _paid(facility: Facility) -> dict[str, list[AllocationLine]]:
    due_dates = dict(Due.objects.filter(facility=facility).values_list("key").annotate(day=Min("due_date")))
    loans = dict(facility.loans.values_list("pk", "number"))
    rows = (
        Allocation.objects.filter(facility=facility)
        .values("source", "due_key", "component", "value_date", "loan_id")
        .annotate(total=Sum("amount"), first=Max("id"))
        .exclude(total=0)
        .order_by("value_date", "first")
    )
    found: dict[str, list[AllocationLine]] = defaultdict(list)
    for row in rows:
        found[row["source"]].append(
            AllocationLine(
                component=row["component"],
                loan=loans.get(row["loan_id"], ""),
                due_key=row["due_key"],
                due_date=due_dates.get(row["due_key"]),
                value_date=row["value_date"],
                amount=row["total"],
            )
        )
    return found
