"""The papers of an application: what is asked for, handing one in, having one's own back."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.origination.models import Application, ApplicationDocument
from loanfund.origination.rights import PREPARES
from loanfund.origination.services import attach_document
from loanfund.parties.services import store_file
from loanfund.parties.serving import attachment
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.applying.forms import ApplicationPaperForm
from loanfund.portal.applying.standing import OPEN_PAGES, application_at, policy_of
from loanfund.portal.company.sending import changed_by, send

OTHER = "other"
STATES = {
    "pending": ("handed in", "info"),
    "accepted": ("accepted", "ok"),
    "refused": ("refused", "bad"),
    "replaced": ("replaced", ""),
}


def paper_lines(visit: Visit, application: Application) -> list[dict[str, Any]]:
    """A line a paper: {kind, label, versions, newest, state, tone, wanted}; the ones asked for first, then others."""
    labels = {paper["kind"]: paper["label"] for paper in policy_of(visit).required_papers}
    held: dict[str, list[ApplicationDocument]] = {kind: [] for kind in labels}
    for document in application.documents.select_related("file", "uploaded_by").order_by("-id"):
        held.setdefault(document.kind, []).append(document)
    lines = []
    for kind, versions in held.items():
        newest = versions[0] if versions else None
        state, tone = STATES[newest.state] if newest else ("to hand in", "warn")
        lines.append(
            {
                "kind": kind,
                "label": labels.get(
                    kind, kind.replace("_", " ").capitalize() if kind != OTHER else "Anything else"
                ),
                "versions": versions,
                "newest": newest,
                "state": state,
                "tone": tone,
                "wanted": kind in labels and (newest is None or newest.state == "refused"),
            }
        )
    return lines


@partner_page
def papers(request: HttpRequest, visit: Visit, application: str) -> HttpResponse:
    """Which papers this application asks for and how each stands."""
    found = application_at(visit, application)
    lines = paper_lines(visit, found)
    context = {
        "application": found,
        "lines": lines,
        "wanted": [line for line in lines if line["wanted"]],
        "may_change": visit.may(*PREPARES) and found.state in OPEN_PAGES,
        "other": OTHER,
    }
    return show(request, visit, "portal/applying/papers.html", context)


@partner_page
@changed_by(*PREPARES)
def paper(request: HttpRequest, visit: Visit, application: str, kind: str) -> HttpResponseBase:
    """One paper: handing it in, and its versions."""
    found = application_at(visit, application)
    line = next((one for one in paper_lines(visit, found) if one["kind"] == kind), None)
    if line is None and kind != OTHER:
        raise Http404("There is no such paper.")
    label = line["label"] if line else "Anything else"
    back = reverse("portal:application_papers", args=[visit.partner.number, found.number])
    form = ApplicationPaperForm(request.POST or None, request.FILES or None)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        upload = entries["file"]
        stored = store_file(
            name=upload.name,
            size=upload.size,
            content=upload,
            partner=visit.partner,
            actor=visit.user,
            on=visit.on,
            now=timezone.now(),
        )
        attach_document(
            application=found,
            kind=kind,
            file=stored,
            actor=visit.user,
            on=visit.on,
            expires_on=entries["expires_on"],
        )
        return f"{label}: {stored.name} is handed in.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    context = {
        "application": found,
        "label": label,
        "line": line,
        "form": form,
        "back": back,
        "may_change": visit.may(*PREPARES) and found.state in OPEN_PAGES,
    }
    return answer or show(
        request, visit, "portal/applying/paper.html", context, status=422 if form.is_bound else 200
    )


@partner_page
def paper_file(request: HttpRequest, visit: Visit, application: str, paper: int) -> HttpResponseBase:
    """The file of one paper, as it was handed in."""
    found = get_object_or_404(
        ApplicationDocument.objects.select_related("file"),
        pk=paper,
        application__number=application,
        application__partner=visit.partner,
    )
    return attachment(found.file)
