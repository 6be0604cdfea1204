"""What waits for somebody in the office: one row a thing, with how long it waits. Each list takes one query or two.

All dates are business dates of the fund; money is Decimal in whole units of the fund's currency.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Prefetch

from loanfund.facilities.models import Facility, Fund
from loanfund.servicing.models import (
    CloseException,
    CloseRun,
    CloseStep,
    Drawdown,
    Instruction,
    Receipt,
    ReceiptShare,
    Refund,
)


@dataclass(frozen=True)
class WaitingDrawdown:
    """A drawdown on its way, and the service that comes next. `late` is: wanted before today and not paid out."""

    drawdown: Drawdown
    next_step: str
    late: bool


_NEXT = {
    Drawdown.State.REQUESTED: "approve_drawdown",
    Drawdown.State.APPROVED: "release_drawdown",
    Drawdown.State.RELEASED: "settle_drawdown",
}


def drawdowns_waiting(fund: Fund) -> list[WaitingDrawdown]:
    """The fund's drawdowns that are asked for, approved or released, by the day they are wanted on. One query."""
    rows = (
        Drawdown.objects.filter(facility__fund=fund, state__in=list(_NEXT))
        .select_related("facility__partner", "requested_by", "approved_by", "settlement_account")
        .order_by("wanted_on", "id")
    )
    return [
        WaitingDrawdown(row, _NEXT[Drawdown.State(row.state)], row.wanted_on < fund.business_date)
        for row in rows
    ]


@dataclass(frozen=True)
class ReceiptsWaiting:
    """Money in that waits: `entered` to be booked, `unmatched` booked and belonging to nobody yet (with what is `left` of
    each), `shares` proposed, `refunds` proposed or approved and not paid."""

    entered: list[Receipt]
    unmatched: list[tuple[Receipt, Decimal]]
    shares: list[ReceiptShare]
    refunds: list[Refund]

    @property
    def count(self) -> int:
        return len(self.entered) + len(self.unmatched) + len(self.shares) + len(self.refunds)


_UNMATCHED = """
SELECT r.id, r.amount
    - coalesce((SELECT sum(s.amount) FROM servicing_receiptshare s WHERE s.receipt_id = r.id AND s.state <> 'refused'), 0)
    - coalesce((SELECT sum(f.amount) FROM servicing_refund f WHERE f.receipt_id = r.id AND f.state <> 'refused'), 0)
FROM servicing_receipt r WHERE r.fund_id = %s AND r.facility_id IS NULL AND r.state = 'booked'
"""


def receipts_waiting(fund: Fund) -> ReceiptsWaiting:
    """The fund's money in that waits for somebody, oldest first. Five queries."""
    with connection.cursor() as cursor:
        cursor.execute(_UNMATCHED, [fund.pk])
        left = {pk: amount for pk, amount in cursor.fetchall() if amount}
    receipts = Receipt.objects.select_related("facility__partner", "maker", "checker").order_by(
        "value_date", "id"
    )
    shares = ReceiptShare.objects.filter(receipt__fund=fund, state=ReceiptShare.State.PROPOSED)
    refunds = Refund.objects.filter(fund=fund, state__in=[Refund.State.PROPOSED, Refund.State.APPROVED])
    return ReceiptsWaiting(
        entered=list(receipts.filter(fund=fund, state=Receipt.State.ENTERED)),
        unmatched=[(row, left[row.pk]) for row in receipts.filter(pk__in=left)],
        shares=list(shares.select_related("receipt", "facility__partner", "maker").order_by("id")),
        refunds=list(refunds.select_related("facility__partner", "receipt", "maker").order_by("id")),
    )


@dataclass(frozen=True)
class WaitingInstruction:
    """A change proposed and not booked. `needs_consent`: an amendment to which the borrower has not consented yet."""

    instruction: Instruction
    needs_consent: bool


