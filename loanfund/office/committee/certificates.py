"""The certificate of a decision, as a PDF."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from loanfund.office.committee.queue import READERS
from loanfund.office.pages import page
from loanfund.origination.models import Decision
from loanfund.origination.selectors import certificate
from loanfund.reporting import certificate_pdf


@page("decisions/<str:number>/certificate.pdf", name="certificate", readers=READERS)
def certificate_file(request: HttpRequest, number: str) -> HttpResponse:
    """What was decided, by whom, on what; the same bytes whenever it is asked for."""
    found = Decision.objects.select_related(
        "proposal__committee__fund",
        "proposal__application__partner",
        "proposal__facility__partner",
        "proposal__policy",
    )
    decision = get_object_or_404(found, number=number)
    answer = HttpResponse(certificate_pdf.render(certificate(decision)), content_type="application/pdf")
    answer.headers["Content-Disposition"] = f'attachment; filename="{decision.number}.pdf"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
