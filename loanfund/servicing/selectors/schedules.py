"""What was, is and will be payable under a facility, period by period; what a loan stands at; its balance through time.

What fell due is read from the books; what is to come is the replay to maturity as if everything is paid on its day.
Money is Decimal in whole units of the facility's currency.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from loanfund.calculation.daycount import days
from loanfund.calculation.history import History, Night, rate_text
from loanfund.calculation.money import minor_to_decimal
from loanfund.calculation.periods import InterestPeriod
from loanfund.calculation.state import State
from loanfund.calculation.terms import Component
from loanfund.facilities.models import Facility
from loanfund.servicing.models import Accrual, Loan
from loanfund.servicing.outlook import business_date, horizon, paid_on_time
from loanfund.servicing.selectors.facilities import dues, last_night, principal

ZERO = Decimal(0)
_ONE_DAY = timedelta(days=1)


class Status(StrEnum):
    """How a row of the schedule stands on the business date."""

    PAID = "paid"
    OVERDUE = "overdue"
    DUE = "due"
    COMING = "coming"
    NOTHING_DUE = "nothing due"


@dataclass(frozen=True)
class ScheduleRow:
    """What is payable on `due_date`: of an interest period, or beside one (a prepayment, a fee, default interest), where
    `period_start`, `period_end`, `days` and `rate` are None.

    `days` are counted by the loan's convention; `rate` is the period's all-in rate a year as a fraction. `due` is principal
    + interest + other, where `other` are fees, costs and default interest. `estimated`: it rests on a fixing that is not
    published yet.
    """

    loan: str
    what: str
    due_date: date
    period_start: date | None
    period_end: date | None
    days: int | None
    rate: Decimal | None
    principal: Decimal
    interest: Decimal
    other: Decimal
    paid: Decimal
    status: Status
    estimated: bool
    days_past_due: int = 0

    @property
    def due(self) -> Decimal:
        return self.principal + self.interest + self.other

    @property
    def outstanding(self) -> Decimal:
        return self.due - self.paid


@dataclass
class _Sum:
    """What one row gathers of dues."""

    what: str
    due_date: date
    period: InterestPeriod | None = None
    principal: Decimal = ZERO
    interest: Decimal = ZERO
    other: Decimal = ZERO
    paid: Decimal = ZERO
    late: int = 0

    def add(self, component: str, amount: Decimal, paid: Decimal, late: int) -> None:
        if component == Component.PRINCIPAL:
            self.principal += amount
        elif component == Component.INTEREST:
            self.interest += amount
        else:
            self.other += amount
        self.paid += paid
        self.late = max(self.late, late if paid < amount else 0)


def schedule_of(of: Loan | Facility) -> list[ScheduleRow]:
    """Every row of a loan, or of a facility with its fees, past and to come, by due date.

    Refused with calculation's sentence where the facility cannot be replayed, such as for a fixing that is due and absent.
    """
    facility = of if isinstance(of, Facility) else of.facility
    return _schedule(facility, "" if isinstance(of, Facility) else of.number)[0]


def _schedule(facility: Facility, only: str) -> tuple[list[ScheduleRow], State]:
    """The rows, and where the facility stands today."""
    today = business_date(facility)
    now = paid_on_time(facility, today)
    last = horizon(now.state)
    history = now if last <= today else paid_on_time(facility, last)
    periods = {(loan, period.end): period for loan, period in history.periods if not only or loan == only}
    sums: dict[tuple[str, str], _Sum] = {
        (loan, f"{end}"): _Sum("instalment", period.payment_date, period)
        for (loan, end), period in periods.items()
    }

    def row_for(loan: str, key: str, component: str, due_date: date) -> _Sum:
        end = key.rpartition(":")[2]
        scheduled = key in {f"{loan}:interest:{end}", f"{loan}:principal:{end}"} and (loan, end) in sums
        if scheduled:
            return sums[loan, end]
        what = _WORDS.get(component, component.replace("_", " "))
        if f"{loan}:accelerated:" in key:
            what = "acceleration"
        place = (loan, f"{what} {due_date}")
        return sums.setdefault(place, _Sum(what, due_date))

    for due in dues(facility, on=today, open_only=False):
        loan = due.loan.number if due.loan else ""
        if not only or loan == only:
            row_for(loan, due.key, due.component, due.due_date).add(
                due.component, due.amount, due.paid, due.days_past_due
            )
    currency = history.state.terms.currency
    for coming in history.dues:
        if coming.due_date > today and (not only or coming.loan == only):
            amount = minor_to_decimal(coming.amount, currency)
            row_for(coming.loan, coming.key, coming.component, coming.due_date).add(
                coming.component, amount, ZERO, 0
            )
    nights = _by_period(history, periods)
    rows = [_row(loan, one, nights.get((loan, end), ()), history, today) for (loan, end), one in sums.items()]
    rows.sort(key=lambda row: (row.due_date, row.loan, row.period_start is None, row.what))
    return rows, now.state


_WORDS: dict[str, str] = {
    Component.PRINCIPAL: "prepayment",
    Component.INTEREST: "prepayment",
    Component.DEFAULT_INTEREST: "default interest",
}


def _by_period(history: History, periods: Iterable[tuple[str, date]]) -> dict[tuple[str, str], list[Night]]:
    starts = defaultdict(list)
    for loan, end in periods:
        starts[loan].append(end)
    found: dict[tuple[str, str], list[Night]] = defaultdict(list)
    for loan in starts:
        starts[loan].sort()
    for night in history.nights:
        for end in starts.get(night.loan, ()):
            if night.on < end:
                found[night.loan, f"{end}"].append(night)
                break
    return found


def _row(loan: str, one: _Sum, nights: Iterable[Night], history: History, today: date) -> ScheduleRow:
    period, total = one.period, one.principal + one.interest + one.other
    nights = list(nights)
    if not total:
        status = Status.NOTHING_DUE if one.due_date <= today or not nights else Status.COMING
    elif one.due_date > today:
        status = Status.COMING
    elif one.paid >= total:
        status = Status.PAID
    else:
        status = Status.OVERDUE if one.late else Status.DUE
    return ScheduleRow(
        loan=loan,
        what=one.what,
        due_date=one.due_date,
        period_start=period.start if period else None,
        period_end=period.end if period else None,
        days=days(period.start, period.end, history.state.terms.day_count) if period else None,
        rate=_rate(nights) if period else None,
        principal=one.principal,
        interest=one.interest,
        other=one.other,
        paid=one.paid,
        status=status,
        estimated=any(night.estimated for night in nights),
        days_past_due=one.late,
    )


def _rate(nights: list[Night]) -> Decimal | None:
    """The all-in rate of a period: that of its one growth, or the mean of its nights by their fractions of a year."""
    if not nights:
        return None
    if all(night.growth is nights[0].growth for night in nights):
        growth, last = nights[0].growth, nights[-1].on + _ONE_DAY
        fraction = Fraction(*growth.fraction(last))
        return Decimal(rate_text(Fraction(*growth.at(last)) / fraction if fraction else Fraction(0)))
    fraction = sum((night.fraction for night in nights), Fraction(0))
    earned = sum((night.rate * night.fraction for night in nights), Fraction(0))
    return Decimal(rate_text(earned / fraction if fraction else Fraction(0)))


@dataclass(frozen=True)
class LoanOverview:
    """A loan on the business date. `balance` is principal with capitalised interest; `accrued` interest earned and not due;
    `all_in_rate` that of the newest night, or of the first one to come; `next_due` None when nothing more is payable.

    `arrears` is what is late; `days_past_due` how long its oldest part is, 0 when nothing is late.
    """

    loan: Loan
    currency: str
    balance: Decimal
    accrued: Decimal
    all_in_rate: Decimal | None
    estimated: bool
    next_due: date | None
    next_amount: Decimal
    arrears: Decimal
    days_past_due: int


def loan_overview(loan: Loan) -> LoanOverview:
    """What a person wants to know of a loan at first sight. As many queries however long it has run."""
    rows, now = _schedule(loan.facility, loan.number)
    standing = now.loans.get(loan.number)
    accrued = sum(one.posted - one.billed for one in standing.open) if standing is not None else 0
    newest = last_night(loan)
    coming = [row for row in rows if row.status in {Status.DUE, Status.COMING} and row.outstanding]
    upcoming = min((row.due_date for row in coming), default=None)
    late = [row for row in rows if row.status is Status.OVERDUE]
    running = next((row for row in rows if row.rate is not None and row.status is Status.COMING), None)
    rate = running.rate if running is not None else None
    if newest is not None:
        rate = newest.rate
    return LoanOverview(
        loan=loan,
        currency=loan.currency,
        balance=principal(loan),
        accrued=minor_to_decimal(accrued, now.terms.currency),
        all_in_rate=rate,
        estimated=newest.estimated if newest is not None else bool(running and running.estimated),
        next_due=upcoming,
        next_amount=sum((row.outstanding for row in coming if row.due_date == upcoming), ZERO),
        arrears=sum((row.outstanding for row in late), ZERO),
        days_past_due=max((row.days_past_due for row in late), default=0),
    )


@dataclass(frozen=True)
class BalancePoint:
    """From the day `on`, `balance` was owed as principal, capitalised interest included, until the next point."""

    on: date
    balance: Decimal


def balance_history(loan: Loan) -> list[BalancePoint]:
    """The principal of a loan through time, one point a change, as its nights say after every correction; then today's.

    For a chart: draw steps. Queries do not grow with its age.
    """
    rows = (
        Accrual.objects.filter(loan_id=loan.pk)
        .order_by("accrual_date", "-sequence")
        .distinct("accrual_date")
        .values_list("accrual_date", "principal")
    )
    points: list[BalancePoint] = []
    last = loan.disbursed_on - _ONE_DAY
    for day, balance in rows.iterator():
        if not points or points[-1].balance != balance:
            points.append(BalancePoint(day, balance))
        last = day
    now = principal(loan)
    if not points or points[-1].balance != now:
        points.append(BalancePoint(last + _ONE_DAY, now))
    return points
