"""The certificate of a committee's decision as PDF/UA: terms, votes, dissent, conditions and every digest beneath it."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst

from loanfund.calculation.money import currency as currency_of
from loanfund.origination.selectors import Certificate
from loanfund.origination.term_words import term_rows
from loanfund.reporting.pdf_format import FONTS

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "reporting" / "certificate.typ"
BASIS = {
    "legal_name": "Legal name",
    "asked": "Amount asked for",
    "assessment": "Digest of the assessment",
    "memo": "Digest of the credit memo",
    "liquidations": "Digest of the liquidations",
}
"""What the parts of a proposal's basis are called, where their key does not say it."""
FIRST = ("Application", "Partner", "Legal name", "Amount asked for", "Purpose", "Scorecard")
"""What the list begins with: what one reads, before the digests that one compares."""


def render(certificate: Certificate) -> bytes:
    """The certificate as a PDF; the same decision gives the same bytes, on any day and any machine."""
    options: dict[str, Any] = {
        "format": "pdf",
        "font_paths": [FONTS],
        "ignore_system_fonts": True,
        "sys_inputs": {"data": json.dumps(certificate_data(certificate))},
        "pdf_standards": ["ua-1"],
        "timestamp": 0,
    }
    pdf: bytes = typst.compile(TEMPLATE.read_bytes(), **options)
    return pdf


def certificate_data(certificate: Certificate) -> dict[str, Any]:
    """What the printed certificate says, every figure as text already written out."""

    def money(amount: Decimal | None) -> str:
        if amount is None:
            return "none"
        return f"{certificate.currency} {amount:,.{currency_of(certificate.currency).decimals}f}"

    return {
        "title": f"Decision {certificate.number}",
        "number": certificate.number,
        "outcome": certificate.outcome.capitalize(),
        "fund": certificate.fund,
        "committee": certificate.committee,
        "digest": certificate.digest,
        "reason": certificate.reason,
        "summary": certificate.summary,
        "facts": [
            ["Decided on", _day(certificate.decided_on)],
            ["Committee", f"{certificate.committee} of {certificate.fund}"],
            ["Matter", f"{certificate.kind.capitalize()}, {certificate.about}"],
            ["Partner", certificate.partner],
            *([["Asked for", money(certificate.asked)]] if certificate.asked is not None else []),
            *([["Amount decided", money(certificate.amount)]] if certificate.amount is not None else []),
        ],
        "tally": [
            ["Approve", str(certificate.approvals)],
            ["Decline", str(certificate.declines)],
            ["Abstain", str(certificate.abstentions)],
            ["Recused", str(certificate.recusals)],
            ["Members needed", str(certificate.members_needed)],
            ["Approvals needed", str(certificate.approvals_needed)],
        ],
        "votes": [_vote(vote) for vote in certificate.votes],
        "dissent": [f"{vote['member']}: {vote['reason']}" for vote in certificate.dissent],
        "conditions": [
            f"{one['text']} ({'before each drawdown' if one.get('scope') == 'each' else 'before the first drawdown'})"
            for one in certificate.conditions
        ],
        "terms": [list(row) for row in term_rows(certificate.terms)],
        "rests_on": [
            *_basis(certificate.rests_on, money),
            ["Policy version", str(certificate.policy_version)],
            ["Digest of the proposal", certificate.proposal_digest],
            ["Digest of the decision", certificate.digest],
            ["Head of the audit chain", certificate.audit_head],
        ],
    }


def _vote(vote: Mapping[str, Any]) -> list[str]:
    note = "casting vote" if vote["casting"] else ""
    if not vote["counted"]:
        note = f"not counted: {vote['why_not']}"
    return [vote["member"], vote["role"], vote["choice"], vote["reason"], note]


def _basis(rests_on: Mapping[str, Any], money: Callable[[Decimal], str]) -> list[list[str]]:
    """Everything that the committee was shown, by name: figures as people write them, the rest by its digest."""
    rows = []
    for key, value in rests_on.items():
        label = BASIS.get(key, key.replace("_", " ").capitalize())
        if key == "papers":
            rows += [[_name(one["kind"]), f"{one['sha256']} ({one['state']})"] for one in value]
        elif key == "asked":
            rows.append([label, money(Decimal(value))])
        elif key == "scorecard":
            rows += [[label, f"{Decimal(score):.2f} of 5"] for score in value]
        elif key == "kind":
            rows.append([label, _name(value)])
        elif value not in (None, "", [], {}):
            rows.append([label, _inline(value)])
    return sorted(rows, key=lambda row: FIRST.index(row[0]) if row[0] in FIRST else len(FIRST))


def _name(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {_inline(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_inline(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
