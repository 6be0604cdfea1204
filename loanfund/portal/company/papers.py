"""The papers that the lender asks for: the list, handing one in, and having one's own back."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.parties.checklist import FRESH, FRESH_DAYS, paper_checklist
from loanfund.parties.models import KybPaper
from loanfund.parties.services import add_paper, store_file
from loanfund.parties.services.rights import EDITORS
from loanfund.parties.serving import attachment
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.forms import PaperForm
from loanfund.portal.company.sending import changed_by, send


@partner_page
def papers(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Which papers are asked for and how each stands."""
    lines = paper_checklist(visit.partner, visit.on)
    context = {
        "lines": lines,
        "wanted": [line for line in lines if line.wanted],
        "accepted": sum(line.state in {"accepted", "renew soon"} for line in lines),
        "may_change": visit.may(*EDITORS),
    }
    return show(request, visit, "portal/company/papers.html", context)


@partner_page
@changed_by(*EDITORS)
def paper(request: HttpRequest, visit: Visit, kind: str) -> HttpResponse:
    """One paper: its versions, and handing in a new one."""
    line = next((one for one in paper_checklist(visit.partner, visit.on) if one.kind == kind), None)
    if line is None:
        raise Http404("There is no such paper.")
    back = reverse("portal:papers", args=[visit.partner.number])
    form = PaperForm(request.POST or None, request.FILES or None)

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
        added = add_paper(
            partner=visit.partner,
            kind=kind,
            file=stored,
            issued_on=entries["issued_on"],
            expires_on=entries["expires_on"],
            actor=visit.user,
            on=visit.on,
        )
        return f"{line.label}, version {added.version}, is handed in. It is checked next.", back

    if request.method == "POST":
        _fresh_enough(form, kind, visit)
    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/paper.html",
        {"line": line, "form": form, "back": back, "may_change": visit.may(*EDITORS)},
        status=422 if form.is_bound else 200,
    )


def _fresh_enough(form: PaperForm, kind: str, visit: Visit) -> None:
    """Some papers say how things are today: they need a day, and not an old one."""
    if kind not in FRESH or not form.is_valid():
        return
    issued = form.cleaned_data["issued_on"]
    if issued is None:
        form.add_error("issued_on", "Give the day that stands on it; it has to be at most three months old.")
    elif (visit.on - issued).days > FRESH_DAYS:
        form.add_error("issued_on", "It is more than three months old. Ask for a new one and hand that in.")


@partner_page
def paper_file(request: HttpRequest, visit: Visit, paper: int) -> HttpResponseBase:
    """The file of one version, as it was handed in."""
    found = get_object_or_404(KybPaper.objects.select_related("file"), pk=paper, partner=visit.partner)
    return attachment(found.file)
