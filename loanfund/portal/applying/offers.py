"""The offer: read, signed by as many as have to, or declined; its text is kept."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from loanfund.facilities.canonical import plain
from loanfund.origination.models import Offer
from loanfund.origination.rights import SIGNS
from loanfund.origination.selectors import allowed_on_offer
from loanfund.origination.services import decline_offer, sign_offer
from loanfund.parties.second_factor import types_codes
from loanfund.portal.access import Visit, partner_page, second_factor_first, show
from loanfund.portal.applying.forms import ReasonForm, SignForm
from loanfund.portal.applying.offer_words import changes, offer_text, schedule_rows, terms_in_words
from loanfund.portal.applying.standing import application_at
from loanfund.portal.company.links import page_of
from loanfund.portal.company.sending import changed_by, send
from loanfund.portal.confirming import confirmed_lately
from loanfund.portal.keeping import typed_before

SUMS = ("total_principal", "total_interest", "total_fees")
SHOWN = {"sent", "accepted", "declined", "lapsed", "retracted"}


def offer_at(visit: Visit, number: str) -> Offer:
    """The newest offer that was sent for the partner's application with this number; a 404 when there is none."""
    found = application_at(visit, number)
    offers = Offer.objects.filter(application=found, sent_on__isnull=False, state__in=SHOWN)
    offer = offers.select_related("decision").order_by("-id").first()
    if offer is None:
        raise Http404("There is no offer yet.")
    offer.application = found
    return offer


def _page(request: HttpRequest, visit: Visit, offer: Offer, form: SignForm) -> HttpResponse:
    document, application, schedule = offer.document, offer.application, offer.document["schedule"]
    paid = sum((Decimal(schedule[part]) for part in SUMS), Decimal(0))
    schedule = schedule | {"total_paid": paid}
    signatures = list(offer.signatures.select_related("user").order_by("id"))
    compared = changes(application, document)
    allowed = allowed_on_offer(offer, visit.user, visit.on)
    context = {
        "offer": offer,
        "application": application,
        "document": document,
        "terms": terms_in_words(document),
        "rows": schedule_rows(document),
        "schedule": schedule,
        "drawn_on": date.fromisoformat(schedule["drawn_on"]),
        "compared": compared,
        "changed": [one for one in compared if one.differs],
        "signatures": signatures,
        "left": max(offer.signatories_needed - len(signatures), 0),
        "signed_here": any(one.user_id == visit.user.pk for one in signatures),
        "days_left": (offer.expires_on - visit.on).days if offer.expires_on else 0,
        "may_sign": "sign_offer" in allowed,
        "may_decline": "decline_offer" in allowed,
        "types_codes": types_codes(visit.user),
        "confirmed": confirmed_lately(request, again=True),
        "form": form,
        "facility": page_of(visit.partner.number, application.facility.number)
        if application.facility
        else "",
    }
    return show(request, visit, "portal/applying/offer.html", context, status=422 if form.is_bound else 200)


@partner_page
@changed_by(*SIGNS)
def offer(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """The offer, and signing it."""
    found = offer_at(visit, application)
    if request.method == "POST":
        return _sign(request, visit, found)
    name = {"signed_name": typed_before(request).get("signed_name", visit.user.name)}
    form = _sign_form(request, visit, initial=name | {"seen": found.digest})
    return _page(request, visit, found, form)


def _sign_form(request: HttpRequest, visit: Visit, **given: Any) -> SignForm:
    """The form to sign with: a code for every signature, save from whoever has just confirmed with a passkey alone."""
    form = SignForm(**given)
    if not types_codes(visit.user) and confirmed_lately(request, again=True):
        del form.fields["code"]
    return form


@second_factor_first
def _sign(request: HttpRequest, visit: Visit, found: Offer) -> HttpResponseBase:
    """One signatory accepts, confirmed by a code; with the last signature the facility is there."""
    here = reverse("portal:offer", args=[visit.partner.number, found.application.number])
    form = _sign_form(request, visit, data=request.POST)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        signed, facility = sign_offer(
            offer=found,
            seen_digest=entries["seen"],
            signed_name=entries["signed_name"],
            actor=visit.user,
            on=visit.on,
        )
        if facility is not None:
            return f"{signed.number} is accepted. Your facility is {facility.number}.", here
        left = signed.signatories_needed - signed.signatures.count()
        others = "One more signatory has" if left == 1 else f"{left} more signatories have"
        return f"Your signature is kept. {others} to sign by {signed.expires_on:%-d %B %Y}.", here

    return send(request, form, act, back=here) or _page(request, visit, found, form)


@partner_page
@changed_by(*SIGNS)
def decline(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """Say no to the offer, with a reason; the application ends with it."""
    found = offer_at(visit, application)
    back = reverse("portal:offer", args=[visit.partner.number, found.application.number])
    form = ReasonForm(request.POST or None, initial=typed_before(request))

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        decline_offer(offer=found, reason=entries["reason"], actor=visit.user, on=visit.on)
        return f"{found.number} is declined.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    context = {
        "offer": found,
        "application": found.application,
        "form": form,
        "back": back,
        "may_decline": "decline_offer" in allowed_on_offer(found, visit.user, visit.on),
    }
    return answer or show(
        request, visit, "portal/applying/decline.html", context, status=422 if form.is_bound else 200
    )


@partner_page
def text_file(request: HttpRequest, visit: Visit, application: str) -> HttpResponse:
    """The offer as text to keep, with its signatures and digest."""
    found = offer_at(visit, application)
    return _download(offer_text(found), "text/plain; charset=utf-8", f"{found.number}.txt")


@partner_page
def document_file(request: HttpRequest, visit: Visit, application: str) -> HttpResponse:
    """The document that was signed, byte for byte as its digest was taken: the sha256 of this file is the digest."""
    found = offer_at(visit, application)
    text = json.dumps(plain(found.document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _download(text, "application/json; charset=utf-8", f"{found.number}.json")


def _download(text: str, content_type: str, name: str) -> HttpResponse:
    answer = HttpResponse(text.encode(), content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
