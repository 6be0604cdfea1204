"""The queue: every application, found by where it stands, how long it has waited, its size, its segment and analyst."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination.models import Application
from loanfund.origination.models.states import FINAL, State
from loanfund.origination.selectors import is_overdue, overdue
from loanfund.parties import roles
from loanfund.parties.models import Partner, User

ROWS = 40
ROOM = (roles.ANALYST, roles.COMMITTEE_MEMBER, roles.CHAIR)
READERS = (*ROOM, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
"""Who reads applications: those who weigh and decide them, and those who make and check the offers."""

OPEN: list[State] = [state for state in State if state not in FINAL and state != State.DRAFT]
GROUPS: dict[str, tuple[str, Sequence[State]]] = {
    "open": ("Open", OPEN),
    "submitted": ("To take up", [State.SUBMITTED]),
    "checking": ("In check", [State.CHECKING]),
    "information": ("With the partner", [State.INFORMATION_REQUESTED]),
    "committee": ("Before the committee", [State.TABLED, State.VOTING]),
    "approved": ("Approved, offered", [State.APPROVED, State.OFFERED]),
    "ended": ("Ended", sorted(FINAL)),
}
TONES = {
    State.SUBMITTED: "warn",
    State.CHECKING: "info",
    State.INFORMATION_REQUESTED: "",
    State.TABLED: "brand",
    State.VOTING: "brand",
    State.APPROVED: "ok",
    State.OFFERED: "ok",
    State.ACCEPTED: "ok",
    State.DECLINED: "bad",
}
AGES = [("", "Any"), ("5", "Over 5 days"), ("10", "Over 10 days"), ("30", "Over 30 days")]
AMOUNTS: dict[str, tuple[str, Q]] = {
    "to-1": ("Up to 1 million", Q(amount__lte=1_000_000)),
    "1-5": ("1 to 5 million", Q(amount__gt=1_000_000, amount__lte=5_000_000)),
    "over-5": ("Over 5 million", Q(amount__gt=5_000_000)),
}
ORDERS = {
    "waiting": ("Longest waiting", ("state_since", "id")),
    "newest": ("Newest", ("-id",)),
    "largest": ("Largest amount", ("-amount", "id")),
    "partner": ("Partner", ("partner__legal_name", "id")),
}


class QueueFilter(forms.Form):
    """What narrows the queue; everything is optional, and nonsense counts as nothing."""

    q = forms.CharField(label="Partner or number", required=False, max_length=100)
    age = forms.ChoiceField(label="Waiting", required=False, choices=AGES)
    amount = forms.ChoiceField(
        label="Amount", required=False, choices=[("", "Any"), *[(k, v[0]) for k, v in AMOUNTS.items()]]
    )
    segment = forms.ChoiceField(
        label="Segment", required=False, choices=[("", "Any"), *Partner.Segment.choices]
    )
    analyst = forms.ChoiceField(label="Analyst", required=False)
    sort = forms.ChoiceField(
        label="Order", required=False, choices=[(k, v[0]) for k, v in ORDERS.items()], initial="waiting"
    )
    overdue = forms.BooleanField(label="Overdue only", required=False)
    watched = forms.BooleanField(label="Watch-list only", required=False)

    def __init__(self, *args: Any, analysts: list[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "Anybody"), ("none", "Nobody yet")]
        choices += [(str(one.pk), one.name or one.email) for one in analysts]
        self.fields["analyst"].choices = choices  # type: ignore[attr-defined] # a ChoiceField has them
        for name, field in self.fields.items():
            field.widget.attrs["id"] = f"queue-{name}"


@dataclass(frozen=True)
class Tab:
    """One group of states, how many stand in it, and its address with the other filters kept."""

    label: str
    many: int
    href: str
    taken: bool


@dataclass(frozen=True)
class Line:
    """One application in the queue; `waits` are the days since it last moved, None once it has ended."""

    application: Application
    tone: str
    waits: int | None
    late: bool

    @classmethod
    def of(cls, one: Application, on: date) -> "Line":
        """The line of one application on a business date."""
        waits = (on - one.state_since).days if one.state not in FINAL else None
        return cls(one, TONES.get(State(one.state), ""), waits, is_overdue(one, on))


@page("applications/", name="queue", readers=READERS, menu="Applications", section="Committee room")
def queue(request: HttpRequest) -> HttpResponse:
    """Every application handed in; at first those that wait for somebody, the longest waiting on top."""
    seat = take_seat(request)
    analysts = list(User.objects.filter(groups__name=roles.ANALYST, is_active=True).order_by("name"))
    form = QueueFilter(request.GET or None, analysts=analysts)
    asked = _asked(form)
    taken = request.GET.get("state", "open")
    taken = taken if taken in GROUPS or taken == "all" else "open"
    found = _narrowed(Application.objects.filter(fund=seat.fund).exclude(state=State.DRAFT), asked, seat)
    kept = {
        name: str(value) for name, value in request.GET.items() if name not in {"state", "page"} and value
    }
    tabs = _tabs(found, taken, kept)
    if taken != "all":
        found = found.filter(state__in=GROUPS[taken][1])
    order = ORDERS[asked.get("sort") or "waiting"][1]
    rows = found.select_related("partner__group", "analyst").order_by(*order)
    listing = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "tabs": tabs,
        "taken": taken,
        "listing": listing,
        "rows": [Line.of(row, seat.on) for row in listing],
        "narrowed": bool(kept),
        "query": urlencode({"state": taken, **kept}) + "&",
        "code": seat.fund.currency,
    }
    return show(request, "office/committee/queue.html", context, title="Applications")


def _asked(form: QueueFilter) -> dict[str, Any]:
    form.is_valid()
    return getattr(form, "cleaned_data", {})


def _narrowed(found: QuerySet[Application], asked: dict[str, Any], seat: Seat) -> QuerySet[Application]:
    if words := asked.get("q"):
        found = found.filter(
            Q(number__icontains=words)
            | Q(partner__legal_name__icontains=words)
            | Q(partner__number__icontains=words)
        )
    if days := asked.get("age"):
        found = found.exclude(state__in=FINAL).filter(state_since__lt=seat.on - timedelta(days=int(days)))
    if band := asked.get("amount"):
        found = found.filter(AMOUNTS[band][1])
    if segment := asked.get("segment"):
        found = found.filter(partner__segment=segment)
    if analyst := asked.get("analyst"):
        found = found.filter(analyst=None) if analyst == "none" else found.filter(analyst_id=analyst)
    if asked.get("overdue"):
        found = overdue(found, seat.on)
    if asked.get("watched"):
        found = found.filter(partner__watch_listed=True)
    return found


def _tabs(found: QuerySet[Application], taken: str, kept: dict[str, str]) -> list[Tab]:
    """Each group with how many of the narrowed queue stand in it, in one query."""
    counted = found.order_by().values("state").annotate(many=Count("id"))
    by_state = {row["state"]: row["many"] for row in counted}
    tabs = []
    for value, (label, states) in [*GROUPS.items(), ("all", ("All", list(State)))]:
        href = "?" + urlencode({"state": value, **kept})
        tabs.append(Tab(label, sum(by_state.get(state, 0) for state in states), href, value == taken))
    return tabs
