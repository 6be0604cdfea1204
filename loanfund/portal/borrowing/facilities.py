"""The partner's facilities: what each leaves to draw, what is drawn, and what comes due."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.facilities.selectors import conditions_standing, current_terms
from loanfund.facilities.wording import in_words, read_terms
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balances
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.finding import facility_of
from loanfund.portal.company.standing import facility_lines
from loanfund.servicing.models import Instruction
from loanfund.servicing.selectors import allowed_on_facility, drawdowns_of, dues, principal, unapplied

ZERO = Decimal(0)
PARTS = (
    ("Drawn", AccountKind.M_DRAWN),
    ("Asked for", AccountKind.M_EARMARKED),
    ("You may draw", AccountKind.M_UNDRAWN),
    ("Repaid", AccountKind.M_REPAID),
)
TONES = {
    "requested": "warn",
    "approved": "info",
    "released": "info",
    "settled": "ok",
    "rejected": "bad",
    "cancelled": "",
}


@partner_page
def facilities(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Every facility of the company, those that run first."""
    ended = Facility.objects.filter(partner=visit.partner, state=Facility.State.CLOSED).order_by("number")
    context = {"lines": facility_lines(visit.partner, visit.fund), "ended": ended}
    return show(request, visit, "portal/borrowing/facilities.html", context)


@partner_page
def facility(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """One facility: its money, its conditions, its drawdowns and loans, what is due, and its terms."""
    found = facility_of(visit, facility)
    standing = conditions_standing(found)
    missing = [one for one in standing if not one.met and one.condition.scope == "first"]
    instructions = Instruction.objects.filter(facility=found).select_related("loan").order_by("-id")
    context = {
        "facility": found,
        **bar_of(found),
        "missing": missing,
        "conditions": standing,
        "drawdowns": [
            (line, TONES.get(line.drawdown.state, ""), line.drawdown.get_state_display())
            for line in drawdowns_of(found)
        ],
        "loans": [(loan, principal(loan)) for loan in found.loans.select_related("facility__fund")],
        "dues": dues(found, on=visit.on),
        "held": unapplied(found),
        "instructions": instructions,
        "terms": in_words(read_terms(current_terms(found))),
        "may": {name.replace("propose:", "propose_") for name in allowed_on_facility(found, visit.user)},
        "day_is_open": found.availability_start <= visit.on <= found.availability_end,
    }
    return show(request, visit, "portal/borrowing/facility.html", context)


def bar_of(facility: Facility) -> dict[str, Any]:
    """The commitment as parts of one bar that add up, from the kept memorandum balances, in one query."""
    held = {
        ref.kind: amount
        for ref, amount in balances(owner=facility_owner(facility.pk), book_id=facility.fund.book_id).items()
    }
    parts = [(label, held.get(kind, ZERO)) for label, kind in PARTS]
    cancelled = facility.commitment - sum((amount for _, amount in parts), ZERO)
    if cancelled > 0:
        parts.append(("Cancelled or returned", cancelled))
    parts = [(label, amount) for label, amount in parts if amount > 0 or label in {"Drawn", "You may draw"}]
    return {"parts": parts, "undrawn": held.get(AccountKind.M_UNDRAWN, ZERO)}
