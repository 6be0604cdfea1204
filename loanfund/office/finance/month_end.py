"""Month end: what has to hold before a month is locked, each line with where to look when it does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.facilities.models import Fund
from loanfund.ledger.selectors import closed_through
from loanfund.office.finance.statements import last_month
from loanfund.office.operations.seat import take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reference.models import FixingProposal
from loanfund.reporting.services import read_report
from loanfund.servicing.models import (
    Accrual,
    CloseException,
    CloseRun,
    Instruction,
    Receipt,
    ReceiptShare,
    Refund,
)

READERS = (roles.FINANCE, roles.OPERATIONS_CHECKER)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Check:
    """One line of the list: what has to hold, whether it does, and where to look."""

    label: str
    text: str
    holds: bool
    href: str


class MonthForm(forms.Form):
    """The month, as YYYY-MM."""

    month = forms.DateField(
        label="Month",
        input_formats=["%Y-%m"],
        error_messages={"invalid": "Enter a month such as 2026-07."},
        widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m"),
    )


@page("month-end/", name="month_end", readers=READERS, menu="Month end", section="Finance")
def month_end(request: HttpRequest) -> HttpResponse:
    """The checklist of one month; the last whole one unless another is asked for."""
    seat = take_seat(request)
    usual = last_month(seat.on)[0]
    form = MonthForm(request.GET if "month" in request.GET else None, initial={"month": usual})
    first = usual
    if form.is_bound and form.is_valid():
        first = form.cleaned_data["month"]
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY
    begun = first <= seat.on and last >= seat.fund.opened_on
    checks = list(_checks(seat.fund, first, last)) if begun and not form.errors else []
    if begun and not form.errors and seat.holds(roles.FINANCE, roles.AUDITOR):
        checks.append(_ledger(seat.user, seat.fund, max(first, seat.fund.opened_on), min(last, seat.on)))
    locked = closed_through(book_id=seat.fund.book_id)
    context = {
        "form": form,
        "first": first,
        "checks": checks,
        "open": sum(1 for check in checks if not check.holds),
        "locked": locked,
        "is_locked": locked is not None and locked >= last,
    }
    return show(
        request,
        "office/finance/month_end.html",
        context,
        title="Month end",
        status=422 if form.errors else 200,
    )


def _checks(fund: Fund, first: date, last: date) -> Iterator[Check]:
    start = max(first, fund.opened_on)
    nights = (last - start).days + 1
    done = CloseRun.objects.filter(
        fund=fund, business_date__range=(start, last), state=CloseRun.State.DONE
    ).count()
    yield Check("Closes complete", f"{done} of {nights} days", done == nights, reverse("admin:closes"))
    lag = CloseException.objects.filter(facility__fund=fund, since__lte=last).exclude(state="cured").count()
    yield Check(
        "No facility left behind", _count(lag, "facility", "facilities"), not lag, reverse("admin:closes")
    )
    estimated = _estimated(fund, start, last)
    yield Check(
        "Fixings final",
        _count(estimated, "estimated night", "estimated nights"),
        not estimated,
        reverse("admin:fixings"),
    )
    typed = FixingProposal.objects.filter(state="proposed", date__lte=last).count()
    yield Check(
        "Fixings by hand read again", _count(typed, "waits", "wait"), not typed, reverse("admin:fixings")
    )
    entered = Receipt.objects.filter(fund=fund, state=Receipt.State.ENTERED, value_date__lte=last).count()
    yield Check("Receipts booked", _count(entered, "waits", "wait"), not entered, reverse("admin:receipts"))
    held = Receipt.objects.filter(
        fund=fund, state=Receipt.State.BOOKED, facility__isnull=True, value_date__lte=last
    ).exclude(pk__in=_assigned(fund))
    yield Check(
        "Receipts matched",
        _count(held.count(), "belongs to nobody", "belong to nobody"),
        not held.count(),
        f"{reverse('admin:receipts')}?state=held",
    )
    waiting = Instruction.objects.filter(
        facility__fund=fund, state=Instruction.State.PROPOSED, value_date__lte=last
    ).count()
    yield Check(
        "Changes decided", _count(waiting, "waits", "wait"), not waiting, reverse("admin:instructions")
    )
    refunds = Refund.objects.filter(
        fund=fund, state__in=["proposed", "approved"], proposed_on__lte=last
    ).count()
    yield Check(
        "Refunds paid or refused", _count(refunds, "waits", "wait"), not refunds, reverse("admin:refunds")
    )


def _assigned(fund: Fund) -> list[int]:
    """The held receipts that a share or a refund has taken up."""
    shares = ReceiptShare.objects.filter(receipt__fund=fund, state="booked").values_list(
        "receipt_id", flat=True
    )
    refunds = Refund.objects.filter(fund=fund, state="paid", receipt__isnull=False)
    return [*shares, *(key for key in refunds.values_list("receipt_id", flat=True) if key is not None)]


def _estimated(fund: Fund, first: date, last: date) -> int:
    """Nights whose newest row still rests on an estimate."""
    rows = Accrual.objects.filter(accrual_date__range=(first, last), loan_id__in=_loans(fund))
    newest = rows.order_by("loan_id", "accrual_date", "-sequence").distinct("loan_id", "accrual_date")
    return sum(1 for estimated in newest.values_list("estimated", flat=True) if estimated)


def _loans(fund: Fund) -> list[int]:
    """The keys of the fund's loans."""
    return [key for keys in fund.facilities.values_list("loans__pk") for key in keys if key is not None]


def _ledger(user: User, fund: Fund, first: date, last: date) -> Check:
    """Whether the accruals roll forward to the ledger's balances."""
    made = read_report(
        actor=user,
        fund=fund,
        slug="accrual-roll-forward",
        given={"first_day": first, "last_day": last},
    )
    broken = [check.what for check in made.checks if check.difference]
    text = f"differs: {', '.join(broken)}" if broken else f"{len(made.checks)} sums tie"
    return Check(
        "Sub-ledger equals ledger", text, not broken, reverse("admin:report", args=["accrual-roll-forward"])
    )


def _count(number: int, one: str, many: str) -> str:
    return "none open" if not number else f"{number} {one if number == 1 else many}"
