"""What has to hold before a month is locked: each check with where to look when it does not."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from loanfund.facilities.models import Fund
from loanfund.reference.models import FixingProposal
from loanfund.reporting.reports.accruals import roll_forward
from loanfund.reporting.reports.cash import reconciliation
from loanfund.servicing.models import (
    Accrual,
    CashPair,
    CloseException,
    CloseRun,
    HandJournal,
    Instruction,
    Receipt,
    Refund,
)
from loanfund.servicing.selectors.receipts import BELONGS_TO_NOBODY, with_placed


@dataclass(frozen=True)
class MonthCheck:
    """One line of the month end's list: what has to hold, how it stands, and the desk where it is mended."""

    label: str
    text: str
    holds: bool
    desk: str


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of the calendar month of a day."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def month_checks(fund: Fund, first: date, last: date) -> list[MonthCheck]:
    """Every check of the days from `first` to `last`, those before the fund opened left out."""
    start = max(first, fund.opened_on)
    return [
        *_closing(fund, start, last),
        *_waiting(fund, last),
        _ledger(fund, start, min(last, fund.business_date)),
        _cash(fund, start, min(last, fund.business_date)),
    ]


def _closing(fund: Fund, start: date, last: date) -> Iterator[MonthCheck]:
    nights = (last - start).days + 1
    done = CloseRun.objects.filter(
        fund=fund, business_date__range=(start, last), state=CloseRun.State.DONE
    ).count()
    yield MonthCheck("Closes complete", f"{done} of {nights} days", done == nights, "closes")
    lag = CloseException.objects.filter(facility__fund=fund, since__lte=last).exclude(state="cured").count()
    yield _none("No facility left behind", lag, "facility", "facilities", "closes")
    yield _none(
        "Fixings final", _estimated(fund, start, last), "estimated night", "estimated nights", "fixings"
    )
    typed = FixingProposal.objects.filter(state="proposed", date__lte=last).count()
    yield _none("Fixings by hand read again", typed, "waits", "wait", "fixings")


def _waiting(fund: Fund, last: date) -> Iterator[MonthCheck]:
    entered = Receipt.objects.filter(fund=fund, state=Receipt.State.ENTERED, value_date__lte=last).count()
    yield _none("Receipts booked", entered, "waits", "wait", "receipts")
    held = with_placed(Receipt.objects.filter(fund=fund, value_date__lte=last)).filter(BELONGS_TO_NOBODY)
    yield _none("Receipts matched", held.count(), "belongs to nobody", "belong to nobody", "held")
    waiting = Instruction.objects.filter(
        facility__fund=fund, state=Instruction.State.PROPOSED, value_date__lte=last
    ).count()
    yield _none("Changes decided", waiting, "waits", "wait", "instructions")
    refunds = Refund.objects.filter(
        fund=fund, state__in=["proposed", "approved"], proposed_on__lte=last
    ).count()
    yield _none("Refunds paid or refused", refunds, "waits", "wait", "refunds")
    journals = HandJournal.objects.filter(
        fund=fund, state=HandJournal.State.PROPOSED, value_date__lte=last
    ).count()
    yield _none("Entries by hand decided", journals, "waits", "wait", "journals")
    pairs = CashPair.objects.filter(fund=fund, state=CashPair.State.PROPOSED, proposed_on__lte=last).count()
    yield _none("Pairs by hand decided", pairs, "waits", "wait", "pairs")


def _estimated(fund: Fund, first: date, last: date) -> int:
    """Nights whose newest row still rests on an estimate."""
    loans = [key for keys in fund.facilities.values_list("loans__pk") for key in keys if key is not None]
    rows = Accrual.objects.filter(accrual_date__range=(first, last), loan_id__in=loans)
    newest = rows.order_by("loan_id", "accrual_date", "-sequence").distinct("loan_id", "accrual_date")
    return sum(1 for estimated in newest.values_list("estimated", flat=True) if estimated)


def _ledger(fund: Fund, first: date, last: date) -> MonthCheck:
    """Whether the accruals roll forward to the ledger's balances."""
    if first > last:
        return MonthCheck("Sub-ledger equals ledger", "the month has not begun", False, "roll")
    made = roll_forward(fund, first_day=first, last_day=last)
    broken = [check.what for check in made.checks if check.difference]
    text = f"differs: {', '.join(broken)}" if broken else f"{len(made.checks)} sums tie"
    return MonthCheck("Sub-ledger equals ledger", text, not broken, "roll")


def _cash(fund: Fund, first: date, last: date) -> MonthCheck:
    """Whether the statements that are loaded agree with the book's cash: each line, each closing balance."""
    label = "Cash explained by the statements"
    if first > last:
        return MonthCheck(label, "the month has not begun", False, "cash")
    made = reconciliation(fund, first_day=first, last_day=last)
    apart = [check.what for check in made.checks if check.difference] + [what for what, _ in made.broken]
    if not apart:
        balances = len(made.checks) - 1
        text = "no difference" if balances else "no closing balance is loaded; no line is open"
        return MonthCheck(label, text, True, "cash")
    more = f" and {len(apart) - 2} more" if len(apart) > 2 else ""
    return MonthCheck(label, f"open: {'; '.join(apart[:2])}{more}", False, "cash")


def _none(label: str, number: int, one: str, many: str, desk: str) -> MonthCheck:
    text = "none open" if not number else f"{number} {one if number == 1 else many}"
    return MonthCheck(label, text, not number, desk)
