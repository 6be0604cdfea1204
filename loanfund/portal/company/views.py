"""The company's own pages."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from loanfund.parties.models import User
from loanfund.parties.selectors import places_of
from loanfund.portal.access import Visit, partner_page, show


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the only partner, or a choice among several."""
    user = request.user
    assert isinstance(user, User)
    places = list(places_of(user))
    if len(places) == 1:
        return redirect("portal:overview", number=places[0].partner.number)
    return render(request, "portal/company/home.html", {"places": places})


@partner_page
def overview(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Where the company stands with the fund."""
    return show(request, visit, "portal/company/overview.html")


@partner_page
def company(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's details."""
    return show(request, visit, "portal/company/company.html")


@partner_page
def notices(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What the company was told."""
    return show(request, visit, "portal/company/notices.html")
