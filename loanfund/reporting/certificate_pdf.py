"""The certificate of a committee's decision as PDF/UA: terms, votes, dissent, conditions and every digest beneath it."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import typst

from loanfund.calculation.money import currency as currency_of
from loanfund.origination.selectors import Certificate
from loanfund.reporting.pdf_format import FONTS

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "reporting" / "certificate.typ"
PERCENT_KEYS = {
    "rate", "margin", "floor", "cap", "default_margin", "arrangement_fee", "commitment_fee", "prepayment_fee", "balloon",
}  # fmt: skip


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
        "terms": _terms(certificate.terms),
        "rests_on": [
            *_flat(certificate.rests_on),
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


def _terms(terms: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for key, value in terms.items():
        if value in (None, "", False, 0, "0") or (key == "rate" and terms.get("reference")):
            continue  # beside a reference rate the policy's fixed one is carried along and not charged
        label = key.replace("_", " ").capitalize()
        if key in PERCENT_KEYS:
            rows.append([label, f"{(Decimal(value) * 100).normalize():f} %"])
        else:
            rows.append([label, "yes" if value is True else str(value).replace("_", " ")])
    return rows


def _flat(rests_on: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for key, value in rests_on.items():
        label = key.replace("_", " ").capitalize()
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows += [
                [f"{label[:-1] if label.endswith('s') else label} {number}", _inline(item)]
                for number, item in enumerate(value, start=1)
            ]
        elif value not in (None, "", []):
            rows.append([label, _inline(value)])
    return rows


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_inline(item)}" for item in value.values())
    if isinstance(value, list):
        return ", ".join(_inline(item) for item in value)
    return str(value)


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
