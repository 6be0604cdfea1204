"""What servicing does to the book: one pure function a business event, each returning the legs of its entry.

`docs/postings.md` is the same list for an accountant. Amounts are Decimals in whole currency units; a function that
says "signed" takes negative ones, which post the other way round (corrections). Zero legs are left out. What happened
in the world always posts (`fact=True`); what is promised is refused by the database when an account has no room.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from loanfund.facilities.postings import FUND, Legs, headroom_used, moved
from loanfund.ledger.chart import AccountRef, credit, debit, normal_side
from loanfund.ledger.models import AccountKind as K

NOTHING = Decimal(0)


class Returned(StrEnum):
    """Where repaid principal goes: back to the partner (revolving), to the fund (recycling), or nowhere."""

    UNDRAWN = "undrawn"
    AVAILABLE = "available"
    REPAID = "repaid"


@dataclass(frozen=True)
class LoanAmounts:
    """Amounts of one loan by component; `loan` is its owner name ("loan:4"). Signed where the function says so."""

    loan: str
    principal: Decimal = NOTHING
    capitalised: Decimal = NOTHING
    interest: Decimal = NOTHING
    default_interest: Decimal = NOTHING
    accrued_interest: Decimal = NOTHING
    accrued_default_interest: Decimal = NOTHING

    @property
    def total(self) -> Decimal:
        return self.principal + self.capitalised + self.income_part

    @property
    def income_part(self) -> Decimal:
        """What was once income: interest and default interest, due or accrued."""
        return self.interest + self.default_interest + self.accrued_interest + self.accrued_default_interest


def _claims_credited(currency: str, loans: Iterable[LoanAmounts]) -> Legs:
    legs: Legs = ()
    for part in loans:
        legs += credit(K.DEFAULT_INTEREST_DUE, currency, part.loan, part.default_interest)
        legs += credit(K.INTEREST_DUE, currency, part.loan, part.interest)
        legs += credit(K.CAPITALISED_INTEREST, currency, part.loan, part.capitalised)
        legs += credit(K.LOAN_PRINCIPAL, currency, part.loan, part.principal)
        legs += credit(K.ACCRUED_DEFAULT_INTEREST, currency, FUND, part.accrued_default_interest)
        legs += credit(K.ACCRUED_INTEREST, currency, FUND, part.accrued_interest)
    return legs


# --- Drawdowns --------------------------------------------------------------------------------------------------------


def drawdown_requested(*, currency: str, facility: str, amount: Decimal) -> Legs:
    """A drawdown is requested: its amount is earmarked."""
    return moved(currency, (K.M_UNDRAWN, facility), (K.M_EARMARKED, facility), amount)


def drawdown_returned(*, currency: str, facility: str, amount: Decimal) -> Legs:
    """A request is rejected or cancelled: its amount can be drawn again."""
    return moved(currency, (K.M_EARMARKED, facility), (K.M_UNDRAWN, facility), amount)


def drawdown_released(
    *, currency: str, facility: str, amount: Decimal, fees_netted: Decimal = NOTHING
) -> Legs:
    """The payment is released: money in transit. `fees_netted` is kept back from the amount paid."""
    paid = amount - fees_netted
    return debit(K.DISBURSEMENTS_IN_TRANSIT, currency, facility, paid) + credit(K.CASH, currency, FUND, paid)


def drawdown_settled(
    *, currency: str, facility: str, loan: str, amount: Decimal, fees_netted: Decimal = NOTHING
) -> Legs:
    """The money arrived: the loan begins."""
    return (
        debit(K.LOAN_PRINCIPAL, currency, loan, amount)
        + credit(K.DISBURSEMENTS_IN_TRANSIT, currency, facility, amount - fees_netted)
        + credit(K.FEES_DUE, currency, facility, fees_netted)
        + moved(currency, (K.M_EARMARKED, facility), (K.M_DRAWN, facility), amount)
    )


def payment_failed(
    *, currency: str, facility: str, amount: Decimal, fees_netted: Decimal = NOTHING, cancelled: bool = False
) -> Legs:
    """A released payment came back. It stays earmarked for a second try unless the drawdown is `cancelled`."""
    paid = amount - fees_netted
    legs = debit(K.CASH, currency, FUND, paid) + credit(K.DISBURSEMENTS_IN_TRANSIT, currency, facility, paid)
    return legs + (
        drawdown_returned(currency=currency, facility=facility, amount=amount) if cancelled else ()
    )


# --- What accrues and falls due ---------------------------------------------------------------------------------------


def daily_accrual(
    *,
    currency: str,
    interest: Decimal = NOTHING,
    interest_in_suspense: Decimal = NOTHING,
    default_interest: Decimal = NOTHING,
    default_interest_in_suspense: Decimal = NOTHING,
    commitment_fee: Decimal = NOTHING,
) -> Legs:
    """One night of a whole fund, signed. The suspense amounts come on top: loans that are not accruing."""
    return (
        debit(K.ACCRUED_INTEREST, currency, FUND, interest + interest_in_suspense)
        + credit(K.INTEREST_INCOME, currency, FUND, interest)
        + debit(K.ACCRUED_DEFAULT_INTEREST, currency, FUND, default_interest + default_interest_in_suspense)
        + credit(K.DEFAULT_INTEREST_INCOME, currency, FUND, default_interest)
        + credit(K.INTEREST_SUSPENSE, currency, FUND, interest_in_suspense + default_interest_in_suspense)
        + debit(K.ACCRUED_COMMITMENT_FEE, currency, FUND, commitment_fee)
        + credit(K.COMMITMENT_FEE_INCOME, currency, FUND, commitment_fee)
    )


def fell_due(
    *,
    currency: str,
    facility: str,
    loans: Sequence[LoanAmounts] = (),
    commitment_fee: Decimal = NOTHING,
) -> Legs:
    """Interest, default interest (of each loan) and commitment fee (of the facility) fall due, signed.

    An instalment of principal moves nothing here: it is a due row of the sub-ledger.
    """
    legs: Legs = ()
    for part in loans:
        legs += debit(K.INTEREST_DUE, currency, part.loan, part.interest)
        legs += credit(K.ACCRUED_INTEREST, currency, FUND, part.interest)
        legs += debit(K.DEFAULT_INTEREST_DUE, currency, part.loan, part.default_interest)
        legs += credit(K.ACCRUED_DEFAULT_INTEREST, currency, FUND, part.default_interest)
    return (
        legs
        + debit(K.FEES_DUE, currency, facility, commitment_fee)
        + credit(K.ACCRUED_COMMITMENT_FEE, currency, FUND, commitment_fee)
    )


def late_fee(*, currency: str, facility: str, amount: Decimal) -> Legs:
    """A fee for a late payment falls due, signed."""
    return debit(K.FEES_DUE, currency, facility, amount) + credit(K.LATE_FEE_INCOME, currency, FUND, amount)


def cost_charged(*, currency: str, facility: str, amount: Decimal) -> Legs:
    """A cost that the agreement lets the lender pass on (a lawyer's, a registrar's) falls due, signed."""
    return debit(K.COSTS_DUE, currency, facility, amount) + credit(K.COSTS_RECHARGED, currency, FUND, amount)


# --- Receipts ---------------------------------------------------------------------------------------------------------


def receipt_booked(*, currency: str, owner: str, amount: Decimal) -> Legs:
    """Money came in. `owner` is the facility, else the partner, else the fund (nobody is known yet)."""
    return debit(K.CASH, currency, FUND, amount) + credit(K.UNAPPLIED, currency, owner, amount)


def receipt_matched(*, currency: str, source: str, target: str, amount: Decimal) -> Legs:
    """Money held unapplied is found to belong to another owner, or is split over facilities by a recorded decision."""
    return debit(K.UNAPPLIED, currency, source, amount) + credit(K.UNAPPLIED, currency, target, amount)


def receipt_applied(
    *,
    currency: str,
    facility: str,
    loans: Sequence[LoanAmounts] = (),
    fees: Decimal = NOTHING,
    costs: Decimal = NOTHING,
    returned: Returned = Returned.AVAILABLE,
    headroom: Iterable[str] = (),
) -> Legs:
    """The waterfall pays what is due, signed: negative amounts take an allocation back.

    Only lent principal moves in the memorandum accounts; capitalised interest used no fund money. Give `headroom` the
    limits that count what is owed rather than what was promised; a revolving facility's promise stands, so none.
    """
    total = sum((part.total for part in loans), fees + costs)
    lent = sum((part.principal for part in loans), NOTHING)
    return (
        debit(K.UNAPPLIED, currency, facility, total, fact=True)
        + credit(K.COSTS_DUE, currency, facility, costs)
        + credit(K.FEES_DUE, currency, facility, fees)
        + _claims_credited(currency, loans)
        + _principal_returned(currency, facility, lent, returned, headroom)
    )


def _principal_returned(
    currency: str, facility: str, lent: Decimal, returned: Returned, headroom: Iterable[str]
) -> Legs:
    target = {
        Returned.UNDRAWN: (K.M_UNDRAWN, facility),
        Returned.AVAILABLE: (K.M_AVAILABLE, FUND),
        Returned.REPAID: (K.M_REPAID, facility),
    }[returned]
    return moved(currency, (K.M_DRAWN, facility), target, lent, fact=True) + headroom_used(
        currency, headroom, -lent, fact=True
    )


def prepayment(
    *, currency: str, facility: str, loan: str, interest: Decimal = NOTHING, fee: Decimal = NOTHING
) -> Legs:
    """A prepayment makes the interest on the prepaid slice, and its fee, fall due; then it is applied as a receipt."""
    return (
        debit(K.INTEREST_DUE, currency, loan, interest)
        + credit(K.ACCRUED_INTEREST, currency, FUND, interest)
        + debit(K.FEES_DUE, currency, facility, fee)
        + credit(K.PREPAYMENT_FEE_INCOME, currency, FUND, fee)
    )


def refund_approved(*, currency: str, owner: str, amount: Decimal) -> Legs:
    """Unapplied money will be sent back: never more than is held."""
    return debit(K.UNAPPLIED, currency, owner, amount) + credit(K.REFUNDS_IN_TRANSIT, currency, owner, amount)


def refund_paid(*, currency: str, owner: str, amount: Decimal) -> Legs:
    """The refund left the bank."""
    return debit(K.REFUNDS_IN_TRANSIT, currency, owner, amount) + credit(
        K.CASH, currency, FUND, amount, fact=True
    )


def refund_failed(*, currency: str, owner: str, amount: Decimal) -> Legs:
    """A refund that was approved is not paid. One that comes back after it was paid is a receipt."""
    return debit(K.REFUNDS_IN_TRANSIT, currency, owner, amount) + credit(K.UNAPPLIED, currency, owner, amount)


def receipt_bounced(*, currency: str, owner: str, amount: Decimal) -> Legs:
    """The bank took a receipt back. What it had paid is first taken back by a negative `receipt_applied`."""
    return debit(K.UNAPPLIED, currency, owner, amount, fact=True) + credit(
        K.CASH, currency, FUND, amount, fact=True
    )


# --- Corrections ------------------------------------------------------------------------------------------------------


def correction(*, changes: Mapping[AccountRef, Decimal]) -> Legs:
    """Replayed minus booked: for each account the signed change of its balance on its normal side.

    The general form, for a back-valued event of any kind; the changes must balance or the book refuses the entry.
    """
    legs: Legs = ()
    for ref, change in changes.items():
        grows = debit if normal_side(ref.kind) == "D" else credit
        legs += grows(ref.kind, ref.currency, ref.owner, change, fact=True)
    return legs


def interest_corrected(
    *,
    currency: str,
    facility: str,
    loan: str,
    accrued: Decimal = NOTHING,
    billed: Decimal = NOTHING,
    paid: Decimal = NOTHING,
    suspended: bool = False,
) -> Legs:
    """Interest of the past turns out higher (positive) or lower (negative), signed, by where it stands today: still
    accrued, billed and unpaid, or paid - what was paid too much goes to unapplied. Income moves by the sum."""
    income = K.INTEREST_SUSPENSE if suspended else K.INTEREST_INCOME
    return (
        debit(K.ACCRUED_INTEREST, currency, FUND, accrued)
        + debit(K.INTEREST_DUE, currency, loan, billed)
        + debit(K.UNAPPLIED, currency, facility, paid, fact=True)
        + credit(income, currency, FUND, accrued + billed + paid)
    )


# --- Concessions and losses -------------------------------------------------------------------------------------------


def capitalisation(*, currency: str, loan: str, accrued: Decimal = NOTHING, due: Decimal = NOTHING) -> Legs:
    """Interest becomes principal, from what is accrued or from what is due, signed. It uses no fund money."""
    return (
        debit(K.CAPITALISED_INTEREST, currency, loan, accrued + due)
        + credit(K.ACCRUED_INTEREST, currency, FUND, accrued)
        + credit(K.INTEREST_DUE, currency, loan, due)
    )


def waiver(
    *,
    currency: str,
    facility: str,
    loans: Sequence[LoanAmounts] = (),
    fees: Decimal = NOTHING,
    costs: Decimal = NOTHING,
    in_suspense: Decimal = NOTHING,
) -> Legs:
    """The lender gives up a claim, by component, signed. `in_suspense` of it was never income, so it is no expense."""
    total = sum((part.total for part in loans), fees + costs)
    lent = sum((part.principal for part in loans), NOTHING)
    return (
        debit(K.WAIVER_EXPENSE, currency, FUND, total - in_suspense)
        + debit(K.INTEREST_SUSPENSE, currency, FUND, in_suspense)
        + credit(K.COSTS_DUE, currency, facility, costs)
        + credit(K.FEES_DUE, currency, facility, fees)
        + _claims_credited(currency, loans)
        + moved(currency, (K.M_DRAWN, facility), (K.M_WRITTEN_OFF, facility), lent, fact=True)
    )


def allowance(*, currency: str, facility: str, amount: Decimal) -> Legs:
    """An allowance for expected loss, by hand and two people; signed, a negative one releases."""
    return debit(K.IMPAIRMENT_EXPENSE, currency, FUND, amount) + credit(
        K.LOSS_ALLOWANCE, currency, facility, amount
    )


def non_accrual(*, currency: str, interest: Decimal = NOTHING, default_interest: Decimal = NOTHING) -> Legs:
    """A loan stops accruing to income: what was taken as income and not paid goes to suspense; signed, negative on
    return to accrual."""
    return (
        debit(K.INTEREST_INCOME, currency, FUND, interest)
        + debit(K.DEFAULT_INTEREST_INCOME, currency, FUND, default_interest)
        + credit(K.INTEREST_SUSPENSE, currency, FUND, interest + default_interest)
    )


def write_off(
    *,
    currency: str,
    facility: str,
    loans: Sequence[LoanAmounts],
    fees: Decimal = NOTHING,
    costs: Decimal = NOTHING,
    in_suspense: Decimal = NOTHING,
    allowance_held: Decimal = NOTHING,
    undrawn: Decimal = NOTHING,
    headroom: Iterable[str] = (),
) -> Legs:
    """A loss is taken on what will not be paid. What was in suspense for these loans is used first, then the allowance,
    topped up from expense where it falls short; `undrawn` commitment goes back to the fund, with its headroom."""
    total = sum((part.total for part in loans), fees + costs)
    lent = sum((part.principal for part in loans), NOTHING)
    loss = total - in_suspense
    return (
        allowance(currency=currency, facility=facility, amount=max(loss - allowance_held, NOTHING))
        + debit(K.LOSS_ALLOWANCE, currency, facility, loss)
        + debit(K.INTEREST_SUSPENSE, currency, FUND, in_suspense)
        + credit(K.COSTS_DUE, currency, facility, costs)
        + credit(K.FEES_DUE, currency, facility, fees)
        + _claims_credited(currency, loans)
        + moved(currency, (K.M_DRAWN, facility), (K.M_WRITTEN_OFF, facility), lent, fact=True)
        + moved(currency, (K.M_UNDRAWN, facility), (K.M_AVAILABLE, FUND), undrawn)
        + headroom_used(currency, headroom, -undrawn)
    )


def recovery(
    *,
    currency: str,
    facility: str,
    amount: Decimal,
    principal: Decimal = NOTHING,
    recycled: bool = False,
) -> Legs:
    """Money received (booked as a receipt first) on what was written off, signed. `principal` of it counts as repaid,
    or as available where the fund's policy lends it again (`recycled`)."""
    target = (K.M_AVAILABLE, FUND) if recycled else (K.M_REPAID, facility)
    return (
        debit(K.UNAPPLIED, currency, facility, amount, fact=True)
        + credit(K.RECOVERY_INCOME, currency, FUND, amount)
        + moved(currency, (K.M_WRITTEN_OFF, facility), target, principal, fact=True)
    )


def bank_charge(*, currency: str, amount: Decimal) -> Legs:
    """The bank takes a charge."""
    return debit(K.BANK_CHARGES, currency, FUND, amount) + credit(K.CASH, currency, FUND, amount, fact=True)


BY_HAND: dict[str, tuple[K, K]] = {
    "capital_paid_in": (K.CASH, K.FUND_CAPITAL),
    "capital_paid_out": (K.FUND_CAPITAL, K.CASH),
    "bank_charge": (K.BANK_CHARGES, K.CASH),
    "allowance": (K.IMPAIRMENT_EXPENSE, K.LOSS_ALLOWANCE),
    "allowance_released": (K.LOSS_ALLOWANCE, K.IMPAIRMENT_EXPENSE),
}
"""For each entry that people make by hand, the account debited and the one credited, as a page may show it beforehand."""
