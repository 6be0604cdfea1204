"""One page an application: all that the committee has to know, in the order in which it is weighed."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.facilities.models import FundPolicy
from loanfund.facilities.selectors import policy_in_force
from loanfund.office.committee.offering import offer_acts
from loanfund.office.committee.queue import READERS, TONES
from loanfund.office.committee.reviewing import (
    answer_acts,
    company_acts,
    document_acts,
    gate,
    paper_acts,
    review_acts,
)
from loanfund.office.committee.weighing import (
    PROMISED,
    assessment_rows,
    deal_of,
    previewed,
    weighed,
)
from loanfund.office.operations.acts import Act, Desk
from loanfund.office.operations.history import told
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination.models import Application, ApplicationDocument, Question
from loanfund.origination.models.states import FINAL, State
from loanfund.origination.selectors import Latest, allowed_actions, history, is_overdue, latest, thread
from loanfund.origination.term_words import term_rows
from loanfund.parties import roles
from loanfund.parties.checklist import required_kinds
from loanfund.parties.models import KybPaper, Partner
from loanfund.parties.selectors import accepted_kinds, kyb_in_date

WORKERS = (roles.ANALYST, roles.OPERATIONS_MAKER)
PATH = (
    ("Handed in", {State.SUBMITTED}),
    ("Check", {State.CHECKING, State.INFORMATION_REQUESTED}),
    ("Committee", {State.TABLED, State.VOTING}),
    ("Decided", {State.APPROVED, State.DECLINED}),
    ("Offer", {State.OFFERED, State.LAPSED}),
    ("Signed", {State.ACCEPTED}),
)
PLACES = (
    ("request", "Request"),
    ("company", "Company"),
    ("papers", "Papers"),
    ("impact", "Impact"),
    ("limits", "Limits"),
    ("schedule", "Schedule"),
    ("questions", "Questions"),
    ("memo", "Memo"),
    ("scorecard", "Scorecard"),
    ("decision", "Decision"),
    ("history", "History"),
)


@page("applications/<str:number>/", name="application", readers=READERS, actors=WORKERS)
def application(request: HttpRequest, number: str) -> HttpResponse:
    """One application: who asks, for what, what speaks for it, what it would do to the fund, and what is left to do."""
    seat = take_seat(request)
    one = get_object_or_404(
        Application.objects.select_related(
            "fund", "partner__group", "analyst", "submitted_by", "appeal_of", "facility", "net_assets_file",
            "decision__proposal",
        ).exclude(state=State.DRAFT),
        fund=seat.fund,
        number=number,
    )  # fmt: skip
    policy = policy_in_force(seat.fund, seat.on)
    allowed = allowed_actions(one, seat.user)
    documents = list(
        one.documents.exclude(state=ApplicationDocument.State.REPLACED).select_related(
            "application", "file", "uploaded_by", "checked_by"
        )
    )
    papers = list(one.partner.papers.select_related("file", "maker", "checker"))
    questions = list(one.questions.all())
    desk = Desk(request, _acts(seat, one, policy, allowed, documents, papers, questions))
    if (answer := desk.answer()) is not None:
        return answer
    newest = latest(one)
    context = {
        "application": one,
        "code": seat.fund.currency,
        "desk": desk,
        "policy": policy,
        "newest": newest,
        "tone": TONES.get(State(one.state), ""),
        "late": is_overdue(one, seat.on),
        "waits": (seat.on - one.state_since).days if one.state not in FINAL else None,
        "steps": _steps(one),
        "places": PLACES,
        "may_table": gate(seat, one, allowed, "table"),
        "to_table": _lacking(one, documents, questions, policy, newest, seat),
        "trail": [("Applications", reverse("admin:queue"))],
        "today": seat.on,
        **_company(seat, one, desk, papers),
        **_papers(one, policy, desk, documents),
        **_figures(seat, one, newest),
        **_talk(one, desk, newest),
        "proposals": list(one.proposals.select_related("committee", "proposer", "decision")),
        "offers": list(one.offers.select_related("maker", "checker")),
        "history": told(reversed(list(history(one).order_by("-id")[:100]))),
    }
    title = f"{one.number}, {one.partner.legal_name}"
    return show(request, "office/committee/application.html", context, title=title, status=desk.status)


def _acts(
    seat: Seat,
    one: Application,
    policy: FundPolicy,
    allowed: set[str],
    documents: list[ApplicationDocument],
    papers: list[KybPaper],
    questions: list[Question],
) -> Iterator[Act]:
    yield from review_acts(seat, one, policy, allowed)
    yield from offer_acts(seat, one, allowed)
    for document in documents:
        yield from document_acts(seat, document, allowed)
    for paper in papers:
        yield from paper_acts(seat, paper)
    yield from company_acts(seat, one.partner, required=required_kinds(one.partner.partner_type))
    yield from answer_acts(seat, one, questions, allowed)


def _lacking(
    one: Application,
    documents: list[ApplicationDocument],
    questions: list[Question],
    policy: FundPolicy,
    newest: Latest,
    seat: Seat,
) -> list[str]:
    """What still keeps an application from the committee, in sentences."""
    pending, refused = ApplicationDocument.State.PENDING, ApplicationDocument.State.REFUSED
    there = {document.kind for document in documents if document.state != refused}
    missing = [paper["label"] for paper in policy.required_papers if paper["kind"] not in there]
    unchecked = [document for document in documents if document.state == pending]
    found = [f"{label} is missing." for label in missing]
    if unchecked:
        found.append(f"{len(unchecked)} of its papers are not checked.")
    if not kyb_in_date(one.partner, seat.on):
        found.append("The company's papers are not approved and in date.")
    if newest.memo is None:
        found.append("The credit memo is not written.")
    return found


def _steps(one: Application) -> list[dict[str, str]]:
    state = State(one.state)
    if state == State.WITHDRAWN:
        return [
            {"label": "Handed in", "state": "done"},
            {"label": "Withdrawn by the partner", "state": "current"},
        ]
    reached = next(number for number, (_, states) in enumerate(PATH) if state in states)
    steps = []
    for number, (label, _) in enumerate(PATH):
        done = number < reached or (number == reached and state in {State.ACCEPTED})
        steps.append(
            {"label": label, "state": "done" if done else "current" if number == reached else "todo"}
        )
    if state in {State.DECLINED, State.LAPSED}:
        steps = steps[: reached + 1]
        steps[-1]["label"] = one.get_state_display().capitalize()
    return steps


def _company(seat: Seat, one: Application, desk: Desk, papers: list[KybPaper]) -> dict[str, Any]:
    partner = one.partner
    required = required_kinds(partner.partner_type)
    accepted = accepted_kinds(partner, seat.on)
    newest: dict[str, KybPaper] = {}
    for paper in sorted(papers, key=lambda paper: paper.version):
        newest[paper.kind] = paper
    missing = [KybPaper.Kind(kind).label for kind in required if kind not in newest]
    lacking = set(required) - accepted
    renewing = partner.kyb_status != Partner.KybStatus.APPROVED or not kyb_in_date(partner, seat.on)
    return {
        "owners": list(partner.beneficial_owners.filter(ended_on=None)),
        "group": list(partner.group.partners.exclude(pk=partner.pk)) if partner.group else [],
        "others": list(partner.applications.exclude(pk=one.pk).exclude(state=State.DRAFT)[:10]),
        "kyb_in_date": kyb_in_date(partner, seat.on),
        "kyb_rows": [_paper_row(desk, "paper", paper, seat) for paper in newest.values()],
        "kyb_missing": missing,
        "approve_kyb": desk.offer("approve-kyb") if renewing and not lacking else None,
        "watch": desk.offer("watch"),
    }


def _papers(
    one: Application, policy: FundPolicy, desk: Desk, documents: list[ApplicationDocument]
) -> dict[str, Any]:
    labels = {paper["kind"]: paper["label"] for paper in policy.required_papers}
    shown = {document.kind for document in documents}
    rows = []
    for document in documents:
        rows.append(
            {
                "label": labels.get(document.kind, document.kind.replace("_", " ").capitalize()),
                "paper": document,
                "made_by": document.uploaded_by,
                "checked_by": document.checked_by,
                "checked_on": document.checked_on,
                "expired": document.expires_on is not None and document.expires_on < one.fund.business_date,
                "note": document.note,
                "href": reverse("admin:application_paper", args=[one.number, document.pk]),
                "accept": desk.offer(f"accept-document-{document.pk}"),
                "refuse": desk.offer(f"refuse-document-{document.pk}"),
            }
        )
    missing = [label for kind, label in labels.items() if kind not in shown]
    return {"document_rows": rows, "documents_missing": missing}


def _paper_row(desk: Desk, name: str, paper: KybPaper, seat: Seat) -> dict[str, Any]:
    return {
        "label": paper.get_kind_display().capitalize(),
        "paper": paper,
        "made_by": paper.maker,
        "checked_by": paper.checker,
        "checked_on": paper.checked_at,
        "expired": paper.expires_on is not None and paper.expires_on < seat.on,
        "note": paper.refusal_reason,
        "href": reverse("admin:company_paper", args=[paper.pk]),
        "accept": desk.offer(f"accept-{name}-{paper.pk}"),
        "refuse": desk.offer(f"refuse-{name}-{paper.pk}"),
    }


def _figures(seat: Seat, one: Application, newest: Latest) -> dict[str, Any]:
    """What approving would do. Of a proposal its own amount and terms count, else what was asked for."""
    proposal = newest.proposal if newest.proposal and newest.proposal.state != "void" else None
    amount = one.approved_amount or (proposal and proposal.amount) or one.amount
    deal = proposal.terms if proposal else deal_of(one, seat.on)
    return {
        "weighed": weighed(one, amount, seat.on),
        "promised": one.state in PROMISED,
        "deal": previewed(seat.fund, amount, deal, seat.on),
        "deal_rows": term_rows(deal),
        "proposed": proposal,
        "assessment_rows": assessment_rows(newest.assessment, seat.fund.currency),
    }


def _talk(one: Application, desk: Desk, newest: Latest) -> dict[str, Any]:
    messages = [
        {"message": message, "reply": None if message.answer else desk.offer(f"answer-{message.question.pk}")}
        for message in thread(one)
    ]
    return {
        "thread": messages,
        "ask": desk.offer("ask"),
        "write": desk.offer("memo"),
        "score": desk.offer("score"),
        "assess": desk.offer("assess"),
        "memos": list(one.memos.select_related("author")),
    }
