"""Putting something to the committee: frozen when tabled, changed only by a new proposal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import Facility, FundPolicy
from loanfund.facilities.selectors import MatrixNeed, needed_votes, policy_in_force
from loanfund.facilities.services.numbers import next_number
from loanfund.origination.models import Application, Committee, Meeting, Proposal
from loanfund.origination.models.states import State
from loanfund.origination.rights import must_have_role
from loanfund.origination.selectors.committee import seats_on, standing
from loanfund.origination.services.applications import check_request, missing_papers, void_open_proposals
from loanfund.origination.services.moves import locked_application, move, must_move, must_say
from loanfund.origination.terms import deal_terms, facility_document
from loanfund.parties.models import User
from loanfund.parties.roles import ANALYST, CHAIR, COMMITTEE_MEMBER, OPERATIONS_MAKER
from loanfund.parties.selectors import kyb_in_date
from loanfund.parties.services import notify


@dataclass(frozen=True)
class _Draft:
    """What a proposal is about and asks for, before it has a number."""

    committee: Committee
    kind: str
    policy: FundPolicy
    need: MatrixNeed
    summary: str
    document: Mapping[str, Any]
    application: Application | None = None
    facility: Facility | None = None
    amount: Decimal | None = None
    terms: Mapping[str, Any] | None = None
    conditions: Sequence[Mapping[str, str]] = ()
    meeting: Meeting | None = None
    replaces: Proposal | None = None
    preparer: User | None = None


@transaction.atomic
def table_proposal(
    *,
    application: Application,
    committee: Committee,
    actor: User,
    on: date,
    summary: str,
    amount: Decimal | None = None,
    terms: Mapping[str, Any] | None = None,
    conditions: Sequence[Mapping[str, str]] | None = None,
    meeting: Meeting | None = None,
) -> Proposal:
    """Table an application that is checked and weighed; from then on the proposal cannot be edited.

    `amount` is what is to be approved, the amount asked for or less; `terms` what differs from the policy's pricing
    (see origination.terms.deal_terms); `conditions` [{text, scope}] instead of the policy's. Refused when a paper is
    missing or unchecked, a question is open, the partner's own check is not in date, or there is no memo.
    """
    must_have_role(actor, ANALYST)
    locked = locked_application(application)
    must_move(locked, "table")
    policy = policy_in_force(locked.fund, on)
    _must_be_complete(locked, policy, on)
    draft = _application_draft(
        locked, committee, policy, summary=summary, amount=amount, terms=terms, conditions=conditions, on=on,
        meeting=meeting,
    )  # fmt: skip
    proposal = _create(draft, actor=actor, on=on)
    move(locked, "table", actor=actor, on=on, reason=proposal.number)
    return proposal


@transaction.atomic
def replace_proposal(
    *,
    proposal: Proposal,
    actor: User,
    on: date,
    summary: str,
    amount: Decimal | None = None,
    terms: Mapping[str, Any] | None = None,
    conditions: Sequence[Mapping[str, str]] | None = None,
) -> Proposal:
    """Table another text in a proposal's place: the old one and its ballots are void, and voting begins afresh."""
    must_have_role(actor, ANALYST)
    locked = _locked_open(proposal)
    if locked.application is None:
        raise Refused("Propose the change anew; this one lapses when it is voided.")
    application = locked_application(locked.application)
    policy = policy_in_force(application.fund, on)
    void_open_proposals(application, "replaced by a new proposal", on)
    draft = _application_draft(
        application, locked.committee, policy, summary=summary, amount=amount, terms=terms, conditions=conditions,
        on=on, meeting=locked.meeting, replaces=locked,
    )  # fmt: skip
    fresh = _create(draft, actor=actor, on=on)
    if application.state == State.VOTING:
        move(application, "return_to_check", actor=actor, on=on, reason=f"{locked.number} replaced")
        move(application, "table", actor=actor, on=on, reason=fresh.number)
    return fresh


