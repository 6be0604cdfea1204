"""One loan: what it stands at and why, day by day; and what would be if it were paid early."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse

from loanfund.audit.errors import Refused
from loanfund.parties.services.settlement import SIGNERS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.chart import chart_of
from loanfund.portal.borrowing.finding import loan_of
from loanfund.portal.borrowing.forms import EFFECTS, DaysForm, PrepayForm
from loanfund.portal.borrowing.payments import TONES
from loanfund.servicing.selectors import (
    Explanation,
    WhatIf,
    balance_history,
    explain_interest,
    loan_overview,
    prepaying,
    rate_history,
    receipts_of,
    schedule_of,
)

MOST_DAYS = 400
"""So many days are explained on one page."""


@partner_page
def loan(request: HttpRequest, visit: Visit, loan: str) -> HttpResponse:
    """The loan at a glance, its picture, its schedule and what was paid on it."""
    found = loan_of(visit, loan)
    balances = balance_history(found)
    points = [(point.on, point.balance) for point in balances]
    context = {
        "loan": found,
        "overview": loan_overview(found),
        "schedule": [(row, TONES.get(row.status, "")) for row in schedule_of(found)],
        "paid": [
            (line, [part for part in line.lines if part.loan == found.number])
            for line in receipts_of(found.facility)
            if any(part.loan == found.number for part in line.lines)
        ],
        "balances": balances,
        "chart": chart_of(points, rate_history(found), visit.on),
        "last_night": visit.on - timedelta(days=1),
    }
    return show(request, visit, "portal/borrowing/loan.html", context)


@partner_page
def explain(request: HttpRequest, visit: Visit, loan: str) -> HttpResponse:
    """Every night between two days: principal, rate and where it comes from, fraction of a year, interest, cents."""
    found = loan_of(visit, loan)
    last = visit.on - timedelta(days=1)
    start = max(found.disbursed_on, last - timedelta(days=30))
    given = {name: request.GET.get(name, "") for name in ("first_day", "last_day")}
    form = DaysForm(given if any(given.values()) else {"first_day": start, "last_day": max(last, start)})
    shown: Explanation | None = None
    if form.is_valid():
        first, until = form.cleaned_data["first_day"], form.cleaned_data["last_day"]
        if (until - first).days > MOST_DAYS:
            form.add_error("last_day", f"Choose at most {MOST_DAYS} days; the statement holds any period.")
        else:
            shown = explain_interest(found, first, until)
    return show(
        request, visit, "portal/borrowing/explain.html", {"loan": found, "form": form, "shown": shown}
    )


@partner_page
def what_if(request: HttpRequest, visit: Visit, loan: str) -> HttpResponse:
    """The schedule if an amount were prepaid on a day, beside today's. Nothing is stored."""
    found = loan_of(visit, loan)
    form = PrepayForm(
        request.GET if "amount" in request.GET else None,
        code=found.currency,
        initial={"value_date": visit.on},
    )
    tried: WhatIf | None = None
    if form.is_bound and form.is_valid():
        try:
            tried = prepaying(
                found,
                amount=form.cleaned_data["amount"],
                on=form.cleaned_data["value_date"],
                effect=form.cleaned_data["effect"],
            )
        except Refused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
    context = {
        "loan": found,
        "form": form,
        "tried": tried,
        "effect_words": EFFECTS,
        "may_act": visit.may(*SIGNERS),
    }
    return show(request, visit, "portal/borrowing/what_if.html", context)
