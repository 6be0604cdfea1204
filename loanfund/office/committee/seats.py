"""Who sits on the committee, by whom they were seated, and when it meets."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django import forms
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.office.committee.queue import READERS, ROOM
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import DayField, ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination import services
from loanfund.origination.models import Committee, CommitteeMember, Meeting
from loanfund.parties import roles
from loanfund.parties.models import User

KEEPERS = (roles.ADMINISTRATOR,)
CALLERS = (roles.ANALYST, roles.CHAIR)
MEETINGS_SHOWN = 30


class SeatForm(forms.Form):
    """Who is to sit, as what, from when."""

    user = forms.ModelChoiceField(
        label="Person",
        queryset=User.objects.none(),
        empty_label="Choose a person",
        help_text="People with the role of committee member or chair.",
    )
    role = forms.ChoiceField(label="Seat", choices=CommitteeMember.Role.choices)
    joined_on = DayField(label="From")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        able = User.objects.filter(groups__name__in=[roles.COMMITTEE_MEMBER, roles.CHAIR], is_active=True)
        self.fields["user"].queryset = able.distinct().order_by("name")  # type: ignore[attr-defined] # it has one


class NameForm(forms.Form):
    """A committee's name."""

    name = forms.CharField(label="Name of the committee", max_length=120)


