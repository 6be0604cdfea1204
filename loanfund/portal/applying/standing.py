"""How an application stands, in words: what is waited for, who acts next, and what is left to fill in."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import Http404
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.facilities.models import FundPolicy
from loanfund.facilities.selectors import policy_in_force
from loanfund.origination.models import Application, Offer
from loanfund.origination.models.states import State
from loanfund.origination.selectors import applications_of
from loanfund.origination.services import check_request, missing_papers
from loanfund.portal.access import Visit

YOU, LENDER, NOBODY = "You", "The lender", "–"
TONES = {
    State.DRAFT: "",
    State.INFORMATION_REQUESTED: "warn",
    State.OFFERED: "warn",
    State.APPROVED: "ok",
    State.ACCEPTED: "ok",
    State.DECLINED: "bad",
    State.LAPSED: "bad",
    State.WITHDRAWN: "",
}
WAITS = {
    State.DRAFT: ("To be completed and handed in", YOU),
    State.SUBMITTED: ("An analyst takes it up", LENDER),
    State.CHECKING: ("An analyst checks that it is complete", LENDER),
    State.INFORMATION_REQUESTED: ("Your answer to the analyst", YOU),
    State.TABLED: ("The committee opens the vote", LENDER),
    State.VOTING: ("The committee votes", LENDER),
    State.APPROVED: ("It is approved; the offer is being written", LENDER),
    State.OFFERED: ("Your signatures on the offer", YOU),
    State.ACCEPTED: ("The facility is signed", NOBODY),
    State.DECLINED: ("The committee declined it", NOBODY),
    State.LAPSED: ("The offer was not accepted in time", NOBODY),
    State.WITHDRAWN: ("You withdrew it", NOBODY),
}
OPEN_PAGES = {State.DRAFT, State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED}
"""States in which papers and records may still be added."""


@dataclass(frozen=True)
class Standing:
    """What one application waits for; `until` is the last day for it, `href` where it is done."""

    application: Application
    waits_for: str
    who: str
    tone: str
    until: date | None
    page: str

    @property
    def yours(self) -> bool:
        return self.who == YOU

    @property
    def over(self) -> bool:
        return self.who == NOBODY


def listed(visit: Visit) -> QuerySet[Application]:
    """The partner's applications with all that a line of the list says, in a fixed number of queries."""
    sent = Offer.objects.filter(state=Offer.State.SENT).annotate(signed=Count("signatures"))
    return (
        applications_of(visit.partner)
        .prefetch_related(Prefetch("offers", queryset=sent, to_attr="offers_sent"))
        .annotate(open_questions=_open_questions())
    )


def _open_questions() -> Count:
    """How many questions no person of the partner has answered."""
    answered = Q(questions__answers__from_partner=True)
    return Count("questions", distinct=True) - Count("questions", filter=answered, distinct=True)  # type: ignore[return-value] # a sum of counts counts


def application_at(visit: Visit, number: str) -> Application:
    """The partner's application with this number; a 404 for anybody else's, as for none."""
    found = (
        listed(visit).select_related("prepared_by", "submitted_by", "analyst").filter(number=number).first()
    )
    if found is None:
        raise Http404("There is no such application.")
    # The visit has both already; the same objects save a query at each use.
    found.partner = visit.partner
    return found


def standing_of(application: Application) -> Standing:
    """How one of `listed` stands, without a query."""
    state = State(application.state)
    waits_for, who = WAITS[state]
    until, page = None, "portal:application"
    offers: list[Any] = application.offers_sent  # type: ignore[attr-defined] # `listed` fetched them
    if state == State.INFORMATION_REQUESTED:
        open_ones: int = application.open_questions  # type: ignore[attr-defined] # `listed` counted them
        waits_for = (
            "Your answer to a question" if open_ones == 1 else f"Your answers to {open_ones} questions"
        )
        until, page = application.information_due_on, "portal:application_thread"
    if state == State.OFFERED and offers:
        left = offers[0].signatories_needed - offers[0].signed
        waits_for = "One signature on the offer" if left == 1 else f"{left} signatures on the offer"
        until, page = offers[0].expires_on, "portal:offer"
    return Standing(application, waits_for, who, TONES.get(state, "info"), until, page)


@dataclass(frozen=True)
class Task:
    """One line of the task list: where it is done, what it holds so far, and its state (done, wanted or optional)."""

    label: str
    href: str
    says: str
    state: str

    @property
    def tone(self) -> str:
        return {"done": "ok", "to do": "warn"}.get(self.state, "")


def tasks_of(visit: Visit, application: Application, wanted: list[str]) -> list[Task]:
    """The task list of a draft. `wanted` holds the labels of the papers that are missing."""
    at = [visit.partner.number, application.number]
    upload = application.uploads.first()
    code = application.fund.currency
    papers = application.documents.exclude(state="replaced").count()
    trouble = request_trouble(visit, application)
    return [
        Task(
            "Amount, time and repayment",
            reverse("portal:application_request", args=at),
            trouble or request_words(application),
            "to do" if trouble else "done",
        ),
        Task(
            "Purpose and figures",
            reverse("portal:application_purpose", args=at),
            "Give the net assets at the snapshot, so that the loss ratio can be worked out."
            if application.net_assets is None
            else f"Net assets {code} {application.net_assets:,.2f}",
            "to do" if application.net_assets is None else "done",
        ),
        Task(
            "Liquidation records",
            reverse("portal:application_liquidations", args=at),
            f"{upload.row_count:,} liquidations from {upload.file_name}"
            if upload
            else "Upload the CSV file.",
            "done" if upload else "to do",
        ),
        Task(
            "Papers",
            reverse("portal:application_papers", args=at),
            f"Still missing: {'; '.join(wanted)}" if wanted else f"{papers} handed in",
            "to do" if wanted else "done",
        ),
        Task(
            "Look at the terms",
            reverse("portal:application_terms", args=at),
            "What it would cost: schedule, interest and effective rate",
            "optional",
        ),
    ]


def request_words(application: Application) -> str:
    """What is asked for, in one line."""
    amount = f"{application.fund.currency} {application.amount:,.2f}"
    return f"{amount} over {application.tenor_months} months, {application.get_profile_display()}"


def request_trouble(visit: Visit, application: Application) -> str:
    """Why the fund does not lend this amount for this time; empty when it does."""
    try:
        check_request(
            application.fund,
            policy_of(visit),
            amount=application.amount,
            tenor_months=application.tenor_months,
        )
    except Refused as refused:
        return refused.sentence
    return ""


def policy_of(visit: Visit) -> FundPolicy:
    """The policy in force on the business date."""
    return policy_in_force(visit.fund, visit.on)


def wanted_papers(visit: Visit, application: Application) -> list[str]:
    """The labels of the papers that have to be added before the application can be handed in."""
    return missing_papers(application, policy_of(visit))
