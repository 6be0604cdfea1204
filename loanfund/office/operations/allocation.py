"""What a receipt will pay before anybody books it, and where money that belongs to nobody yet might belong."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Sum

from loanfund.calculation.events import Received
from loanfund.facilities.models import Facility
from loanfund.servicing.events import NewEvent
from loanfund.servicing.fold import tell
from loanfund.servicing.models import Allocation, Due, Receipt

ZERO = Decimal(0)


@dataclass(frozen=True)
class Payment:
    """So much of a receipt to one due; `due_date` is None for principal paid ahead of its day."""

    component: str
    loan: str
    due_date: date | None
    amount: Decimal


@dataclass(frozen=True)
class Allocated:
    """How the waterfall would share a receipt out today, and what would stay unapplied."""

    payments: tuple[Payment, ...]
    unapplied: Decimal


def foreseen(facility: Facility, *, amount: Decimal, value_date: date, on: date) -> Allocated:
    """The allocation of `amount` received on `value_date` and booked on `on`, by the function that books it.

    Raises Refused when the fold cannot take it.
    """
    event = Received(id="foreseen", value_date=value_date, amount=amount)
    told = tell(facility, through=on, extra=[NewEvent(event)], booked_on=on).to_document()
    days = {due["key"]: date.fromisoformat(due["due_date"]) for due in told["dues"]}
    payments = tuple(
        Payment(
            component=share["component"].replace("_", " "),
            loan=share["loan"],
            due_date=days.get(share["due"]),
            amount=Decimal(share["amount"]),
        )
        for share in told["allocations"]
        if share["source"] == "foreseen" and Decimal(share["amount"])
    )
    return Allocated(payments, amount - sum((payment.amount for payment in payments), ZERO))


@dataclass(frozen=True)
class Suggestion:
    """A facility that held money might belong to, and why."""

    facility: Facility
    reason: str


def suggestions(receipt: Receipt, *, left: Decimal) -> list[Suggestion]:
    """Facilities that the sender paid for before, and those that owe exactly what is left. Four queries at most."""
    found: dict[int, str] = {}
    if receipt.sender:
        earlier = (
            Receipt.objects.filter(fund_id=receipt.fund_id, sender=receipt.sender, facility__isnull=False)
            .exclude(pk=receipt.pk)
            .order_by("-id")
            .values_list("facility_id", "number")
        )
        for facility_id, number in earlier[:20]:
            found.setdefault(facility_id or 0, f"the same sender paid {number} for it")
    charged = Due.objects.filter(facility__fund_id=receipt.fund_id).values_list("facility_id")
    paid = dict(
        Allocation.objects.filter(facility__fund_id=receipt.fund_id)
        .values_list("facility_id")
        .annotate(total=Sum("amount"))
    )
    for facility_id, total in charged.annotate(total=Sum("amount")):
        if left and total - paid.get(facility_id, ZERO) == left:
            found.setdefault(facility_id, "it owes exactly this amount")
    facilities = Facility.objects.select_related("partner").in_bulk(list(found)[:5])
    return [Suggestion(facilities[key], reason) for key, reason in found.items() if key in facilities]
