"""A facility's terms in the words of its agreement."""

from collections.abc import Iterator
from datetime import date

from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import ProfileKind
from loanfund.calculation.rates import FixedRate, FloatingRate, OvernightRate, Rate, SteppedRate, ZeroUntil
from loanfund.calculation.terms import FacilityTerms
from loanfund.facilities import models
from loanfund.parties.templatetags.money import money, percent
from loanfund.reference.selectors import calendar

PROFILES = {
    ProfileKind.BULLET: "in one sum at maturity",
    ProfileKind.LEVEL: "in level instalments",
    ProfileKind.EQUAL_PRINCIPAL: "in equal parts of principal",
    ProfileKind.CUSTOM: "by an agreed table",
}
UNITS = {"D": "day", "W": "week", "M": "month", "Y": "year"}


def read_terms(row: models.FacilityTerms) -> FacilityTerms:
    """The calculation's terms of one stored version."""
    return FacilityTerms.from_document(row.document, calendar)


def in_words(terms: FacilityTerms) -> list[tuple[str, str]]:
    """Pairs of a term's name and its value, in the order of an agreement."""
    return list(_pairs(terms))


def _pairs(terms: FacilityTerms) -> Iterator[tuple[str, str]]:
    code = terms.currency.code
    yield "Commitment", f"{money(terms.commitment, code)}{', revolving' if terms.revolving else ''}"
    yield "Interest", rate_in_words(terms.rate)
    yield "Day count", str(terms.day_count)
    yield "Interest periods", f"{tenor_in_words(terms.period_tenor)}, {terms.convention.replace('_', ' ')}"
    kind = terms.profile.kind
    yield "Repayment", PROFILES.get(kind, kind.replace("_", " "))
    yield "Payment days", terms.payment_calendar.name
    yield "Signed", _day(terms.signed_on)
    yield "Drawdowns until", _day(terms.availability_end)
    yield "Matures", _day(terms.maturity)
    grace = f", after {terms.grace_days} days of grace" if terms.grace_days else ""
    yield "Default interest", f"{percent(terms.default_margin)} on top{grace}"
    if terms.arrangement_fee:
        yield "Arrangement fee", money(terms.arrangement_fee, code)
    if terms.commitment_fee:
        every = tenor_in_words(terms.commitment_fee_tenor)
        yield "Commitment fee", f"{percent(terms.commitment_fee)} a year, every {every}"
    if terms.late_fee:
        yield "Late fee", money(terms.late_fee, code)
    if terms.prepayment_fee:
        yield "Prepayment fee", percent(terms.prepayment_fee)
    yield "Waterfall", ", ".join(one.replace("_", " ") for one in terms.waterfall)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def tenor_in_words(tenor: Tenor) -> str:
    """3M is 3 months."""
    return f"{tenor.n} {UNITS[tenor.unit]}{'' if tenor.n == 1 else 's'}"


def rate_in_words(rate: Rate) -> str:
    """A rate in one line, such as SOFR + 1.25 %, compounded in arrears."""
    match rate:
        case FixedRate():
            return f"{percent(rate.rate)} fixed"
        case SteppedRate():
            return ", ".join(f"{percent(step)} from {_day(day)}" for day, step in rate.steps)
        case ZeroUntil():
            return f"none until {_day(rate.until)}, then {rate_in_words(rate.then)}"
        case FloatingRate():
            return f"{_with_margin(rate)}, fixed {rate.reset_days} days before each period"
        case OvernightRate():
            how = str(rate.method).replace("_", " ")
            return f"{_with_margin(rate)}, {how} in arrears, lookback {rate.lookback_days} days"


def _with_margin(rate: FloatingRate | OvernightRate) -> str:
    words = rate.reference
    if rate.margin:
        words += f" + {percent(rate.margin)}"
    bounds = [
        f"{name} {percent(bound)}"
        for name, bound in (("floor", rate.floor), ("cap", rate.cap))
        if bound is not None
    ]
    return f"{words} ({', '.join(bounds)})" if bounds else words
