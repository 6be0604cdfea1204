"""Pairing by hand: lines of statements with movements of cash that agree by no rule, by two people, and undone likewise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties.roles import FINANCE, OPERATIONS_MAKER
from loanfund.parties.templatetags.money import money
from loanfund.reporting.reports.cash import Standing, standing
from loanfund.reporting.reports.matching import Movement, Pair, waits
from loanfund.servicing import rights, services
from loanfund.servicing.models import CashPair, CashPairSide
from loanfund.servicing.selectors.statement_lines import StatementLine

State = CashPair.State
ZERO = Decimal(0)
SHOWN = 40
"""So many of each side are shown, those of the nearest days first; the search finds the others."""
TONES = {
    State.PROPOSED: "warn", State.CONFIRMED: "ok", State.REFUSED: "bad", State.WITHDRAWN: "", State.UNDONE: "",
}  # fmt: skip
CHOICES = [
    ("waiting", "Waiting", Q(state=State.PROPOSED)),
    ("confirmed", "Confirmed", Q(state=State.CONFIRMED)),
    ("not", "Refused or undone", Q(state__in=[State.REFUSED, State.WITHDRAWN, State.UNDONE])),
    ("all", "All", Q()),
]


class PairForm(forms.Form):
    """What belongs together, and why. The lines and movements themselves are ticked in two tables."""

    lines = forms.TypedMultipleChoiceField(coerce=int, required=False)
    entries = forms.TypedMultipleChoiceField(coerce=int, required=False)
    search = forms.CharField(label="Look for", max_length=100, required=False, strip=True)
    agreed = forms.BooleanField(
        label="Show those that agree already too",
        required=False,
        help_text="What agrees by its amount alone may be something else. A line that became a receipt stays with it.",
    )
    reason = forms.CharField(label="Why", max_length=300, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, lines: Sequence[int], entries: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].choices = [(key, key) for key in lines]  # type: ignore[attr-defined] # a choice field
        self.fields["entries"].choices = [(key, key) for key in entries]  # type: ignore[attr-defined] # a choice field


@dataclass(frozen=True)
class Tick:
    """One row that may be ticked: a line or a movement; `note` says that it agrees with something already, or waits."""

    key: int
    day: date | None
    what: str
    words: str
    amount: Decimal | None
    note: str
    ticked: bool


@dataclass(frozen=True)
class Pool:
    """What can be paired now, each side with the note that is told of it; `taken` waits for a second person."""

    lines: dict[int, tuple[StatementLine, str]]
    entries: dict[int, tuple[Movement, str]]


def _pool(stands: Standing) -> Pool:
    lines = {line.key: (line, "") for line in stands.alone if not _held(line, stands)}
    entries = {
        int(one.entry): (
            one,
            f"undone by entry {stands.undone[one.entry]}" if one.entry in stands.undone else "",
        )
        for one in stands.loose
        if one.entry not in stands.waiting
    }
    for pair in stands.pairs:
        if _may_be_other(pair, stands):
            (line,), (movement,) = pair.lines, pair.movements
            lines[line.key] = (line, f"agrees with entry {movement.entry}: {pair.why}")
            entries[int(movement.entry)] = (movement, f"agrees with {line.place}: {pair.why}")
    return Pool(lines, entries)


def _held(line: StatementLine, stands: Standing) -> bool:
    return waits(line) or line.key in stands.waiting


def _may_be_other(pair: Pair, stands: Standing) -> bool:
    """Whether a pair that was found by a rule may be paired otherwise: not a receipt with its own line."""
    if pair.by_hand or waits(pair.lines[0]):
        return False
    return pair.lines[0].key not in stands.waiting and pair.movements[0].entry not in stands.waiting


@page("pairs/", name="pairs", readers=DESK, menu="Pairing by hand", section="Finance")
def pairs(request: HttpRequest) -> HttpResponse:
    """Every pair made by hand, those that wait first."""
    seat = take_seat(request)
    rows = (
        CashPair.objects.filter(fund=seat.fund)
        .select_related("maker", "checker", "undoes")
        .annotate(listed=Count("sides__line"), moved=Count("sides__entry"))
    )
    listing = listed(
        request, rows.order_by("-id"), choices=CHOICES, search=("number", "reason", "undoes__number")
    )
    for row in listing.page:
        row.tone = TONES[State(row.state)]
    context = {
        "listing": listing,
        "may_propose": seat.may(rights.PROPOSE_PAIR),
        "code": seat.fund.currency,
        "compared": _compared(seat),
    }
    return show(request, "office/finance/pairs.html", context, title="Pairing by hand")


def _compared(seat: Seat) -> str:
    days = {"first_day": seat.fund.opened_on.isoformat(), "last_day": seat.on.isoformat()}
    return f"{reverse('admin:report', args=['reconciliation'])}?{urlencode(days)}"


@page("pairs/propose/", name="pair_propose", readers=(), actors=(FINANCE, OPERATIONS_MAKER))
def propose(request: HttpRequest) -> HttpResponse:
    """Lines that nothing in the book answers to beside movements that no statement has, to be ticked."""
    seat = take_seat(request)
    stands = standing(seat.fund, seat.on)
    pool = _pool(stands)
    given = {
        name: [key for key in request.GET.getlist(name) if key.isdigit()] for name in ("lines", "entries")
    }
    act = Act(
        "propose",
        "Propose the pair",
        partial(_propose, seat),
        right=seat.may(rights.PROPOSE_PAIR),
        form=PairForm,
        arguments={
            "lines": list(pool.lines),
            "entries": list(pool.entries),
            "initial": {**given, "agreed": "agreed" in request.GET, "search": request.GET.get("search", "")},
        },
        look="Search and add up",
    )
    desk = Desk(request, [act])
    looking = "look" in request.POST and desk.sent is not None
    if not looking and (answer := desk.answer()) is not None:
        return answer
    form = desk.forms["propose"]
    lines, entries = _ticks(pool, form)
    if looking:
        # Only a look: what is not said yet is no mistake.
        form.is_valid()
        form.errors.clear()
    context = {
        "act": act,
        "form": form,
        "lines": lines[:SHOWN],
        "entries": entries[:SHOWN],
        "more": (max(len(lines) - SHOWN, 0), max(len(entries) - SHOWN, 0)),
        "sums": _sums(lines, entries, seat),
        "unread": any(one.ticked and one.amount is None for one in lines),
        "code": seat.fund.currency,
        "trail": [("Pairing by hand", reverse("admin:pairs"))],
    }
    return show(
        request,
        "office/finance/pair_propose.html",
        context,
        title="Pair by hand",
        status=200 if looking else desk.status,
    )


def _ticks(pool: Pool, form: forms.Form) -> tuple[list[Tick], list[Tick]]:
    """Both sides as rows: what is ticked first, then by nearness to the days of what is ticked, the newest first."""
    chosen = {name: {str(key) for key in form[name].value() or ()} for name in ("lines", "entries")}
    words, agreed = str(form["search"].value() or "").strip().casefold(), bool(form["agreed"].value())
    lines = [
        Tick(
            key,
            line.value_date,
            line.place,
            line.reference or line.outcome,
            line.amount,
            note,
            str(key) in chosen["lines"],
        )
        for key, (line, note) in pool.lines.items()
    ]
    entries = [
        Tick(
            key,
            one.day,
            f"{one.kind.capitalize()} {one.number}".strip(),
            one.reference,
            one.amount,
            note,
            str(key) in chosen["entries"],
        )
        for key, (one, note) in pool.entries.items()
    ]
    days = [one.day for one in [*lines, *entries] if one.ticked and one.day]
    return _shown(lines, words, agreed, days), _shown(entries, words, agreed, days)


def _shown(rows: list[Tick], words: str, agreed: bool, days: list[date]) -> list[Tick]:
    def distance(one: Tick) -> tuple[bool, int, int]:
        day = one.day or date.min
        near = min((abs((day - other).days) for other in days), default=0)
        return (not one.ticked, near, -day.toordinal())

    found = [one for one in rows if one.ticked or ((agreed or not one.note) and _holds(one, words))]
    return sorted(found, key=distance)


def _holds(one: Tick, words: str) -> bool:
    """Whether a row has the words, or the amount that they are."""
    if not words or words in f"{one.what} {one.words}".casefold():
        return True
    try:
        return one.amount is not None and abs(Decimal(words.replace(",", ""))) == abs(one.amount)
    except InvalidOperation:
        return False


@dataclass(frozen=True)
class Sums:
    """What is ticked on either side, and the way to book a difference that the bank kept."""

    lines: Decimal
    entries: Decimal
    apart: Decimal
    charge: str


def _sums(lines: list[Tick], entries: list[Tick], seat: Seat) -> Sums | None:
    """None when nothing is ticked, or a ticked line cannot be read: it is what the other side leaves."""
    ticked = [one for one in [*lines, *entries] if one.ticked]
    if not ticked or any(one.amount is None for one in ticked):
        return None
    listed = sum((one.amount or ZERO for one in lines if one.ticked), ZERO)
    moved = sum((one.amount or ZERO for one in entries if one.ticked), ZERO)
    apart = listed - moved
    day = max((one.day for one in ticked if one.day), default=seat.on)
    given = {"kind": "bank_charge", "amount": f"{-apart:f}", "value_date": min(day, seat.on).isoformat()}
    both = any(one.ticked for one in lines) and any(one.ticked for one in entries)
    charge = f"{reverse('admin:journal_propose')}?{urlencode(given)}" if apart < 0 and both else ""
    return Sums(listed, moved, apart, charge)


def _propose(seat: Seat, entries: Entries) -> Done:
    made = services.propose_pair(
        fund=seat.fund,
        lines=entries["lines"],
        entries=entries["entries"],
        reason=entries["reason"],
        actor=seat.user,
        on=seat.on,
    )
    said = f"{made.number} is proposed: {money(made.amount, seat.fund.currency)}. Another person confirms it."
    return Done(said, reverse("admin:pair", args=[made.number]))


@page("pairs/<str:number>/", name="pair", readers=DESK, actors=DESK)
def pair(request: HttpRequest, number: str) -> HttpResponse:
    """One pair: its lines, its movements, why, by whom, and what is left to do."""
    seat = take_seat(request)
    sides = Prefetch(
        "sides", CashPairSide.objects.select_related("line__bank_import", "line__receipt", "entry")
    )
    rows = CashPair.objects.select_related("fund", "maker", "checker", "undoes").prefetch_related(
        sides, "undoings", "undoes__sides__line__bank_import", "undoes__sides__entry"
    )
    one = get_object_or_404(rows, fund=seat.fund, number=number)
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    of = list((one.undoes or one).sides.all())
    moved = [(side, side.entry.kind.replace("_", " ").capitalize()) for side in of if side.entry is not None]
    context = {
        "pair": one,
        "lines": [side for side in of if side.line is not None],
        "entries": moved,
        "undoing": next(
            (other for other in one.undoings.all() if other.state in (State.PROPOSED, State.CONFIRMED)), None
        ),
        "tone": TONES[State(one.state)],
        "code": seat.fund.currency,
        "desk": desk,
        "waits": seat.barred("confirm_pair", one),
        "history": timeline(one),
        "trail": [("Pairing by hand", reverse("admin:pairs"))],
    }
    return show(request, "office/finance/pair.html", context, title=one.number, status=desk.status)


def _acts(seat: Seat, one: CashPair) -> Iterator[Act]:
    own = one.maker_id == seat.user.pk
    yield Act(
        "confirm",
        f"Undo {one.undoes.number}" if one.undoes else "Confirm the pair",
        partial(_confirm, seat, one),
        **seat.gate("confirm_pair", one),
        title=f"Undo {one.undoes.number}" if one.undoes else "Confirm it",
        says=f"Proposed by {one.maker}. "
        + (
            "Its lines and movements stand alone again."
            if one.undoes
            else "From then on they count as the same money."
        ),
    )
    yield Act(
        "refuse",
        "Withdraw" if own else "Refuse",
        partial(_refuse, seat, one),
        **seat.gate("refuse_pair", one),
        form=ReasonForm,
        danger=True,
        title="Withdraw it" if own else "Refuse it",
        says="Everything stays as it is.",
    )
    gate = seat.gate("undo_pair", one)
    waiting = any(other.state == State.PROPOSED for other in one.undoings.all())
    yield Act(
        "undo",
        "Propose to undo it",
        partial(_undo, seat, one),
        right=gate["right"],
        ready=gate["ready"] and one.undoes is None and not waiting,
        form=ReasonForm,
        danger=True,
        title="Undo it",
        says="Another person confirms that; until then the pair counts.",
    )


def _confirm(seat: Seat, one: CashPair, entries: Entries) -> Done:
    services.confirm_pair(pair=one, seen_digest=one.proposed_digest, actor=seat.user, on=seat.on)
    return Done(f"{one.undoes.number} is undone." if one.undoes else f"{one.number} is confirmed.")


def _refuse(seat: Seat, one: CashPair, entries: Entries) -> Done:
    refused = services.refuse_pair(pair=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{one.number} is {refused.get_state_display().lower()}.")


def _undo(seat: Seat, one: CashPair, entries: Entries) -> Done:
    undoing = services.undo_pair(pair=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    said = f"{undoing.number} is proposed: it takes {one.number} back. Another person confirms it."
    return Done(said, reverse("admin:pair", args=[undoing.number]))
