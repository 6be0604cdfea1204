"""Reads of applications: the queue, one application's page, and what a person may do with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Max, Q, QuerySet

from loanfund.audit.models import AuditEvent
from loanfund.audit.selectors import object_label
from loanfund.facilities.models import Fund
from loanfund.origination.models import (
    Answer,
    Application,
    CreditMemo,
    Decision,
    ImpactAssessment,
    Offer,
    Proposal,
    Question,
    Scorecard,
)
from loanfund.origination.models.states import FINAL, State
from loanfund.origination.rights import PREPARES, SIGNS, is_member
from loanfund.origination.selectors.committee import seats_on, standing, why_not_count
from loanfund.parties.models import Partner, User
from loanfund.parties.roles import ANALYST, CHAIR, COMMITTEE_MEMBER, OPERATIONS_CHECKER, OPERATIONS_MAKER
from loanfund.parties.selectors import has_role

WAITING_DAYS = 5
"""A submitted or checked application that has not moved for longer is marked overdue in the queue."""


def queue(fund: Fund | None = None) -> QuerySet[Application]:
    """Everything handed in and not ended, the longest waiting first; the partner, group and analyst come with it."""
    found = Application.objects.exclude(state__in=[State.DRAFT, *FINAL])
    if fund is not None:
        found = found.filter(fund=fund)
    return found.select_related("fund", "partner", "partner__group", "analyst").order_by("state_since", "id")


def overdue(applications: QuerySet[Application], on: date) -> QuerySet[Application]:
    """Those that wait too long: with us for more than WAITING_DAYS, or an answer past its day."""
    ours = Q(state__in=[State.SUBMITTED, State.CHECKING], state_since__lt=on - timedelta(days=WAITING_DAYS))
    theirs = Q(state=State.INFORMATION_REQUESTED, information_due_on__lt=on)
    return applications.filter(ours | theirs)


def is_overdue(application: Application, on: date) -> bool:
    """Whether one application waits too long, without a query; see `overdue`."""
    if application.state == State.INFORMATION_REQUESTED:
        return application.information_due_on is not None and application.information_due_on < on
    waits = application.state in {State.SUBMITTED, State.CHECKING}
    return waits and application.state_since < on - timedelta(days=WAITING_DAYS)


def applications_of(partner: Partner) -> QuerySet[Application]:
    """A partner's own applications, newest first."""
    return (
        Application.objects.filter(partner=partner)
        .select_related("fund", "decision", "facility")
        .order_by("-id")
    )


@dataclass(frozen=True)
class Message:
    """One message of the thread: a question with its due day, or an answer to it; with its files."""

    question: Question
    answer: Answer | None
    by: User
    from_partner: bool
    text: str
    on: date
    files: tuple[object, ...]


def thread(application: Application) -> list[Message]:
    """Questions and their answers, in the order in which they were asked and given."""
    messages = []
    questions = application.questions.select_related("asked_by").prefetch_related(
        "files__file", "answers__by", "answers__files__file"
    )
    for question in questions.order_by("id"):
        files = tuple(item.file for item in question.files.all())
        messages.append(
            Message(question, None, question.asked_by, False, question.text, question.asked_on, files)
        )
        for answer in question.answers.all():
            files = tuple(item.file for item in answer.files.all())
            messages.append(
                Message(question, answer, answer.by, answer.from_partner, answer.text, answer.on, files)
            )
    return messages


def unanswered(application: Application) -> QuerySet[Question]:
    """The questions that the partner has not answered."""
    return application.questions.exclude(answers__from_partner=True).order_by("id")


def questions_answered_for(analyst: User) -> QuerySet[Application]:
    """An analyst's applications with an answer newer than anything else asked: what waits to be read on the home page."""
    mine = Application.objects.filter(analyst=analyst, state=State.CHECKING)
    return (
        mine.filter(questions__answers__from_partner=True)
        .annotate(answered=Max("questions__answers__id"))
        .order_by("-answered")
    )


@dataclass(frozen=True)
class Latest:
    """The newest of everything that has versions; None where there is none yet."""

    assessment: ImpactAssessment | None
    memo: CreditMemo | None
    scorecard: Scorecard | None
    proposal: Proposal | None
    decision: Decision | None
    offer: Offer | None


def latest(application: Application) -> Latest:
    """The newest assessment, memo, scorecard, proposal, decision and offer of an application, in six queries."""
    return Latest(
        assessment=application.assessments.select_related("policy", "upload").order_by("-version").first(),
        memo=application.memos.select_related("author").order_by("-version").first(),
        scorecard=application.scorecards.select_related("made_by").order_by("-version").first(),
        proposal=application.proposals.select_related("committee", "proposer", "meeting")
        .order_by("-id")
        .first(),
        decision=application.decision,
        offer=application.offers.select_related("maker", "checker").order_by("-id").first(),
    )


def history(application: Application) -> QuerySet[AuditEvent]:
    """Every event about an application, its proposals and its offers, oldest first."""
    about = Q(pk__in=[])
    related: Iterable[object] = [application, *application.proposals.all(), *application.offers.all()]
    for one in related:
        object_type, object_id = object_label(one)  # type: ignore[arg-type] # they are models
        about |= Q(object_type=object_type, object_id=object_id)
    return AuditEvent.objects.filter(about).order_by("id")


