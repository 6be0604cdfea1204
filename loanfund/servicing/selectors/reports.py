"""Which receipt a reported payment may have become, and which report a receipt may belong to: a hint, never a match."""

from django.db.models import F, Q, QuerySet, Value

from loanfund.servicing.models import BorrowerRequest, Receipt

MOST = 5
"""So many are named."""
TELLING = 4
"""Characters from which a reference says something; fewer stand in any text."""
TAKEN = (Receipt.State.ENTERED, Receipt.State.BOOKED)


def likely_receipts(report: BorrowerRequest) -> list[tuple[Receipt, str]]:
    """Receipts that an open report of a payment may have become, each with the reason, the newest first."""
    if report.kind != BorrowerRequest.Kind.PAYMENT_REPORT or report.state != BorrowerRequest.State.OPEN:
        return []
    facility = report.facility
    same = Q(amount=report.amount, value_date__gte=report.day)
    if len(report.reference) >= TELLING:
        same |= Q(reference__icontains=report.reference) | Q(transfer_hash__iexact=report.reference)
    found = Receipt.objects.filter(
        same,
        Q(facility__isnull=True) | Q(facility__partner=facility.partner),
        fund=facility.fund_id,
        state__in=TAKEN,
    ).exclude(pk__in=_answered().values("receipt"))
    return [(receipt, _reason(report, receipt)) for receipt in found.order_by("-id")[:MOST]]


def likely_reports(receipt: Receipt) -> list[tuple[BorrowerRequest, str]]:
    """Open reports of payments that this receipt may be, each with the reason, the oldest first."""
    if receipt.state not in TAKEN or _answered().filter(receipt=receipt).exists():
        return []
    told = BorrowerRequest.objects.filter(
        kind=BorrowerRequest.Kind.PAYMENT_REPORT,
        state=BorrowerRequest.State.OPEN,
        facility__fund=receipt.fund_id,
    ).select_related("facility__partner")
    if receipt.facility is not None:
        told = told.filter(facility__partner=receipt.facility.partner_id)
    written = told.annotate(written=Value(f"{receipt.reference}\n{receipt.transfer_hash}"))
    same = Q(amount=receipt.amount, day__lte=receipt.value_date) | Q(written__icontains=F("reference"))
    found: list[tuple[BorrowerRequest, str]] = []
    for report in written.filter(same).order_by("id")[: MOST * 2]:
        if reason := _reason(report, receipt):
            found.append((report, reason))
    return found[:MOST]


def _answered() -> QuerySet[BorrowerRequest]:
    return BorrowerRequest.objects.filter(state=BorrowerRequest.State.ANSWERED, receipt__isnull=False)


def _reason(report: BorrowerRequest, receipt: Receipt) -> str:
    """Why the two may be one payment; empty when nothing says so."""
    said = report.reference.lower()
    reasons = []
    if len(said) >= TELLING and (said in receipt.reference.lower() or said == receipt.transfer_hash.lower()):
        reasons.append("the same reference")
    if receipt.amount == report.amount and receipt.value_date >= report.day:
        reasons.append("the same amount")
    return " and ".join(reasons)
