"""From the terms of a schedule to its rows.

One pass over the periods: what was drawn or prepaid in a period, its interest, its principal. A plain period, in which
neither principal nor rate changes, takes the short way; the other way gives the same figures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

from loanfund.calculation.annuities import Ratio, level_instalment, level_instalment_over
from loanfund.calculation.daycount import DayCount, ReferencePeriod, fraction_ints
from loanfund.calculation.money import UNITS12, Rounding, decimal_to_minor, q12, rounded_quotient
from loanfund.calculation.profiles import PrepaymentEffect, ProfileKind
from loanfund.calculation.rates import FixedRate, SteppedRate, ZeroUntil
from loanfund.calculation.schedules import (
    Draw,
    InterestBasis,
    InterestGrace,
    LevelOn,
    Prepayment,
    Reprice,
    Row,
    RowKind,
    Schedule,
    ScheduleTerms,
)
from loanfund.calculation.timetables import Timetable

_ASK_FOR_REFERENCE = {
    DayCount.ACT_365L,
    DayCount.ACT_ACT_ICMA,
    DayCount.THIRTY_E_360_ISDA,
}
"""Conventions whose fraction is not settled by the two dates alone."""


def schedule(terms: ScheduleTerms, timetable: Timetable) -> Schedule:
    """The schedule of a loan on these terms over these periods.

    Raises ValueError when drawdowns, prepayments or a table do not fit into the periods, or a grace takes all of them.
    """
    return _Plan(terms, timetable).schedule()


class _Plan:
    """The state of one pass: amounts in minor units, rounded to ``unit`` of them."""

    def __init__(self, terms: ScheduleTerms, timetable: Timetable) -> None:
        self.terms, self.timetable, self.count = terms, timetable, timetable.count
        self.currency, self.rounding = terms.currency, terms.rounding
        self.minor_units = terms.currency.minor_units
        self.unit = self._minor(terms.amount_multiple) or 1
        self.instalment_unit = self._minor(terms.instalment_multiple) or self.unit
        self.table = [decimal_to_minor(amount, self.currency) for amount in terms.table]
        self.balance = decimal_to_minor(terms.principal, self.currency)
        self.balloon = self.balance if terms.profile is ProfileKind.BULLET else self._minor(terms.balloon)
        self.grace = terms.principal_grace
        self.changes = _rate_changes(terms.rate)
        self.events = self._events()
        self._check()
        self.deferred = 0
        self.fresh = 0  # interest just capitalised, which bears interest from its payment day
        self.credit = 0  # prepaid principal that the next instalments are let off
        self.regular: int | None = None  # the instalment in force, or the regular principal
        self.first_regular: int | None = None
        self.rated: Ratio | None = None  # the rate that it was worked out on
        self.planned: list[int] | None = None  # principal by period, once a prepayment has cut the last ones
        self.residual = 0
        self.factors = self._factors()

    def _minor(self, amount: Decimal | None) -> int:
        return decimal_to_minor(amount, self.currency) if amount is not None else 0

    def _check(self) -> None:
        terms = self.terms
        if self.grace >= self.count and terms.profile is not ProfileKind.BULLET:
            raise ValueError(f"principal_grace: {self.grace} periods of grace leave none of {self.count}.")
        if self.table and len(self.table) != self.count:
            raise ValueError(f"table: {len(self.table)} amounts for {self.count} periods.")
        for event in self.events:
            if not self.timetable.dates[0] <= event.on < self.timetable.dates[-1]:
                raise ValueError(f"on: {event.on} is not within the loan, before its last day.")

    def _events(self) -> list[Draw | Prepayment]:
        """Drawdowns before prepayments of the same day, the last first."""
        events: list[Draw | Prepayment] = [*self.terms.draws, *self.terms.prepayments]
        return sorted(events, key=lambda event: (event.on, isinstance(event, Prepayment)), reverse=True)

    # Rates and fractions

    def _fraction(self, i: int, until: date) -> Ratio:
        """The fraction of a year from the start of the i-th period to a day in it."""
        start = self.timetable.dates[i]
        if self.terms.basis is InterestBasis.DAYS:
            return fraction_ints(start, until, self.terms.day_count, self.timetable.reference(i))
        year, parts = self.terms.periods_per_year
        end = self.timetable.dates[i + 1]
        if until == end:
            return parts, year
        length = end.toordinal() - start.toordinal()
        return (until.toordinal() - start.toordinal()) * parts, length * year

    def _factors(self) -> list[Ratio]:
        """The interest of one unit over each whole period, at the rate that holds when it begins."""
        numerator, denominator = self._rate(self.timetable.dates[0])
        if self.terms.basis is InterestBasis.PERIOD:
            year, parts = self.terms.periods_per_year
            if not self.changes:
                return [(numerator * parts, denominator * year)] * self.count
        elif self.terms.day_count not in _ASK_FOR_REFERENCE and not self.changes:
            rule, nothing = self.terms.day_count.fraction_rule, ReferencePeriod()
            fractions = (rule(start, end, nothing) for start, end in pairwise(self.timetable.dates))
            return [(n * numerator, d * denominator) for n, d in fractions]
        factors = []
        for i, start in enumerate(self.timetable.dates[:-1]):
            if self.changes:
                numerator, denominator = self._rate(start)
            n, d = self._fraction(i, self.timetable.dates[i + 1])
            factors.append((n * numerator, d * denominator))
        return factors

    def _rate(self, day: date) -> Ratio:
        held = self.terms.rate.on(day)
        if not isinstance(held, FixedRate):
            raise ValueError("rate: a schedule is worked out on a rate that is known: fixed or stepped.")
        return held.rate.as_integer_ratio()

    def _accrued(self, i: int, pieces: Sequence[tuple[date, int]], until: date) -> int:
        """Interest in 1e-12 from the i-th period's start to a day; a piece is (from when, what principal)."""
        total = 0
        for k, (begins, balance) in enumerate(pieces):
            ends = pieces[k + 1][0] if k + 1 < len(pieces) else until
            cuts = [begins, *(day for day in self.changes if begins < day < ends), ends]
            for since, to in pairwise(cuts):
                numerator, denominator = self._rate(since)
                n1, d1 = self._fraction(i, to)
                n0, d0 = self._fraction(i, since)
                total += q12(
                    balance * numerator * (n1 * d0 - n0 * d1), denominator * d0 * d1 * self.minor_units
                )
        return total

    def _rounded(self, units12: int) -> int:
        """Units of 1e-12 as minor units, rounded to a multiple of ``unit``."""
        unit = self.unit
        return rounded_quotient(units12, UNITS12 // self.minor_units * unit, self.rounding) * unit

    # Rows

    def schedule(self) -> Schedule:
        drawn = self.balance
        rows: list[Row] = []
        quick = self._is_plain()
        for i in range(self.count):
            rows += self._quick_rows(i) if quick else self._period(i)
            if quick or not (self.balance or self.deferred or self.events):
                break
        instalments = sum(row.kind is RowKind.INSTALMENT for row in rows)
        return Schedule(
            tuple(rows), self.currency, self.first_regular, self.residual, self.count - instalments, drawn
        )

    def _is_plain(self) -> bool:
        terms = self.terms
        return (
            not self.events
            and not self.changes
            and not terms.interest_grace
            and terms.reprice is Reprice.ON_CHANGE
        )

    def _quick_rows(self, _: int) -> list[Row]:
        """All rows of a loan to which nothing happens: the same steps without the questions."""
        dates, last = self.timetable.dates, self.count - 1
        scale, unit, rounding = self.minor_units, UNITS12 // self.minor_units * self.unit, self.rounding
        half_up, step, grace = rounding is Rounding.HALF_UP, self.unit, self.grace
        level = self.terms.profile is ProfileKind.LEVEL
        balance, kind, rows, instalment = self.balance, RowKind.INSTALMENT, [], 0
        start, began = dates[0], dates[0].toordinal()
        new = tuple.__new__  # what Row() comes down to; thousands of rows are made in what-ifs
        numbered = zip(dates[1:], self.timetable.payment_dates, self.factors, strict=True)
        for i, (end, payment_date, (numerator, denominator)) in enumerate(numbered):
            interest = q12(balance * numerator, denominator * scale)
            if half_up:
                interest = (2 * interest + unit) // (2 * unit) * step
            else:
                interest = rounded_quotient(interest, unit, rounding) * step
            if level and grace < i < last:
                principal = instalment - interest
                if not 0 <= principal <= balance:
                    principal = balance if principal > 0 else 0
            elif i < last:
                principal = self._principal(i, balance, interest)
                instalment = self.regular or 0
            else:
                principal = self._last(balance, interest)
            balance -= principal
            ends = end.toordinal()
            payment = principal + interest
            rows.append(
                new(
                    Row,
                    (
                        i + 1,
                        kind,
                        start,
                        end,
                        payment_date,
                        ends - began,
                        principal,
                        interest,
                        payment,
                        balance,
                        0,
                        0,
                    ),
                )
            )
            start, began = end, ends
            if not balance:
                break
        self.balance = balance
        return rows

    def _period(self, i: int) -> Iterator[Row]:
        """The rows of the i-th period: what happens within it, then its instalment."""
        start, end = self.timetable.dates[i], self.timetable.dates[i + 1]
        pieces, billed = [(start, self.balance - self.fresh)], 0
        since = self.timetable.payment_dates[i - 1] if self.fresh else start
        while self.events and self.events[-1].on < end:
            event = self.events.pop()
            if event.on >= since:
                self._bears(pieces, since)
            row = self._event(i, event)
            billed += row.interest
            yield row
            pieces.append((event.on, self.balance - self.fresh))
        self._bears(pieces, min(since, end))
        own = self._rounded(self._accrued(i, pieces, end)) - billed
        yield self._instalment(i, own)

    def _bears(self, pieces: list[tuple[date, int]], since: date) -> None:
        """Interest that was capitalised bears interest from the day on which it fell due."""
        if self.fresh:
            self.fresh = 0
            pieces.append((since, self.balance))

    def _event(self, i: int, event: Draw | Prepayment) -> Row:
        start = self.timetable.dates[i]
        amount = decimal_to_minor(event.amount, self.currency)
        days = event.on.toordinal() - start.toordinal()
        if isinstance(event, Draw):
            self.balance += amount
            if self.terms.profile is ProfileKind.BULLET:
                self.balloon += amount
            self.regular = None
            self.planned = None
            return Row(
                i + 1,
                RowKind.DRAWDOWN,
                start,
                event.on,
                event.on,
                days,
                -amount,
                0,
                -amount,
                self.balance,
                self.deferred,
            )
        amount = min(amount, self.balance)
        interest = self._rounded(self._accrued(i, [(start, amount)], event.on))
        self._cut(i, amount, event.effect)
        return Row(
            i + 1,
            RowKind.PREPAYMENT,
            start,
            event.on,
            event.on,
            days,
            amount,
            interest,
            amount + interest,
            self.balance,
            self.deferred,
        )

    def _cut(self, i: int, amount: int, effect: PrepaymentEffect) -> None:
        """Take a prepaid amount off the principal, and off what its term says."""
        if effect is PrepaymentEffect.LAST and self.planned is None:
            self.planned = self._plan_from(i)
        self.balance -= amount
        self.balloon = min(self.balloon, self.balance)
        if effect is PrepaymentEffect.INSTALMENT:
            self.regular = self.planned = None
        elif effect is PrepaymentEffect.NEXT:
            self.credit += amount

    def _plan_from(self, i: int) -> list[int]:
        """What principal each period would repay if nothing happened any more."""
        trial = _Plan(replace(self.terms, draws=(), prepayments=()), self.timetable)
        trial.balance, trial.balloon, trial.deferred = self.balance, self.balloon, self.deferred
        trial.regular, trial.rated = self.regular, self.rated
        trial.credit, trial.fresh = self.credit, self.fresh
        planned = [0] * i
        for k in range(i, self.count):
            planned += [row.principal for row in trial._period(k)]
        return planned

    def _instalment(self, i: int, own: int) -> Row:
        """The row of a period that bore ``own`` interest."""
        start, end, last = self.timetable.dates[i], self.timetable.dates[i + 1], i == self.count - 1
        interest, capitalised = own + self.deferred, 0
        principal = self._last(self.balance, own) if last else self._principal(i, self.balance, own)
        self.deferred = 0
        if i < self.terms.interest_grace and not last:
            if self.terms.interest_grace_is is InterestGrace.DEFER:
                self.deferred, interest = interest, 0
            else:
                capitalised, interest = interest, 0
                self.fresh = capitalised
                if capitalised:
                    self.regular = self.planned = None  # what is left has grown and is spread anew
                if self.terms.profile is ProfileKind.BULLET:
                    self.balloon += capitalised
        self.balance += capitalised - principal
        self.balloon = min(self.balloon, self.balance)
        return Row(
            i + 1,
            RowKind.INSTALMENT,
            start,
            end,
            self.timetable.payment_dates[i],
            end.toordinal() - start.toordinal(),
            principal,
            interest,
            principal + interest,
            self.balance,
            self.deferred,
            capitalised,
        )

    # Principal

    def _principal(self, i: int, balance: int, own: int) -> int:
        """What the i-th instalment, not the last, repays of the balance after the period's own interest."""
        if i < self.grace or balance == self.balloon:
            return 0
        if self.planned is not None:
            return min(self.planned[i], balance)
        profile = self.terms.profile
        if profile is ProfileKind.CUSTOM:
            principal = self.table[i]
        elif profile is ProfileKind.EQUAL_PRINCIPAL:
            principal = self._regular(i, balance)
        else:
            principal = max(self._regular(i, balance) - own, 0)
        if self.credit:
            let_off = min(self.credit, max(principal, 0))
            self.credit -= let_off
            principal -= let_off
        return min(principal, balance)

    def _last(self, balance: int, own: int) -> int:
        """The last instalment repays everything; what it differs by from a regular one is the residual."""
        profile, last = self.terms.profile, self.count - 1
        if profile is not ProfileKind.BULLET and not (self.planned or self.credit):
            if profile is ProfileKind.CUSTOM:
                self.residual = balance - self.table[last]
            elif profile is ProfileKind.EQUAL_PRINCIPAL:
                self.residual = balance - self.balloon - self._regular(last, balance)
            else:
                self.residual = balance + own - self.balloon - self._regular(last, balance)
        return balance

    def _regular(self, i: int, balance: int) -> int:
        """The instalment in force (the principal in force, for equal principal), worked out anew when it must be."""
        rate = self._rate(self.timetable.dates[i]) if self.changes else None
        anew = self.terms.reprice is Reprice.EACH_PERIOD or rate != self.rated
        if self.regular is None or (anew and self.terms.profile is not ProfileKind.EQUAL_PRINCIPAL):
            self.regular = self._worked_out(i, balance)
            self.rated = rate
            if self.first_regular is None:
                self.first_regular = self.regular
        return self.regular

    def _worked_out(self, i: int, balance: int) -> int:
        left = self.count - i
        if self.terms.profile is ProfileKind.EQUAL_PRINCIPAL:
            numerator, denominator = balance - self.balloon, left
        else:
            factors = self._level_factors(i)
            if factors.count(factors[0]) == left:
                numerator, denominator = level_instalment(balance, self.balloon, factors[0], left)
            else:
                numerator, denominator = level_instalment_over(balance, self.balloon, factors)
        unit = self.instalment_unit
        return rounded_quotient(numerator, denominator * unit, self.rounding) * unit

    def _level_factors(self, i: int) -> list[Ratio]:
        """The factors that an instalment from the i-th period on is worked out on; steps of the rate are known by then."""
        if self.terms.level_on is LevelOn.FIRST_PERIOD:
            numerator, denominator = self._rate(self.timetable.dates[i])
            n, d = self._fraction(0, self.timetable.dates[1])
            return [(n * numerator, d * denominator)] * (self.count - i)
        return self.factors[i:]


def _rate_changes(rate: FixedRate | SteppedRate | ZeroUntil) -> list[date]:
    """The days on which a rate known beforehand changes."""
    if isinstance(rate, SteppedRate):
        return [day for day, _ in rate.steps]
    if isinstance(rate, ZeroUntil):
        if not isinstance(rate.then, FixedRate | SteppedRate):
            raise ValueError("rate: a schedule is worked out on a rate that is known: fixed or stepped.")
        return sorted({rate.until, *_rate_changes(rate.then)})
    return []
