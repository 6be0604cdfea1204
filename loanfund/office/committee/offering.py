"""Offers: made by one person, sent by another."""

from collections.abc import Iterator
from datetime import date
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.office.committee.queue import READERS
from loanfund.office.committee.seen import SeenForm
from loanfund.office.committee.weighing import previewed
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.seat import MAKERS_AND_CHECKERS, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination import services
from loanfund.origination.models import Application, Offer
from loanfund.origination.selectors import allowed_on_offer
from loanfund.origination.selectors.applications import LENDERS
from loanfund.origination.term_words import term_rows
from loanfund.parties import roles

TONES = {"prepared": "warn", "sent": "brand", "accepted": "ok", "refused": "bad", "declined": "bad"}


def offer_acts(seat: Seat, application: Application, allowed: set[str]) -> Iterator[Act]:
    """Prepare the offer of what was approved."""
    yield Act(
        "make-offer",
        "Prepare the offer",
        partial(_make, seat, application),
        right=seat.holds(*LENDERS["make_offer"][1]),
        ready="make_offer" in allowed,
        title="Prepare the offer",
        says="Terms, schedule, fees and conditions in one text, as the committee decided. Another person sends it.",
    )


@page("offers/<str:number>/", name="offer", readers=READERS, actors=MAKERS_AND_CHECKERS)
def offer(request: HttpRequest, number: str) -> HttpResponse:
    """One offer, whole: what the partner reads and signs."""
    seat = take_seat(request)
    one = get_object_or_404(
        Offer.objects.select_related(
            "application__partner", "application__fund", "maker", "checker", "decision"
        ),
        application__fund=seat.fund,
        number=number,
    )
    allowed = allowed_on_offer(one, seat.user, seat.on)
    desk = Desk(request, _acts(seat, one, allowed))
    if (answer := desk.answer()) is not None:
        return answer
    application = one.application
    mine = one.maker_id == seat.user.pk and seat.holds(roles.OPERATIONS_CHECKER)
    context = {
        "offer": one,
        "desk": desk,
        "code": seat.fund.currency,
        "tone": TONES.get(one.state, ""),
        "deal_rows": term_rows(one.document["deal"]),
        "deal": previewed(seat.fund, one.amount, one.document["deal"], one.made_on),
        "fees": one.document["fees"],
        "maturity": date.fromisoformat(one.document["maturity"]),
        "drawn_until": date.fromisoformat(one.document["availability_end"]),
        "signatures": list(one.signatures.select_related("user")),
        "waits": f"Prepared by {one.maker}: another person has to send it."
        if mine and one.state == Offer.State.PREPARED
        else "",
        "history": timeline(one),
        "trail": [
            ("Applications", reverse("admin:queue")),
            (application.number, reverse("admin:application", args=[application.number])),
        ],
    }
    title = f"{one.number}, {application.partner.legal_name}"
    return show(request, "office/committee/offer.html", context, title=title, status=desk.status)


def _acts(seat: Seat, one: Offer, allowed: set[str]) -> Iterator[Act]:
    checker = seat.holds(roles.OPERATIONS_CHECKER)
    yield Act(
        "send",
        "Send the offer",
        partial(_send, seat, one),
        right=checker,
        ready="send_offer" in allowed,
        form=SeenForm,
        arguments={"initial": {"seen": one.digest}},
        title="Send to the partner",
        says="The partner's signatories are told, and the days of its validity begin.",
    )
    yield Act(
        "refuse",
        "Refuse",
        partial(_refuse, seat, one),
        right=checker,
        ready="refuse_offer" in allowed,
        form=ReasonForm,
        danger=True,
        title="Refuse this text",
        says="Another offer can be prepared.",
    )
    yield Act(
        "retract",
        "Retract the offer",
        partial(_retract, seat, one),
        right=seat.holds(*MAKERS_AND_CHECKERS),
        ready="retract_offer" in allowed,
        form=ReasonForm,
        danger=True,
        title="Retract",
        says="The approval and what it reserves stand; another offer can be prepared.",
    )


def _make(seat: Seat, application: Application, entries: Entries) -> Done:
    made = services.make_offer(application=application, actor=seat.user, on=seat.on)
    return Done(
        f"{made.number} is prepared. Another person reads and sends it.",
        to=reverse("admin:offer", args=[made.number]),
    )


def _send(seat: Seat, one: Offer, entries: Entries) -> Done:
    sent = services.send_offer(offer=one, seen_digest=entries["seen"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is sent and can be accepted until {sent.expires_on:%d %B %Y}.")


def _refuse(seat: Seat, one: Offer, entries: Entries) -> Done:
    services.refuse_offer(offer=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is refused.")


def _retract(seat: Seat, one: Offer, entries: Entries) -> Done:
    services.retract_offer(offer=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is retracted.")
