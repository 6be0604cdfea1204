"""What was agreed, from the committee's words to the terms that `calculation` computes with.

A deal is a plain dict: what the policy prices, what the applicant asked for, and what the committee changed. The offer
shows it; `facility_document` turns it into the canonical terms of a facility.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from loanfund.audit.errors import Refused
from loanfund.calculation.money import Rounding, round_decimal
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.periods import Tenor, add_tenor
from loanfund.facilities.models import Fund, FundPolicy
from loanfund.origination.models import Application, Decision

DEAL = frozenset({
    "tenor_months", "profile", "interest_only_months", "revolving", "rate", "reference", "margin", "floor", "lookback",
    "day_count", "period", "default_margin", "grace_days", "arrangement_fee", "commitment_fee", "prepayment_fee",
    "availability_months", "balloon",
})  # fmt: skip
"""The keys of a deal. Rates and fees are fractions as text ("0.03" is 3 % a year); `arrangement_fee` and
`prepayment_fee` are fractions of the amount, `commitment_fee` a fraction a year of the undrawn part; `period` is a
tenor such as "3M"; `reference` names an overnight rate, and then `margin`, `floor` and `lookback` go with it."""
FRACTIONS = {
    "rate", "margin", "floor", "default_margin", "arrangement_fee", "commitment_fee", "prepayment_fee", "balloon",
}  # fmt: skip
WHOLE = {"tenor_months", "interest_only_months", "grace_days", "availability_months", "lookback"}


def deal_terms(*, policy: FundPolicy, application: Application, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The deal proposed for an application: the policy's pricing, the applicant's wishes, then the committee's changes.

    Refused, naming the field, for an unknown key or a value that cannot be.
    """
    asked = {
        "tenor_months": application.tenor_months,
        "profile": application.profile,
        "interest_only_months": application.interest_only_months,
        "revolving": application.revolving,
    }
    return checked_deal({**policy.pricing, **asked, **changes})


def checked_deal(values: Mapping[str, Any]) -> dict[str, Any]:
    """A deal with every value in its type: fractions as text, months and days as whole numbers."""
    unknown = set(values) - DEAL
    if unknown:
        raise Refused(f"A deal has no {sorted(unknown)[0].replace('_', ' ')}.", field=sorted(unknown)[0])
    deal = {key: value for key, value in values.items() if value is not None}
    for key in FRACTIONS & set(deal):
        deal[key] = _fraction(key, deal[key])
    for key in WHOLE & set(deal):
        deal[key] = _whole(key, deal[key])
    if not deal.get("reference") and "rate" not in deal:
        raise Refused("Give the interest rate, or the reference rate and a margin.", field="rate")
    if deal.get("profile") not in Application.Profile.values:
        raise Refused(f"Choose one of: {', '.join(Application.Profile.values)}.", field="profile")
    if deal.setdefault("interest_only_months", 0) >= deal["tenor_months"]:
        raise Refused("The interest-only months are fewer than the months of the tenor.", field="interest_only_months")
    if deal["availability_months"] > deal["tenor_months"]:
        raise Refused("The availability period ends by the maturity.", field="availability_months")
    return deal


def _fraction(key: str, value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{value!r} is not a fraction such as 0.03.", field=key) from None
    if not number.is_finite() or not -1 < number < 1 or (number < 0 and key not in {"margin", "floor"}):
        raise Refused(f"Give {key.replace('_', ' ')} as a fraction: 0.03 is three per cent.", field=key)
    return format(number, "f")


def _whole(key: str, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise Refused(f"{value!r} is not a whole number.", field=key) from None
    if number < 0 or (number == 0 and key in {"tenor_months", "availability_months"}):
        raise Refused(f"Give {key.replace('_', ' ')} above zero.", field=key)
    return number


@dataclass(frozen=True)
class DealDates:
    """The last day on which drawdowns may be requested, and the last on which anything falls due."""

    availability_end: date
    maturity: date


def dates_of(deal: Mapping[str, Any], made_on: date) -> DealDates:
    """A deal's dates, counted from the day the offer was made."""
    months = Tenor.parse(f"{deal['availability_months']}M")
    return DealDates(
        availability_end=add_tenor(made_on, months),
        maturity=add_tenor(made_on, Tenor.parse(f"{deal['tenor_months']}M")),
    )


def deal_dates(document: Mapping[str, Any]) -> DealDates:
    """The dates that an offer's document names."""
    return DealDates(
        availability_end=date.fromisoformat(document["availability_end"]),
        maturity=date.fromisoformat(document["maturity"]),
    )


def arrangement_fee(document: Mapping[str, Any]) -> Decimal:
    """The fee for arranging that an offer's document names, in the fund's currency."""
    return Decimal(document["fees"]["arrangement"])


def facility_document(*, fund: Fund, amount: Decimal, deal: Mapping[str, Any], signed_on: date) -> dict[str, Any]:
    """The canonical terms of `calculation` for a facility of `amount` on this deal, dated from `signed_on`."""
    dates = dates_of(deal, signed_on)
    return {"commitment": amount, "currency": fund.currency, "deal": dict(deal), "maturity": dates.maturity}


def offer_document(
    *, application: Application, decision: Decision, number: str, made_on: date, policy: FundPolicy
) -> dict[str, Any]:
    """The text of an offer, whole: who, how much, on which terms, with which schedule, fees and conditions."""
    fund, amount, deal = application.fund, decision.amount, decision.proposal.terms
    if amount is None:
        raise AssertionError("a decision on an application has an amount")
    dates = dates_of(deal, made_on)
    fee = round_decimal(amount * Decimal(deal["arrangement_fee"]), currency_of(fund.currency), Rounding.HALF_UP)
    return {
        "offer": number,
        "application": application.number,
        "decision": decision.number,
        "fund": fund.name,
        "lender_book": fund.code,
        "borrower": application.partner.legal_name,
        "borrower_number": application.partner.number,
        "purpose": application.purpose,
        "amount": amount,
        "currency": fund.currency,
        "deal": deal,
        "terms": facility_document(fund=fund, amount=amount, deal=deal, signed_on=made_on),
        "fees": {"arrangement": fee, "commitment_rate": deal.get("commitment_fee", "0")},
        "conditions": decision.proposal.conditions,
        "availability_end": dates.availability_end,
        "maturity": dates.maturity,
        "signatories_needed": policy.signatories_needed,
        "validity_days": policy.offer_validity_days,
        "made_on": made_on,
    }
