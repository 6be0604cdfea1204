"""Whose pages these are: every page of a partner stands beneath the partner's number, and outsiders get a 404."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, partial, wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Max
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from loanfund.audit.models import IdempotencyKey
from loanfund.facilities.models import Fund
from loanfund.parties.models import Membership, Partner, User
from loanfund.parties.second_factor import has_second_factor
from loanfund.parties.selectors import places_of
from loanfund.portal.keeping import typed_before, typed_kept

P = ParamSpec("P")
NAV = (
    ("Overview", "portal:overview"),
    ("Applications", "portal:applications"),
    ("Facilities", "portal:facilities"),
    ("Statements", "portal:statements"),
    ("Company", "portal:company"),
    ("Notices", "portal:notices"),
)
OF_FACILITIES = {"loans", "drawdowns", "requests"}
"""First words of addresses whose pages belong to the facilities in the menu."""


ACTS = uuid.UUID("6f1a1d0e-2f0b-5c5e-9a55-8a4d3c9b7e10")
"""Where the numbers of intended acts come from."""


@dataclass(frozen=True)
class Visit:
    """One request of a member to a partner's page: who, for whom, with which role, on which business date."""

    user: User
    partner: Partner
    place: Membership
    fund: Fund

    @property
    def on(self) -> date:
        """The fund's business date: the day that every page and every service here goes by."""
        return self.fund.business_date

    def may(self, *roles: str) -> bool:
        """Whether the member holds one of these roles at the partner: which buttons to show."""
        return self.place.role in roles


PartnerView = Callable[Concatenate[HttpRequest, Visit, P], HttpResponseBase]


def the_fund() -> Fund:
    """The fund that lends. A 404 before it is opened."""
    fund = Fund.objects.order_by("pk").first()
    if fund is None:
        raise Http404("No fund is open yet.")
    return fund


def partner_page(view: PartnerView[P]) -> Callable[..., HttpResponseBase]:
    """A page beneath `partners/<number>/`: signed in, with a place at the partner, else a 404 as for a wrong number.

    The view is called with the `Visit` in place of the number.
    """

    @typed_kept
    @login_required
    @wraps(view)
    def page(request: HttpRequest, number: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        user = request.user
        assert isinstance(user, User)
        place = places_of(user).filter(partner__number=number).first()
        if place is None:
            raise Http404("There is no such page.")
        return view(request, Visit(user, place.partner, place, the_fund()), *args, **kwargs)

    return page


def second_factor_first(view: PartnerView[P]) -> Callable[..., HttpResponseBase]:
    """Before anything that moves money or binds the partner: no second factor, no page, and a way to set one up."""

    @wraps(view)
    def page(request: HttpRequest, visit: Visit, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if has_second_factor(visit.user):
            return view(request, visit, *args, **kwargs)
        messages.warning(request, "This moves money or binds your company: set up a second factor first.")
        return redirect("mfa_index")

    return page


def act_id(path: str, user: User) -> uuid.UUID:
    """The number that forms of a page carry: the same in two tabs, and on the page that the back button shows, until
    this person has done something; then another one."""
    newest = IdempotencyKey.objects.filter(scope=f"portal:{user.pk}").aggregate(newest=Max("pk"))["newest"]
    return uuid.uuid5(ACTS, f"{user.pk} {path} {newest}")


def show(
    request: HttpRequest,
    visit: Visit,
    template: str,
    context: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """A page in the portal's frame: the partner's name, its menu and the business date are in the context. A form that is
    opened shows what was typed into it before a session ended."""
    form = (context or {}).get("form")
    if isinstance(form, Form) and not form.is_bound:
        form.initial = {**(form.initial or {}), **typed_before(request)}
    nav = [(words, reverse(name, args=[visit.partner.number])) for words, name in NAV]
    number = visit.partner.number
    beneath = request.path.removeprefix(reverse("portal:overview", args=[number])).partition("/")[0]
    open_page = reverse("portal:facilities" if beneath in OF_FACILITIES else "portal:overview", args=[number])
    frame = {
        "visit": visit,
        "partner": visit.partner,
        "portal_nav": nav,
        "portal_open": open_page,
        "act_id": cache(partial(act_id, request.path, visit.user)),
        "business_date": visit.on,
    }
    return render(request, template, frame | (context or {}), status=status)
