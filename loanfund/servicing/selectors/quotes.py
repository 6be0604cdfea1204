"""What closes a facility or a loan on a day."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.calculation.facility import Payoff
from loanfund.facilities.models import Facility
from loanfund.servicing.models import Loan
from loanfund.servicing.outlook import payoff_on


@dataclass(frozen=True)
class PayoffQuote:
    """The amount that pays everything off on day `on`, by component, in whole units of the currency.

    The day itself earns nothing; of a day to come it is the amount if nothing is paid or drawn until then. `fees` hold
    costs and what has accrued of the commitment fee too. `unapplied` is money held, already taken off the `total`.
    `estimated`: a fixing that it rests on is not published yet, so that the amount may change.
    """

    on: date
    currency: str
    principal: Decimal
    interest: Decimal
    default_interest: Decimal
    fees: Decimal
    prepayment_fee: Decimal
    unapplied: Decimal
    total: Decimal
    estimated: bool


def payoff(loan: Loan, on: date) -> PayoffQuote:
    """What closes one loan on any day from its disbursement on, without what the facility owes beside it.

    Refused, with field "on", for a day before.
    """
    quote, estimated = payoff_on(loan.facility, on, loan=loan.number)
    return _quote(quote, loan.currency, estimated)


def facility_payoff(facility: Facility, on: date) -> PayoffQuote:
    """What closes a whole facility on any day from its signing on: every loan, fee and cost, less what is held unapplied."""
    quote, estimated = payoff_on(facility, on)
    return _quote(quote, facility.currency, estimated)


def _quote(quote: Payoff, currency: str, estimated: bool) -> PayoffQuote:
    return PayoffQuote(
        on=quote.on,
        currency=currency,
        principal=quote.principal,
        interest=quote.interest,
        default_interest=quote.default_interest,
        fees=quote.fees,
        prepayment_fee=quote.prepayment_fee,
        unapplied=quote.unapplied,
        total=quote.total,
        estimated=estimated,
    )
