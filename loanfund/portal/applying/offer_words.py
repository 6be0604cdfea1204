"""An offer's document in words: its terms, what changed from the request, and the text that is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from loanfund.origination.models import Application, Offer
from loanfund.parties.templatetags.money import money, percent

PROFILES = {str(value): str(words) for value, words in Application.Profile.choices}
PREPAYING = {
    "instalment": "lowers every instalment that follows",
    "term": "shortens the time to the last repayment",
    "next": "counts towards the next instalments",
    "last": "counts towards the last instalments",
}


@dataclass(frozen=True)
class Row:
    """One line of an offer's schedule, typed again from its document; amounts in the offer's currency."""

    number: int
    due_on: date
    principal: Decimal
    interest: Decimal
    fees: Decimal
    payment: Decimal
    balance: Decimal


def schedule_rows(document: Mapping[str, Any]) -> list[Row]:
    """The schedule as the document holds it: what the books' own function gave on the day it was made."""
    return [
        Row(
            number=row["number"],
            due_on=date.fromisoformat(row["due_on"]),
            **{name: Decimal(row[name]) for name in ("principal", "interest", "fees", "payment", "balance")},
        )
        for row in document["schedule"]["rows"]
    ]


def day_words(day: str) -> str:
    """2026-08-21 as 21 August 2026."""
    at = date.fromisoformat(day)
    return f"{at.day} {at:%B %Y}"


def rate_words(deal: Mapping[str, Any]) -> str:
    """The interest rate as a loan agreement says it."""
    if deal.get("reference"):
        words = f"{deal['reference']} compounded in arrears plus {percent(deal.get('margin', '0'))} a year"
        if "floor" in deal:
            words += f", the reference never below {percent(deal['floor'])}"
        if "cap" in deal:
            words += f", never above {percent(deal['cap'])}"
        return f"{words}, looking back {deal.get('lookback', 5)} business days"
    return f"{percent(deal['rate'])} a year, fixed"


def repayment_words(deal: Mapping[str, Any]) -> str:
    """How principal comes back."""
    words = PROFILES[deal["profile"]].capitalize()
    if deal.get("interest_only_months"):
        words += f"; interest only for the first {deal['interest_only_months']} months"
    if deal.get("balloon"):
        words += f"; {percent(deal['balloon'])} of the amount with the last payment"
    if deal.get("capitalised_months"):
        words += f"; interest of the first {deal['capitalised_months']} months is added to principal"
    return words


def _months(count: int) -> str:
    return f"{count} month" if count == 1 else f"{count} months"


PERIODS = {
    "1M": "every month",
    "3M": "every three months",
    "6M": "every six months",
    "12M": "every year",
    "1Y": "every year",
}


