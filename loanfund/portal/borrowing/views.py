"""Facilities, loans, drawdowns and statements."""

from django.http import HttpRequest, HttpResponse

from loanfund.portal.access import Visit, partner_page, show


@partner_page
def facilities(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's facilities."""
    return show(request, visit, "portal/borrowing/facilities.html")


@partner_page
def statements(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's statements."""
    return show(request, visit, "portal/borrowing/statements.html")
