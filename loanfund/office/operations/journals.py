"""What finance books by hand: capital, charges of the bank, allowances; proposed by one person, booked by another."""

from collections.abc import Iterator
from functools import partial

from django import forms
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import AmountField, DayField, ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.receipts import facility_numbered
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.roles import FINANCE, OPERATIONS_MAKER
from loanfund.parties.services import store_file
from loanfund.parties.serving import attachment
from loanfund.parties.templatetags.money import money
from loanfund.reporting.models import MonthLock
from loanfund.reporting.selectors.arrivals import locked_month
from loanfund.servicing import rights, services
from loanfund.servicing.models import HandJournal
from loanfund.servicing.postings import BY_HAND

Kind, State = HandJournal.Kind, HandJournal.State
TONES = {State.PROPOSED: "warn", State.BOOKED: "ok", State.REFUSED: "bad", State.WITHDRAWN: ""}
CHOICES = [
    ("waiting", "Waiting", Q(state=State.PROPOSED)),
    ("booked", "Booked", Q(state=State.BOOKED)),
    ("not", "Not booked", Q(state__in=[State.REFUSED, State.WITHDRAWN])),
    ("all", "All", Q()),
]


class JournalForm(forms.Form):
    """One entry by hand."""

    kind = forms.ChoiceField(
        label="What is booked",
        choices=[
            ("", "Choose one"),
            *((value, words[0].upper() + words[1:]) for value, words in Kind.choices),
        ],
    )
    amount = AmountField(label="Amount")
    value_date = DayField(label="Value date", help_text="The day it counts from: today or before.")
    reference = forms.CharField(
        label="Reference", max_length=140, help_text="The bank's reference, or the paper it rests on."
    )
    facility = forms.CharField(
        label="Facility",
        max_length=20,
        required=False,
        help_text="For an allowance: its number, such as FAC-0001.",
    )
    reason = forms.CharField(label="Why", max_length=300, widget=forms.Textarea(attrs={"rows": 2}))
    document = forms.FileField(
        label="Paper", required=False, help_text="PDF, PNG, JPEG, CSV or XLSX, at most 20 MB."
    )


@page("journals/", name="journals", readers=DESK, menu="Journals by hand", section="Finance")
def journals(request: HttpRequest) -> HttpResponse:
    """Every entry by hand, those that wait first."""
    seat = take_seat(request)
    rows = HandJournal.objects.filter(fund=seat.fund).select_related("facility", "maker", "checker")
    listing = listed(
        request,
        rows.order_by("-id"),
        choices=CHOICES,
        search=("number", "reference", "reason", "facility__number"),
    )
    for row in listing.page:
        row.tone = TONES[State(row.state)]
    context = {"listing": listing, "may_propose": seat.may(rights.PROPOSE_JOURNAL)}
    return show(request, "office/operations/journals.html", context, title="Journals by hand")


@page("journals/propose/", name="journal_propose", readers=(), actors=(FINANCE, OPERATIONS_MAKER))
def propose(request: HttpRequest) -> HttpResponse:
    """An entry by hand, for another person to book."""
    seat = take_seat(request)
    act = Act(
        "propose",
        "Propose the entry",
        partial(_propose, seat),
        right=seat.may(rights.PROPOSE_JOURNAL),
        form=JournalForm,
        arguments={"initial": {"value_date": seat.on} | _asked(request)},
        says=f"Amounts in {seat.fund.currency}. Another person books what you propose; nothing booked is edited later.",
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    context = {"desk": desk, "trail": [("Journals by hand", reverse("admin:journals"))]}
    return show(
        request,
        "office/operations/one_act.html",
        context,
        title="Propose an entry by hand",
        status=desk.status,
    )


def _asked(request: HttpRequest) -> dict[str, str]:
    """What the page that led here knows already."""
    known = ("kind", "amount", "value_date", "reference")
    return {name: request.GET[name] for name in known if request.GET.get(name)}


def _propose(seat: Seat, entries: Entries) -> Done:
    del entries["form"]
    number, uploaded = entries.pop("facility").strip().upper(), entries.pop("document")
    facility = facility_numbered(seat, number, "facility") if number else None
    document = None
    if uploaded is not None:
        document = store_file(
            name=uploaded.name,
            size=uploaded.size,
            content=uploaded,
            partner=None,
            actor=seat.user,
            on=seat.on,
            now=timezone.now(),
        )
    journal = services.propose_journal(
        fund=seat.fund, facility=facility, document=document, actor=seat.user, on=seat.on, **entries
    )
    said = (
        f"{journal.number} is proposed: {money(journal.amount, journal.currency)}. Another person books it."
    )
    return Done(said, reverse("admin:journal", args=[journal.number]))


def _one(seat: Seat, number: str) -> HandJournal:
    related = ("facility__partner", "fund", "maker", "checker", "document")
    return get_object_or_404(HandJournal.objects.select_related(*related), fund=seat.fund, number=number)


@page("journals/<str:number>/", name="journal", readers=DESK, actors=DESK)
def journal(request: HttpRequest, number: str) -> HttpResponse:
    """One entry by hand: what it rests on, its debits and credits, and what is left to do."""
    seat = take_seat(request)
    one = _one(seat, number)
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    debited, credited = BY_HAND[one.kind]
    context = {
        "journal": one,
        "debited": debited.label,
        "credited": credited.label,
        "desk": desk,
        "tone": TONES[State(one.state)],
        "locked": _locked(one),
        "waits": seat.barred("book_journal", one),
        "history": timeline(one),
        "trail": [("Journals by hand", reverse("admin:journals"))],
    }
    return show(request, "office/operations/journal.html", context, title=one.number, status=desk.status)


def _locked(one: HandJournal) -> MonthLock | None:
    """The locked month of its value date, when it is booked after it or is still to be."""
    lock = locked_month(one.fund, one.value_date) if one.state in (State.PROPOSED, State.BOOKED) else None
    return lock if lock and (one.booked_on is None or one.booked_on > lock.last_day) else None


@page("journals/<str:number>/paper/", name="journal_paper", readers=DESK)
def paper(request: HttpRequest, number: str) -> HttpResponseBase:
    """The paper that an entry rests on."""
    one = _one(take_seat(request), number)
    if one.document is None:
        raise Http404("No paper is kept with this entry.")
    return attachment(one.document)


def _acts(seat: Seat, one: HandJournal) -> Iterator[Act]:
    own = one.maker_id == seat.user.pk
    yield Act(
        "book",
        f"Book {money(one.amount, one.currency)}",
        partial(_book, seat, one),
        **seat.gate("book_journal", one),
        title="Book it",
        says=f"Proposed by {one.maker}. It is booked on {seat.on:%-d %b %Y} and is never edited.",
    )
    yield Act(
        "refuse",
        "Withdraw" if own else "Refuse",
        partial(_refuse, seat, one),
        **seat.gate("refuse_journal", one),
        form=ReasonForm,
        danger=True,
        title="Withdraw it" if own else "Refuse it",
        says="Nothing is booked.",
    )


def _book(seat: Seat, one: HandJournal, entries: Entries) -> Done:
    services.book_journal(journal=one, seen_digest=one.proposed_digest, actor=seat.user, on=seat.on)
    return Done(f"{one.number} is booked.")


def _refuse(seat: Seat, one: HandJournal, entries: Entries) -> Done:
    refused = services.refuse_journal(journal=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is {refused.get_state_display().lower()}.")
