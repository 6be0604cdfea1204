"""What waits for one person: their votes, what they may approve, answers to read, closes with exceptions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from loanfund.facilities.models import FundPolicy
from loanfund.office.operations.seat import DESK, Seat
from loanfund.origination.models import Application, CommitteeMember, Offer, Proposal
from loanfund.origination.models.states import State
from loanfund.origination.selectors import questions_answered_for, seats_on
from loanfund.origination.selectors.applications import WAITING_DAYS
from loanfund.parties import roles
from loanfund.parties.selectors import role_changes_waiting
from loanfund.reference.models import FixingProposal
from loanfund.reporting.models import MonthLock
from loanfund.servicing.models import (
    BorrowerRequest,
    CashPair,
    CloseException,
    Drawdown,
    HandJournal,
    Instruction,
    Receipt,
    ReceiptShare,
    Refund,
)


@dataclass(frozen=True)
class Task:
    """So many things of one kind that this person can do now, and where."""

    what: str
    many: int
    note: str
    href: str
    urgent: bool = False


def tasks_of(seat: Seat) -> list[Task]:
    """Everything that waits for this person, what decides first. A fixed number of queries, however much waits."""
    found = [
        *_committee(seat),
        *_analysis(seat),
        *_operations(seat),
        *_finance(seat),
        *_administration(seat),
    ]
    return [task for task in found if task.many]


def _committee(seat: Seat) -> Iterator[Task]:
    if not seat.holds(roles.COMMITTEE_MEMBER, roles.CHAIR):
        return
    mine = CommitteeMember.objects.filter(user=seat.user).values("committee_id")
    open_now = Proposal.objects.filter(
        committee__fund=seat.fund, committee_id__in=mine, state=Proposal.State.VOTING
    ).exclude(votes__voter=seat.user)
    if seats_on_any(seat):
        numbers = list(open_now.order_by("id").values_list("number", flat=True)[:2])
        href = reverse("admin:proposal", args=numbers) if len(numbers) == 1 else _list("proposals", "voting")
        yield Task("to vote on", open_now.count(), "Open for your vote", href, urgent=True)
    if seat.holds(roles.CHAIR):
        tied = Proposal.objects.filter(committee__fund=seat.fund, state=Proposal.State.TIED)
        yield Task(
            "tied", tied.count(), "Waiting for the chair's casting vote", _list("proposals", "voting"), True
        )
        tabled = Proposal.objects.filter(committee__fund=seat.fund, state=Proposal.State.TABLED)
        yield Task("tabled", tabled.count(), "Tabled, the vote is not open yet", _list("proposals", "open"))


def seats_on_any(seat: Seat) -> bool:
    """Whether the person holds a seat in any committee of the fund today."""
    committees = CommitteeMember.objects.filter(user=seat.user, committee__fund=seat.fund)
    return any(
        seats_on(key, seat.on).filter(user=seat.user).exists()
        for key in committees.values_list("committee_id", flat=True).distinct()[:3]
    )


def _analysis(seat: Seat) -> Iterator[Task]:
    if not seat.holds(roles.ANALYST):
        return
    answered = questions_answered_for(seat.user).filter(fund=seat.fund)
    yield Task(
        "answered",
        answered.count(),
        "Questions answered, to read",
        f"{_list('queue', 'checking')}&analyst={seat.user.pk}",
        True,
    )
    applications = Application.objects.filter(fund=seat.fund)
    fresh = applications.filter(state=State.SUBMITTED).filter(Q(analyst=None) | Q(analyst=seat.user))
    yield Task("to take up", fresh.count(), "Handed in, to be taken up", _list("queue", "submitted"))
    late = applications.filter(
        analyst=seat.user,
        state__in=[State.SUBMITTED, State.CHECKING],
        state_since__lt=seat.on - timedelta(days=WAITING_DAYS),
    )
    yield Task(
        "overdue",
        late.count(),
        "Yours, waiting too long",
        f"{_list('queue', 'open')}&overdue=on&analyst={seat.user.pk}",
        True,
    )


def _operations(seat: Seat) -> Iterator[Task]:
    maker, checker = seat.holds(roles.OPERATIONS_MAKER), seat.holds(roles.OPERATIONS_CHECKER)
    drawdowns = Drawdown.objects.filter(facility__fund=seat.fund)
    if maker:
        approved = Application.objects.filter(fund=seat.fund, state=State.APPROVED)
        yield Task(
            "to offer", approved.count(), "Approved, the offer is to be prepared", _list("queue", "approved")
        )
        released = drawdowns.filter(state=Drawdown.State.RELEASED)
        yield Task(
            "to settle", released.count(), "Drawdowns paid out, to be settled", _list("drawdowns", "released")
        )
    if checker:
        offers = Offer.objects.filter(application__fund=seat.fund, state=Offer.State.PREPARED)
        yield Task(
            "to send",
            _others(offers, seat, "maker").count(),
            "Offers to read and send",
            _list("queue", "approved"),
            True,
        )
        wanted = _others(drawdowns.filter(state=Drawdown.State.REQUESTED), seat, "requested_by")
        yield Task(
            "to approve", wanted.count(), "Drawdowns to approve", _list("drawdowns", "requested"), True
        )
        ready = _others(drawdowns.filter(state=Drawdown.State.APPROVED), seat, "requested_by", "approved_by")
        yield Task("to release", ready.count(), "Drawdowns to release", _list("drawdowns", "approved"), True)
        changes = Instruction.objects.filter(facility__fund=seat.fund, state="proposed")
        yield Task(
            "to decide",
            _others(changes, seat, "maker").count(),
            "Instructions of another to decide on",
            _list("instructions", "waiting"),
            True,
        )
    if seat.holds(*DESK):
        receipts = Receipt.objects.filter(fund=seat.fund, state=Receipt.State.ENTERED)
        yield Task(
            "to book",
            _others(receipts, seat, "maker").count(),
            "Receipts another entered, to book",
            _list("receipts", "entered"),
        )
        asked = BorrowerRequest.objects.filter(facility__fund=seat.fund, state=BorrowerRequest.State.OPEN)
        yield Task("to answer", asked.count(), "Requests of borrowers to answer", _list("requests", "open"))
        lagging = CloseException.objects.filter(facility__fund=seat.fund).exclude(
            state=CloseException.State.CURED
        )
        yield Task(
            "left behind", lagging.count(), "Facilities a close left behind", reverse("admin:closes"), True
        )


def _finance(seat: Seat) -> Iterator[Task]:
    """What another person proposed for the books and this one may decide on."""
    if not seat.holds(roles.FINANCE, roles.OPERATIONS_CHECKER):
        return
    journals = HandJournal.objects.filter(fund=seat.fund, state=HandJournal.State.PROPOSED)
    yield Task(
        "to book",
        _others(journals, seat, "maker").count(),
        "Entries by hand of another to book",
        _list("journals", "waiting"),
        True,
    )
    pairs = CashPair.objects.filter(fund=seat.fund, state=CashPair.State.PROPOSED)
    yield Task(
        "to confirm",
        _others(pairs, seat, "maker").count(),
        "Pairs by hand of another to confirm",
        _list("pairs", "waiting"),
        True,
    )
    fixings = FixingProposal.objects.filter(state=FixingProposal.State.PROPOSED)
    yield Task(
        "to confirm",
        _others(fixings, seat, "maker").count(),
        "Fixings that another typed, to read again",
        reverse("admin:fixings"),
        True,
    )
    shares = ReceiptShare.objects.filter(receipt__fund=seat.fund, state=ReceiptShare.State.PROPOSED)
    held = _others(shares, seat, "maker").values("receipt_id").distinct().count()
    yield Task("to book", held, "Receipts that another split", _list("receipts", "held"), True)
    if seat.holds(roles.OPERATIONS_CHECKER):
        refunds = Refund.objects.filter(fund=seat.fund, state=Refund.State.PROPOSED)
        yield Task(
            "to approve",
            _others(refunds, seat, "maker").count(),
            "Refunds to approve",
            reverse("admin:refunds"),
            True,
        )
    locks = MonthLock.objects.filter(fund=seat.fund)
    ready = _others(locks.filter(state=MonthLock.State.PROPOSED), seat, "maker").count()
    asked = _others(locks.filter(state=MonthLock.State.REOPENING), seat, "reopening_by").count()
    yield Task("to lock", ready + asked, "Months to lock or reopen", reverse("admin:month_end"), True)


def _administration(seat: Seat) -> Iterator[Task]:
    if not seat.holds(roles.ADMINISTRATOR):
        return
    changes = _others(role_changes_waiting(), seat, "maker")
    yield Task("to confirm", changes.count(), "Roles another proposed", reverse("admin:people"), True)
    seats = CommitteeMember.objects.filter(committee__fund=seat.fund)
    fresh = _others(seats.filter(state=CommitteeMember.State.PROPOSED), seat, "maker")
    yield Task(
        "to confirm", fresh.count(), "Committee seats another proposed", reverse("admin:committee"), True
    )
    leaving = _others(seats.filter(leave_proposed_by__isnull=False, left_on=None), seat, "leave_proposed_by")
    yield Task(
        "to confirm", leaving.count(), "Members another proposed to leave", reverse("admin:committee"), True
    )
    policies = FundPolicy.objects.filter(fund=seat.fund, state=FundPolicy.State.PROPOSED)
    yield Task(
        "to confirm",
        _others(policies, seat, "maker").count(),
        "A policy another proposed",
        reverse("admin:policies"),
        True,
    )


def _others(rows: QuerySet[Any], seat: Seat, *names: str) -> QuerySet[Any]:
    for name in names:
        rows = rows.exclude(**{f"{name}_id": seat.user.pk})
    return rows


def _list(name: str, state: str) -> str:
    return f"{reverse(f'admin:{name}')}?state={state}"
