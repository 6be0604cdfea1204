"""Proposals: what is put to the committee, the sealed vote on it, and the decision that comes of it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.facilities.canonical import digest
from loanfund.office.committee.queue import READERS, ROOM
from loanfund.office.committee.voting import voting_acts
from loanfund.office.committee.weighing import assessment_rows, previewed, weighed
from loanfund.office.operations.acts import Desk
from loanfund.office.operations.figures import compared
from loanfund.office.operations.history import timeline
from loanfund.office.operations.instructions import details_in_words
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import CREDIT, DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination.models import ConflictDeclaration, Proposal, Vote
from loanfund.origination.selectors import (
    allowed_on_proposal,
    partner_of,
    progress,
    seats_on,
    visible_votes,
    why_not_count,
)
from loanfund.origination.selectors.committee import CLOSED
from loanfund.origination.term_words import term_rows
from loanfund.parties import roles
from loanfund.servicing.models import Instruction

State = Proposal.State
TONES = {
    State.TABLED: "info",
    State.VOTING: "brand",
    State.TIED: "warn",
    State.APPROVED: "ok",
    State.DECLINED: "bad",
}
CHOICES = [
    ("open", "Open", Q(state__in=[State.TABLED, State.VOTING, State.TIED])),
    ("voting", "Open for votes", Q(state__in=[State.VOTING, State.TIED])),
    ("decided", "Decided", Q(state__in=[State.APPROVED, State.DECLINED])),
    ("void", "Void", Q(state=State.VOID)),
    ("all", "All", Q()),
]
SEARCHED = (
    "number",
    "application__number",
    "application__partner__legal_name",
    "facility__number",
    "facility__partner__legal_name",
)
VOTE_TONES = {"approve": "ok", "decline": "bad", "abstain": "", "recuse": "warn"}


@page("proposals/", name="proposals", readers=READERS, menu="Proposals and votes", section="Committee room")
def proposals(request: HttpRequest) -> HttpResponse:
    """Every proposal, those that are open first, each with whether this person has voted."""
    seat = take_seat(request)
    found = Proposal.objects.filter(committee__fund=seat.fund).select_related(
        "application__partner", "facility__partner", "meeting", "proposer"
    )
    listing = listed(request, found.order_by("-id"), choices=CHOICES, search=SEARCHED)
    shown = [row.pk for row in listing.page]
    mine = set(Vote.objects.filter(voter=seat.user, proposal__in=shown).values_list("proposal_id", flat=True))
    rows = [
        {
            "one": row,
            "about": row.application or row.facility,
            "partner": partner_of(row),
            "tone": TONES.get(State(row.state), ""),
            "voted": row.pk in mine,
        }
        for row in listing.page
    ]
    context = {"listing": listing, "rows": rows, "code": seat.fund.currency}
    return show(request, "office/committee/proposals.html", context, title="Proposals and votes")


@page(
    "proposals/<str:number>/",
    name="proposal",
    readers=READERS,
    actors=(*ROOM, roles.OPERATIONS_MAKER),
)
def proposal(request: HttpRequest, number: str) -> HttpResponse:
    """One proposal: the text that is voted on, what it rests on, and the vote as far as it may be seen."""
    seat = take_seat(request)
    related = (
        "committee__fund", "meeting", "application__partner__group", "application__fund", "facility__partner__group",
        "memo__author", "assessment__policy", "assessment__upload", "proposer", "preparer", "replaces", "policy",
    )  # fmt: skip
    one = get_object_or_404(
        Proposal.objects.select_related(*related), committee__fund=seat.fund, number=number
    )
    allowed = allowed_on_proposal(one, seat.user, seat.on)
    desk = Desk(request, voting_acts(seat, one, allowed))
    if (answer := desk.answer()) is not None:
        return answer
    closed = one.state in CLOSED
    context = {
        "proposal": one,
        "partner": partner_of(one),
        "code": seat.fund.currency,
        "desk": desk,
        "tone": TONES.get(State(one.state), ""),
        "may_replace": "replace_proposal" in allowed,
        "closed": closed,
        "trail": [("Proposals and votes", reverse("admin:proposals"))],
        "history": timeline(one),
        **_ballot(seat, one, closed),
        **_weight(seat, one),
    }
    title = f"{one.number}, {partner_of(one).legal_name}"
    return show(request, "office/committee/proposal.html", context, title=title, status=desk.status)


@dataclass(frozen=True)
class Shown:
    """One ballot as it may be shown."""

    who: str
    choice: str
    tone: str
    reason: str
    cast_on: date
    note: str


def _ballot(seat: Seat, one: Proposal, closed: bool) -> dict[str, Any]:
    """What may be seen of the vote: how far it has come, one's own ballot, and all of them once it is closed."""
    decision = getattr(one, "decision", None)
    visible = list(visible_votes(one, seat.user))
    # A decision lists every ballot in the order in which they were cast, as the closed vote shows them.
    stored = [{}] * len(visible) if decision is None else decision.votes
    votes = [_shown(vote, line) for vote, line in zip(visible, stored, strict=True)]
    seated = {row.user_id: row for row in seats_on(one.committee_id, seat.on)}
    why_not = why_not_count(one, seat.user, seat.on) if seat.user.pk in seated and not closed else ""
    return {
        "progress": None if closed or one.state == State.TABLED else progress(one, seat.on),
        "votes": votes,
        "decision": decision,
        "seated": seat.user.pk in seated,
        "why_not": why_not,
        "conflicts": list(
            ConflictDeclaration.objects.filter(
                partner=partner_of(one), user__in=[row.user for row in seated.values()]
            ).select_related("user")
        ),
    }


def _shown(vote: Vote, stored: dict[str, Any]) -> Shown:
    note = "casting vote" if vote.casting else ""
    if stored and not stored["counted"]:
        note = f"not counted: {stored['why_not']}"
    return Shown(
        str(vote.voter), vote.get_choice_display(), VOTE_TONES[vote.choice], vote.reason, vote.cast_on, note
    )


def _weight(seat: Seat, one: Proposal) -> dict[str, Any]:
    """The figures that the text rests on: of an application its deal, limits and impact; of a facility the document."""
    if one.application is None or one.amount is None:
        rests_on = one.document.get("rests_on", {})
        change = _change(one, rests_on)
        if change is not None:
            rows = details_in_words(change)
            return {
                "change": change,
                "may_open_change": seat.holds(*DESK, *CREDIT, roles.AUDITOR),
                "document_rows": rows,
                "compared": compared(change.preview),
            }
        return {
            "document_rows": [
                (key.replace("_", " ").capitalize(), _words(value)) for key, value in rests_on.items()
            ]
        }
    deal = previewed(seat.fund, one.amount, one.terms, one.tabled_on)
    return {
        "deal": deal,
        "deal_rows": term_rows(one.terms),
        "weighed": weighed(one.application, one.amount, seat.on),
        "assessment_rows": assessment_rows(one.assessment, seat.fund.currency),
        "score": (one.document.get("rests_on", {}).get("scorecard") or [None])[0],
    }


def _change(one: Proposal, rests_on: dict[str, Any]) -> Instruction | None:
    """The instruction that a proposal asks leave for: the one of just this content."""
    same = Instruction.objects.filter(facility=one.facility, proposed_digest=digest(rests_on))
    return same.select_related("facility", "loan", "maker", "consent_by").order_by("-pk").first()


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return "; ".join(f"{key.replace('_', ' ')}: {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value)
    return str(value)
