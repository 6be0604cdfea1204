"""Changes to a running facility: proposed with what they would do, booked by another person."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.calculation.terms import FacilityTerms
from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import authority_for, policy_in_force, terms_on
from loanfund.facilities.wording import in_words, read_terms
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.changes import SAYS, ChangeForm
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.figures import Compared, compared
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.receipt import BookForm
from loanfund.office.operations.seat import CREDIT, DESK, MAKERS_AND_CHECKERS, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.reference.selectors import calendar
from loanfund.servicing import rights, services
from loanfund.servicing.models import Event, Instruction

Kind, State = Instruction.Kind, Instruction.State
TONES = {State.PROPOSED: "warn", State.BOOKED: "ok", State.REFUSED: "bad", State.WITHDRAWN: ""}
MONEY_MOVED = ("disbursed", "received", "reversed", "refunded", "caught_up")
CHOICES = [
    ("waiting", "Waiting", Q(state=State.PROPOSED)),
    ("booked", "Booked", Q(state=State.BOOKED)),
    ("ended", "Refused or withdrawn", Q(state__in=[State.REFUSED, State.WITHDRAWN])),
    ("all", "All", Q()),
]


@page(
    "instructions/", name="instructions", readers=(*DESK, *CREDIT), menu="Instructions", section="Operations"
)
def instructions(request: HttpRequest) -> HttpResponse:
    """Every change that was proposed, those that wait first."""
    seat = take_seat(request)
    rows = Instruction.objects.filter(facility__fund=seat.fund).select_related(
        "facility__partner", "loan", "maker"
    )
    listing = listed(
        request,
        rows.order_by("-id"),
        choices=CHOICES,
        search=("number", "facility__number", "facility__partner__legal_name", "loan__number"),
    )
    for row in listing.page:
        row.tone = TONES[State(row.state)]
    return show(request, "office/operations/instructions.html", {"listing": listing}, title="Instructions")


@page(
    "facilities/<str:number>/propose/<slug:kind>/",
    name="propose",
    readers=(),
    actors=(roles.OPERATIONS_MAKER,),
)
def propose(request: HttpRequest, number: str, kind: str) -> HttpResponse:
    """Propose one kind of change: look first at what it would do, then put it forward."""
    seat = take_seat(request)
    if kind not in Kind.values:
        raise Http404("There is no such instruction.")
    facility = get_object_or_404(
        Facility.objects.select_related("partner", "fund"), fund=seat.fund, number=number
    )
    arguments = {
        "kind": kind,
        "loans": list(facility.loans.all()),
        "terms": read_terms(terms_on(facility, seat.on)),
        "events": list(_reversible(facility)) if kind == Kind.REVERSAL else [],
        "initial": {"value_date": seat.on},
    }
    label = Kind(kind).label
    act = Act(
        "propose",
        "Propose it",
        partial(_propose, seat, facility, kind),
        right=seat.may(rights.to_propose(kind)),
        form=ChangeForm,
        says=SAYS[Kind(kind)],
        arguments=arguments,
        look="Show what it does",
    )
    desk = Desk(request, [act])
    looked: Compared | None = None
    if "look" in request.POST and desk.sent is not None:
        looked = _look(seat, facility, kind, desk)
    elif (answer := desk.answer()) is not None:
        return answer
    context = {
        "desk": desk,
        "facility": facility,
        "looked": looked,
        "trail": [
            ("Facilities", reverse("admin:facilities")),
            (number, reverse("admin:facility", args=[number])),
        ],
    }
    title = f"{label.capitalize()}: {number}, {facility.partner.legal_name}"
    status = 200 if looked else desk.status
    return show(request, "office/operations/propose.html", context, title=title, status=status)


def _reversible(facility: Facility) -> Iterator[Event]:
    """The events that may be undone as such: not yet reversed, and no money moved with them. Newest first, fifty."""
    rows = facility.events.exclude(kind__in=MONEY_MOVED).filter(reversed_by__isnull=True)
    yield from rows.order_by("-number")[:50]


def _look(seat: Seat, facility: Facility, kind: str, desk: Desk) -> Compared | None:
    """What the change would do; None when the form or the calculation says that it cannot be."""
    form = desk.forms["propose"]
    assert isinstance(form, ChangeForm)
    if not form.is_valid():
        return None
    try:
        return compared(services.what_if(facility=facility, on=seat.on, **_asked(facility, kind, form)))
    except Refused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return None


def _asked(facility: Facility, kind: str, form: ChangeForm) -> dict[str, Any]:
    """What the form asks for as the services take it."""
    entries = form.cleaned_data
    if kind == Kind.REVERSAL:
        event = facility.events.get(key=entries["event"])
        return {
            "kind": kind,
            "value_date": event.value_date,
            "loan": event.loan,
            "amount": None,
            "details": {"event": event.key},
        }
    return {
        "kind": kind,
        "value_date": entries["value_date"],
        "loan": form.loan,
        "amount": entries.get("amount"),
        "details": form.details(),
    }


def _propose(seat: Seat, facility: Facility, kind: str, entries: Entries) -> Done:
    form = entries["form"]
    if kind == Kind.REVERSAL:
        event = facility.events.get(key=entries["event"])
        instruction = services.propose_reversal(
            event=event, reason=entries["reason"], actor=seat.user, on=seat.on
        )
    else:
        instruction = services.propose_instruction(
            facility=facility,
            reason=entries["reason"],
            actor=seat.user,
            on=seat.on,
            **_asked(facility, kind, form),
        )
    said = f"{instruction.number} is proposed. Another person books it."
    return Done(said, reverse("admin:instruction", args=[instruction.number]))


@page("instructions/<str:number>/", name="instruction", readers=(*DESK, *CREDIT), actors=MAKERS_AND_CHECKERS)
def instruction(request: HttpRequest, number: str) -> HttpResponse:
    """One change: what it does, who made it, what it waits for."""
    seat = take_seat(request)
    related = ("facility__partner", "facility__fund", "loan", "maker", "checker", "consent_by", "event")
    one = get_object_or_404(
        Instruction.objects.select_related(*related), facility__fund=seat.fund, number=number
    )
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    context = {
        "instruction": one,
        "desk": desk,
        "tone": TONES[State(one.state)],
        "compared": compared(one.preview),
        "details": details_in_words(one),
        "waits": list(_waits(seat, one)),
        "history": timeline(one),
        "trail": [("Instructions", reverse("admin:instructions"))],
    }
    title = f"{one.number}, {one.get_kind_display()}"
    return show(request, "office/operations/instruction.html", context, title=title, status=desk.status)


def details_in_words(one: Instruction) -> list[tuple[str, Any]]:
    """The details of an instruction in words; of new terms, those that differ from the ones in force."""
    if one.kind == Kind.AMENDMENT:
        old = dict(in_words(read_terms(terms_on(one.facility, one.value_date))))
        new = in_words(FacilityTerms.from_document(one.details["terms"], calendar))
        return [
            (name, f"{old.get(name, 'none')} becomes {value}")
            for name, value in new
            if old.get(name) != value
        ]
    return [(name.replace("_", " ").capitalize(), _word(value)) for name, value in one.details.items()]


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).replace("_", " ")


def _waits(seat: Seat, one: Instruction) -> Iterator[tuple[str, str]]:
    """What has to come before it can be booked, and where that is done (empty when not in the office)."""
    if one.state != State.PROPOSED:
        return
    if one.kind == Kind.AMENDMENT and one.consent_by_id is None:
        yield "The borrower has to consent in the portal first.", ""
    if one.kind in policy_in_force(seat.fund, seat.on).reserved_to_committee:
        found = authority_for(
            one.facility, kind=one.kind, digest=one.proposed_digest, on=seat.on, amount=one.amount
        )
        if found is None:
            matters = reverse("admin:reserved") if seat.holds(roles.ANALYST, *MAKERS_AND_CHECKERS) else ""
            yield f"The policy reserves this to the committee: {one.number} needs its decision.", matters
        else:
            until = f"{found.expires_on:%d %B %Y}"
            yield f"The committee allows it by {found.decision_number}, until {until}.", ""
    if seat.barred("book_instruction", one):
        yield f"Proposed by {one.maker}: another person has to book it.", ""


def _acts(seat: Seat, one: Instruction) -> Iterator[Act]:
    gate = seat.gate("book_instruction", one)
    yield Act(
        "book",
        "Book it",
        partial(_book, seat, one),
        right=gate["right"],
        ready=gate["ready"] and not (one.kind == Kind.AMENDMENT and one.consent_by_id is None),
        form=BookForm,
        title="Book",
        says=f"Proposed by {one.maker}. It is booked today with value date {one.value_date:%d %B %Y}.",
        arguments={"initial": {"seen": one.proposed_digest}},
    )
    own = one.maker_id == seat.user.pk
    yield Act(
        "refuse",
        "Withdraw it" if own else "Refuse it",
        partial(_refuse, seat, one),
        **seat.gate("refuse_instruction", one),
        form=ReasonForm,
        danger=True,
        title="Withdraw" if own else "Refuse",
    )


def _book(seat: Seat, one: Instruction, entries: Entries) -> Done:
    services.book_instruction(instruction=one, seen_digest=entries["seen"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is booked.")


def _refuse(seat: Seat, one: Instruction, entries: Entries) -> Done:
    services.refuse_instruction(instruction=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is {'withdrawn' if one.maker_id == seat.user.pk else 'refused'}.")