@transaction.atomic
def propose_reserved(
    *,
    facility: Facility,
    committee: Committee,
    kind: str,
    summary: str,
    document: Mapping[str, Any],
    preparer: User | None,
    actor: User,
    on: date,
    amount: Decimal | None = None,
    meeting: Meeting | None = None,
) -> Proposal:
    """Put an act after signing to the committee: amendment, holiday, waiver, write-off, a limit exceeded, a condition.

    `document` is the thing decided on; its digest is what servicing must show to act on the decision, with at most
    `amount`: give the one of the instruction. `preparer` is who made that instruction and so has no vote on it, None
    where there is no instruction. For
    "limit_exceeded" it holds {owner, amount}, for "condition_waiver" {condition}: the position of the condition.
    """
    must_have_role(actor, ANALYST, OPERATIONS_MAKER)
    policy = policy_in_force(facility.fund, on)
    if kind not in Proposal.Kind.values or kind == Proposal.Kind.APPLICATION:
        raise Refused("Choose what is put to the committee.", field="kind")
    if kind == Proposal.Kind.LIMIT_EXCEEDED and not {"owner", "amount"} <= set(document):
        raise Refused("Say whose limit is exceeded, and by how much.", field="document")
    positions = list(facility.conditions.filter(state="open").values_list("position", flat=True))
    if kind == Proposal.Kind.CONDITION_WAIVER and document.get("condition") not in positions:
        raise Refused("Name an open condition of the facility by its position.", field="document")
    need = needed_votes(policy, segment=facility.partner.segment, amount=amount or facility.commitment)
    draft = _Draft(
        committee=committee, kind=kind, policy=policy, need=need, summary=summary, document=document,
        facility=facility, amount=amount, meeting=meeting, preparer=preparer,
    )  # fmt: skip
    return _create(draft, actor=actor, on=on)


@transaction.atomic
def open_voting(*, proposal: Proposal, actor: User, on: date) -> Proposal:
    """Open the ballot. Refused when fewer members may vote than the matrix needs. The members are told."""
    must_have_role(actor, ANALYST, OPERATIONS_MAKER, CHAIR, COMMITTEE_MEMBER)
    locked = _locked_open(proposal)
    if locked.state != Proposal.State.TABLED:
        raise Refused(f"{locked.number} is {locked.get_state_display()} already.", code="state")
    able = standing(locked, on).may_still_vote
    if len(able) < locked.members_needed:
        raise Refused(
            f"{len(able)} members may vote on {locked.number} and {locked.members_needed} are needed. Seat more members."
        )
    locked.state, locked.voting_opened_on = Proposal.State.VOTING, on
    locked.save(update_fields=["state", "voting_opened_on"])
    if locked.application is not None:
        move(locked_application(locked.application), "open_voting", actor=actor, on=on, reason=locked.number)
    record(actor=actor, action="proposal.voting_opened", obj=locked, on=on, after={"digest": locked.digest})
    members = [seat.user for seat in seats_on(locked.committee_id, on)]
    notify(
        recipients=members, kind="vote", key=f"vote:{locked.pk}", subject=f"{locked.number} is open for your vote",
        body=locked.summary, on=on,
    )  # fmt: skip
    return locked


@transaction.atomic
def return_to_check(*, proposal: Proposal, reason: str, actor: User, on: date) -> Proposal:
    """Take a proposal off the table, from before or during the vote: it and its ballots are void, nothing is decided.

    The way out when the quorum is lost, or when what was approved no longer fits into the fund.
    """
    must_have_role(actor, ANALYST, CHAIR)
    said = must_say(reason, "why it comes off the table")
    locked = _locked_open(proposal)
    locked.state, locked.void_reason, locked.closed_on = Proposal.State.VOID, said[:300], on
    locked.save(update_fields=["state", "void_reason", "closed_on"])
    if locked.application is not None:
        move(locked_application(locked.application), "return_to_check", actor=actor, on=on, reason=said)
    record(actor=actor, action="proposal.voided", obj=locked, on=on, reason=said)
    return locked


def _must_be_complete(application: Application, policy: FundPolicy, on: date) -> None:
    missing = missing_papers(application, policy)
    if missing:
        raise Refused(f"Papers are missing: {'; '.join(missing)}.", field="documents")
    required = {paper["kind"] for paper in policy.required_papers}
    unchecked = application.documents.filter(kind__in=required, state="pending").count()
    if unchecked:
        raise Refused(f"{unchecked} of the required papers are not checked yet.", field="documents")
    if not kyb_in_date(application.partner, on):
        raise Refused(
            f"The check of {application.partner.legal_name} is not approved and in date. Approve it first."
        )
    if not application.memos.exists():
        raise Refused("Write the credit memo before tabling.", field="memo")


