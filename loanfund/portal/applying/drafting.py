"""Filling in an application: what is asked for, what for, and what it would cost."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.origination.models import Application
from loanfund.origination.models.states import State
from loanfund.origination.rights import PREPARES
from loanfund.origination.selectors import Preview, preview_terms
from loanfund.origination.services import (
    assess_impact,
    check_request,
    edit_application,
    start_application,
    weigh_impact,
    words_digest,
)
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.applying.fields import MoneyField
from loanfund.portal.applying.forms import NewForm, PurposeForm, RequestForm, SeenForm, TermsForm
from loanfund.portal.applying.standing import application_at, policy_of
from loanfund.portal.company.sending import changed_by, send
from loanfund.portal.keeping import typed_before

REQUEST = ("amount", "tenor_months", "profile", "interest_only_months", "revolving")
TRIED = REQUEST[:4]
PURPOSE = ("purpose", "net_assets", "compensation")
EXAMPLE_BALLOON = "0.5"


@partner_page
@changed_by(*PREPARES)
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Begin an application with what it asks for and what for."""
    back = reverse("portal:applications", args=[visit.partner.number])
    initial = {"profile": "bullet", "interest_only_months": 0} | typed_before(request)
    form = NewForm(request.POST or None, currency=visit.fund.currency, initial=initial)

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        values = {name: entries[name] for name in (*REQUEST, "purpose")}
        check_request(
            visit.fund, policy_of(visit), amount=_above_zero(values), tenor_months=values["tenor_months"]
        )
        started = start_application(
            fund=visit.fund, partner=visit.partner, values=values, actor=visit.user, on=visit.on
        )
        to = reverse("portal:application", args=[visit.partner.number, started.number])
        return f"{started.number} is saved as a draft. Leave it and come back whenever you like.", to

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/applying/new.html",
        {"form": form, "back": back, "policy": policy_of(visit), "may_change": visit.may(*PREPARES)},
        status=422 if form.is_bound else 200,
    )


def _above_zero(values: Mapping[str, Any]) -> Decimal:
    amount: Decimal = values["amount"]
    if amount <= 0:
        raise Refused("The amount is above zero.", field="amount")
    return amount


