"""What must hold of applications, votes, decisions and offers."""

from django.db.models import Count, F, Q

from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Promise
from loanfund.origination.models import Application, Decision, LiquidationUpload, Offer, Vote
from loanfund.origination.models.states import RESERVED


def decisions_are_what_was_voted() -> Finding:
    """A decision's document and its proposal's have their digests, and the counts are those of its ballots."""
    breaks = []
    decisions = Decision.objects.select_related("proposal").prefetch_related("proposal__votes")
    for decision in decisions:
        where, proposal = f"origination_decision:{decision.pk}", decision.proposal
        if digest(decision.document) != decision.digest:
            breaks.append(Break(where, f"{decision.number} is not what its digest says."))
        if digest(proposal.document) != proposal.digest or proposal.digest != decision.proposal_digest:
            breaks.append(Break(where, f"{decision.number} rests on another text than {proposal.number}."))
        counted = [line for line in decision.votes if line["counted"]]
        approvals = sum(line["choice"] == "approve" for line in counted)
        declines = sum(line["choice"] == "decline" for line in counted)
        if (approvals, declines) != (decision.approvals, decision.declines):
            breaks.append(Break(where, f"{decision.number} counts other ballots than it lists."))
        if len(decision.votes) != len(proposal.votes.all()):
            breaks.append(Break(where, f"{decision.number} does not list every ballot."))
        if decision.outcome != proposal.state:
            breaks.append(Break(where, f"{decision.number} and {proposal.number} differ in their outcome."))
    return Finding("decisions are what was voted", len(decisions), breaks)


def approvals_hold_their_money() -> Finding:
    """Approved and offered applications have a reservation of just that amount; ended ones have none."""
    promises = {
        promise.reference: promise for promise in Promise.objects.filter(reference__startswith="application:")
    }
    breaks, seen = [], 0
    for application in Application.objects.exclude(decision__isnull=True):
        seen += 1
        promise = promises.get(f"application:{application.pk}")
        held = promise is not None and promise.state == Promise.State.RESERVED
        if held != (application.state in RESERVED):
            sentence = (
                f"{application.number} is {application.get_state_display()}; its reservation says otherwise."
            )
            breaks.append(Break(f"origination_application:{application.pk}", sentence))
        if held and promise is not None and promise.amount != application.approved_amount:
            sentence = f"{application.number} is approved for another amount than is reserved."
            breaks.append(Break(f"origination_application:{application.pk}", sentence))
    return Finding("approvals hold their money", seen, breaks)


def offers_are_what_was_signed() -> Finding:
    """An offer's text has its digest, and an accepted one as many signatures under that text as it needs."""
    breaks = []
    offers = Offer.objects.annotate(
        signed=Count("signatures", filter=Q(signatures__digest=F("digest")), distinct=True)
    ).select_related("application__facility")
    for offer in offers:
        where = f"origination_offer:{offer.pk}"
        if digest(offer.document) != offer.digest:
            breaks.append(Break(where, f"{offer.number} is not what its digest says."))
        if offer.state == Offer.State.ACCEPTED:
            facility = offer.application.facility
            if offer.signed < offer.signatories_needed:
                breaks.append(Break(where, f"{offer.number} was accepted with too few signatures."))
            if facility is None or facility.agreement_digest != offer.digest:
                breaks.append(
                    Break(where, f"{offer.number} was accepted, and its facility rests on another text.")
                )
    return Finding("offers are what was signed", len(offers), breaks)


def nobody_voted_on_their_own() -> Finding:
    """No ballot but a recusal comes from who made the proposal, or prepared it."""
    own = Vote.objects.exclude(choice=Vote.Choice.RECUSE).filter(
        Q(voter=F("proposal__proposer")) | Q(voter=F("proposal__preparer"))
    )
    breaks = [
        Break(f"origination_vote:{vote.pk}", f"{vote.proposal.number} has a ballot of its own maker.")
        for vote in own.select_related("proposal")
    ]
    return Finding("nobody voted on their own proposal", Vote.objects.count(), breaks)


def uploads_are_whole() -> Finding:
    """Every upload has as many rows as it says, counted without a gap."""
    uploads = LiquidationUpload.objects.annotate(stored=Count("records"))
    breaks = [
        Break(
            f"origination_liquidationupload:{upload.pk}",
            f"{upload} has {upload.stored} of {upload.row_count} rows.",
        )
        for upload in uploads
        if upload.stored != upload.row_count
    ]
    return Finding("liquidation uploads are whole", len(uploads), breaks)


INVARIANTS: list[Invariant] = [
    decisions_are_what_was_voted,
    approvals_hold_their_money,
    offers_are_what_was_signed,
    nobody_voted_on_their_own,
    uploads_are_whole,
]
