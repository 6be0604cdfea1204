"""What is owed under a facility, when and why; what was paid and to what it went; what would pay it off."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from loanfund.audit.errors import Refused
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.finding import facility_of, loan_of
from loanfund.portal.borrowing.forms import DayForm
from loanfund.servicing import selectors
from loanfund.servicing.models import Receipt
from loanfund.servicing.selectors import PayoffQuote, dues, receipts_of, schedule_of, unapplied

TONES = {"paid": "ok", "overdue": "bad", "due": "warn"}
MOST_ROWS = 400
ON_A_PAGE = 25


@partner_page
def payments(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """Dues open today, the whole schedule, how to pay, and every receipt with what it paid."""
    found = facility_of(visit, facility)
    try:
        schedule, unknown = schedule_of(found), ""
    except Refused as refused:
        schedule, unknown = [], refused.sentence
    receipts = [line for line in receipts_of(found) if line.receipt.state != Receipt.State.REJECTED]
    context = {
        "facility": found,
        "dues": dues(found, on=visit.on),
        "schedule": [(row, TONES.get(row.status, "")) for row in schedule[:MOST_ROWS]],
        "unknown": unknown,
        "page": Paginator(receipts, ON_A_PAGE).get_page(request.GET.get("page")),
        "held": unapplied(found),
    }
    return show(request, visit, "portal/borrowing/payments.html", context)


@partner_page
def payoff(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """What pays the facility off, or one loan of it (`?loan=LN-0001`), on a day."""
    found = facility_of(visit, facility)
    number = request.GET.get("loan", "")
    loan = loan_of(visit, number) if number else None
    form = DayForm(request.GET if "on" in request.GET else None, initial={"on": visit.on})
    quote: PayoffQuote | None = None
    if not form.is_bound or form.is_valid():
        on = form.cleaned_data["on"] if form.is_bound else visit.on
        try:
            quote = selectors.payoff(loan, on) if loan else selectors.facility_payoff(found, on)
        except Refused as refused:
            form = DayForm(request.GET or {"on": visit.on})
            form.is_valid()
            form.add_error("on", refused.sentence)
    context: dict[str, Any] = {"facility": found, "loan": loan, "form": form, "quote": quote}
    return show(request, visit, "portal/borrowing/payoff.html", context)