@partner_page
@changed_by(*PREPARES)
def request_page(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """How much, for how long, repaid how."""
    found = application_at(visit, application)

    def act(entries: dict[str, Any]) -> None:
        values = {name: entries[name] for name in REQUEST}
        check_request(
            visit.fund, policy_of(visit), amount=_above_zero(values), tenor_months=values["tenor_months"]
        )
        edit_application(
            application=found, values=values, actor=visit.user, on=visit.on, seen=entries["seen"]
        )

    def form_of(**bound: Any) -> SeenForm:
        return RequestForm(currency=visit.fund.currency, **bound)

    page = {"title": "Amount, time and repayment", "template": "portal/applying/request.html"}
    return _edit(request, visit, found, REQUEST, form_of, act, page)


@partner_page
@changed_by(*PREPARES)
def purpose(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """What it is for, and the figures that the losses are weighed against, as they are typed."""
    found = application_at(visit, application)
    snapshot = policy_of(visit).snapshot_at

    def act(entries: dict[str, Any]) -> None:
        values = {name: entries[name] for name in PURPOSE} | {
            "compensation": entries["compensation"] or Decimal(0)
        }
        saved = edit_application(
            application=found, values=values, actor=visit.user, on=visit.on, seen=entries["seen"]
        )
        if saved.uploads.exists():
            assess_impact(application=saved, actor=visit.user, on=visit.on, reason="figures changed")

    def form_of(**bound: Any) -> SeenForm:
        words = f"{snapshot.day} {snapshot:%B %Y at %H:%M} UTC"
        return PurposeForm(currency=visit.fund.currency, snapshot=words, **bound)

    page = {"title": "Purpose and figures", "template": "portal/applying/purpose.html"}
    return _edit(request, visit, found, PURPOSE, form_of, act, page)


def _edit(
    request: HttpRequest,
    visit: Visit,
    found: Application,
    names: tuple[str, ...],
    form_of: Callable[..., SeenForm],
    act: Callable[[dict[str, Any]], None],
    page: dict[str, str],
) -> HttpResponseBase:
    """A step of the task list: shown as saved, or as typed and refused; saved and back to the list."""
    back = reverse("portal:application", args=[visit.partner.number, found.number])
    if found.state != State.DRAFT:
        return redirect(back)
    saved = {name: getattr(found, name) for name in names}
    seen = words_digest(found, names)
    looked = request.method == "GET" and "look" in request.GET
    if request.method == "POST":
        form = form_of(data=request.POST)
    elif looked:
        form = form_of(data=request.GET.dict() | {"seen": request.GET.get("seen", seen)})
    else:
        form = form_of(initial=saved | typed_before(request) | {"seen": seen})

    def save(entries: dict[str, Any]) -> tuple[str, str]:
        act(entries)
        return f"{page['title']}: saved.", back

    answer = send(request, form, save, back=back) if request.method == "POST" else None
    if answer is not None:
        return answer
    stale = form.is_bound and form.data.get("seen") not in {"", None, seen}
    if stale and not looked:
        # Sent once more the words are meant: the form goes out again with what stands now as seen.
        form.data = request.POST.dict() | {"seen": seen}
    context = {
        "title": page["title"],
        "application": found,
        "form": form,
        "back": back,
        "policy": policy_of(visit),
        "saved": saved if stale else None,
        "may_change": visit.may(*PREPARES),
        "lines": _weighed(found, form, visit) if names == PURPOSE else (),
    }
    status = 422 if form.is_bound and not looked else 200
    return show(request, visit, page["template"], context, status=status)


def _weighed(found: Application, form: SeenForm, visit: Visit) -> list[dict[str, Any]]:
    """The programme's lines by the figures in the form, or by those that are saved where the form's are wrong."""
    if form.is_bound and form.is_valid():
        found.net_assets = form.cleaned_data["net_assets"]
        found.compensation = form.cleaned_data["compensation"] or Decimal(0)
    return weigh_impact(application=found, on=visit.on)


@partner_page
def terms(request: HttpRequest, visit: Visit, application: str) -> HttpResponse:
    """What the loan would cost on terms that may be tried out; nothing is kept."""
    found = application_at(visit, application)
    asked = {name: getattr(found, name) for name in REQUEST}
    saved = asked | {"amount": MoneyField().prepare_value(found.amount)}
    form = TermsForm(request.GET if "amount" in request.GET else saved, currency=visit.fund.currency)
    preview = _preview(visit, form) if form.is_valid() else None
    tried = form.cleaned_data if form.is_valid() else asked
    context = {
        "application": found,
        "form": form,
        "preview": preview,
        "example_balloon": tried["profile"] == Application.Profile.BALLOON,
        "pricing": policy_of(visit).pricing,
        "changed": any(tried[name] != asked[name] for name in TRIED),
    }
    piece = request.headers.get("HX-Request") == "true"
    template = "portal/applying/preview.html" if piece else "portal/applying/terms.html"
    return show(request, visit, template, context)


def _preview(visit: Visit, form: TermsForm) -> Preview | None:
    """The schedule of a valid form's terms; None, with a sentence in the form, when there can be none."""
    values = form.cleaned_data
    changes: dict[str, Any] = {"interest_only_months": values["interest_only_months"]}
    if values["profile"] == Application.Profile.BALLOON:
        changes["balloon"] = policy_of(visit).pricing.get("balloon", EXAMPLE_BALLOON)
    try:
        check_request(
            visit.fund, policy_of(visit), amount=_above_zero(values), tenor_months=values["tenor_months"]
        )
        return preview_terms(
            fund=visit.fund,
            amount=values["amount"],
            tenor_months=values["tenor_months"],
            profile=values["profile"],
            on=visit.on,
            changes=changes,
        )
    except Refused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return None
