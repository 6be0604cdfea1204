"""From an application to a signed offer."""

from django.http import HttpRequest, HttpResponse

from loanfund.portal.access import Visit, partner_page, show


@partner_page
def applications(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's applications."""
    return show(request, visit, "portal/applying/applications.html")
