"""A loan's interest: pieces of constant principal and rate, periods that end, and the plan of principal.

A(t) = sum over pieces of q12(principal x [growth at the piece's end - growth at its start]); growth is measured from the
period's start, so that 30/360 invents no day. What is posted is the difference of two roundings of A.
"""

from datetime import date, timedelta
from fractions import Fraction

from loanfund.calculation.calendars import BusinessDayConvention
from loanfund.calculation.daycount import ReferencePeriod, fraction_ints
from loanfund.calculation.growth import Factors, Growth, GrowthKey, bounded
from loanfund.calculation.money import q12, round_minor
from loanfund.calculation.periods import InterestPeriod, add_tenor
from loanfund.calculation.profiles import Plan, plan
from loanfund.calculation.rates import BasicRate, FixedRate, FixingMissing, OvernightRate
from loanfund.calculation.state import LoanState, OpenPeriod, Piece, State
from loanfund.calculation.terms import FacilityTerms

_ONE_DAY = timedelta(days=1)


def reference_of(terms: FacilityTerms, period: InterestPeriod, maturity: date) -> ReferencePeriod:
    """What a convention may need to know of an interest period beyond its dates."""
    months = terms.period_tenor.months
    return ReferencePeriod(
        start=period.unadjusted_start,
        end=period.unadjusted_end,
        frequency=12 // months if months and 12 % months == 0 else None,
        termination=maturity,
        end_of_month=terms.end_of_month or None,
    )


def growth_of(factors: Factors, one: OpenPeriod, piece: Piece) -> Growth:
    """The shared growth of one loan's period at one rate."""
    growth = piece.growth
    if growth is None or growth.fixings is not factors.fixings:
        key = GrowthKey(piece.rate, one.day_count, one.period.start, one.period.end, one.reference)
        growth = piece.growth = factors.growth(key)
    return growth


def earned(factors: Factors, state: State, one: OpenPeriod, until: date) -> tuple[int, int, Growth]:
    """(A, A of all pieces but the last, growth of the last) of an open period, in units of 1e-12."""
    minor = state.terms.currency.minor_units
    total = base = 0
    last = len(one.pieces) - 1
    growth = growth_of(factors, one, one.pieces[last])
    for i, piece in enumerate(one.pieces):
        ends = until if i == last else one.pieces[i + 1].start
        grown = growth if i == last else growth_of(factors, one, piece)
        numerator, denominator = grown.between(piece.start, ends)
        base = total
        total += q12(piece.principal * numerator, denominator * minor)
    return total, base, growth


def slice_interest(factors: Factors, state: State, loan: LoanState, amount: int, until: date) -> int:
    """Interest that part of a loan's principal has earned in the open period and that was not capitalised, in minor
    units."""
    one = loan.open[-1]
    minor = state.terms.currency.minor_units
    units = 0
    for i, piece in enumerate(one.pieces):
        ends = until if i == len(one.pieces) - 1 else one.pieces[i + 1].start
        if ends <= one.settled_until:
            continue
        growth = growth_of(factors, one, piece)
        numerator, denominator = growth.between(max(piece.start, one.settled_until), ends)
        units += q12(min(amount, piece.principal) * numerator, denominator * minor)
    return round_minor(units, state.terms.currency, state.terms.rounding)


def begin_period(state: State, loan: LoanState, index: int, period: InterestPeriod) -> OpenPeriod:
    """Open an interest period on the principal that bears interest as it begins."""
    rate = state.rate.on(period.start)
    one = OpenPeriod(
        index,
        period,
        [Piece(period.start, loan.principal - loan.resting, rate)],
        state.terms.day_count,
        reference_of(state.terms, period, loan.maturity),
        period.start,
    )
    loan.open.append(one)
    loan.latest = period
    return one


def overtime(terms: FacilityTerms, loan: LoanState, day: date) -> InterestPeriod:
    """A period for principal that is late beyond maturity: from the day it was payable, in the terms' own tenor."""
    last = loan.latest or loan.periods[-1]
    end = last.unadjusted_end
    while end <= day:
        end = add_tenor(end, terms.period_tenor, end_of_month=terms.end_of_month)
    payment = terms.payment_calendar.adjust(end, BusinessDayConvention.FOLLOWING)
    return InterestPeriod(day, payment if terms.adjust_periods else end, payment, day, end)


def rebase(state: State, loan: LoanState, day: date) -> None:
    """Let what bears interest, and its rate, hold from the night of ``day`` on."""
    if not loan.open or loan.open[-1].ended:
        return
    pieces = loan.open[-1].pieces
    bearing, rate = loan.principal - loan.resting, state.rate.on(day)
    if (pieces[-1].principal, pieces[-1].rate) == (bearing, rate):
        return
    if pieces[-1].start == day:
        pieces[-1] = Piece(day, bearing, rate)
    else:
        pieces.append(Piece(day, bearing, rate))


def nominal(factors: Factors, rate: BasicRate, day: date) -> Fraction:
    """The rate a plan is made with: the fixed one, or the floating one as it stood on a day."""
    if isinstance(rate, FixedRate):
        return Fraction(rate.rate)
    back = rate.lookback_days if isinstance(rate, OvernightRate) else rate.reset_days
    calendar = rate.publication_calendar
    seen = calendar.add_business_days(day, -max(back, 1))
    try:
        value, _ = factors.fixings.value(rate.reference, seen, calendar, rate.publication_lag)
    except FixingMissing:
        # A plan of principal needs some rate; what is then due is worked out with the real one.
        return Fraction(rate.margin)
    return Fraction(bounded(value, rate.floor, rate.cap)) + Fraction(rate.margin)


def in_holiday(loan: LoanState, period: InterestPeriod) -> bool:
    """Whether a period's principal is not paid, because its payment day lies in the loan's payment holiday."""
    return loan.holiday_until is not None and period.payment_date <= loan.holiday_until


def plan_principal(
    factors: Factors,
    state: State,
    loan: LoanState,
    principal: int,
    first: int,
    day: date,
    *,
    instalment: int | None = None,
) -> Plan:
    """The plan of a principal over the periods from index ``first`` on, at the rates as they stand on ``day``."""
    terms = state.terms
    growths = []
    for period in loan.periods[first:]:
        rate = nominal(factors, state.rate.on(max(period.start, day)), day)
        reference = reference_of(terms, period, loan.maturity)
        n, d = fraction_ints(period.start, period.end, terms.day_count, reference)
        growths.append(rate * Fraction(n, d))
    return plan(
        terms.profile,
        principal,
        growths,
        terms.currency,
        terms.rounding,
        passed=first,
        instalment=instalment,
    )


def set_plan(factors: Factors, state: State, loan: LoanState, first: int, day: date) -> Plan:
    """Plan all principal that is not due over the periods from ``first`` on, those of a payment holiday left out."""
    while first < len(loan.periods) - 1 and in_holiday(loan, loan.periods[first]):
        loan.plan[first] = 0
        first += 1
    made = plan_principal(factors, state, loan, loan.undue, first, day)
    loan.plan[first:] = made.principal
    loan.instalment = made.instalment
    return made
