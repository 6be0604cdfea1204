"""What was agreed, from the committee's words to the terms that `calculation` computes with.

A deal is a plain dict: what the policy prices, what the applicant asked for, and what the committee changed. The offer
shows it; `facility_document` turns it into the canonical terms of a facility.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from math import ceil
from typing import Any

from loanfund.audit.errors import Refused
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.money import Rounding, round_decimal
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.periods import Tenor, add_tenor
from loanfund.calculation.profiles import PrepaymentEffect, Profile, ProfileKind
from loanfund.calculation.rates import FixedRate, OvernightRate, Rate, ZeroUntil
from loanfund.calculation.terms import FacilityTerms
from loanfund.facilities.models import Fund, FundPolicy
from loanfund.origination.models import Application, Decision
from loanfund.reference.models import ReferenceRate
from loanfund.reference.selectors import calendar

DEAL = frozenset({
    "tenor_months", "profile", "interest_only_months", "revolving", "rate", "reference", "margin", "floor", "lookback",
    "day_count", "period", "default_margin", "grace_days", "arrangement_fee", "commitment_fee", "prepayment_fee",
    "availability_months", "balloon", "cap", "interest_free_months", "capitalised_months", "prepayment_effect",
})  # fmt: skip
"""The keys of a deal. Rates and fees are fractions as text ("0.03" is 3 % a year); `arrangement_fee`, `prepayment_fee`
and `balloon` are fractions of the amount, `commitment_fee` a fraction a year of the undrawn part; `period` is a tenor
such as "3M". `reference` names an overnight rate compounded in arrears, in place of `rate`; then `margin`, `floor`,
`cap` and `lookback` (business days) go with it. No interest runs in the first `interest_free_months`; that of the first
`capitalised_months` is added to principal."""
FRACTIONS = {
    "rate", "margin", "floor", "cap", "default_margin", "arrangement_fee", "commitment_fee", "prepayment_fee", "balloon",
}  # fmt: skip
WHOLE = {
    "tenor_months", "interest_only_months", "grace_days", "availability_months", "lookback", "interest_free_months",
    "capitalised_months",
}  # fmt: skip


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
        raise Refused(
            "The interest-only months are fewer than the months of the tenor.", field="interest_only_months"
        )
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


def facility_terms(*, fund: Fund, amount: Decimal, deal: Mapping[str, Any], signed_on: date) -> FacilityTerms:
    """The terms of `calculation` for a facility of `amount` (fund currency) on this deal, dated from `signed_on`.

    Refused, naming the field, when the deal contradicts itself, or when a period's last fixing would be published
    after its payment.
    """
    dates = dates_of(deal, signed_on)
    try:
        return FacilityTerms(
            currency=currency_of(fund.currency),
            commitment=as_money(amount, fund.currency),
            signed_on=signed_on,
            availability_end=dates.availability_end,
            maturity=dates.maturity,
            rate=_rate(deal, signed_on),
            day_count=DayCount(deal["day_count"]),
            period_tenor=Tenor.parse(deal["period"]),
            profile=_profile(deal, amount, fund.currency),
            revolving=deal["revolving"],
            payment_calendar=calendar(fund.calendar),
            # Floating periods move with their payment days; fixed ones keep their days and only the payment moves.
            adjust_periods=bool(deal.get("reference")),
            default_margin=Decimal(deal.get("default_margin", "0")),
            grace_days=deal.get("grace_days", 0),
            prepayment_effect=PrepaymentEffect(deal.get("prepayment_effect", PrepaymentEffect.INSTALMENT)),
            prepayment_fee=Decimal(deal.get("prepayment_fee", "0")),
            arrangement_fee=arrangement_of(deal, amount, fund.currency),
            commitment_fee=Decimal(deal.get("commitment_fee", "0")),
        )
    except (ValueError, KeyError) as error:
        field, _, sentence = str(error).partition(": ")
        raise Refused(
            f"These terms do not work: {sentence or error}", field=field if sentence else "terms"
        ) from error


def facility_document(
    *, fund: Fund, amount: Decimal, deal: Mapping[str, Any], signed_on: date
) -> dict[str, Any]:
    """The canonical document of `facility_terms`, calendars by name."""
    terms = facility_terms(fund=fund, amount=amount, deal=deal, signed_on=signed_on)
    return terms.to_document(calendars_by_name=True)


def arrangement_of(deal: Mapping[str, Any], amount: Decimal, code: str) -> Decimal:
    """The fee for arranging `amount`, rounded half-up to the currency."""
    fee = amount * Decimal(deal.get("arrangement_fee", "0"))
    return round_decimal(fee, currency_of(code), Rounding.HALF_UP)


def as_money(amount: Decimal, code: str) -> Decimal:
    """The same amount written with the currency's own decimals; ValueError when it has finer ones."""
    exact = amount.quantize(Decimal(1).scaleb(-currency_of(code).decimals))
    if exact != amount:
        raise ValueError(f"amount: {amount} is finer than {code} allows.")
    return exact


