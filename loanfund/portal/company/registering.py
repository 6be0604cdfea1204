"""The way in: which company, a new one, or one that sent an invitation."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from loanfund.parties.selectors import invitation_of, places_of
from loanfund.parties.services import accept_invitation, register_partner
from loanfund.portal.access import the_fund
from loanfund.portal.company.forms import RegisterForm
from loanfund.portal.company.sending import person_of, press, send


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the only partner, or a choice among several; whoever has none registers one."""
    person = person_of(request)
    places = list(places_of(person))
    if len(places) == 1:
        return redirect("portal:overview", number=places[0].partner.number)
    if not places and person.is_staff:
        return redirect("admin:index")
    return render(request, "portal/company/home.html", {"places": places})


@login_required
def register(request: HttpRequest) -> HttpResponse:
    """A company's own details; whoever registers it is its first owner."""
    fund, person = the_fund(), person_of(request)
    form = RegisterForm(request.POST or None)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        partner = register_partner(**entries, actor=person, on=fund.business_date)
        return (
            f"{partner.legal_name} is registered as {partner.number}. Hand in its papers next.",
            reverse("portal:papers", args=[partner.number]),
        )

    answer = send(request, form, act, back=reverse("portal:home")) if request.method == "POST" else None
    status = 422 if form.is_bound else 200
    return answer or render(request, "portal/company/register.html", {"form": form}, status=status)


def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """What an invitation asks, shown to whoever has its link; taken up only under the address it was sent to."""
    found = invitation_of(token, timezone.now())
    if found is None:
        return render(request, "portal/company/invitation.html", {"gone": True}, status=404)
    if request.method == "POST" and request.user.is_authenticated:
        return press(
            request,
            lambda: _accept(request, token),
            to=reverse("portal:home")
            if request.user.email == found.email
            else reverse("portal:invitation", args=[token]),
        )
    return render(request, "portal/company/invitation.html", {"invitation": found, "here": request.path})


def _accept(request: HttpRequest, token: str) -> str:
    person = person_of(request)
    place = accept_invitation(token=token, actor=person, on=the_fund().business_date, now=timezone.now())
    return f"You now act for {place.partner.legal_name} as {place.get_role_display()}."
