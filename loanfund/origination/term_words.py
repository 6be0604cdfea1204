"""Terms in words: what a deal says, label by label, the same on every page and on the certificate."""

from collections.abc import Mapping
from typing import Any

from loanfund.calculation.periods import Tenor
from loanfund.origination.models import Application
from loanfund.parties.templatetags.money import percent

RATE_KEYS = {
    "rate": "Interest rate",
    "margin": "Margin",
    "floor": "Floor",
    "cap": "Cap",
    "default_margin": "Default margin",
    "arrangement_fee": "Arrangement fee",
    "commitment_fee": "Commitment fee on the undrawn part",
    "prepayment_fee": "Prepayment fee",
    "balloon": "Balloon",
}
PLAIN_KEYS = {
    "reference": "Reference rate",
    "lookback": "Lookback, business days",
    "day_count": "Day count",
    "period": "Interest period",
    "tenor_months": "Tenor, months",
    "profile": "Repayment",
    "interest_only_months": "Interest only, months",
    "interest_free_months": "Interest free, months",
    "capitalised_months": "Interest capitalised, months",
    "availability_months": "Drawdowns for, months",
    "grace_days": "Days of grace",
    "prepayment_effect": "A prepayment shortens",
    "revolving": "Revolving",
}


def term_rows(deal: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A deal as pairs of a label and words, in the order in which people read terms; what is nought is left out."""
    # Beside a reference rate the policy's fixed one is carried along and not charged.
    left_out = {"rate"} if deal.get("reference") else set()
    rates = {key: label for key, label in RATE_KEYS.items() if key not in left_out and _said(deal.get(key))}
    rows = [(label, percent(deal[key])) for key, label in rates.items()]
    for key, label in PLAIN_KEYS.items():
        value = deal.get(key)
        if not _said(value):
            continue
        if key == "profile":
            value = Application.Profile(str(value)).label
        elif key == "period":
            value = _period(Tenor.parse(str(value)))
        rows.append((label, "yes" if value is True else str(value)))
    return rows


def _said(value: Any) -> bool:
    return value not in (None, "", False, 0) and str(value).strip("0.") != ""


def _period(tenor: Tenor) -> str:
    unit = {"D": "day", "W": "week", "M": "month", "Y": "year"}[tenor.unit]
    return f"{tenor.n} {unit}{'' if tenor.n == 1 else 's'}"
