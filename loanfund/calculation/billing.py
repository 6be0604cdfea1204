"""Sums fall due: dues are made here, with the fees; interest may become principal instead."""

from datetime import date, timedelta
from fractions import Fraction

from loanfund.calculation.daycount import fraction_ints
from loanfund.calculation.history import DueRow, FacilityNight
from loanfund.calculation.interest import begin_period, rebase, set_plan
from loanfund.calculation.lateness import earn, late_reference
from loanfund.calculation.money import decimal_to_minor, q12, round_minor
from loanfund.calculation.periods import InterestPeriod, add_tenor
from loanfund.calculation.state import DueState, FeeState, LoanState
from loanfund.calculation.terms import Component
from loanfund.calculation.workings import Workings

_ONE_DAY = timedelta(days=1)


def new_due(
    fold: Workings, component: Component, loan: LoanState | None, key: str, amount: int, day: date
) -> DueState:
    """A sum falls due: it is open until it is paid, waived or written off."""
    name, terms = loan.name if loan else "", fold.state.terms
    first, times = key, 1
    while key in fold.record.dues:  # a second one of a kind on one day
        times += 1
        key = f"{first}#{times}"
    reference = late_reference(terms, day)
    due = DueState(key, component, name, day, amount, amount, terms.day_count, reference)
    due.tranches = fold.tranches.get(key, ())
    fold.state.dues[key] = due
    fold.record.dues[key] = DueRow(key, component, name, day, due.payable_from(), amount, amount)
    return due


def charge(
    fold: Workings, component: Component, loan: str, key: str, amount: int, day: date, income: str
) -> None:
    """A fee or cost falls due at once, with its income."""
    if amount <= 0:
        return
    new_due(fold, component, fold.state.loans.get(loan), key, amount, day)
    if income:
        fold.state.control[income] += amount
    fold.state.totals["charged"] += amount


def bill_late(fold: Workings, day: date, loan: str | None = None) -> None:
    """Default interest that has accrued falls due: of one loan, or of all that is late."""
    state = fold.state
    for due in list(state.dues.values()):
        if loan is not None and due.loan != loan:
            continue
        amount = due.posted - due.billed
        if amount > 0:
            due.billed += amount
            key = f"{due.key}:default:{day}"
            new_due(fold, Component.DEFAULT_INTEREST, state.loans.get(due.loan), key, amount, day)
            state.control["ACCRUED_DEFAULT_INTEREST"] -= amount


def start_fee(fold: Workings) -> None:
    """A fee period begins: at signing, or when an amendment brings or prolongs the fee."""
    terms, day = fold.state.terms, fold.state.day
    if terms.commitment_fee and terms.availability_end > day:
        fold.state.fee = FeeState(day, _fee_end(fold, day), terms.commitment_fee_day_count)


def amend_fee(fold: Workings) -> None:
    """After an amendment: the running fee period ends no later than availability, its days so far stay as they were."""
    terms, fee, day = fold.state.terms, fold.state.fee, fold.state.day
    if fee is None:
        start_fee(fold)
    elif fee.ends > terms.availability_end:
        fee.ends = max(terms.payment_calendar.adjust(terms.availability_end, terms.convention), day)


def _fee_end(fold: Workings, start: date) -> date:
    terms = fold.state.terms
    last = terms.payment_calendar.adjust(terms.availability_end, terms.convention)
    for times in range(1, 1000):
        unadjusted = add_tenor(terms.signed_on, terms.commitment_fee_tenor, times=times)
        if unadjusted >= terms.availability_end:
            return max(last, terms.availability_end)
        end = terms.payment_calendar.adjust(unadjusted, terms.convention)
        if end > start:
            return end
    return last


def bill_fee(fold: Workings, day: date) -> None:
    """The commitment fee accrued so far falls due."""
    fee = fold.state.fee
    if fee is None:
        return
    amount = fee.posted - fee.billed
    if amount > 0:
        fee.billed += amount
        new_due(fold, Component.FEES, None, f"commitment_fee:{day}", amount, day)
        fold.state.control["ACCRUED_COMMITMENT_FEE"] -= amount


def next_fee(fold: Workings) -> None:
    """The next fee period begins, unless availability is over."""
    fold.state.fee = None
    start_fee(fold)


def fee_basis(fold: Workings) -> int:
    """Commitment - cancelled - drawn, in minor units: what the fee is worked out on and what can be cancelled."""
    state = fold.state
    commitment = decimal_to_minor(state.terms.commitment, state.terms.currency)
    used = state.drawn if state.terms.revolving else state.ever_lent
    return max(commitment - state.cancelled - used, 0)


def accrue_fee(fold: Workings, night: date) -> None:
    """The commitment fee of one night."""
    state, fee = fold.state, fold.state.fee
    assert fee is not None
    basis, rate = fee_basis(fold), Fraction(state.terms.commitment_fee)
    if not fee.pieces or fee.pieces[-1][1:] != (basis, rate):
        fee.pieces.append((night, basis, rate))
    units = _fee_units(fold, fee, night + _ONE_DAY)
    posted = round_minor(units, state.terms.currency, state.terms.rounding)
    fold.record.facility_nights.append(
        FacilityNight("commitment_fee", "", night, basis, rate, units - fee.units, posted - fee.posted, False)
    )
    earn(state, "ACCRUED_COMMITMENT_FEE", "COMMITMENT_FEE_INCOME", posted - fee.posted)
    fee.units, fee.posted = units, posted


def _fee_units(fold: Workings, fee: FeeState, until: date) -> int:
    minor = fold.state.terms.currency.minor_units
    units = 0
    for i, (start, basis, rate) in enumerate(fee.pieces):
        ends = fee.pieces[i + 1][0] if i + 1 < len(fee.pieces) else until
        n1, d1 = fraction_ints(fee.start, ends, fee.day_count)
        n0, d0 = fraction_ints(fee.start, start, fee.day_count)
        amount = basis * rate * (Fraction(n1, d1) - Fraction(n0, d0))
        units += q12(amount.numerator, amount.denominator * minor)
    return units


def capitalise_interest(fold: Workings, loan: LoanState, amount: int, day: date) -> None:
    """Accrued interest becomes principal."""
    if amount <= 0:
        return
    fold.state.control["ACCRUED_INTEREST"] -= amount
    loan.capitalised += amount
    rebase(fold.state, loan, day)
    if loan.open and loan.open[-1].index < len(loan.periods):
        set_plan(fold.factors, fold.state, loan, loan.open[-1].index, day)


def begin(fold: Workings, loan: LoanState, index: int, period: InterestPeriod) -> None:
    """An interest period begins."""
    begin_period(fold.state, loan, index, period)
    fold.record.periods.append((loan.name, period))
