"""A decision as its certificate shows it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from loanfund.origination.models import Decision
from loanfund.origination.selectors.committee import partner_of


@dataclass(frozen=True)
class Certificate:
    """Everything a decision's certificate says. Amounts are in `currency`; `votes` are {member, role, choice, reason,
    casting, counted, why_not}; `dissent` those who voted against the outcome; `rests_on` the digests of what was shown."""

    number: str
    outcome: str
    reason: str
    decided_on: date
    fund: str
    currency: str
    committee: str
    about: str
    partner: str
    kind: str
    summary: str
    asked: Decimal | None
    amount: Decimal | None
    terms: dict[str, Any]
    conditions: list[dict[str, str]]
    approvals: int
    declines: int
    abstentions: int
    recusals: int
    members_needed: int
    approvals_needed: int
    votes: list[dict[str, Any]]
    dissent: list[dict[str, Any]]
    rests_on: dict[str, Any]
    policy_version: int
    proposal_digest: str
    digest: str
    audit_head: str


def certificate(decision: Decision) -> Certificate:
    """The certificate of a decision. The same decision gives the same certificate for ever: all of it is stored."""
    proposal = decision.proposal
    about = proposal.application or proposal.facility
    agreeing = "approve" if decision.outcome == Decision.Outcome.APPROVED else "decline"
    counted = [vote for vote in decision.votes if vote["counted"]]
    return Certificate(
        number=decision.number,
        outcome=decision.outcome,
        reason=decision.reason,
        decided_on=decision.decided_on,
        fund=proposal.committee.fund.name,
        currency=proposal.committee.fund.currency,
        committee=proposal.committee.name,
        about=str(about),
        partner=partner_of(proposal).legal_name,
        kind=proposal.get_kind_display(),
        summary=proposal.summary,
        asked=proposal.application.amount if proposal.application else None,
        amount=decision.amount,
        terms=proposal.terms,
        conditions=proposal.conditions,
        approvals=decision.approvals,
        declines=decision.declines,
        abstentions=decision.abstentions,
        recusals=decision.recusals,
        members_needed=proposal.members_needed,
        approvals_needed=proposal.approvals_needed,
        votes=decision.votes,
        dissent=[vote for vote in counted if vote["choice"] not in {agreeing, "abstain"}],
        rests_on=proposal.document["rests_on"],
        policy_version=proposal.policy.version,
        proposal_digest=proposal.digest,
        digest=decision.digest,
        audit_head=decision.audit_head,
    )