PARTNERS = {
    "edit": ({State.DRAFT}, PREPARES),
    "attach_document": (
        {State.DRAFT, State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED}, PREPARES,
    ),
    "import_liquidations": (
        {State.DRAFT, State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED}, PREPARES,
    ),
    "submit": ({State.DRAFT}, SIGNS),
    "answer_question": ({State.CHECKING, State.INFORMATION_REQUESTED}, PREPARES),
    "withdraw": (set(State) - FINAL, SIGNS),
}  # fmt: skip
"""What the partner's people may do: the action, the states it is for, and the places it asks for."""

LENDERS = {
    "assign": (set(State) - FINAL - {State.DRAFT}, (ANALYST,)),
    "start_check": ({State.SUBMITTED}, (ANALYST,)),
    "check_document": ({State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED}, (ANALYST,)),
    "ask_question": ({State.CHECKING, State.INFORMATION_REQUESTED}, (ANALYST,)),
    "answer_question": ({State.CHECKING, State.INFORMATION_REQUESTED}, (ANALYST,)),
    "resume_check": ({State.INFORMATION_REQUESTED}, (ANALYST,)),
    "return_to_partner": ({State.SUBMITTED, State.CHECKING}, (ANALYST,)),
    "assess_impact": (set(State) - FINAL, (ANALYST,)),
    "write_memo": (
        {State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED, State.TABLED, State.VOTING}, (ANALYST,),
    ),
    "score": (
        {State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED, State.TABLED, State.VOTING}, (ANALYST,),
    ),
    "table": ({State.CHECKING}, (ANALYST,)),
    "replace_proposal": ({State.TABLED, State.VOTING}, (ANALYST,)),
    "return_to_check": ({State.TABLED, State.VOTING}, (ANALYST, CHAIR)),
    "open_voting": ({State.TABLED}, (ANALYST, OPERATIONS_MAKER, CHAIR, COMMITTEE_MEMBER)),
    "make_offer": ({State.APPROVED}, (OPERATIONS_MAKER,)),
}  # fmt: skip
"""What the lender's people may do, likewise with the roles it asks for."""


def allowed_actions(application: Application, user: User) -> set[str]:
    """The actions on the application itself that this person may take now; no button is shown for any other."""
    roles = set(user.groups.values_list("name", flat=True)) if user.is_active else set()
    found = {
        action
        for action, (states, asked) in LENDERS.items()
        if application.state in states and roles & set(asked)
    }
    for action, (states, places) in PARTNERS.items():
        if application.state in states and is_member(user, application.partner, *places):
            found.add(action)
    return found


def allowed_on_proposal(proposal: Proposal, user: User, on: date) -> set[str]:
    """What this person may do with a proposal now: open, vote, recuse, close, cast, decline_tie, replace, return."""
    found = set()
    states = Proposal.State
    seated = seats_on(proposal.committee_id, on).filter(user=user).exists()
    chairs, analyses = has_role(user, CHAIR), has_role(user, ANALYST)
    if proposal.state == states.TABLED and (
        chairs or analyses or has_role(user, COMMITTEE_MEMBER, OPERATIONS_MAKER)
    ):
        found.add("open_voting")
    if proposal.state == states.VOTING:
        if (
            seated
            and has_role(user, COMMITTEE_MEMBER, CHAIR)
            and not proposal.votes.filter(voter=user).exists()
        ):
            found |= {"recuse"} if why_not_count(proposal, user, on) else {"vote", "recuse"}
        if (chairs or analyses) and standing(proposal, on).tally.outcome is not None:
            found.add("close_voting")
    if proposal.state == states.TIED:
        if chairs and standing(proposal, on).chair == user:
            found.add("cast_deciding_vote")
        if chairs or analyses:
            found.add("decline_tie")
    if proposal.state in {states.TABLED, states.VOTING, states.TIED} and (chairs or analyses):
        found.add("return_to_check")
        if analyses and proposal.application_id:
            found.add("replace_proposal")
    return found


def allowed_on_offer(offer: Offer, user: User, on: date) -> set[str]:
    """What this person may do with an offer now: send, refuse, retract, sign, decline."""
    found = set()
    another = offer.maker_id != user.pk
    if offer.state == Offer.State.PREPARED:
        if has_role(user, OPERATIONS_CHECKER) and another:
            found |= {"send_offer", "refuse_offer"}
        if has_role(user, OPERATIONS_MAKER, OPERATIONS_CHECKER):
            found.add("retract_offer")
    if offer.state == Offer.State.SENT:
        if has_role(user, OPERATIONS_MAKER, OPERATIONS_CHECKER) and another:
            found.add("retract_offer")
        if is_member(user, offer.application.partner, *SIGNS):
            found.add("decline_offer")
            in_time = offer.expires_on is not None and on <= offer.expires_on
            if in_time and not offer.signatures.filter(user=user).exists():
                found.add("sign_offer")
    return found
