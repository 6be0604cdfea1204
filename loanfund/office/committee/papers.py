"""Papers opened in the page: pictures and PDFs as they are, tables as tables, anything else to download."""

import csv
import io
from itertools import islice
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin

from loanfund.audit.errors import Refused
from loanfund.office.committee.queue import READERS
from loanfund.office.pages import page, show
from loanfund.origination.models import ApplicationDocument, ThreadFile
from loanfund.parties.models import KybPaper, StoredFile
from loanfund.parties.services import read_file
from loanfund.parties.serving import attachment

ROWS_SHOWN = 200
BYTES_SHOWN = 400_000
FRAMED = {"application/pdf"}
PICTURES = {"image/png", "image/jpeg"}
TABLES = {"text/csv", "text/plain"}
INSIDE = (
    "default-src 'none'; img-src 'self'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
"""What a paper may do inside our page: show itself, and nothing else."""


@page("applications/<str:number>/papers/<int:key>/", name="application_paper", readers=READERS)
def application_paper(request: HttpRequest, number: str, key: int) -> HttpResponse:
    """One paper of an application."""
    paper = get_object_or_404(
        ApplicationDocument.objects.select_related("file", "application__partner", "uploaded_by"),
        application__number=number,
        pk=key,
    )
    title = f"{paper.kind.replace('_', ' ').capitalize()} of {paper.application.partner.legal_name}"
    trail = [
        ("Applications", reverse("admin:queue")),
        (number, reverse("admin:application", args=[number]) + "#papers"),
    ]
    return _shown(request, paper.file, title, trail)


@page("papers/<int:key>/", name="company_paper", readers=READERS)
def company_paper(request: HttpRequest, key: int) -> HttpResponse:
    """One paper about a company."""
    paper = get_object_or_404(KybPaper.objects.select_related("file", "partner"), pk=key)
    title = f"{paper.get_kind_display().capitalize()} of {paper.partner.legal_name}"
    return _shown(request, paper.file, title, [("Applications", reverse("admin:queue"))])


@page("thread-files/<int:key>/", name="thread_file", readers=READERS)
def thread_file(request: HttpRequest, key: int) -> HttpResponse:
    """A file that came with a question or an answer."""
    found = ThreadFile.objects.select_related(
        "question__application", "answer__question__application", "file"
    )
    one = get_object_or_404(found, file_id=key)
    question = one.answer.question if one.answer else one.question
    assert question is not None
    number = question.application.number
    trail = [
        ("Applications", reverse("admin:queue")),
        (number, reverse("admin:application", args=[number]) + "#questions"),
    ]
    return _shown(request, one.file, one.file.name, trail)


@page("papers/files/<int:key>/", name="paper_file", readers=READERS)
@xframe_options_sameorigin
def paper_file(request: HttpRequest, key: int) -> FileResponse | HttpResponse:
    """The bytes of a paper: shown inside our page with `?inside`, else as a download."""
    stored = get_object_or_404(StoredFile, pk=key)
    known = (
        KybPaper.objects.filter(file=stored).exists()
        or ApplicationDocument.objects.filter(file=stored).exists()
        or ThreadFile.objects.filter(file=stored).exists()
    )
    if not known:
        return HttpResponse(status=404)
    try:
        answer = attachment(stored)
    except Refused as refused:
        return show(
            request, "office/committee/paper.html", {"wrong": refused.sentence}, title=stored.name, status=409
        )
    if "inside" in request.GET and stored.content_type in FRAMED | PICTURES:
        answer.headers["Content-Disposition"] = "inline"
        answer.headers["Content-Security-Policy"] = INSIDE
    return answer


def _shown(
    request: HttpRequest, stored: StoredFile, title: str, trail: list[tuple[str, str]]
) -> HttpResponse:
    href = reverse("admin:paper_file", args=[stored.pk])
    context: dict[str, Any] = {"file": stored, "href": href, "trail": trail}
    if stored.content_type in FRAMED:
        context["frame"] = f"{href}?inside"
    elif stored.content_type in PICTURES:
        context["picture"] = f"{href}?inside"
    elif stored.content_type in TABLES:
        try:
            context |= _table(stored)
        except Refused as refused:
            context["wrong"] = refused.sentence

    def shown(request: HttpRequest) -> HttpResponse:
        return show(request, "office/committee/paper.html", context, title=title)

    answer = csp_update({"frame-src": [SELF]})(shown)(request)
    assert isinstance(answer, HttpResponse)
    return answer


def _table(stored: StoredFile) -> dict[str, Any]:
    """The first rows of a table of text, and whether there are more."""
    with read_file(stored) as opened:
        text = opened.read(BYTES_SHOWN).decode("utf-8-sig", errors="replace")
    rows = list(islice(csv.reader(io.StringIO(text)), ROWS_SHOWN + 2))
    return {
        "head": rows[0] if rows else [],
        "rows": rows[1 : ROWS_SHOWN + 1],
        "more": len(rows) > ROWS_SHOWN + 1,
    }