class MeetingForm(forms.Form):
    """A day for the committee."""

    committee = forms.ModelChoiceField(label="Committee", queryset=Committee.objects.none(), empty_label=None)
    title = forms.CharField(label="Title", max_length=120)
    held_on = DayField(label="Day")

    def __init__(self, *args: Any, committees: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["committee"].queryset = committees  # type: ignore[attr-defined] # a ModelChoiceField has one


class MinutesForm(forms.Form):
    """What was discussed."""

    minutes = forms.CharField(label="Minutes", max_length=60_000, widget=forms.Textarea(attrs={"rows": 10}))


@page(
    "committee/",
    name="committee",
    readers=(*READERS, *KEEPERS),
    actors=(*KEEPERS, *CALLERS),
    menu="Seats and meetings",
    section="Committee room",
)
def committee(request: HttpRequest) -> HttpResponse:
    """Each committee with its seats, then its meetings."""
    seat = take_seat(request)
    committees = list(Committee.objects.filter(fund=seat.fund))
    held = list(
        CommitteeMember.objects.filter(committee__in=committees)
        .select_related("committee", "user", "maker", "checker", "leave_proposed_by", "leave_confirmed_by")
        .order_by("role", "joined_on", "id")
    )
    desk = Desk(request, _acts(seat, committees, held))
    if (answer := desk.answer()) is not None:
        return answer
    rooms = [
        {
            "committee": one,
            "rows": [_row(desk, row, seat) for row in held if row.committee_id == one.pk],
            "propose": desk.offer(f"propose-{one.pk}"),
        }
        for one in committees
    ]
    meetings = (
        Meeting.objects.filter(committee__in=committees)
        .select_related("committee")
        .annotate(many=Count("proposals"))
        .order_by("-held_on", "-id")[:MEETINGS_SHOWN]
    )
    context = {
        "rooms": rooms,
        "meetings": meetings,
        "form_committee": desk.offer("form"),
        "schedule": desk.offer("schedule") if committees else None,
        "today": seat.on,
    }
    return show(
        request, "office/committee/committee.html", context, title="Seats and meetings", status=desk.status
    )


def _row(desk: Desk, row: CommitteeMember, seat: Seat) -> dict[str, Any]:
    return {
        "seat": row,
        "now": row.state == CommitteeMember.State.SEATED and (row.left_on is None or row.left_on > seat.on),
        "confirm": desk.offer(f"confirm-{row.pk}"),
        "refuse": desk.offer(f"refuse-{row.pk}"),
        "leave": desk.offer(f"leave-{row.pk}"),
        "let_go": desk.offer(f"let-go-{row.pk}"),
    }


def _acts(seat: Seat, committees: list[Committee], held: list[CommitteeMember]) -> Iterator[Act]:
    keeper = seat.holds(*KEEPERS)
    yield Act("form", "Form the committee", partial(_form, seat), right=keeper, form=NameForm, inline=True)
    for one in committees:
        yield Act(
            f"propose-{one.pk}",
            "Propose the seat",
            partial(_propose, seat, one),
            right=keeper,
            form=SeatForm,
            inline=True,
            says="Another administrator confirms it.",
            arguments={"initial": {"joined_on": seat.on}},
        )
    for row in held:
        yield from _seat_acts(seat, row, keeper)
    yield Act(
        "schedule",
        "Set the day",
        partial(_schedule, seat),
        right=seat.holds(*CALLERS),
        form=MeetingForm,
        inline=True,
        arguments={"committees": Committee.objects.filter(fund=seat.fund)},
    )


def _seat_acts(seat: Seat, row: CommitteeMember, keeper: bool) -> Iterator[Act]:
    proposed = row.state == CommitteeMember.State.PROPOSED and seat.second(row.maker_id)
    sits = row.state == CommitteeMember.State.SEATED and row.left_on is None
    leaving = sits and row.leave_proposed_by_id is not None
    yield Act(
        f"confirm-{row.pk}",
        "Confirm the seat",
        partial(_confirm, seat, row),
        right=keeper,
        ready=proposed and seat.second(row.user_id),
        inline=True,
    )
    yield Act(
        f"refuse-{row.pk}",
        "Refuse the seat",
        partial(_refuse, seat, row),
        right=keeper,
        ready=proposed,
        form=ReasonForm,
        danger=True,
        inline=True,
    )
    yield Act(
        f"leave-{row.pk}",
        "Propose that they leave",
        partial(_leave, seat, row),
        right=keeper,
        ready=sits and not leaving,
        form=ReasonForm,
        danger=True,
        inline=True,
        says="The seat is held until another administrator confirms it.",
    )
    yield Act(
        f"let-go-{row.pk}",
        "Confirm that they leave",
        partial(_let_go, seat, row),
        right=keeper,
        ready=leaving and seat.second(row.leave_proposed_by_id),
        danger=True,
        inline=True,
        says="From today a ballot of theirs that is not counted yet counts no more.",
    )


@page("meetings/<int:key>/", name="meeting", readers=(*READERS, *KEEPERS), actors=CALLERS)
def meeting(request: HttpRequest, key: int) -> HttpResponse:
    """One meeting: its agenda, and its minutes."""
    seat = take_seat(request)
    one = get_object_or_404(Meeting.objects.select_related("committee"), pk=key, committee__fund=seat.fund)
    act = Act(
        "minutes",
        "Save the minutes",
        partial(_minutes, seat, one),
        right=seat.holds(*CALLERS),
        ready=one.held_on <= seat.on,
        form=MinutesForm,
        title="Minutes",
        says="What they said before stays in the history.",
        arguments={"initial": {"minutes": one.minutes}},
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    agenda = one.proposals.select_related(
        "application__partner", "facility__partner", "proposer", "decision"
    ).order_by("id")
    context = {
        "meeting": one,
        "agenda": agenda,
        "desk": desk,
        "may_open": seat.holds(*ROOM, roles.AUDITOR, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER),
        "code": seat.fund.currency,
        "history": timeline(one),
        "trail": [("Seats and meetings", reverse("admin:committee"))],
    }
    title = f"{one.title}, {one.held_on:%d %b %Y}"
    return show(request, "office/committee/meeting.html", context, title=title, status=desk.status)


def _form(seat: Seat, entries: Entries) -> Done:
    made = services.form_committee(fund=seat.fund, name=entries["name"], actor=seat.user, on=seat.on)
    return Done(f"{made.name} is formed. Propose its members.")


def _propose(seat: Seat, one: Committee, entries: Entries) -> Done:
    services.propose_seat(
        committee=one,
        user=entries["user"],
        role=entries["role"],
        joined_on=entries["joined_on"],
        actor=seat.user,
        on=seat.on,
    )
    return Done("The seat is proposed. Another administrator confirms it.")


def _confirm(seat: Seat, row: CommitteeMember, entries: Entries) -> Done:
    services.confirm_seat(seat=row, actor=seat.user, on=seat.on)
    return Done(f"{row.user} holds a seat.")


def _refuse(seat: Seat, row: CommitteeMember, entries: Entries) -> Done:
    services.refuse_seat(seat=row, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The seat is refused.")


def _leave(seat: Seat, row: CommitteeMember, entries: Entries) -> Done:
    services.propose_leave(seat=row, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("Another administrator confirms that the member leaves.")


def _let_go(seat: Seat, row: CommitteeMember, entries: Entries) -> Done:
    services.confirm_leave(seat=row, actor=seat.user, on=seat.on)
    return Done(f"{row.user} has left.")


def _schedule(seat: Seat, entries: Entries) -> Done:
    made = services.schedule_meeting(
        committee=entries["committee"],
        held_on=entries["held_on"],
        title=entries["title"],
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"{made.title} is on {made.held_on:%d %B %Y}.")


def _minutes(seat: Seat, one: Meeting, entries: Entries) -> Done:
    services.write_minutes(meeting=one, minutes=entries["minutes"], actor=seat.user, on=seat.on)
    return Done("The minutes are saved.")