def _application_draft(
    application: Application,
    committee: Committee,
    policy: FundPolicy,
    *,
    summary: str,
    amount: Decimal | None,
    terms: Mapping[str, Any] | None,
    conditions: Sequence[Mapping[str, str]] | None,
    on: date,
    meeting: Meeting | None,
    replaces: Proposal | None = None,
) -> _Draft:
    if committee.fund_id != application.fund_id:
        raise Refused("This committee decides for another fund.", field="committee")
    asked = application.amount if amount is None else amount
    if not 0 < asked <= application.amount:
        raise Refused(f"Propose up to {application.amount:,.2f}, the amount asked for.", field="amount")
    deal = deal_terms(policy=policy, application=application, changes=terms or {})
    check_request(application.fund, policy, amount=asked, tenor_months=deal["tenor_months"])
    # The whole document is made once here, so that terms which cannot work are refused before anyone votes on them.
    facility_document(fund=application.fund, amount=asked, deal=deal, signed_on=on)
    chosen = list(policy.conditions_precedent if conditions is None else conditions)
    return _Draft(
        committee=committee,
        kind=Proposal.Kind.APPLICATION,
        policy=policy,
        need=needed_votes(policy, segment=application.partner.segment, amount=asked),
        summary=summary,
        document=_rests_on(application),
        application=application,
        amount=asked,
        terms=deal,
        conditions=chosen,
        meeting=meeting,
        replaces=replaces,
    )


def _rests_on(application: Application) -> dict[str, Any]:
    """The digests and figures of everything that the committee is shown about an application."""
    upload = application.uploads.first()
    papers = application.documents.exclude(state="replaced").select_related("file").order_by("id")
    return {
        "application": application.number,
        "partner": application.partner.number,
        "legal_name": application.partner.legal_name,
        "asked": application.amount,
        "purpose": application.purpose,
        "assessment": application.assessments.order_by("-version")[0].digest,
        "memo": application.memos.order_by("-version")[0].digest,
        "scorecard": [str(card.score) for card in application.scorecards.order_by("-version")[:1]],
        "liquidations": upload.digest if upload else None,
        "papers": [
            {"kind": paper.kind, "sha256": paper.file.sha256, "state": paper.state} for paper in papers
        ],
    }


def _create(draft: _Draft, *, actor: User, on: date) -> Proposal:
    application = draft.application
    memo = application.memos.order_by("-version").first() if application else None
    assessment = application.assessments.order_by("-version").first() if application else None
    key, number = next_number(Proposal, "PRP")
    asked = {
        "number": number,
        "kind": draft.kind,
        "facility": draft.facility.number if draft.facility else None,
        "amount": draft.amount,
        "summary": must_say(draft.summary, "what is proposed, in a sentence", "summary"),
        "terms": draft.terms or {},
        "conditions": list(draft.conditions),
        "policy": draft.policy.version,
        "members_needed": draft.need.members_needed,
        "approvals_needed": draft.need.approvals_needed,
        "chair_casts": draft.need.chair_casts,
        "rests_on": draft.document,
    }
    proposal = Proposal.objects.create(
        pk=key, number=number, committee=draft.committee, meeting=draft.meeting, kind=draft.kind,
        application=application, facility=draft.facility, replaces=draft.replaces, policy=draft.policy, memo=memo,
        assessment=assessment, amount=draft.amount, summary=draft.summary.strip(), terms=plain(draft.terms or {}),
        conditions=plain(list(draft.conditions)), document=plain(asked), digest=digest(asked),
        members_needed=draft.need.members_needed, approvals_needed=draft.need.approvals_needed,
        chair_casts=draft.need.chair_casts, proposer=actor, preparer=memo.author if memo else draft.preparer,
        tabled_on=on,
    )  # fmt: skip
    record(
        actor=actor,
        action="proposal.tabled",
        obj=proposal,
        on=on,
        after={"number": number, "digest": proposal.digest},
    )
    return proposal


def _locked_open(proposal: Proposal) -> Proposal:
    """The proposal and, before it, its application, locked. Refused once it is closed."""
    if proposal.application_id:
        Application.objects.select_for_update(of=("self",)).get(pk=proposal.application_id)
    found = Proposal.objects.select_for_update(of=("self",)).select_related(
        "application__partner", "facility__partner", "facility__fund", "committee__fund", "meeting"
    )
    locked = found.get(pk=proposal.pk)
    if locked.state not in {Proposal.State.TABLED, Proposal.State.VOTING, Proposal.State.TIED}:
        raise Refused(f"{locked.number} is {locked.get_state_display()}; it is closed.", code="state")
    return locked
