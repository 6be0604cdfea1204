"""What each event does to a facility."""

from collections.abc import Callable
from datetime import date

from loanfund.calculation import events as ev
from loanfund.calculation.billing import (
    amend_fee,
    begin,
    bill_fee,
    bill_late,
    capitalise_interest,
    charge,
    fee_basis,
    new_due,
)
from loanfund.calculation.falling import end_periods
from loanfund.calculation.history import How, Share
from loanfund.calculation.interest import rebase, set_plan
from loanfund.calculation.paying import apply_money, settle
from loanfund.calculation.profiles import ProfileKind
from loanfund.calculation.state import DueState, LoanState, Money, Notice
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.waterfall import loan_number
from loanfund.calculation.workings import Refusal, Workings

ARRANGEMENT = "arrangement_fee"
"""The id of the charge that the arrangement fee is; its income is booked at signing, not by the fold."""


def apply_event(fold: Workings, event: ev.Event) -> None:
    """Do what an event says."""
    _APPLY[type(event)](fold, event)


def disbursed(fold: Workings, event: ev.Disbursed) -> None:
    """A loan begins; what was netted pays the fees that are due."""
    state, day = fold.state, event.value_date
    if event.loan in state.loans:
        raise Refusal(f"Loan {event.loan} is disbursed already.")
    amount = fold.minor(event.amount)
    maturity = event.maturity or state.terms.maturity
    loan = LoanState(event.loan, day, maturity, state.terms.periods(day, maturity), amount)
    state.loans[event.loan] = loan
    state.ever_lent += amount
    state.totals["lent"] += amount
    loan.plan = [0] * len(loan.periods)
    made = set_plan(fold.factors, state, loan, 0, day)
    if made.residual:
        fold.record.notes.append(
            (day, f"The last instalment of {loan.name} absorbs {made.residual} minor units of rounding.")
        )
    begin(fold, loan, 0, loan.periods[0])
    if event.netted:
        state.money.insert(0, Money(event.id, fold.minor(event.netted)))
        apply_money(fold, day)
    if state.accelerated:
        _all_due(fold, loan, day)


def received(fold: Workings, event: ev.Received) -> None:
    """Money comes in, unapplied, and is allocated."""
    fold.state.money.append(Money(event.id, fold.minor(event.amount)))
    apply_money(fold, event.value_date)


def noticed(fold: Workings, event: ev.PrepaymentNotice) -> None:
    """A prepayment is announced; money at hand beyond the dues is used at once."""
    loan = fold.loan_of(event.id, event.loan)
    if loan is None:
        return
    effect = event.effect or fold.state.terms.prepayment_effect
    fold.state.notices.append(Notice(event.id, loan.name, fold.minor(event.amount), effect))
    apply_money(fold, event.value_date)


def refunded(fold: Workings, event: ev.Refunded) -> None:
    """Unapplied money goes back to the partner."""
    amount = fold.minor(event.amount)
    short = amount - fold.state.unapplied
    if short > 0:
        fold.refuse(
            event.id,
            f"{event.amount} cannot be sent back on {event.value_date}: less than that was held unapplied then.",
        )
        # The money has left; what it was taken from bounced later. The partner owes it back.
        charge(fold, Component.COSTS, "", f"refund:{event.id}", short, event.value_date, "")
        amount -= short
    _take(fold, amount)


def _take(fold: Workings, amount: int) -> None:
    """Unapplied money goes, the oldest first."""
    for money in fold.state.money:
        part = min(money.left, amount)
        money.left -= part
        amount -= part
    fold.state.money = [money for money in fold.state.money if money.left]


def rate_changed(fold: Workings, event: ev.RateChanged) -> None:
    """Another rate holds from this night on; level payments are planned anew."""
    end_periods(fold, event.value_date)
    fold.state.rate = event.rate
    _after_terms(fold, event.value_date, replan=fold.state.terms.profile.kind is ProfileKind.LEVEL)


def amended(fold: Workings, event: ev.Amended) -> None:
    """Other terms hold; periods not begun are made anew up to the new maturity."""
    state, day = fold.state, event.value_date
    end_periods(fold, day)
    before = state.terms
    if event.terms.currency != before.currency:
        raise Refusal("An amendment cannot change the currency.")
    state.terms, state.rate = event.terms, event.terms.rate
    reshaped = [_reshape(fold, loan, before) for loan in state.loans.values() if loan.open]
    amend_fee(fold)
    profile = event.terms.profile
    _after_terms(
        fold, day, replan=any(reshaped) or profile != before.profile or profile.kind is ProfileKind.LEVEL
    )


