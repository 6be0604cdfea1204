"""Facilities as operations see them: the list, and one page each with position, terms, loans, dues and what happened."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import conditions_standing, terms_on
from loanfund.facilities.wording import in_words, read_terms
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import AmountField, ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.positions import positions, principals
from loanfund.office.operations.seat import CREDIT, DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.templatetags.money import amount as written
from loanfund.servicing import rights, services
from loanfund.servicing.models import CloseException, Instruction
from loanfund.servicing.selectors import dues

TONES = {
    Facility.State.AVAILABLE: "ok",
    Facility.State.ACCELERATED: "bad",
    Facility.State.WRITTEN_OFF: "bad",
}
CHOICES = [
    ("running", "Running", ~Q(state__in=[Facility.State.CLOSED, Facility.State.WRITTEN_OFF])),
    ("available", "Open to drawdown", Q(state=Facility.State.AVAILABLE)),
    ("default", "In default", Q(event_of_default=True)),
    ("ended", "Closed or written off", Q(state__in=[Facility.State.CLOSED, Facility.State.WRITTEN_OFF])),
    ("all", "All", Q()),
]
SEARCHED = ("number", "partner__legal_name", "partner__number", "partner__group__name", "loans__number")
EVENTS = 30


@dataclass(frozen=True)
class Ends:
    """The final maturities that are looked for, both days included; None where it does not matter."""

    first: date | None
    last: date | None

    @classmethod
    def asked(cls, request: HttpRequest) -> "Ends":
        """From `ends_from` and `ends_to`; what is no day counts as not asked."""
        return cls(*(_day(request.GET.get(name, "")) for name in ("ends_from", "ends_to")))

    def narrow(self, rows: QuerySet[Facility]) -> QuerySet[Facility]:
        """Those of `rows` that end within these days."""
        if self.first:
            rows = rows.filter(maturity__gte=self.first)
        return rows.filter(maturity__lte=self.last) if self.last else rows


def _day(words: str) -> date | None:
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None


@page("facilities/", name="facilities", readers=(*DESK, *CREDIT), menu="Facilities", section="Operations")
def facilities(request: HttpRequest) -> HttpResponse:
    """Every facility with where it stands."""
    seat = take_seat(request)
    rows = Facility.objects.filter(fund=seat.fund).select_related("partner").distinct().order_by("-number")
    ends = Ends.asked(request)
    listing = listed(
        request, ends.narrow(rows), choices=CHOICES, search=SEARCHED, kept=("ends_from", "ends_to")
    )
    stand = positions(seat.fund.book_id, listing.page)
    open_conditions = dict(
        Facility.objects.filter(pk__in=stand)
        .annotate(left=Count("conditions", filter=Q(conditions__scope="first", conditions__state="open")))
        .values_list("pk", "left")
    )
    for row in listing.page:
        row.position, row.tone = stand[row.pk], TONES.get(Facility.State(row.state), "")
        row.open_conditions = open_conditions.get(row.pk, 0)
    return show(
        request, "office/operations/facilities.html", {"listing": listing, "ends": ends}, title="Facilities"
    )


class RefundForm(ReasonForm):
    """How much of what is held goes back, and why."""

    amount = AmountField(label="Amount")
    field_order = ["amount", "reason"]


@page("facilities/<str:number>/", name="facility", readers=(*DESK, *CREDIT), actors=DESK)
def facility(request: HttpRequest, number: str) -> HttpResponse:
    """One facility: position, terms, loans, dues, drawdowns, instructions, events and history."""
    seat = take_seat(request)
    found = get_object_or_404(
        Facility.objects.select_related("partner", "fund"), fund=seat.fund, number=number
    )
    stands = positions(seat.fund.book_id, [found])[found.pk]
    desk = Desk(request, [_refund_act(seat, found, stands.unapplied)])
    if (answer := desk.answer()) is not None:
        return answer
    loans = list(found.loans.select_related("drawdown"))
    owed = principals(seat.fund.book_id, loans)
    open_dues = dues(found, on=seat.on)
    standing = conditions_standing(found)
    terms = terms_on(found, seat.on)
    context = {
        "facility": found,
        "tone": TONES.get(Facility.State(found.state), ""),
        "position": stands,
        "desk": desk,
        "proposable": _proposable(seat, found),
        "statement_href": statement_link(found.number, seat.on),
        "principal": sum(owed.values(), start=found.commitment - found.commitment),
        "loans": [(loan, owed[loan.pk]) for loan in loans],
        "dues": open_dues,
        "owed": sum((due.outstanding for due in open_dues), start=found.commitment - found.commitment),
        "late": [due for due in open_dues if due.days_past_due > 0],
        "open_conditions": [row for row in standing if not row.met and row.condition.scope == "first"],
        "conditions_count": len(standing),
        "terms": in_words(read_terms(terms)),
        "terms_row": terms,
        "drawdowns": found.drawdowns.select_related("requested_by")[:20],
        "instructions": found.instructions.select_related("maker", "checker")[:20],
        "events": found.events.select_related("loan", "actor").order_by("-number")[:EVENTS],
        "exception": CloseException.objects.filter(facility=found).exclude(state="cured").first(),
        "history": timeline(found, newest=40),
        "trail": [("Facilities", reverse("admin:facilities"))],
    }
    title = f"{found.number}, {found.partner.legal_name}"
    return show(request, "office/operations/facility.html", context, title=title, status=desk.status)


def statement_link(number: str, on: date) -> str:
    """Where the statement of a facility or loan for the month before a business date is shown."""
    last = on.replace(day=1) - timedelta(days=1)
    asked = {"of": number, "first_day": last.replace(day=1).isoformat(), "last_day": last.isoformat()}
    return f"{reverse('admin:statements')}?{urlencode(asked)}"


def _proposable(seat: Seat, found: Facility) -> list[tuple[str, str]]:
    """The kinds of change that this person may propose here, with their pages."""
    kinds = [kind for kind in Instruction.Kind if seat.may(rights.to_propose(kind))]
    return [(str(kind.label), reverse("admin:propose", args=[found.number, kind.value])) for kind in kinds]


def _refund_act(seat: Seat, found: Facility, unapplied: Decimal) -> Act:
    def refund(entries: Entries) -> Done:
        proposed = services.propose_refund(
            amount=entries["amount"], reason=entries["reason"], facility=found, actor=seat.user, on=seat.on
        )
        return Done(f"{proposed.number} is proposed.", reverse("admin:refund", args=[proposed.number]))

    return Act(
        "refund",
        "Propose the refund",
        refund,
        right=seat.may(rights.PROPOSE_REFUND),
        ready=unapplied > 0,
        form=RefundForm,
        title="Send unapplied money back",
        danger=True,
        arguments={"initial": {"amount": written(unapplied, found.currency)}},
    )
