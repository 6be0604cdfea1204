"""Conditions precedent as the partner sees them: what is asked for, what was shown, what is still missing."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.facilities.models import ConditionPrecedent
from loanfund.facilities.selectors import conditions_standing
from loanfund.facilities.services import show_condition
from loanfund.parties.services import store_file
from loanfund.parties.services.rights import EDITORS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.finding import facility_of
from loanfund.portal.borrowing.forms import EvidenceForm
from loanfund.portal.company.sending import changed_by, send
from loanfund.servicing.models import Drawdown

OPEN = (Drawdown.State.REQUESTED, Drawdown.State.APPROVED)


@partner_page
def conditions(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """Every condition of the facility, and those of each drawdown that is asked for."""
    found = facility_of(visit, facility)
    asked = found.drawdowns.filter(state__in=OPEN).order_by("id")
    context = {
        "facility": found,
        "first": [one for one in conditions_standing(found) if one.condition.scope == "first"],
        "each": [one for one in conditions_standing(found) if one.condition.scope == "each"],
        "asked": [
            (
                drawdown,
                [one for one in conditions_standing(found, drawdown.number) if one.condition.scope == "each"],
            )
            for drawdown in asked
        ],
        "may_show": visit.may(*EDITORS),
    }
    return show(request, visit, "portal/borrowing/conditions.html", context)


@partner_page
@changed_by(*EDITORS)
def condition(request: HttpRequest, visit: Visit, facility: str, position: int) -> HttpResponse:
    """Show one condition: a file, a note, or both; for one of each drawdown, that of `?drawdown=DD-0001`."""
    found = facility_of(visit, facility)
    wanted = get_object_or_404(ConditionPrecedent, facility=found, position=position)
    drawdown = request.GET.get("drawdown", "") if wanted.scope == "each" else ""
    if drawdown:
        get_object_or_404(Drawdown, facility=found, number=drawdown)
    back = reverse("portal:conditions", args=[visit.partner.number, found.number])
    form = EvidenceForm(request.POST or None, request.FILES or None)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        upload = entries["file"]
        stored = upload and store_file(
            name=upload.name,
            size=upload.size,
            content=upload,
            partner=visit.partner,
            actor=visit.user,
            on=visit.on,
            now=timezone.now(),
        )
        show_condition(
            condition=wanted,
            file=stored or None,
            note=entries["note"],
            drawdown=drawdown,
            actor=visit.user,
            on=visit.on,
        )
        return "This is with the lender now, who checks it.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": "Show a condition",
            "lead": f"{wanted.text}{f' For {drawdown}.' if drawdown else ''}",
            "form": form,
            "submit": "Send it to the lender",
            "back": back,
            "back_words": f"Conditions of {found.number}",
            "barred": "" if visit.may(*EDITORS) else "A viewer reads and changes nothing.",
        },
        status=422 if form.is_bound else 200,
    )
