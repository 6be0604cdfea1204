"""The committee room: applications, proposals, votes and offers."""

from django.http import HttpRequest, HttpResponse

from loanfund.office.pages import page, show


@page("applications/", name="queue", menu="Applications", section="Committee room")
def queue(request: HttpRequest) -> HttpResponse:
    """Every application that waits for somebody."""
    return show(request, "office/committee/queue.html", title="Applications")
