"""What a borrower asks the lender for, or tells it: a holiday, a refund, a payment that is on its way, a confirmation."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.facilities.models import Facility
from loanfund.parties.models import Membership
from loanfund.parties.services import store_file
from loanfund.parties.services.settlement import SIGNERS
from loanfund.parties.serving import attachment
from loanfund.portal.access import Visit, partner_page, second_factor_first, show
from loanfund.portal.borrowing.finding import facility_of
from loanfund.portal.borrowing.forms import MoneyField
from loanfund.portal.company.forms import FileField, day_field
from loanfund.portal.company.sending import changed_by, press, send
from loanfund.portal.confirming import confirmed, with_code
from loanfund.servicing.models import BorrowerRequest
from loanfund.servicing.selectors import unapplied
from loanfund.servicing.services import ask_lender, withdraw_request

EDITORS = (*SIGNERS, Membership.Role.PREPARER)
ON_A_PAGE = 25
Kind, State = BorrowerRequest.Kind, BorrowerRequest.State
TONES = {State.OPEN: "warn", State.ANSWERED: "ok", State.DECLINED: "bad", State.WITHDRAWN: ""}


class AskForm(forms.Form):
    """Any request: each kind keeps the fields it needs, under its own words."""

    loan = forms.ChoiceField(label="Loan")
    day = day_field("Day", required=True)
    until = day_field("Last day", required=True)
    reference = forms.CharField(label="Bank reference or transaction hash", max_length=140)
    text = forms.CharField(label="Why", max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))
    file = FileField(
        label="Paper",
        required=False,
        help_text="If you have one: PDF, PNG, JPEG, CSV or XLSX, at most 20 MB.",
    )

    def __init__(self, *args: Any, asked: "Asked", facility: Facility, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(code=facility.currency, label="Amount")
        for name in set(self.fields) - asked.fields.keys():
            del self.fields[name]
        for name, label in asked.fields.items():
            self.fields[name].label = f"{label}, {facility.currency}" if name == "amount" else label
        if "loan" in self.fields:
            choice = self.fields["loan"]
            assert isinstance(choice, forms.ChoiceField)
            numbers = facility.loans.order_by("number").values_list("number", flat=True)
            choice.choices = [(number, number) for number in numbers]
        self.order_fields(list(asked.fields))


@dataclass(frozen=True)
class Asked:
    """One thing that can be asked: its words, its fields with their labels, and who may send it."""

    kind: BorrowerRequest.Kind
    title: str
    lead: str
    submit: str
    fields: dict[str, str]
    roles: tuple[str, ...] = EDITORS
    moves_money: bool = False


ASKS = {
    "payment": Asked(
        Kind.PAYMENT_REPORT,
        "Report a payment",
        "Tell the lender what you sent, so that it is matched the moment it arrives. It counts when it arrives.",
        "Report it",
        {
            "amount": "Amount sent",
            "day": "Sent on",
            "reference": "Bank reference or transaction hash",
            "file": "Proof of payment",
        },
    ),
    "payment-holiday": Asked(
        Kind.PAYMENT_HOLIDAY,
        "Ask for a payment holiday",
        "Principal that would fall due in these days is spread over the time after; interest is due as ever unless agreed "
        "otherwise. The committee may have to agree.",
        "Ask for it",
        {"loan": "Loan", "day": "First day", "until": "Last day", "text": "Why you need it", "file": "Paper"},
        SIGNERS,
    ),
    "refund": Asked(
        Kind.REFUND,
        "Ask for a refund",
        "Money of yours that is held and not applied can go back to your confirmed account.",
        "Ask for it",
        {"amount": "Amount", "text": "Why"},
        SIGNERS,
        moves_money=True,
    ),
    "balance-confirmation": Asked(
        Kind.BALANCE_CONFIRMATION,
        "Ask for a balance confirmation",
        "A PDF for your auditors: what the fund's books show at the end of a day.",
        "Ask for it",
        {"day": "At the end of", "text": "For whom"},
    ),
}


@partner_page
def asks(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """What was asked under a facility, and what can be."""
    found = facility_of(visit, facility)
    rows = BorrowerRequest.objects.filter(facility=found).select_related("loan").order_by("-id")
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "facility": found,
        "page": page,
        "rows": [(row, TONES[State(row.state)]) for row in page],
        "choices": [(slug, one.title, one.lead) for slug, one in ASKS.items() if visit.may(*one.roles)],
    }
    return show(request, visit, "portal/borrowing/asks.html", context)


@partner_page
def ask(request: HttpRequest, visit: Visit, facility: str, what: str) -> HttpResponseBase:
    """Send one request."""
    asked = ASKS.get(what)
    if asked is None:
        raise Http404("Nothing of this name can be asked.")
    if request.method == "POST" and not visit.may(*asked.roles):
        raise PermissionDenied("Your role at the company does not allow this.")
    guard = confirmed if asked.moves_money else second_factor_first
    view = guard(_ask) if asked.roles == SIGNERS else _ask
    return view(request, visit, facility_of(visit, facility), asked)


def _ask(request: HttpRequest, visit: Visit, found: Facility, asked: Asked) -> HttpResponse:
    form = AskForm(
        request.POST or None,
        request.FILES or None,
        asked=asked,
        facility=found,
        initial=_first(asked, visit, found),
    )
    if asked.moves_money:
        form = with_code(request, visit, form)
    back = reverse("portal:asks", args=[visit.partner.number, found.number])

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        uploaded, number = entries.pop("file", None), entries.pop("loan", None)
        file = None
        if uploaded is not None:
            file = store_file(
                name=uploaded.name or "",
                size=uploaded.size or 0,
                content=uploaded,
                partner=visit.partner,
                actor=visit.user,
                on=visit.on,
                now=timezone.now(),
            )
        made = ask_lender(
            facility=found,
            kind=asked.kind,
            loan=found.loans.filter(number=number).first() if number else None,
            file=file,
            actor=visit.user,
            on=visit.on,
            **{"day": visit.on} | entries,
        )
        to = reverse("portal:request", args=[visit.partner.number, made.number])
        return f"{made.number} is with the lender.", to

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    context = {
        "title": asked.title,
        "lead": asked.lead,
        "form": form,
        "submit": asked.submit,
        "back": back,
        "back_words": f"Requests of {found.number}",
        "barred": "" if visit.may(*asked.roles) else "Your role at the company does not allow this.",
    }
    status = 422 if form.is_bound else 200
    return answer or show(request, visit, "portal/company/one_form.html", context, status=status)


def _first(asked: Asked, visit: Visit, facility: Facility) -> dict[str, Any]:
    """What stands in the form when it is opened."""
    first: dict[str, Any] = {"day": visit.on} if asked.kind == Kind.PAYMENT_REPORT else {}
    if asked.kind == Kind.REFUND:
        first["amount"] = f"{unapplied(facility):,.2f}"
    return first


def _request(visit: Visit, number: str) -> BorrowerRequest:
    related = (
        "facility__fund",
        "facility__partner",
        "loan",
        "asked_by",
        "instruction",
        "refund",
        "receipt",
        "file",
    )
    found = BorrowerRequest.objects.select_related(*related, "confirmation")
    return get_object_or_404(found, number=number, facility__partner=visit.partner)


def _who_asks(found: BorrowerRequest) -> tuple[str, ...]:
    return next(one.roles for one in ASKS.values() if one.kind == found.kind)


@partner_page
@changed_by(*EDITORS)
def request_page(request: HttpRequest, visit: Visit, ask: str) -> HttpResponse:
    """One request: what was asked, its state, and the answer."""
    found = _request(visit, ask)

    def withdraw() -> str:
        withdraw_request(request=found, actor=visit.user, on=visit.on)
        return f"{found.number} is withdrawn."

    if request.method == "POST":
        return press(request, withdraw, to=reverse("portal:request", args=[visit.partner.number, ask]))
    context = {
        "asked": found,
        "facility": found.facility,
        "tone": TONES[State(found.state)],
        "may_withdraw": visit.may(*_who_asks(found)) and found.state == State.OPEN,
    }
    return show(request, visit, "portal/borrowing/request.html", context)


@partner_page
def request_file(request: HttpRequest, visit: Visit, ask: str, which: str) -> HttpResponseBase:
    """The paper that was sent with a request (`paper`), or the confirmation that answers it (`confirmation`)."""
    found = _request(visit, ask)
    stored = {"paper": found.file, "confirmation": found.confirmation}.get(which)
    if stored is None:
        raise Http404("There is no such file.")
    return attachment(stored)
