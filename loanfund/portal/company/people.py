"""Who acts for the company: members with their roles, and who was invited."""

from typing import Any

from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from loanfund.parties import selectors
from loanfund.parties.models import Membership
from loanfund.parties.services import change_role, end_membership, invite, withdraw_invitation
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.forms import ROLES, InviteForm, RoleForm
from loanfund.portal.company.sending import changed_by, press, send
from loanfund.portal.confirming import confirmed, with_code

OWNER = Membership.Role.OWNER


@partner_page
def people(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Everybody who may act for the company."""
    context = {
        "members": selectors.members(visit.partner),
        "invitations": selectors.open_invitations(visit.partner, timezone.now()),
        "may_change": visit.may(OWNER),
        "roles": [words.split(" – ") for words in ROLES.values()],
    }
    return show(request, visit, "portal/company/people.html", context)


@partner_page
@changed_by(OWNER)
@confirmed
def invite_person(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Ask somebody to act for the company."""
    form = with_code(request, visit, InviteForm(request.POST or None))
    back = reverse("portal:people", args=[visit.partner.number])

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        asked, _ = invite(partner=visit.partner, **entries, actor=visit.user, on=visit.on, now=timezone.now())
        return f"The invitation is on its way to {asked.email}.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": "Invite a person",
            "lead": "They get a mail with a link that works for 14 days and for their address only.",
            "form": form,
            "submit": "Send the invitation",
            "back": back,
            "back_words": "People",
            "barred": "" if visit.may(OWNER) else "Only an owner invites people. Ask one of yours.",
        },
        status=422 if form.is_bound else 200,
    )


@partner_page
@changed_by(OWNER)
@require_POST
def uninvite(request: HttpRequest, visit: Visit, invitation: int) -> HttpResponse:
    """Take an invitation back."""
    asked = selectors.open_invitations(visit.partner, timezone.now()).filter(pk=invitation).first()
    if asked is None:
        raise Http404("There is no such invitation.")

    def act() -> str:
        withdraw_invitation(invitation=asked, actor=visit.user, on=visit.on, now=timezone.now())
        return f"The invitation to {asked.email} works no longer."

    return press(request, act, to=reverse("portal:people", args=[visit.partner.number]))


@partner_page
@changed_by(OWNER)
@confirmed
def member(request: HttpRequest, visit: Visit, member: int) -> HttpResponse:
    """One person's place: another role, or the end of it."""
    place = get_object_or_404(selectors.members(visit.partner), pk=member)
    back = reverse("portal:people", args=[visit.partner.number])
    form = with_code(request, visit, RoleForm(request.POST or None, initial={"role": place.role}))

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        changed = change_role(place=place, role=entries["role"], actor=visit.user, on=visit.on)
        return f"{place.user.name} is now {changed.get_role_display()}.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or _member(request, visit, place, form, with_code(request, visit, Form(auto_id="end_%s")))


def _member(
    request: HttpRequest, visit: Visit, place: Membership, form: RoleForm, ending: Form
) -> HttpResponse:
    context = {
        "place": place,
        "form": form,
        "ending": ending,
        "back": reverse("portal:people", args=[visit.partner.number]),
        "may_change": visit.may(OWNER),
    }
    status = 422 if form.is_bound or ending.is_bound else 200
    return show(request, visit, "portal/company/member.html", context, status=status)


@partner_page
@changed_by(OWNER)
@confirmed
def end_place(request: HttpRequest, visit: Visit, member: int) -> HttpResponse:
    """End a person's place at the company. Who comes back from the passkey stands on the person's page again."""
    place = get_object_or_404(selectors.members(visit.partner), pk=member)
    if request.method != "POST":
        return redirect("portal:member", visit.partner.number, member)
    mine = place.user_id == visit.user.pk
    to = "/" if mine else reverse("portal:people", args=[visit.partner.number])
    form = with_code(request, visit, Form(request.POST, auto_id="end_%s"))

    def act(_: dict[str, Any]) -> tuple[str, str]:
        end_membership(place=place, actor=visit.user, on=visit.on)
        return f"{place.user.name} no longer acts for {visit.partner.legal_name}.", to

    return send(request, form, act, back=to) or _member(
        request, visit, place, RoleForm(initial={"role": place.role}), form
    )