def _rate(deal: Mapping[str, Any], signed_on: date) -> Rate:
    rate: FixedRate | OvernightRate
    if deal.get("reference"):
        reference = ReferenceRate.objects.filter(code=deal["reference"]).first()
        if reference is None:
            raise ValueError(f"reference: there is no reference rate {deal['reference']}.")
        rate = OvernightRate(
            reference=reference.code,
            lookback_days=deal.get("lookback", 5),
            margin=Decimal(deal.get("margin", "0")),
            floor=Decimal(deal["floor"]) if "floor" in deal else None,
            cap=Decimal(deal["cap"]) if "cap" in deal else None,
            publication_calendar=calendar(reference.calendar),
            publication_lag=reference.publication_lag,
        )
    else:
        rate = FixedRate(Decimal(deal["rate"]))
    if deal.get("interest_free_months"):
        return ZeroUntil(add_tenor(signed_on, Tenor(deal["interest_free_months"], "M")), rate)
    return rate


KINDS = {
    Application.Profile.BULLET: ProfileKind.BULLET,
    Application.Profile.EQUAL_PRINCIPAL: ProfileKind.EQUAL_PRINCIPAL,
    Application.Profile.LEVEL: ProfileKind.LEVEL,
    Application.Profile.INTEREST_ONLY: ProfileKind.EQUAL_PRINCIPAL,
    Application.Profile.BALLOON: ProfileKind.EQUAL_PRINCIPAL,
}


def _profile(deal: Mapping[str, Any], amount: Decimal, code: str) -> Profile:
    months = Tenor.parse(deal["period"]).months
    if not months:
        raise ValueError("period: give months or years, such as 3M.")
    balloon = Decimal(0)
    if deal["profile"] == Application.Profile.BALLOON:
        if not Decimal(deal.get("balloon", "0")):
            raise ValueError("balloon: say which part of the amount is left for the last payment.")
        balloon = round_decimal(amount * Decimal(deal["balloon"]), currency_of(code), Rounding.HALF_UP)
    if deal["profile"] == Application.Profile.INTEREST_ONLY and not deal["interest_only_months"]:
        raise ValueError("interest_only_months: say for how many months only interest is paid.")
    return Profile(
        kind=KINDS[Application.Profile(deal["profile"])],
        principal_grace=ceil(deal["interest_only_months"] / months),
        interest_grace=ceil(deal.get("capitalised_months", 0) / months),
        balloon=balloon,
    )


def offer_document(
    *, application: Application, decision: Decision, number: str, made_on: date, policy: FundPolicy
) -> dict[str, Any]:
    """The text of an offer, whole: who, how much, on which terms, with which schedule, fees and conditions."""
    fund, amount, deal = application.fund, decision.amount, decision.proposal.terms
    if amount is None:
        raise AssertionError("a decision on an application has an amount")
    dates = dates_of(deal, made_on)
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
        "fees": {
            "arrangement": arrangement_of(deal, amount, fund.currency),
            "commitment_rate": deal.get("commitment_fee", "0"),
        },
        "conditions": decision.proposal.conditions,
        "availability_end": dates.availability_end,
        "maturity": dates.maturity,
        "signatories_needed": policy.signatories_needed,
        "validity_days": policy.offer_validity_days,
        "made_on": made_on,
    }
