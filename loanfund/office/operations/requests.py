"""What borrowers ask for and tell: answered by the desk, with what the answer leads to."""

from collections.abc import Iterator
from functools import partial

from django import forms
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.serving import attachment
from loanfund.reporting.services import confirm_balance
from loanfund.servicing import services
from loanfund.servicing.models import BorrowerRequest, Receipt
from loanfund.servicing.selectors import likely_receipts

Kind, State = BorrowerRequest.Kind, BorrowerRequest.State
TONES = {State.OPEN: "warn", State.ANSWERED: "ok", State.DECLINED: "bad", State.WITHDRAWN: ""}
CHOICES = [
    ("open", "Waiting", Q(state=State.OPEN)),
    ("answered", "Answered", Q(state__in=[State.ANSWERED, State.DECLINED])),
    ("all", "All", Q()),
]


class AnswerForm(forms.Form):
    """The answer that the partner reads."""

    answer = forms.CharField(label="Answer", max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class HolidayForm(AnswerForm):
    """A holiday agreed to, for another person to book."""

    capitalise_interest = forms.BooleanField(
        label="Interest of the holiday is added to the principal", required=False
    )


class ReceiptForm(AnswerForm):
    """The receipt that a reported payment became."""

    receipt = forms.CharField(label="Receipt", max_length=20, help_text="Its number, such as RC-0001.")
    field_order = ("receipt", "answer")


@page("requests/", name="requests", readers=DESK, menu="Requests", section="Operations")
def requests(request: HttpRequest) -> HttpResponse:
    """Every request of a borrower, those that wait first."""
    seat = take_seat(request)
    rows = BorrowerRequest.objects.filter(facility__fund=seat.fund).select_related("facility__partner")
    listing = listed(
        request,
        rows.order_by("-id"),
        choices=CHOICES,
        search=("number", "reference", "facility__number", "facility__partner__legal_name"),
    )
    for row in listing.page:
        row.tone = TONES[State(row.state)]
    return show(request, "office/operations/requests.html", {"listing": listing}, title="Requests")


def _one(seat: Seat, number: str) -> BorrowerRequest:
    related = ("facility__fund", "facility__partner", "loan", "asked_by", "answered_by", "file")
    found = BorrowerRequest.objects.select_related(
        *related, "instruction", "refund", "receipt", "confirmation"
    )
    return get_object_or_404(found, facility__fund=seat.fund, number=number)


@page("requests/<str:number>/", name="request", readers=DESK, actors=DESK)
def request_page(request: HttpRequest, number: str) -> HttpResponse:
    """One request: what is asked, and the answer."""
    seat = take_seat(request)
    one = _one(seat, number)
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    context = {
        "asked": one,
        "desk": desk,
        "tone": TONES[State(one.state)],
        "likely": likely_receipts(one),
        "history": timeline(one),
        "trail": [("Requests", reverse("admin:requests"))],
    }
    return show(request, "office/operations/request.html", context, title=one.number, status=desk.status)


@page("requests/<str:number>/<slug:which>/", name="request_paper", readers=DESK)
def paper(request: HttpRequest, number: str, which: str) -> HttpResponseBase:
    """The paper that came with a request (`paper`), or the confirmation that answered it (`confirmation`)."""
    one = _one(take_seat(request), number)
    stored = {"paper": one.file, "confirmation": one.confirmation}.get(which)
    if stored is None:
        raise Http404("There is no such file.")
    return attachment(stored)


def _acts(seat: Seat, one: BorrowerRequest) -> Iterator[Act]:
    gate = seat.gate("answer_request", one)
    words = {
        Kind.PAYMENT_HOLIDAY: (
            "Agree, and propose it",
            HolidayForm,
            "It is proposed as a change; another person books it.",
        ),
        Kind.REFUND: (
            "Agree, and propose the refund",
            AnswerForm,
            "Another person approves the refund before it is paid.",
        ),
        Kind.PAYMENT_REPORT: (
            "It arrived",
            ReceiptForm,
            "Name the receipt; enter or import it first when it is not there.",
        ),
        Kind.BALANCE_CONFIRMATION: (
            "Confirm",
            AnswerForm,
            "The PDF is made from the ledger of that day and kept.",
        ),
    }[Kind(one.kind)]
    yield Act(
        "answer", words[0], partial(_answer, seat, one), **gate, form=words[1], title=words[0], says=words[2]
    )
    yield Act(
        "decline",
        "Decline",
        partial(_decline, seat, one),
        **gate,
        form=AnswerForm,
        danger=True,
        title="Decline it",
        says="The partner reads why.",
    )


def _answer(seat: Seat, one: BorrowerRequest, entries: Entries) -> Done:
    del entries["form"]
    if one.kind == Kind.BALANCE_CONFIRMATION:
        confirm_balance(
            request=one, answer=entries["answer"], actor=seat.user, on=seat.on, now=timezone.now()
        )
        return Done(f"{one.number} is answered: the confirmation is made.")
    number = entries.pop("receipt", "").strip().upper()
    receipt = Receipt.objects.select_related("facility").filter(fund=seat.fund, number=number).first()
    if number and receipt is None:
        raise Refused(f"There is no receipt {number[:20]}.", field="receipt")
    made = services.answer_request(request=one, receipt=receipt, actor=seat.user, on=seat.on, **entries)
    led_to = made.instruction or made.refund or made.receipt
    return Done(f"{one.number} is answered: {led_to}.")


def _decline(seat: Seat, one: BorrowerRequest, entries: Entries) -> Done:
    services.answer_request(request=one, answer=entries["answer"], declined=True, actor=seat.user, on=seat.on)
    return Done(f"{one.number} is declined.")
