"""The company's details."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.parties.selectors import kyb_in_date
from loanfund.parties.services import change_details
from loanfund.parties.services.rights import EDITORS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.forms import DetailsForm, country_name
from loanfund.portal.company.sending import changed_by, send


@partner_page
def company(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's details."""
    context = {
        "country": country_name(visit.partner.country),
        "in_date": kyb_in_date(visit.partner, visit.on),
        "may_change": visit.may(*EDITORS),
    }
    return show(request, visit, "portal/company/company.html", context)


@partner_page
@changed_by(*EDITORS)
def details(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Bring the address and the website up to date."""
    partner = visit.partner
    form = DetailsForm(request.POST or None, initial={"address": partner.address, "website": partner.website})
    back = reverse("portal:company", args=[partner.number])

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        change_details(partner=partner, **entries, actor=visit.user, on=visit.on)
        return "The details are up to date.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": "Change the details",
            "lead": "For a new name, registration or country write to the lender: a paper has to prove it.",
            "form": form,
            "submit": "Save",
            "back": back,
            "back_words": "Company",
            "barred": "" if visit.may(*EDITORS) else "As a viewer you read only. Ask a preparer or an owner.",
        },
        status=422 if form.is_bound else 200,
    )
