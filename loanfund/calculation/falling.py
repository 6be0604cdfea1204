"""Interest accrues night by night; periods end, and what they earned falls due on their payment day."""

from datetime import date, timedelta

from loanfund.calculation.billing import (
    begin,
    bill_fee,
    bill_late,
    capitalise_interest,
    charge,
    new_due,
    next_fee,
)
from loanfund.calculation.history import Night
from loanfund.calculation.interest import earned, in_holiday, rebase, set_plan
from loanfund.calculation.lateness import earn, late_fee, late_fees
from loanfund.calculation.money import round_minor
from loanfund.calculation.profiles import ProfileKind
from loanfund.calculation.rates import SteppedRate, ZeroUntil
from loanfund.calculation.state import LoanState, OpenPeriod
from loanfund.calculation.terms import Component
from loanfund.calculation.workings import Workings

_ONE_DAY = timedelta(days=1)


def accrue(fold: Workings, loan: LoanState, night: date) -> None:
    """The interest of one loan's night, with the true-up of nights that rested on estimated fixings."""
    state = fold.state
    exact = posted = 0
    for one in loan.open:
        until = one.period.end if one.ended else night + _ONE_DAY
        units, base, growth = earned(fold.factors, state, one, until)
        cents = round_minor(units, state.terms.currency, state.terms.rounding)
        exact += units - one.units
        posted += cents - one.posted
        one.units, one.posted = units, cents
    one = loan.open[-1]
    if not exact and not posted and (one.ended or not one.pieces[-1].principal):
        return
    fold.record.nights.append(
        Night(
            loan.name,
            night,
            0 if one.ended else one.pieces[-1].principal,
            exact,
            posted,
            units,
            base,
            one.pieces[-1].start,
            growth,
            growth.estimated(night),
            state.suspended,
        )
    )
    earn(state, "ACCRUED_INTEREST", "INTEREST_INCOME", posted)


def end_periods(fold: Workings, day: date) -> None:
    """Periods that end on this day end, by the terms they ran under; the next ones begin."""
    for loan in fold.state.loans.values():
        if loan.open and not loan.open[-1].ended and loan.open[-1].period.end == day:
            _end_period(fold, loan, loan.open[-1], day)


def rates_step(fold: Workings, day: date) -> None:
    """A stepped rate may begin another step today, within an interest period too."""
    if isinstance(fold.state.rate, SteppedRate | ZeroUntil):
        for loan in fold.state.loans.values():
            rebase(fold.state, loan, day)


def fall_due(fold: Workings, day: date) -> None:
    """What falls due on a day by itself: periods end, are billed on their payment day, and fees come due."""
    end_periods(fold, day)
    for loan in fold.state.loans.values():
        for one in [one for one in loan.open if one.ended and one.period.payment_date == day]:
            _bill(fold, loan, one, day)
    fee = fold.state.fee
    if fee is not None and fee.ends == day:
        bill_fee(fold, day)
        next_fee(fold)
    for due in late_fees(fold.state, day):
        due.fee_charged = True
        charge(fold, Component.FEES, "", f"{due.key}:late_fee", late_fee(fold.state), day, "LATE_FEE_INCOME")


def _end_period(fold: Workings, loan: LoanState, one: OpenPeriod, day: date) -> None:
    state = fold.state
    units, _, _ = earned(fold.factors, state, one, day)
    interest = round_minor(units, state.terms.currency, state.terms.rounding)
    one.ended = True
    one.principal = _instalment(fold, loan, one, interest)
    loan.resting += one.principal
    if one.index + 1 < len(loan.periods) and loan.principal > loan.resting:
        begin(fold, loan, one.index + 1, loan.periods[one.index + 1])
        if _replans(fold, loan, one):
            set_plan(fold.factors, state, loan, one.index + 1, day)


def _replans(fold: Workings, loan: LoanState, one: OpenPeriod) -> bool:
    """A level payment under a floating rate is worked out anew for each period, over all that are left."""
    if one.index + 1 >= len(loan.periods) or fold.state.terms.profile.kind is not ProfileKind.LEVEL:
        return False
    passed = fold.state.rate.on(one.period.start)
    coming = fold.state.rate.on(one.period.end)
    return passed != coming or not hasattr(coming, "rate")


def _instalment(fold: Workings, loan: LoanState, one: OpenPeriod, interest: int) -> int:
    if one.index >= len(loan.periods):
        return 0
    if loan.accelerated:
        return max(loan.undue, 0)  # nothing, but for interest that was capitalised since
    if one.index == len(loan.periods) - 1:
        return loan.undue
    if in_holiday(loan, one.period):
        return 0
    if loan.instalment is not None and loan.plan[one.index]:
        return max(min(loan.instalment - interest, loan.undue), 0)
    return min(loan.plan[one.index], loan.undue)


def _bill(fold: Workings, loan: LoanState, one: OpenPeriod, day: date) -> None:
    state = fold.state
    loan.open.remove(one)
    units, _, _ = earned(fold.factors, state, one, one.period.end)
    cents = round_minor(units, state.terms.currency, state.terms.rounding)
    if cents != one.posted:
        earn(state, "ACCRUED_INTEREST", "INTEREST_INCOME", cents - one.posted)
    interest = cents - one.billed
    grace = one.index < state.terms.profile.interest_grace
    holiday = loan.holiday_capitalises and in_holiday(loan, one.period)
    if (grace or holiday) and one.index < len(loan.periods) - 1 and loan.undue > 0:
        capitalise_interest(fold, loan, interest, day)
    elif interest > 0:
        key = f"{loan.name}:interest:{one.period.end}"
        new_due(fold, Component.INTEREST, loan, key, interest, day)
        state.control["ACCRUED_INTEREST"] -= interest
    elif interest < 0:
        # A rate below zero pays the borrower nothing: the lender owes no interest on money it has lent.
        earn(state, "ACCRUED_INTEREST", "INTEREST_INCOME", -interest)
    loan.resting -= one.principal
    if one.principal:
        loan.overdue += one.principal
        key = f"{loan.name}:principal:{one.period.end}"
        new_due(fold, Component.PRINCIPAL, loan, key, one.principal, day)
    rebase(state, loan, day)
    bill_late(fold, day, loan.name)
    if not loan.principal and not loan.open:
        loan.done = True