def _reshape(fold: Workings, loan: LoanState, before: FacilityTerms) -> bool:
    """Make the periods of a loan that have not begun anew, where the terms of periods changed; whether they did.

    A loan that matured with the facility goes on doing so; one with a maturity of its own keeps it, if it still can.
    """
    terms, index = fold.state.terms, loan.open[-1].index
    same = (
        terms.maturity,
        terms.period_tenor,
        terms.payment_calendar,
        terms.convention,
        terms.adjust_periods,
        terms.end_of_month,
        terms.stub,
    ) == (
        before.maturity,
        before.period_tenor,
        before.payment_calendar,
        before.convention,
        before.adjust_periods,
        before.end_of_month,
        before.stub,
    )
    if same or index >= len(loan.periods):
        return False
    ends = loan.open[-1].period.end
    with_facility = loan.maturity == before.maturity
    loan.maturity = terms.maturity if with_facility else min(loan.maturity, terms.maturity)
    kept = loan.periods[: index + 1]
    loan.periods = (*kept, *terms.periods(ends, loan.maturity)) if ends < loan.maturity else kept
    loan.plan = (loan.plan + [0] * len(loan.periods))[: len(loan.periods)]
    return True


def _after_terms(fold: Workings, day: date, *, replan: bool) -> None:
    for loan in fold.state.loans.values():
        if loan.open and not loan.open[-1].ended:
            rebase(fold.state, loan, day)
            if replan and loan.open[-1].index < len(loan.periods):
                set_plan(fold.factors, fold.state, loan, loan.open[-1].index, day)


def payment_holiday(fold: Workings, event: ev.PaymentHoliday) -> None:
    """No principal falls due for a while; it is spread over the periods after."""
    loan = fold.loan_of(event.id, event.loan)
    if loan is None:
        return
    if not loan.open or loan.periods[-1].payment_date <= event.until:
        fold.refuse(event.id, f"After {event.until} there is no payment date left for {loan.name}.")
        return
    loan.holiday_until, loan.holiday_capitalises = event.until, event.capitalise_interest
    set_plan(fold.factors, fold.state, loan, loan.open[-1].index, event.value_date)


def cancelled(fold: Workings, event: ev.CommitmentCancelled) -> None:
    """Part of the undrawn commitment goes; the fee to the day falls due."""
    amount = fold.minor(event.amount)
    if amount > fee_basis(fold):
        fold.refuse(event.id, f"Less than {event.amount} of the commitment is undrawn.")
    bill_fee(fold, event.value_date)
    fold.state.cancelled += amount


def accelerated(fold: Workings, event: ev.Accelerated) -> None:
    """All principal that is not due falls due now, and what was on its way to the borrower as it arrives."""
    fold.state.accelerated = True
    for loan in fold.state.loans.values():
        _all_due(fold, loan, event.value_date)


def _all_due(fold: Workings, loan: LoanState, day: date) -> None:
    amount = loan.undue
    loan.accelerated = True
    if amount > 0:
        loan.overdue += amount
        new_due(fold, Component.PRINCIPAL, loan, f"{loan.name}:accelerated:{day}", amount, day)


def non_accrual(fold: Workings, event: ev.NonAccrual) -> None:
    """What was earned and not received goes to suspense, or comes back from it."""
    state, control = fold.state, fold.state.control
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


def capitalised(fold: Workings, event: ev.Capitalised) -> None:
    """Interest earned and not billed becomes principal."""
    loan = fold.loan_of(event.id, event.loan)
    if loan is None:
        return
    if not loan.open or loan.open[-1].ended:
        fold.refuse(event.id, f"{loan.name} has no interest period running.")
        return
    one = loan.open[-1]
    amount = one.posted - one.billed
    one.billed += amount
    one.settled_until = event.value_date
    capitalise_interest(fold, loan, amount, event.value_date)


def charged(fold: Workings, event: ev.Charged) -> None:
    """A fee or cost is put to the borrower."""
    if event.component not in (Component.FEES, Component.COSTS):
        raise Refusal("Only fees and costs are charged; interest accrues and principal is lent.")
    income = {
        Component.COSTS: "COSTS_RECHARGED",
        Component.FEES: "" if event.id == ARRANGEMENT else "LATE_FEE_INCOME",
    }[event.component]
    charge(
        fold,
        event.component,
        "",
        f"{event.component.value}:{event.id}",
        fold.minor(event.amount),
        event.value_date,
        income,
    )
    if fold.state.money:
        apply_money(fold, event.value_date)


def waived(fold: Workings, event: ev.Waived) -> None:
    """Part of a claim is given up: what is due, oldest first, then interest that has accrued and is not due yet."""
    bill_late(fold, event.value_date)
    left = amount = fold.minor(event.amount)
    dues = [
        due
        for due in fold.state.dues.values()
        if due.component is event.component and event.loan in ("", due.loan)
    ]
    missing = left - sum(due.outstanding for due in dues)
    if missing > 0 and event.component is Component.INTEREST:
        dues += _bill_accrued(fold, event, missing)
    if left > sum(due.outstanding for due in dues):
        fold.refuse(
            event.id, f"Less than {event.amount} of {event.component.value} is owed; waive at most that."
        )
    for due in sorted(dues, key=lambda due: (due.due_date, loan_number(due.loan), due.key)):
        part = min(left, due.outstanding)
        if part:
            left -= part
            _give_up(fold, due, part, How.WAIVED, event.id, event.value_date)
    _waiver_expense(fold, event.component, amount - left)


