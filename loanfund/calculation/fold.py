"""The fold itself: one facility, one calendar day at a time.

A day begins (terms change, periods end, sums fall due, money held is applied), then its events come by rank, then its night
accrues. ``Fold`` is that loop; `facility.py` is how others call it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

from loanfund.calculation import events as ev
from loanfund.calculation.daycount import fraction_ints
from loanfund.calculation.growth import Factors
from loanfund.calculation.history import DueRow, FacilityNight, How, Night, Record, Share
from loanfund.calculation.interest import (
    begin_period,
    earned,
    overtime,
    plan_principal,
    rebase,
    set_plan,
    slice_interest,
)
from loanfund.calculation.lateness import accrue_late, earn, late_fee, late_fees, paid_late
from loanfund.calculation.money import decimal_to_minor, q12, round_minor, rounded_quotient
from loanfund.calculation.periods import InterestPeriod, add_tenor
from loanfund.calculation.profiles import PrepaymentEffect, ProfileKind
from loanfund.calculation.state import DueState, FeeState, LoanState, Money, Notice, OpenPeriod, State
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.waterfall import allocate

_ONE_DAY = timedelta(days=1)
Tranches = Mapping[str, tuple[tuple[int, date], ...]]


class Refusal(ValueError):
    """An event that cannot be: the sentence says why."""


class Fold:
    """A state, the factors of one reading of the fixings, and the record that the days are written to."""

    def __init__(
        self, state: State, factors: Factors, record: Record, tranches: Tranches | None = None
    ) -> None:
        self.state, self.factors, self.record = state, factors, record
        self.tranches = tranches or {}

    # --- A day -----------------------------------------------------------------------------------------------------

    def begin_day(self, day: date, events: Sequence[ev.Event]) -> None:
        """Start of day, and the day's events in their order."""
        self.state.day = day
        terms = [event for event in events if event.rank is ev.Rank.TERMS]
        for event in terms:
            _APPLY[type(event)](self, event)
        self._fall_due(day)
        if self.state.money and self.state.dues:
            self._apply_money(day)
        for event in events[len(terms) :]:
            _APPLY[type(event)](self, event)

    def night(self) -> None:
        """The night that follows the state's day."""
        state, night = self.state, self.state.day
        for loan in state.loans.values():
            if loan.principal > loan.resting and (not loan.open or loan.open[-1].ended):
                # Principal is late beyond maturity and bears interest on.
                self._begin(loan, len(loan.periods), overtime(state.terms, loan, night))
            if loan.open:
                self._accrue(loan, night)
        if state.dues:
            accrue_late(self.factors, state, self.record, night)
        if state.fee is not None:
            self._accrue_fee(night)

    def quiet_until(self) -> date:
        """The next day on which something falls due by itself; nights before it only accrue."""
        state = self.state
        days = [date.max]
        if state.fee is not None:
            days.append(state.fee.ends)
        for loan in state.loans.values():
            for one in loan.open:
                days.append(one.period.payment_date if one.ended else one.period.end)
        if state.dues:
            days.append(state.day + _ONE_DAY)
        return max(min(days), state.day + _ONE_DAY)

    # --- Accrual ---------------------------------------------------------------------------------------------------

    def _accrue(self, loan: LoanState, night: date) -> None:
        state = self.state
        exact = posted = 0
        for one in loan.open:
            until = one.period.end if one.ended else night + _ONE_DAY
            units, base, growth = earned(self.factors, state, loan, one, until)
            cents = round_minor(units, state.terms.currency, state.terms.rounding)
            exact += units - one.units
            posted += cents - one.posted
            one.units, one.posted = units, cents
        one = loan.open[-1]
        if not exact and not posted and (one.ended or not one.pieces[-1].principal):
            return
        self.record.nights.append(
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

    def _fee_basis(self) -> int:
        state = self.state
        commitment = decimal_to_minor(state.terms.commitment, state.terms.currency)
        used = state.drawn if state.terms.revolving else state.ever_lent
        return max(commitment - state.cancelled - used, 0)

    def _accrue_fee(self, night: date) -> None:
        state, fee = self.state, self.state.fee
        assert fee is not None
        basis = self._fee_basis()
        if not fee.pieces or fee.pieces[-1][1] != basis:
            fee.pieces.append((night, basis))
        units = self._fee_units(fee, night + _ONE_DAY)
        posted = round_minor(units, state.terms.currency, state.terms.rounding)
        rate = Fraction(state.terms.commitment_fee)
        self.record.facility_nights.append(
            FacilityNight(
                "commitment_fee", "", night, basis, rate, units - fee.units, posted - fee.posted, False
            )
        )
        earn(state, "ACCRUED_COMMITMENT_FEE", "COMMITMENT_FEE_INCOME", posted - fee.posted)
        fee.units, fee.posted = units, posted

    def _fee_units(self, fee: FeeState, until: date) -> int:
        terms = self.state.terms
        rate = Fraction(terms.commitment_fee)
        units = 0
        for i, (start, basis) in enumerate(fee.pieces):
            ends = fee.pieces[i + 1][0] if i + 1 < len(fee.pieces) else until
            n1, d1 = fraction_ints(fee.start, ends, terms.commitment_fee_day_count)
            n0, d0 = fraction_ints(fee.start, start, terms.commitment_fee_day_count)
            amount = basis * rate * (Fraction(n1, d1) - Fraction(n0, d0))
            units += q12(amount.numerator, amount.denominator * terms.currency.minor_units)
        return units

    # --- Falling due -----------------------------------------------------------------------------------------------

    def _end_periods(self, day: date) -> None:
        """Periods that end on this day end, by the terms they ran under; the next ones begin."""
        for loan in self.state.loans.values():
            if loan.open and not loan.open[-1].ended and loan.open[-1].period.end == day:
                self._end_period(loan, loan.open[-1], day)

    def _fall_due(self, day: date) -> None:
        self._end_periods(day)
        for loan in self.state.loans.values():
            for one in [one for one in loan.open if one.ended and one.period.payment_date == day]:
                self._bill(loan, one, day)
        fee = self.state.fee
        if fee is not None and fee.ends == day:
            self.bill_fee(day)
            self._next_fee(day)
        for due in late_fees(self.state, day):
            due.fee_charged = True
            self.charge(
                Component.FEES, "", f"{due.key}:late_fee", late_fee(self.state), day, "LATE_FEE_INCOME"
            )

    def _end_period(self, loan: LoanState, one: OpenPeriod, day: date) -> None:
        state = self.state
        units, _, _ = earned(self.factors, state, loan, one, day)
        interest = round_minor(units, state.terms.currency, state.terms.rounding)
        one.ended = True
        one.principal = self._instalment(loan, one, interest)
        loan.resting += one.principal
        if one.index + 1 < len(loan.periods):
            self._begin(loan, one.index + 1, loan.periods[one.index + 1])
            if self._replans(loan, one):
                set_plan(self.factors, state, loan, one.index + 1, day)

    def _begin(self, loan: LoanState, index: int, period: InterestPeriod) -> None:
        begin_period(self.state, loan, index, period)
        self.record.periods.append((loan.name, period))

    def _replans(self, loan: LoanState, one: OpenPeriod) -> bool:
        """A level payment under a floating rate is worked out anew for each period, over all that are left."""
        if one.index + 1 >= len(loan.periods) or self.state.terms.profile.kind is not ProfileKind.LEVEL:
            return False
        passed = self.state.rate.on(one.period.start)
        coming = self.state.rate.on(one.period.end)
        return passed != coming or not hasattr(coming, "rate")

    def _instalment(self, loan: LoanState, one: OpenPeriod, interest: int) -> int:
        if loan.accelerated or one.index >= len(loan.periods):
            return 0
        if one.index == len(loan.periods) - 1:
            return loan.undue
        if loan.holiday_until is not None and one.period.payment_date <= loan.holiday_until:
            return 0
        if loan.instalment is not None and loan.plan[one.index]:
            return max(min(loan.instalment - interest, loan.undue), 0)
        return min(loan.plan[one.index], loan.undue)

    def _bill(self, loan: LoanState, one: OpenPeriod, day: date) -> None:
        state = self.state
        loan.open.remove(one)
        units, _, _ = earned(self.factors, state, loan, one, one.period.end)
        cents = round_minor(units, state.terms.currency, state.terms.rounding)
        if cents != one.posted:
            earn(state, "ACCRUED_INTEREST", "INTEREST_INCOME", cents - one.posted)
        interest = cents - one.billed
        grace = one.index < state.terms.profile.interest_grace
        holiday = loan.holiday_until is not None and day <= loan.holiday_until and loan.holiday_capitalises
        if (grace or holiday) and one.index < len(loan.periods) - 1:
            self._capitalise(loan, interest, day)
        elif interest > 0:
            key = f"{loan.name}:interest:{one.period.end}"
            self._new_due(Component.INTEREST, loan, key, interest, day)
            state.control["ACCRUED_INTEREST"] -= interest
        loan.resting -= one.principal
        if one.principal:
            loan.overdue += one.principal
            key = f"{loan.name}:principal:{one.period.end}"
            self._new_due(Component.PRINCIPAL, loan, key, one.principal, day)
        rebase(state, loan, day)
        self.bill_late(day, loan.name)
        if not loan.principal and not loan.open:
            loan.done = True

    def _new_due(
        self, component: Component, loan: LoanState | None, key: str, amount: int, day: date
    ) -> DueState:
        name = loan.name if loan else ""
        due = DueState(key, component, name, loan.order if loan else 0, day, amount, amount)
        due.tranches = self.tranches.get(key, ())
        self.state.dues[key] = due
        self.record.dues[key] = DueRow(key, component, name, day, due.payable_from(), amount, amount)
        return due

    def charge(self, component: Component, loan: str, key: str, amount: int, day: date, income: str) -> None:
        """A fee or cost falls due at once, with its income."""
        if amount <= 0:
            return
        self._new_due(component, self.state.loans.get(loan), key, amount, day)
        if income:
            self.state.control[income] += amount
        self.state.totals["charged"] += amount

    def bill_late(self, day: date, loan: str | None = None) -> None:
        """Default interest that has accrued falls due: of one loan, or of all that is late."""
        state = self.state
        for due in list(state.dues.values()):
            if loan is not None and due.loan != loan:
                continue
            amount = due.posted - due.billed
            if amount > 0:
                due.billed += amount
                key = f"{due.key}:default:{day}"
                self._new_due(Component.DEFAULT_INTEREST, state.loans.get(due.loan), key, amount, day)
                state.control["ACCRUED_DEFAULT_INTEREST"] -= amount

    # --- Commitment fee --------------------------------------------------------------------------------------------

    def start_fee(self) -> None:
        """The first fee period begins at signing."""
        terms = self.state.terms
        if terms.commitment_fee and terms.availability_end > terms.signed_on:
            self.state.fee = FeeState(terms.signed_on, self._fee_end(terms.signed_on))

    def _fee_end(self, start: date) -> date:
        terms = self.state.terms
        last = terms.payment_calendar.adjust(terms.availability_end, terms.convention)
        for times in range(1, 1000):
            unadjusted = add_tenor(terms.signed_on, terms.commitment_fee_tenor, times=times)
            if unadjusted >= terms.availability_end:
                return max(last, terms.availability_end)
            end = terms.payment_calendar.adjust(unadjusted, terms.convention)
            if end > start:
                return end
        return last

    def bill_fee(self, day: date) -> None:
        """The commitment fee accrued so far falls due."""
        fee = self.state.fee
        if fee is None:
            return
        amount = fee.posted - fee.billed
        if amount > 0:
            fee.billed += amount
            self._new_due(Component.FEES, None, f"commitment_fee:{day}", amount, day)
            self.state.control["ACCRUED_COMMITMENT_FEE"] -= amount

    def _next_fee(self, day: date) -> None:
        terms = self.state.terms
        self.state.fee = FeeState(day, self._fee_end(day)) if day < terms.availability_end else None

    # --- Money -----------------------------------------------------------------------------------------------------

    def _apply_money(self, day: date) -> None:
        """Money held pays what is due by the waterfall, then what was announced as a prepayment."""
        state = self.state
        if not state.unapplied:
            return
        self.bill_late(day)
        shares = allocate(state.unapplied, state.dues.values(), state.terms.waterfall)
        for due, amount in shares:
            self._pay(due, amount, day)
        for notice in list(state.notices):
            if state.unapplied:
                self._prepay(notice, day)

    def _pay(self, due: DueState, amount: int, day: date) -> None:
        self._settle(due, amount, day)
        for source, part, capitalised in self._taken(due, amount):
            self.record.shares.append(
                Share(source, due.key, due.component, How.PAID, day, due.loan, part, capitalised)
            )
        self.state.totals["paid"] += amount
        if self.state.suspended and due.component in (Component.INTEREST, Component.DEFAULT_INTEREST):
            self._release_suspense(amount, due.component)

    def _taken(self, due: DueState, amount: int) -> list[tuple[str, int, int]]:
        """Take an amount from the money held, oldest first; for principal, its capitalised part goes first."""
        loan = self.state.loans.get(due.loan)
        parts = []
        for money in self.state.money:
            part = min(money.left, amount)
            if part <= 0:
                continue
            money.left -= part
            amount -= part
            capitalised = 0
            if due.component is Component.PRINCIPAL and loan is not None:
                capitalised = min(loan.capitalised, part)
                loan.capitalised -= capitalised
                loan.lent -= part - capitalised
                loan.overdue -= part
            parts.append((money.source, part, capitalised))
        self.state.money = [money for money in self.state.money if money.left]
        if due.component is Component.PRINCIPAL and loan is not None:
            rebase(self.state, loan, self.state.day)
        return parts

    def _settle(self, due: DueState, amount: int, day: date) -> None:
        due.outstanding -= amount
        paid_late(self.state, due, day, amount)
        if due.late and not due.outstanding and due.posted == 0:
            due.late.clear()
        self.record.dues[due.key].outstanding = due.outstanding
        if not due.outstanding and due.posted == due.billed:
            del self.state.dues[due.key]

    def _release_suspense(self, amount: int, component: Component) -> None:
        control = self.state.control
        part = min(amount, max(control["INTEREST_SUSPENSE"], 0))
        control["INTEREST_SUSPENSE"] -= part
        income = "INTEREST_INCOME" if component is Component.INTEREST else "DEFAULT_INTEREST_INCOME"
        control[income] += part

    def _prepay(self, notice: Notice, day: date) -> None:
        state, loan = self.state, self.state.loans[notice.loan]
        amount = min(notice.left, state.unapplied, loan.undue)
        if amount <= 0:
            return
        accrued = slice_interest(self.factors, state, loan, amount, day)
        one = loan.open[-1]
        accrued = min(accrued, one.posted - one.billed)
        notice.left -= amount
        if not notice.left or not loan.undue - amount:
            state.notices.remove(notice)
        key = f"{loan.name}:prepaid:{day}:{notice.id}"
        principal = self._new_due(Component.PRINCIPAL, loan, key, amount, day)
        loan.overdue += amount
        self._pay(principal, amount, day)
        self._replan_after(loan, amount, notice.effect, day)
        if accrued > 0:
            one.billed += accrued
            due_key = f"{loan.name}:interest:{day}:{notice.id}"
            self._new_due(Component.INTEREST, loan, due_key, accrued, day)
            state.control["ACCRUED_INTEREST"] -= accrued
        fee = Fraction(amount) * Fraction(state.terms.prepayment_fee)
        charged = rounded_quotient(fee.numerator, fee.denominator, state.terms.rounding)
        self.charge(
            Component.FEES,
            loan.name,
            f"{loan.name}:prepayment_fee:{day}:{notice.id}",
            charged,
            day,
            "PREPAYMENT_FEE_INCOME",
        )
        for due, part in allocate(state.unapplied, state.dues.values(), state.terms.waterfall):
            self._pay(due, part, day)

    def _replan_after(self, loan: LoanState, amount: int, effect: PrepaymentEffect, day: date) -> None:
        first = loan.open[-1].index
        if first >= len(loan.periods):
            return
        if effect is PrepaymentEffect.INSTALMENT:
            set_plan(self.factors, self.state, loan, first, day)
            return
        if effect is PrepaymentEffect.TERM and loan.instalment is not None:
            made = plan_principal(
                self.factors, self.state, loan, loan.undue, first, day, instalment=loan.instalment
            )
            loan.plan[first:] = made.principal
            return
        order = range(first, len(loan.plan))
        for i in order if effect is PrepaymentEffect.NEXT else reversed(order):
            cut = min(loan.plan[i], amount)
            loan.plan[i] -= cut
            amount -= cut
        loan.instalment = None

    # --- Events ----------------------------------------------------------------------------------------------------

    def disbursed(self, event: ev.Disbursed) -> None:
        """A loan begins; what was netted pays the fees that are due."""
        state, day = self.state, event.value_date
        if event.loan in state.loans:
            raise Refusal(f"Loan {event.loan} is disbursed already.")
        amount = self._minor(event.amount)
        maturity = event.maturity or state.terms.maturity
        loan = LoanState(
            event.loan, len(state.loans) + 1, day, maturity, state.terms.periods(day, maturity), amount
        )
        state.loans[event.loan] = loan
        state.ever_lent += amount
        state.totals["lent"] += amount
        loan.plan = [0] * len(loan.periods)
        made = set_plan(self.factors, state, loan, 0, day)
        if made.residual:
            self.record.notes.append(
                (day, f"The last instalment of {loan.name} absorbs {made.residual} minor units of rounding.")
            )
        self._begin(loan, 0, loan.periods[0])
        if event.netted:
            state.money.insert(0, Money(event.id, self._minor(event.netted)))
            self._apply_money(day)

    def received(self, event: ev.Received) -> None:
        """Money comes in, unapplied, and is allocated."""
        self.state.money.append(Money(event.id, self._minor(event.amount)))
        self._apply_money(event.value_date)

    def noticed(self, event: ev.PrepaymentNotice) -> None:
        """A prepayment is announced; money at hand beyond the dues is used at once."""
        loan = self._loan(event.loan)
        effect = event.effect or self.state.terms.prepayment_effect
        self.state.notices.append(Notice(event.id, loan.name, self._minor(event.amount), effect))
        self._apply_money(event.value_date)

    def refunded(self, event: ev.Refunded) -> None:
        """Unapplied money goes back to the partner."""
        amount = self._minor(event.amount)
        if amount > self.state.unapplied:
            raise Refusal(
                f"{event.amount} cannot be sent back on {event.value_date}: less than that was held unapplied then."
            )
        for money in self.state.money:
            part = min(money.left, amount)
            money.left -= part
            amount -= part
        self.state.money = [money for money in self.state.money if money.left]

    def rate_changed(self, event: ev.RateChanged) -> None:
        """Another rate holds from this night on; level payments are planned anew."""
        self._end_periods(event.value_date)
        self.state.rate = event.rate
        self._after_terms(event.value_date)

    def amended(self, event: ev.Amended) -> None:
        """Other terms hold; periods not begun are made anew up to the new maturity."""
        state, day = self.state, event.value_date
        self._end_periods(day)
        before = state.terms
        if event.terms.currency != before.currency:
            raise Refusal("An amendment cannot change the currency.")
        state.terms, state.rate = event.terms, event.terms.rate
        for loan in state.loans.values():
            if loan.done or not loan.open:
                continue
            self._reshape(loan, before)
        self._after_terms(day)

    def _reshape(self, loan: LoanState, before: FacilityTerms) -> None:
        terms, index = self.state.terms, loan.open[-1].index
        same = (
            terms.maturity,
            terms.period_tenor,
            terms.payment_calendar,
            terms.convention,
            terms.adjust_periods,
        ) == (
            before.maturity,
            before.period_tenor,
            before.payment_calendar,
            before.convention,
            before.adjust_periods,
        )
        if same or index >= len(loan.periods) - 1:
            return
        ends = loan.open[-1].period.end
        loan.maturity = terms.maturity
        if ends >= terms.maturity:
            return
        loan.periods = (*loan.periods[: index + 1], *terms.periods(ends, terms.maturity))
        loan.plan = (loan.plan + [0] * len(loan.periods))[: len(loan.periods)]

    def _after_terms(self, day: date) -> None:
        for loan in self.state.loans.values():
            if loan.open and not loan.open[-1].ended:
                rebase(self.state, loan, day)
                if loan.open[-1].index < len(loan.periods):
                    set_plan(self.factors, self.state, loan, loan.open[-1].index, day)

    def payment_holiday(self, event: ev.PaymentHoliday) -> None:
        """No principal falls due for a while; it is spread over the periods after."""
        loan, state = self._loan(event.loan), self.state
        loan.holiday_until, loan.holiday_capitalises = event.until, event.capitalise_interest
        after = [
            i
            for i, period in enumerate(loan.periods)
            if period.payment_date > event.until and i >= loan.open[-1].index
        ]
        if not after:
            raise Refusal(f"After {event.until} there is no payment date left for {loan.name}.")
        loan.plan[loan.open[-1].index : after[0]] = [0] * (after[0] - loan.open[-1].index)
        made = plan_principal(self.factors, state, loan, loan.undue, after[0], event.value_date)
        loan.plan[after[0] :], loan.instalment = made.principal, made.instalment

    def cancelled(self, event: ev.CommitmentCancelled) -> None:
        """Part of the undrawn commitment goes; the fee to the day falls due."""
        amount = self._minor(event.amount)
        if amount > self._fee_basis():
            raise Refusal(f"Less than {event.amount} of the commitment is undrawn.")
        self.bill_fee(event.value_date)
        self.state.cancelled += amount

    def accelerated(self, event: ev.Accelerated) -> None:
        """All principal that is not due falls due now."""
        for loan in self.state.loans.values():
            amount = loan.undue
            loan.accelerated = True
            if amount > 0:
                loan.overdue += amount
                key = f"{loan.name}:accelerated:{event.value_date}"
                self._new_due(Component.PRINCIPAL, loan, key, amount, event.value_date)

    def non_accrual(self, event: ev.NonAccrual) -> None:
        """What was earned and not received goes to suspense, or comes back from it."""
        state, control = self.state, self.state.control
        if event.on == state.suspended:
            return
        state.suspended = event.on
        for accrued, income, component in (
            ("ACCRUED_INTEREST", "INTEREST_INCOME", Component.INTEREST),
            ("ACCRUED_DEFAULT_INTEREST", "DEFAULT_INTEREST_INCOME", Component.DEFAULT_INTEREST),
        ):
            due = sum(one.outstanding for one in state.dues.values() if one.component is component)
            amount = control[accrued] + due
            if not event.on:
                amount = -min(amount, max(control["INTEREST_SUSPENSE"], 0))
            control[income] -= amount
            control["INTEREST_SUSPENSE"] += amount

    def capitalised(self, event: ev.Capitalised) -> None:
        """Interest earned and not billed becomes principal."""
        loan = self._loan(event.loan)
        if not loan.open or loan.open[-1].ended:
            raise Refusal(f"{loan.name} has no interest period running.")
        one = loan.open[-1]
        amount = one.posted - one.billed
        one.billed += amount
        self._capitalise(loan, amount, event.value_date)

    def _capitalise(self, loan: LoanState, amount: int, day: date) -> None:
        if amount <= 0:
            return
        self.state.control["ACCRUED_INTEREST"] -= amount
        loan.capitalised += amount
        rebase(self.state, loan, day)
        if loan.open and loan.open[-1].index < len(loan.periods):
            set_plan(self.factors, self.state, loan, loan.open[-1].index, day)

    def charged(self, event: ev.Charged) -> None:
        """A fee or cost is put to the borrower."""
        if event.component not in (Component.FEES, Component.COSTS):
            raise Refusal("Only fees and costs are charged; interest accrues and principal is lent.")
        income = {
            Component.COSTS: "COSTS_RECHARGED",
            Component.FEES: "" if event.id == ARRANGEMENT else "LATE_FEE_INCOME",
        }[event.component]
        self.charge(
            event.component,
            "",
            f"{event.component.value}:{event.id}",
            self._minor(event.amount),
            event.value_date,
            income,
        )
        if self.state.money:
            self._apply_money(event.value_date)

    def waived(self, event: ev.Waived) -> None:
        """Part of what is due is given up, oldest first."""
        self.bill_late(event.value_date)
        left = self._minor(event.amount)
        dues = [
            due
            for due in self.state.dues.values()
            if due.component is event.component and event.loan in ("", due.loan)
        ]
        if left > sum(due.outstanding for due in dues):
            raise Refusal(f"Less than {event.amount} of {event.component.value} is due; waive at most that.")
        for due in sorted(dues, key=lambda due: (due.due_date, due.order, due.key)):
            part = min(left, due.outstanding)
            if part:
                left -= part
                self._give_up(due, part, How.WAIVED, event.id, event.value_date)
        self.state.control["WAIVER_EXPENSE"] += self._minor(event.amount)

    def _give_up(self, due: DueState, part: int, how: How, source: str, day: date) -> None:
        state, capitalised = self.state, 0
        if due.component is Component.PRINCIPAL:
            loan = state.loans[due.loan]
            capitalised = min(loan.capitalised, part)
            loan.capitalised -= capitalised
            loan.lent -= part - capitalised
            loan.overdue -= part
            state.totals["principal_lost"] += part - capitalised
        self._settle(due, part, day)
        if due.component is Component.PRINCIPAL:
            rebase(state, state.loans[due.loan], day)
        self.record.shares.append(
            Share(source, due.key, due.component, how, day, due.loan, part, capitalised)
        )
        state.totals[how.value] += part

    def written_off(self, event: ev.WrittenOff) -> None:
        """Everything owed, of one loan or of the facility, is written off: suspense first, then as impairment."""
        state, day = self.state, event.value_date
        loans = [self._loan(event.loan)] if event.loan else list(state.loans.values())
        names = {loan.name for loan in loans} | (set() if event.loan else {""})
        before = state.totals["written_off"]
        interest = 0
        for due in [due for due in state.dues.values() if due.loan in names]:
            if due.component in (Component.INTEREST, Component.DEFAULT_INTEREST):
                interest += due.outstanding
            unbilled = due.posted - due.billed
            due.billed += unbilled
            state.control["ACCRUED_DEFAULT_INTEREST"] -= unbilled
            state.totals["written_off"] += unbilled
            interest += unbilled
            if due.outstanding:
                self._give_up(due, due.outstanding, How.WRITTEN_OFF, event.id, day)
        for loan in loans:
            interest += self._write_off_rest(loan, event.id, day)
        if not event.loan and state.fee is not None:
            unbilled = state.fee.posted - state.fee.billed
            state.control["ACCRUED_COMMITMENT_FEE"] -= unbilled
            state.totals["written_off"] += unbilled
            state.fee = None
        total = state.totals["written_off"] - before
        suspense = min(max(state.control["INTEREST_SUSPENSE"], 0), interest)
        state.control["INTEREST_SUSPENSE"] -= suspense
        state.control["IMPAIRMENT_EXPENSE"] += total - suspense

    def _write_off_rest(self, loan: LoanState, source: str, day: date) -> int:
        """A loan's principal that is not due and its unbilled interest; returns the interest."""
        state = self.state
        unbilled = sum(one.posted - one.billed for one in loan.open)
        state.control["ACCRUED_INTEREST"] -= unbilled
        principal = loan.principal
        if principal or unbilled:
            share = Share(
                source,
                f"{loan.name}:written_off",
                Component.PRINCIPAL,
                How.WRITTEN_OFF,
                day,
                loan.name,
                principal,
                loan.capitalised,
            )
            self.record.shares.append(share)
        state.totals["written_off"] += principal + unbilled
        state.totals["principal_lost"] += loan.lent
        loan.lent = loan.capitalised = loan.resting = loan.overdue = 0
        loan.open.clear()
        loan.done = True
        return unbilled

    def recovered(self, event: ev.Recovered) -> None:
        """Money for what was written off is income."""
        self.state.control["RECOVERY_INCOME"] += self._minor(event.amount)
        self.state.totals["recovered"] += self._minor(event.amount)

    def _minor(self, amount: object) -> int:
        return decimal_to_minor(amount, self.state.terms.currency)  # type: ignore[arg-type]

    def _loan(self, name: str) -> LoanState:
        loan = self.state.loans.get(name)
        if loan is None:
            raise Refusal(f"There is no loan {name} on {self.state.day}.")
        return loan


ARRANGEMENT = "arrangement_fee"
"""The id of the charge that the arrangement fee is; its income is booked at signing, not by the fold."""

_APPLY: dict[type[ev.Event], Callable[..., None]] = {
    ev.Disbursed: Fold.disbursed,
    ev.Received: Fold.received,
    ev.PrepaymentNotice: Fold.noticed,
    ev.Refunded: Fold.refunded,
    ev.RateChanged: Fold.rate_changed,
    ev.Amended: Fold.amended,
    ev.PaymentHoliday: Fold.payment_holiday,
    ev.CommitmentCancelled: Fold.cancelled,
    ev.Accelerated: Fold.accelerated,
    ev.NonAccrual: Fold.non_accrual,
    ev.Capitalised: Fold.capitalised,
    ev.Charged: Fold.charged,
    ev.Waived: Fold.waived,
    ev.WrittenOff: Fold.written_off,
    ev.Recovered: Fold.recovered,
}