def terms_in_words(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The terms as pairs of what and how, in the order of a term sheet."""
    deal, code = document["deal"], document["currency"]
    revolves = bool(deal.get("revolving"))
    fee = money(Decimal(document["fees"]["arrangement"]), code)
    rows = [
        ("Borrower", f"{document['borrower']} ({document['borrower_number']})"),
        ("Lender", document["fund"]),
        ("Commitment", money(Decimal(document["amount"]), code)),
        ("Purpose", document["purpose"]),
        ("Kind", f"{_kind(revolves)}: what is repaid {'may be' if revolves else 'is not'} drawn again"),
        ("Drawdowns", f"Until {day_words(document['availability_end'])}"),
        (
            "Last repayment",
            f"{day_words(document['maturity'])}, {_months(deal['tenor_months'])} after the offer",
        ),
        ("Interest", rate_words(deal) + _free(deal)),
        (
            "Interest is counted",
            f"{deal['day_count']}, paid {PERIODS.get(deal['period'], 'every ' + deal['period'])}",
        ),
        ("Repayment", repayment_words(deal)),
        ("Arrangement fee", f"{fee}, {percent(deal.get('arrangement_fee', '0'))} of the commitment"),
        ("Commitment fee", f"{percent(document['fees']['commitment_rate'])} a year of what is not drawn"),
        ("Paying early", _prepaying(deal)),
        ("Paying late", _late(deal)),
    ]
    return [(label, str(words)) for label, words in rows]


def _prepaying(deal: Mapping[str, Any]) -> str:
    fee = Decimal(deal.get("prepayment_fee", "0"))
    words = f"Allowed, for a fee of {percent(fee)} of what is prepaid" if fee else "Allowed, without a fee"
    effect = PREPAYING.get(deal.get("prepayment_effect", "instalment"))
    return f"{words}; it {effect}" if effect else words


def _late(deal: Mapping[str, Any]) -> str:
    words = f"{percent(deal.get('default_margin', '0'))} a year more on what is overdue"
    days = deal.get("grace_days", 0)
    return f"{words}, after {days} days of grace" if days else words


def _free(deal: Mapping[str, Any]) -> str:
    months = deal.get("interest_free_months")
    return f"; none in the first {_months(months)}" if months else ""


def _kind(revolves: bool) -> str:
    return "Revolving" if revolves else "Term"


@dataclass(frozen=True)
class Change:
    """One thing as it was asked for and as it is offered."""

    label: str
    asked: str
    offered: str

    @property
    def differs(self) -> bool:
        return self.asked != self.offered


def changes(application: Application, document: Mapping[str, Any]) -> list[Change]:
    """The request and the offer side by side."""
    deal, code = document["deal"], document["currency"]
    asked_waits = application.interest_only_months
    return [
        Change("Amount", money(application.amount, code), money(Decimal(document["amount"]), code)),
        Change("Time", _months(application.tenor_months), _months(deal["tenor_months"])),
        Change(
            "Repayment", PROFILES[application.profile].capitalize(), PROFILES[deal["profile"]].capitalize()
        ),
        Change(
            "Interest only",
            _months(asked_waits) if asked_waits else "None",
            _months(deal["interest_only_months"]) if deal.get("interest_only_months") else "None",
        ),
        Change(
            "Kind",
            _kind(application.revolving),
            _kind(bool(deal.get("revolving"))),
        ),
    ]


def offer_text(offer: Offer) -> str:
    """The offer as plain text to keep: terms, conditions, schedule, signatures and the digest of its document."""
    document = offer.document
    code = document["currency"]
    lines = [f"OFFER {offer.number}", f"{document['fund']} to {document['borrower']}", ""]
    lines += [f"{label}: {words}" for label, words in terms_in_words(document)]
    lines += ["", "CONDITIONS BEFORE DRAWDOWN", *[f"- {one['text']}" for one in document["conditions"]]]
    lines += [
        "",
        f"SCHEDULE in {code}, the whole amount drawn on {day_words(document['schedule']['drawn_on'])}",
    ]
    lines.append(
        f"{'No.':>4} {'Due':<12}{'Principal':>20}{'Interest':>18}{'Fees':>16}{'Payment':>20}{'Left':>20}"
    )
    for row in schedule_rows(document):
        lines.append(
            f"{row.number:>4} {row.due_on.isoformat():<12}{row.principal:>20,.2f}{row.interest:>18,.2f}{row.fees:>16,.2f}"
            f"{row.payment:>20,.2f}{row.balance:>20,.2f}"
        )
    lines += ["", "SIGNATURES"]
    signatures = offer.signatures.select_related("user").order_by("id")
    signed = [
        f"- {one.signed_name} ({one.user.email}), {day_words(one.signed_on.isoformat())}"
        for one in signatures
    ]
    lines += signed or ["- none yet"]
    lines += ["", f"State: {offer.get_state_display()}", f"SHA-256 of the document: {offer.digest}", ""]
    return "\n".join(line.replace("\N{NO-BREAK SPACE}", " ") for line in lines)