def _bill_accrued(fold: Workings, event: ev.Waived, amount: int) -> list[DueState]:
    """So much accrued interest falls due now, to be waived: by loan number, as it would be paid."""
    made, day = [], event.value_date
    loans = [loan for loan in fold.state.loans.values() if event.loan in ("", loan.name)]
    for loan in sorted(loans, key=lambda loan: loan_number(loan.name)):
        found = 0
        for one in loan.open:
            part = min(amount, max(one.posted - one.billed, 0))
            one.billed += part
            found, amount = found + part, amount - part
            if one.billed == one.posted:
                one.settled_until = day
        if found:
            fold.state.control["ACCRUED_INTEREST"] -= found
            key = f"{loan.name}:interest:{day}:{event.id}"
            made.append(new_due(fold, Component.INTEREST, loan, key, found, day))
    return made


def _waiver_expense(fold: Workings, component: Component, amount: int) -> None:
    """What was income is an expense; interest that stood in suspense never was."""
    control, suspense = fold.state.control, 0
    if component in (Component.INTEREST, Component.DEFAULT_INTEREST):
        suspense = min(max(control["INTEREST_SUSPENSE"], 0), amount)
    control["INTEREST_SUSPENSE"] -= suspense
    control["WAIVER_EXPENSE"] += amount - suspense


def _give_up(fold: Workings, due: DueState, part: int, how: How, source: str, day: date) -> None:
    state, capitalised = fold.state, 0
    if due.component is Component.PRINCIPAL:
        loan = state.loans[due.loan]
        capitalised = min(loan.capitalised, part)
        loan.capitalised -= capitalised
        loan.lent -= part - capitalised
        loan.overdue -= part
        state.totals["principal_lost"] += part - capitalised
    settle(fold, due, part, day)
    if due.component is Component.PRINCIPAL:
        rebase(state, state.loans[due.loan], day)
    fold.record.shares.append(Share(source, due.key, due.component, how, day, due.loan, part, capitalised))
    state.totals[how.value] += part


def written_off(fold: Workings, event: ev.WrittenOff) -> None:
    """Everything owed, of one loan or of the facility, is written off: suspense first, then as impairment."""
    state, day = fold.state, event.value_date
    named = [fold.loan_of(event.id, event.loan)] if event.loan else list(state.loans.values())
    loans = [loan for loan in named if loan is not None]
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
            _give_up(fold, due, due.outstanding, How.WRITTEN_OFF, event.id, day)
    for loan in loans:
        interest += _write_off_rest(fold, loan, event.id, day)
    if not event.loan and state.fee is not None:
        unbilled = state.fee.posted - state.fee.billed
        state.control["ACCRUED_COMMITMENT_FEE"] -= unbilled
        state.totals["written_off"] += unbilled
        state.fee = None
    total = state.totals["written_off"] - before
    suspense = min(max(state.control["INTEREST_SUSPENSE"], 0), interest)
    state.control["INTEREST_SUSPENSE"] -= suspense
    state.control["IMPAIRMENT_EXPENSE"] += total - suspense


def _write_off_rest(fold: Workings, loan: LoanState, source: str, day: date) -> int:
    """A loan's principal that is not due and its unbilled interest; returns the interest."""
    state = fold.state
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
        fold.record.shares.append(share)
    state.totals["written_off"] += principal + unbilled
    state.totals["principal_lost"] += loan.lent
    loan.lent = loan.capitalised = loan.resting = loan.overdue = 0
    loan.open.clear()
    loan.done = True
    return unbilled


def recovered(fold: Workings, event: ev.Recovered) -> None:
    """Money held for what was written off is income: no more than was lost, and only what is held."""
    totals, amount = fold.state.totals, fold.minor(event.amount)
    lost = totals["written_off"] - totals["recovered"]
    if amount > lost:
        fold.refuse(event.id, f"Less than {event.amount} is written off and not recovered yet.")
    if amount > fold.state.unapplied:
        fold.refuse(
            event.id,
            f"Less than {event.amount} is held unapplied on {event.value_date}: book the receipt first.",
        )
    amount = max(min(amount, lost, fold.state.unapplied), 0)
    _take(fold, amount)
    fold.state.control["RECOVERY_INCOME"] += amount
    totals["recovered"] += amount


_APPLY: dict[type[ev.Event], Callable[..., None]] = {
    ev.Disbursed: disbursed,
    ev.Received: received,
    ev.PrepaymentNotice: noticed,
    ev.Refunded: refunded,
    ev.RateChanged: rate_changed,
    ev.Amended: amended,
    ev.PaymentHoliday: payment_holiday,
    ev.CommitmentCancelled: cancelled,
    ev.Accelerated: accelerated,
    ev.NonAccrual: non_accrual,
    ev.Capitalised: capitalised,
    ev.Charged: charged,
    ev.Waived: waived,
    ev.WrittenOff: written_off,
    ev.Recovered: recovered,
}
