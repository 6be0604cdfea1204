"""One example of every posting function, with every amount above zero: what the page and the tests look at."""

from decimal import Decimal

from loanfund.facilities import postings as promises
from loanfund.ledger.chart import AccountRef, Leg
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import postings as money

D = Decimal
USD = "USD"
FAC, LOAN, APP = "facility:1", "loan:1", "application:1"
LIMITS = ("partner:1", "group:1")

CLAIMS = (
    money.LoanAmounts(
        LOAN,
        principal=D("1000.00"),
        capitalised=D("20.00"),
        interest=D("30.00"),
        default_interest=D("4.00"),
    ),
)
ALL_CLAIMS = (
    money.LoanAmounts(
        LOAN,
        principal=D("1000.00"),
        capitalised=D("20.00"),
        interest=D("30.00"),
        default_interest=D("4.00"),
        accrued_interest=D("5.00"),
        accrued_default_interest=D("0.60"),
    ),
)
FALLING_DUE = (money.LoanAmounts(LOAN, interest=D("30.00"), default_interest=D("4.00")),)

EXAMPLES: dict[str, tuple[Leg, ...]] = {
    "capital_paid_in": promises.capital_paid_in(currency=USD, amount=D(100)),
    "capital_paid_out": promises.capital_paid_out(currency=USD, amount=D(100)),
    "partner_regrouped": promises.partner_regrouped(
        currency=USD, before="group:1", after="group:2", amount=D(20)
    ),
    "limit_set": promises.limit_set(currency=USD, owner="partner:1", before=D(0), after=D(20)),
    "approval": promises.approval(currency=USD, application=APP, amount=D(10), headroom=LIMITS),
    "reservation_released": promises.reservation_released(
        currency=USD, application=APP, amount=D(10), headroom=LIMITS
    ),
    "signing": promises.signing(currency=USD, application=APP, facility=FAC, amount=D(10)),
    "arrangement_fee": promises.arrangement_fee(currency=USD, facility=FAC, amount=D(1)),
    "commitment_increased": promises.commitment_increased(
        currency=USD, facility=FAC, amount=D(10), headroom=LIMITS
    ),
    "cancellation": promises.cancellation(
        currency=USD, facility=FAC, amount=D(10), fee_due=D(1), headroom=LIMITS
    ),
    "availability_ended": promises.availability_ended(
        currency=USD, facility=FAC, amount=D(10), fee_due=D(1), headroom=LIMITS
    ),
    "drawdown_requested": money.drawdown_requested(currency=USD, facility=FAC, amount=D(10)),
    "drawdown_returned": money.drawdown_returned(currency=USD, facility=FAC, amount=D(10)),
    "drawdown_released": money.drawdown_released(currency=USD, facility=FAC, amount=D(10), fees_netted=D(1)),
    "drawdown_settled": money.drawdown_settled(
        currency=USD, facility=FAC, loan=LOAN, amount=D(10), fees_netted=D(1)
    ),
    "payment_failed": money.payment_failed(
        currency=USD, facility=FAC, amount=D(10), fees_netted=D(1), cancelled=True
    ),
    "daily_accrual": money.daily_accrual(
        currency=USD,
        interest=D(5),
        interest_in_suspense=D(1),
        default_interest=D(2),
        default_interest_in_suspense=D(1),
        commitment_fee=D(3),
    ),
    "fell_due": money.fell_due(currency=USD, facility=FAC, loans=FALLING_DUE, commitment_fee=D(3)),
    "late_fee": money.late_fee(currency=USD, facility=FAC, amount=D(3)),
    "cost_charged": money.cost_charged(currency=USD, facility=FAC, amount=D(3)),
    "capitalisation": money.capitalisation(currency=USD, loan=LOAN, accrued=D(3), due=D(4)),
    "receipt_booked": money.receipt_booked(currency=USD, owner=FAC, amount=D(10)),
    "receipt_matched": money.receipt_matched(currency=USD, source="partner:1", target=FAC, amount=D(10)),
    "receipt_applied": money.receipt_applied(
        currency=USD, facility=FAC, loans=CLAIMS, fees=D(6), costs=D(7), headroom=LIMITS
    ),
    "prepayment": money.prepayment(currency=USD, facility=FAC, loan=LOAN, interest=D(3), fee=D(2)),
    "refund_approved": money.refund_approved(currency=USD, owner=FAC, amount=D(10)),
    "refund_paid": money.refund_paid(currency=USD, owner=FAC, amount=D(10)),
    "refund_failed": money.refund_failed(currency=USD, owner=FAC, amount=D(10)),
    "receipt_bounced": money.receipt_bounced(currency=USD, owner=FAC, amount=D(10)),
    "bank_charge": money.bank_charge(currency=USD, amount=D(2)),
    "correction": money.correction(
        changes={AccountRef(K.INTEREST_INCOME, USD): D(-5), AccountRef(K.ACCRUED_INTEREST, USD): D(-5)}
    ),
    "interest_corrected": money.interest_corrected(
        currency=USD, facility=FAC, loan=LOAN, accrued=D(1), billed=D(2), paid=D(3)
    ),
    "waiver": money.waiver(
        currency=USD, facility=FAC, loans=ALL_CLAIMS, fees=D(6), costs=D(7), in_suspense=D(2)
    ),
    "allowance": money.allowance(currency=USD, facility=FAC, amount=D(10)),
    "non_accrual": money.non_accrual(currency=USD, interest=D(10), default_interest=D(2)),
    "write_off": money.write_off(
        currency=USD,
        facility=FAC,
        loans=ALL_CLAIMS,
        fees=D(6),
        costs=D(7),
        in_suspense=D(2),
        allowance_held=D(100),
        undrawn=D(50),
        headroom=LIMITS,
    ),
    "recovery": money.recovery(currency=USD, facility=FAC, amount=D(10), principal=D(8)),
}
