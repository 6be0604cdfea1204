"""The thread of an application: the lender's questions, and the partner's answers with files."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.origination.models import Question, ThreadFile
from loanfund.origination.models.states import State
from loanfund.origination.rights import PREPARES
from loanfund.origination.services import answer_question
from loanfund.parties.services import store_file
from loanfund.parties.serving import attachment
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.applying.forms import AnswerForm
from loanfund.portal.applying.standing import application_at, standing_of
from loanfund.portal.company.sending import changed_by, send
from loanfund.portal.keeping import typed_before

A_PAGE = 20
ANSWERABLE = {State.CHECKING, State.INFORMATION_REQUESTED}


def questions_of(application: Any) -> list[dict[str, Any]]:
    """Each question by its number, with answers and files, and whether it waits for the partner; the waiting ones first."""
    asked = application.questions.select_related("asked_by").prefetch_related(
        "files__file", "answers__by", "answers__files__file"
    )
    lines = [
        {
            "number": number,
            "question": question,
            "answers": list(question.answers.all()),
            "waits": not any(one.from_partner for one in question.answers.all()),
        }
        for number, question in enumerate(asked.order_by("id"), start=1)
    ]
    return sorted(lines, key=lambda line: (not line["waits"], -line["number"]))


@partner_page
def thread_page(request: HttpRequest, visit: Visit, application: str) -> HttpResponse:
    """Every question and answer; those that wait stand first."""
    found = application_at(visit, application)
    lines = questions_of(found)
    page = Paginator(lines, A_PAGE).get_page(request.GET.get("page"))
    context = {
        "application": found,
        "standing": standing_of(found),
        "page": page,
        "lines": list(page),
        "waiting": sum(line["waits"] for line in lines),
        "may_answer": visit.may(*PREPARES) and found.state in ANSWERABLE,
    }
    return show(request, visit, "portal/applying/thread.html", context)


@partner_page
@changed_by(*PREPARES)
def answer(request: HttpRequest, visit: Visit, application: str, question: int) -> HttpResponseBase:
    """Answer one question, with files if need be."""
    found = application_at(visit, application)
    asked = get_object_or_404(Question, pk=question, application=found)
    back = reverse("portal:application_thread", args=[visit.partner.number, found.number])
    form = AnswerForm(request.POST or None, request.FILES or None, initial=typed_before(request))

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        files = [
            store_file(
                name=upload.name,
                size=upload.size,
                content=upload,
                partner=visit.partner,
                actor=visit.user,
                on=visit.on,
                now=timezone.now(),
            )
            for upload in entries["attached"]
        ]
        answer_question(question=asked, text=entries["text"], actor=visit.user, on=visit.on, files=files)
        left = found.questions.exclude(answers__from_partner=True).count()
        more = "The check goes on." if not left else f"{left} more to answer."
        return f"Your answer is sent. {more}", back

    sent = send(request, form, act, back=back) if request.method == "POST" else None
    context = {
        "application": found,
        "asked": asked,
        "answers": asked.answers.select_related("by").prefetch_related("files__file"),
        "form": form,
        "back": back,
        "may_answer": visit.may(*PREPARES) and found.state in ANSWERABLE,
    }
    return sent or show(
        request, visit, "portal/applying/answer.html", context, status=422 if form.is_bound else 200
    )


@partner_page
def thread_file(request: HttpRequest, visit: Visit, application: str, file: int) -> HttpResponseBase:
    """A file of the thread, from either side."""
    whose = {"application__number": application, "application__partner": visit.partner}
    about = Q(**{f"question__{key}": value for key, value in whose.items()})
    about |= Q(**{f"answer__question__{key}": value for key, value in whose.items()})
    return attachment(
        get_object_or_404(ThreadFile.objects.select_related("file").filter(about), pk=file).file
    )
