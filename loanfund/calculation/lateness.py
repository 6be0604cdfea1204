"""What late sums cost: default interest on overdue amounts only, and the late fee.

From and including the due date to and excluding payment, nothing if paid within the grace days. Late principal still
bears the contract rate, so only the default margin comes on top; any other late sum bears contract rate plus margin.
Default interest is payable on demand: what has accrued falls due on each payment date and before money is allocated.
"""

from datetime import date, timedelta
from fractions import Fraction

from loanfund.calculation.daycount import ReferencePeriod, fraction_ints
from loanfund.calculation.growth import Factors
from loanfund.calculation.history import FacilityNight, Record
from loanfund.calculation.interest import growth_of, nominal
from loanfund.calculation.money import decimal_to_minor, q12, round_minor
from loanfund.calculation.periods import add_tenor
from loanfund.calculation.state import DueState, LatePiece, State
from loanfund.calculation.terms import Component, FacilityTerms

_ONE_DAY = timedelta(days=1)


def contract_rate(factors: Factors, state: State, loan_name: str, night: date) -> Fraction:
    """The all-in rate of a loan's night; of the facility's terms where no loan is accruing."""
    loan = state.loans.get(loan_name)
    if loan is not None and loan.open and not loan.open[-1].ended:
        return growth_of(factors, loan.open[-1], loan.open[-1].pieces[-1]).all_in(night)
    return nominal(factors, state.rate.on(night), night)


def accrue_late(factors: Factors, state: State, record: Record, night: date) -> None:
    """Default interest of one night on every sum that is late at its end."""
    grace = timedelta(days=state.terms.grace_days)
    for due in list(state.dues.values()):
        if not due.outstanding and not due.late:
            continue
        amount = due.unpaid_before(night - grace)
        waiting = due.unpaid_before(night) - amount
        if not amount and not waiting and not due.late:
            continue
        if due.component is Component.DEFAULT_INTEREST and not state.terms.default_interest_compounds:
            continue
        margin = Fraction(state.terms.default_margin)
        rate = margin
        if due.component is not Component.PRINCIPAL:
            rate = margin + contract_rate(factors, state, due.loan, night)
        if not rate:
            continue
        _grace_over(due, night - grace)
        _piece(due, LatePiece(night, amount, rate, waiting))
        units = late_units(state, due, night + _ONE_DAY)
        posted = round_minor(units, state.terms.currency, state.terms.rounding)
        if amount or units != due.units:
            record.facility_nights.append(
                FacilityNight(
                    "default_interest",
                    due.key,
                    night,
                    amount,
                    rate,
                    units - due.units,
                    posted - due.posted,
                    state.suspended,
                )
            )
        earn(state, "ACCRUED_DEFAULT_INTEREST", "DEFAULT_INTEREST_INCOME", posted - due.posted)
        due.units, due.posted = units, posted


def earn(state: State, accrued: str, income: str, amount: int) -> None:
    """Income of an amount in minor units accrues; it goes to suspense while the facility is not accruing."""
    state.control[accrued] += amount
    interest = accrued != "ACCRUED_COMMITMENT_FEE"
    state.control["INTEREST_SUSPENSE" if state.suspended and interest else income] += amount
    state.totals["charged"] += amount


def _grace_over(due: DueState, payable: date) -> None:
    """What was payable on a day is unpaid though its grace is over: it bears default interest since that day."""
    for part in (amount for amount, day in due.parts() if day == payable):
        for piece in due.late:
            if piece.start >= payable:
                moved = min(piece.waiting, part)
                piece.waiting -= moved
                piece.amount += moved


def _piece(due: DueState, piece: LatePiece) -> None:
    last = due.late[-1] if due.late else None
    if last is None or (last.amount, last.rate, last.waiting) != (piece.amount, piece.rate, piece.waiting):
        due.late.append(piece)


def late_reference(terms: FacilityTerms, due_date: date) -> ReferencePeriod:
    """What a convention may need to know of the time after a due date: periods of the terms' tenor follow it."""
    months = terms.period_tenor.months
    return ReferencePeriod(
        start=due_date,
        end=add_tenor(due_date, terms.period_tenor),
        frequency=12 // months if months and 12 % months == 0 else None,
    )


def late_units(state: State, due: DueState, until: date) -> int:
    """The default interest of a due up to a day, in units of 1e-12; fractions are measured from its due date."""
    units = 0
    for i, piece in enumerate(due.late):
        ends = due.late[i + 1].start if i + 1 < len(due.late) else until
        n1, d1 = fraction_ints(due.due_date, ends, due.day_count, due.reference)
        n0, d0 = fraction_ints(due.due_date, piece.start, due.day_count, due.reference)
        length = Fraction(n1, d1) - Fraction(n0, d0)
        earned = piece.amount * piece.rate * length
        units += q12(earned.numerator, earned.denominator * state.terms.currency.minor_units)
    return units


def paid_late(state: State, due: DueState, day: date) -> None:
    """Money has reached a due on a day: what is paid by the last day of its grace bore nothing."""
    if not due.late:
        return
    amount = due.unpaid_before(day - timedelta(days=state.terms.grace_days + 1))
    waiting = due.unpaid_before(day) - amount
    for piece in due.late:
        piece.waiting = min(piece.waiting, waiting)
    last = due.late[-1]
    if last.start < day and (last.amount, last.waiting) != (amount, waiting):
        due.late.append(LatePiece(day, amount, last.rate, waiting))
    elif last.start >= day:
        last.amount, last.waiting = amount, waiting


def late_fees(state: State, day: date) -> list[DueState]:
    """The dues that are late beyond their grace and bear no late fee yet; none on a non-business day, as all dues."""
    if not state.terms.late_fee or not state.terms.payment_calendar.is_business_day(day):
        return []
    waited = timedelta(days=state.terms.grace_days + 1)
    return [
        due
        for due in state.dues.values()
        if due.component in (Component.INTEREST, Component.PRINCIPAL)
        and due.outstanding
        and not due.fee_charged
        and due.payable_from() + waited <= day
    ]


def late_fee(state: State) -> int:
    """The late fee in minor units."""
    return decimal_to_minor(state.terms.late_fee, state.terms.currency)
