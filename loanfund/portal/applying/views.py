"""The company's applications: the list, and one application's page."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from loanfund.origination.models import Application
from loanfund.origination.models.states import State
from loanfund.origination.rights import PREPARES, SIGNS
from loanfund.origination.selectors import history, latest
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.applying.standing import application_at, listed, standing_of, tasks_of, wanted_papers

A_PAGE = 25
TOLD = {
    "application.started": "Started",
    "application.submit": "Handed in",
    "application.start_check": "Taken up by an analyst",
    "application.request_information": "Information asked for",
    "application.answer_information": "Every question answered",
    "application.resume_check": "The check goes on",
    "application.return_to_partner": "Given back to you to complete",
    "application.table": "Put before the committee",
    "application.return_to_check": "Back to the analyst",
    "application.open_voting": "The vote is open",
    "application.approve": "Approved",
    "application.decline": "Declined",
    "application.make_offer": "Offer made",
    "application.retract_offer": "Offer taken back",
    "offer.signed": "Signed by one of you",
    "application.accept": "Offer accepted, facility signed",
    "application.lapse": "Lapsed",
    "application.withdraw": "Withdrawn",
}
"""What the partner is told of an application's history; the rest is the lender's own work."""
PARTNERS_OWN = {
    "application.submit",
    "application.withdraw",
    "application.return_to_partner",
    "application.started",
}


@partner_page
def applications(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's applications, newest first."""
    page = Paginator(listed(visit), A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "lines": [standing_of(one) for one in page], "may_apply": visit.may(*PREPARES)}
    return show(request, visit, "portal/applying/applications.html", context)


@partner_page
def application(request: HttpRequest, visit: Visit, application: str) -> HttpResponse:
    """One application: as a task list while it is a draft, then how it stands and what happened."""
    found = application_at(visit, application)
    draft = found.state == State.DRAFT
    newest = latest(found)
    offer = newest.offer if newest.offer is not None and newest.offer.sent_on else None
    tasks = tasks_of(visit, found, wanted_papers(visit, found)) if draft else []
    context = {
        "application": found,
        "standing": standing_of(found),
        "draft": draft,
        "tasks": tasks,
        "done": sum(task.state == "done" for task in tasks),
        "asked": sum(task.state != "optional" for task in tasks),
        "assessment": newest.assessment,
        "decision": newest.decision,
        "offer": offer,
        "events": _events(found),
        "may_change": visit.may(*PREPARES),
        "may_sign": visit.may(*SIGNS),
        "ended": found.state in {State.DECLINED, State.ACCEPTED, State.LAPSED, State.WITHDRAWN},
    }
    return show(request, visit, "portal/applying/application.html", context)


def _events(found: Application) -> list[dict[str, object]]:
    """The history as the partner may read it: the lender's people are not named, nor their reasons among themselves."""
    told = []
    for event in history(found):
        if event.action in TOLD:
            detail = event.reason if event.action in PARTNERS_OWN else ""
            told.append({"title": TOLD[event.action], "on": event.on, "detail": detail})
    return told
