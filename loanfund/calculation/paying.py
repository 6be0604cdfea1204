"""Money: what a receipt pays by the waterfall, and what it repays early."""

from datetime import date
from fractions import Fraction

from loanfund.calculation.billing import bill_late, charge, new_due
from loanfund.calculation.history import How, Share
from loanfund.calculation.interest import plan_principal, rebase, set_plan, slice_interest
from loanfund.calculation.lateness import paid_late
from loanfund.calculation.money import rounded_quotient
from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.calculation.state import DueState, LoanState, Notice
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.waterfall import allocate
from loanfund.calculation.workings import Workings


def apply_money(fold: Workings, day: date) -> None:
    """Money held pays what is due by the waterfall, then what was announced as a prepayment."""
    state = fold.state
    if not state.unapplied:
        return
    bill_late(fold, day)
    shares = allocate(state.unapplied, state.dues.values(), state.terms.waterfall)
    for due, amount in shares:
        _pay(fold, due, amount, day)
    for notice in list(state.notices):
        if state.unapplied:
            _prepay(fold, notice, day)


def _pay(fold: Workings, due: DueState, amount: int, day: date) -> None:
    settle(fold, due, amount, day)
    for source, part, capitalised in _taken(fold, due, amount):
        fold.record.shares.append(
            Share(source, due.key, due.component, How.PAID, day, due.loan, part, capitalised)
        )
    fold.state.totals["paid"] += amount
    if fold.state.suspended and due.component in (Component.INTEREST, Component.DEFAULT_INTEREST):
        _release_suspense(fold, amount, due.component)


def _taken(fold: Workings, due: DueState, amount: int) -> list[tuple[str, int, int]]:
    """Take an amount from the money held, oldest first; for principal, its capitalised part goes first."""
    loan = fold.state.loans.get(due.loan)
    parts = []
    for money in fold.state.money:
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
    fold.state.money = [money for money in fold.state.money if money.left]
    if due.component is Component.PRINCIPAL and loan is not None:
        rebase(fold.state, loan, fold.state.day)
    return parts


def settle(fold: Workings, due: DueState, amount: int, day: date) -> None:
    """So much of a due is open no more."""
    due.outstanding -= amount
    paid_late(fold.state, due, day)
    if due.late and not due.outstanding and due.posted == 0:
        due.late.clear()
    fold.record.dues[due.key].outstanding = due.outstanding
    if not due.outstanding and due.posted == due.billed:
        del fold.state.dues[due.key]


def _release_suspense(fold: Workings, amount: int, component: Component) -> None:
    control = fold.state.control
    part = min(amount, max(control["INTEREST_SUSPENSE"], 0))
    control["INTEREST_SUSPENSE"] -= part
    income = "INTEREST_INCOME" if component is Component.INTEREST else "DEFAULT_INTEREST_INCOME"
    control[income] += part


def _prepay(fold: Workings, notice: Notice, day: date) -> None:
    state, loan = fold.state, fold.state.loans[notice.loan]
    amount = min(notice.left, state.unapplied, loan.undue)
    if amount <= 0:
        return
    accrued = slice_interest(fold.factors, state, loan, amount, day)
    one = loan.open[-1]
    accrued = min(accrued, one.posted - one.billed)
    notice.left -= amount
    if not notice.left or not loan.undue - amount:
        state.notices.remove(notice)
    key = f"{loan.name}:prepaid:{day}:{notice.id}"
    principal = new_due(fold, Component.PRINCIPAL, loan, key, amount, day)
    loan.overdue += amount
    _pay(fold, principal, amount, day)
    _replan_after(fold, loan, amount, notice.effect, day)
    if accrued > 0:
        one.billed += accrued
        due_key = f"{loan.name}:interest:{day}:{notice.id}"
        new_due(fold, Component.INTEREST, loan, due_key, accrued, day)
        state.control["ACCRUED_INTEREST"] -= accrued
    charged = prepayment_fee(state.terms, amount)
    charge(
        fold,
        Component.FEES,
        loan.name,
        f"{loan.name}:prepayment_fee:{day}:{notice.id}",
        charged,
        day,
        "PREPAYMENT_FEE_INCOME",
    )
    for due, part in allocate(state.unapplied, state.dues.values(), state.terms.waterfall):
        _pay(fold, due, part, day)


def prepayment_fee(terms: FacilityTerms, amount: int) -> int:
    """The fee for repaying a principal early, both in minor units."""
    fee = Fraction(amount) * Fraction(terms.prepayment_fee)
    return rounded_quotient(fee.numerator, fee.denominator, terms.rounding)


def _replan_after(fold: Workings, loan: LoanState, amount: int, effect: PrepaymentEffect, day: date) -> None:
    first = loan.open[-1].index
    if first >= len(loan.periods):
        return
    if effect is PrepaymentEffect.INSTALMENT:
        set_plan(fold.factors, fold.state, loan, first, day)
        return
    if effect is PrepaymentEffect.TERM and loan.instalment is not None:
        made = plan_principal(
            fold.factors, fold.state, loan, loan.undue, first, day, instalment=loan.instalment
        )
        loan.plan[first:] = made.principal
        return
    order = range(first, len(loan.plan))
    for i in order if effect is PrepaymentEffect.NEXT else reversed(order):
        cut = min(loan.plan[i], amount)
        loan.plan[i] -= cut
        amount -= cut
    loan.instalment = None