def instructions_waiting(fund: Fund) -> list[WaitingInstruction]:
    """The fund's proposed instructions, oldest first. One query."""
    rows = (
        Instruction.objects.filter(facility__fund=fund, state=Instruction.State.PROPOSED)
        .select_related("facility__partner", "loan", "maker", "consent_by")
        .order_by("id")
    )
    return [
        WaitingInstruction(row, row.kind == Instruction.Kind.AMENDMENT and row.consent_by_id is None)
        for row in rows
    ]


def close_runs(fund: Fund, *, limit: int = 40) -> list[CloseRun]:
    """The fund's newest closes, each with its steps in order (`run.steps.all()`) and who asked for it. Two queries."""
    steps = Prefetch("steps", CloseStep.objects.order_by("position"))
    return list(fund.close_runs.select_related("requested_by").prefetch_related(steps)[:limit])


def close_exceptions(run: CloseRun | None = None, *, fund: Fund | None = None) -> list[CloseException]:
    """The facilities that one close left behind, or, of a `fund`, those that lag still; newest first. One query."""
    rows = CloseException.objects.select_related("facility__partner", "run", "retried_by")
    if run is not None:
        return list(rows.filter(run=run))
    return list(rows.filter(facility__fund=fund).exclude(state=CloseException.State.CURED))


BUCKETS = ((0, "not late"), (30, "1 to 30 days"), (60, "31 to 60 days"), (90, "61 to 90 days"))
"""Ages of arrears: the most days of each, as banks report them; beyond the last it is "over 90 days"."""


def bucket_of(days: int) -> str:
    """The name of the age bucket of so many days past due."""
    return next((name for most, name in BUCKETS if days <= most), "over 90 days")


@dataclass(frozen=True)
class Arrear:
    """What is unpaid of one component of one facility and was payable before today."""

    facility: Facility
    component: str
    amount: Decimal
    oldest_due: date
    days_past_due: int
    bucket: str


_LATE = """
WITH part AS (
    SELECT facility_id, key, component, due_date, greatest(due_date, payable_from) AS payable,
        sum(amount) OVER (PARTITION BY facility_id, key ORDER BY greatest(due_date, payable_from), sequence) AS running,
        sum(amount) OVER (PARTITION BY facility_id, key) AS total
    FROM servicing_due WHERE facility_id IN (SELECT id FROM facilities_facility WHERE fund_id = %(fund)s)
), paid AS (
    SELECT facility_id, due_key, sum(amount) AS amount
    FROM servicing_allocation WHERE facility_id IN (SELECT id FROM facilities_facility WHERE fund_id = %(fund)s)
    GROUP BY facility_id, due_key
), late AS (
    SELECT d.facility_id, d.key, d.component, min(d.due_date) AS due_date, min(d.payable) AS payable,
        least(max(d.running), max(d.total)) - coalesce(max(p.amount), 0) AS amount
    FROM part d LEFT JOIN paid p ON p.facility_id = d.facility_id AND p.due_key = d.key
    WHERE d.payable < %(on)s AND d.running > coalesce(p.amount, 0) AND d.total > coalesce(p.amount, 0)
    GROUP BY d.facility_id, d.key, d.component
)
SELECT facility_id, component, sum(amount), min(due_date), %(on)s - min(payable)
FROM late GROUP BY facility_id, component ORDER BY 5 DESC, 1, 2
"""
"""Money pays what was payable first: a part of a due is unpaid once what was payable up to it exceeds what was paid."""


def arrears(fund: Fund) -> list[Arrear]:
    """What is late in the fund on its business date, by facility and component, the longest late first. Two queries.

    Days past due count from the day the oldest part was payable: 0 on that day, which is not late.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LATE, {"fund": fund.pk, "on": fund.business_date})
        rows = cursor.fetchall()
    facilities = Facility.objects.select_related("partner", "fund").in_bulk({row[0] for row in rows})
    return [
        Arrear(facilities[pk], component, amount, oldest, days, bucket_of(days))
        for pk, component, amount, oldest, days in rows
    ]
