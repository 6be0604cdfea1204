"""The committee's people: seats given and taken by two persons, conflicts declared, meetings held."""

from datetime import date

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import Fund
from loanfund.origination.models import Committee, CommitteeMember, ConflictDeclaration, Meeting, Proposal
from loanfund.origination.rights import must_have_role
from loanfund.origination.services.moves import must_say
from loanfund.parties.models import Partner, User
from loanfund.parties.roles import ADMINISTRATOR, ANALYST, CHAIR, COMMITTEE_MEMBER
from loanfund.parties.selectors import has_role
from loanfund.parties.services.rights import require_second_person

Seat = CommitteeMember


@transaction.atomic
def form_committee(*, fund: Fund, name: str, actor: User, on: date) -> Committee:
    """Give a fund a committee; its members are seated one by one."""
    must_have_role(actor, ADMINISTRATOR)
    if Committee.objects.filter(fund=fund, name=name).exists():
        raise Refused(f"{fund.name} has a committee of that name already.", field="name")
    committee = Committee.objects.create(fund=fund, name=must_say(name, "the committee's name", "name"))
    record(
        actor=actor, action="committee.formed", obj=committee, on=on, after={"name": name, "fund": fund.code}
    )
    return committee


@transaction.atomic
def propose_seat(
    *, committee: Committee, user: User, role: str, joined_on: date, actor: User, on: date
) -> CommitteeMember:
    """Propose a member or the chair (`role`), from `joined_on`; a second administrator confirms it."""
    must_have_role(actor, ADMINISTRATOR)
    if role not in Seat.Role.values:
        raise Refused("Choose member or chair.", field="role")
    if not has_role(user, COMMITTEE_MEMBER, CHAIR):
        raise Refused(f"{user} does not have the role of committee member or chair.", field="user")
    standing = Seat.objects.filter(committee=committee, left_on__isnull=True).exclude(
        state=Seat.State.REFUSED
    )
    if standing.filter(user=user).exists():
        raise Refused(f"{user} has a seat, or a proposed one, already.", field="user")
    if joined_on < on:
        raise Refused(f"A seat begins on {on} or later.", field="joined_on")
    seat = Seat.objects.create(committee=committee, user=user, role=role, joined_on=joined_on, maker=actor)
    after = {"user": user.email, "role": role, "joined_on": joined_on}
    record(actor=actor, action="seat.proposed", obj=committee, on=on, after=after)
    return seat


@transaction.atomic
def confirm_seat(*, seat: CommitteeMember, actor: User, on: date) -> CommitteeMember:
    """The second administrator seats a proposed member. Refused for a second chair."""
    must_have_role(actor, ADMINISTRATOR)
    locked = _locked(seat)
    if locked.state != Seat.State.PROPOSED:
        raise Refused(f"This seat is {locked.get_state_display()} already.")
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this seat")
    if actor.pk == locked.user_id:
        raise Refused("Nobody confirms a seat of their own.", code="four_eyes")
    chair = Seat.objects.filter(committee=locked.committee, role=Seat.Role.CHAIR, state=Seat.State.SEATED)
    if locked.role == Seat.Role.CHAIR and chair.filter(left_on__isnull=True).exists():
        raise Refused("The committee has a chair. Let that one leave first.", field="role")
    locked.state, locked.checker, locked.checked_at = Seat.State.SEATED, actor, Now()
    locked.joined_on = max(locked.joined_on, on)
    locked.save(update_fields=["state", "checker", "checked_at", "joined_on"])
    record(
        actor=actor, action="seat.confirmed", obj=locked.committee, on=on, after={"user": locked.user.email}
    )
    return locked


@transaction.atomic
def refuse_seat(*, seat: CommitteeMember, reason: str, actor: User, on: date) -> CommitteeMember:
    """The second administrator turns a proposed seat down."""
    must_have_role(actor, ADMINISTRATOR)
    said = must_say(reason, "why the seat is refused")
    locked = _locked(seat)
    if locked.state != Seat.State.PROPOSED:
        raise Refused(f"This seat is {locked.get_state_display()} already.")
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this seat")
    locked.state, locked.checker, locked.checked_at = Seat.State.REFUSED, actor, Now()
    locked.save(update_fields=["state", "checker", "checked_at"])
    record(
        actor=actor,
        action="seat.refused",
        obj=locked.committee,
        on=on,
        after={"user": locked.user.email},
        reason=said,
    )
    return locked


@transaction.atomic
def propose_leave(*, seat: CommitteeMember, reason: str, actor: User, on: date) -> CommitteeMember:
    """Propose that a member leaves; the seat is held until a second administrator confirms it."""
    must_have_role(actor, ADMINISTRATOR)
    said = must_say(reason, "why the member leaves")
    locked = _locked(seat)
    if locked.state != Seat.State.SEATED or locked.left_on is not None:
        raise Refused("This seat is not held.")
    locked.leave_proposed_by, locked.leave_reason = actor, said
    locked.save(update_fields=["leave_proposed_by", "leave_reason"])
    after = {"user": locked.user.email}
    record(actor=actor, action="seat.leave_proposed", obj=locked.committee, on=on, after=after, reason=said)
    return locked


@transaction.atomic
def confirm_leave(*, seat: CommitteeMember, actor: User, on: date) -> CommitteeMember:
    """The second administrator lets a member leave, from `on`: a ballot of theirs that is not counted yet counts no more."""
    must_have_role(actor, ADMINISTRATOR)
    locked = _locked(seat)
    if locked.leave_proposed_by_id is None or locked.left_on is not None:
        raise Refused("Nobody has proposed that this member leaves.")
    require_second_person(actor=actor, maker_id=locked.leave_proposed_by_id, what="this")
    locked.left_on, locked.leave_confirmed_by = max(on, locked.joined_on), actor
    locked.save(update_fields=["left_on", "leave_confirmed_by"])
    record(actor=actor, action="seat.left", obj=locked.committee, on=on, after={"user": locked.user.email})
    return locked


@transaction.atomic
def declare_conflict(
    *, user: User, partner: Partner, reason: str, actor: User, on: date
) -> ConflictDeclaration:
    """Declare an interest of one's own in a partner: no ballot of this member on it counts from then on.

    Refused for anybody else, the chair too: who could say it of others could take their ballots out of a count.
    """
    if actor.pk != user.pk:
        raise Refused("Only a member can declare an interest of their own.", code="forbidden")
    said = must_say(reason, "what the interest is")
    standing = ConflictDeclaration.objects.filter(user=user, partner=partner).first()
    if standing is not None:
        return standing
    # A vote being decided now holds its row locks: the declaration comes before it or after it, never halfway.
    about = Proposal.objects.filter(state__in=["voting", "tied"]).order_by("id")
    list(about.filter(application__partner=partner).select_for_update(of=("self",)))
    list(about.filter(facility__partner=partner).select_for_update(of=("self",)))
    declared = ConflictDeclaration.objects.create(
        user=user, partner=partner, reason=said, declared_on=on, declared_by=actor
    )
    record(
        actor=actor, action="conflict.declared", obj=partner, on=on, after={"user": user.email}, reason=said
    )
    return declared


@transaction.atomic
def schedule_meeting(*, committee: Committee, held_on: date, title: str, actor: User, on: date) -> Meeting:
    """Set a day for the committee; what is tabled for it is its agenda."""
    must_have_role(actor, ANALYST, CHAIR)
    if held_on < on:
        raise Refused(f"A meeting is on {on} or later.", field="held_on")
    said = must_say(title, "what the meeting is called", "title")
    meeting = Meeting.objects.create(committee=committee, held_on=held_on, title=said)
    record(
        actor=actor, action="meeting.scheduled", obj=meeting, on=on, after={"held_on": held_on, "title": said}
    )
    return meeting


@transaction.atomic
def write_minutes(*, meeting: Meeting, minutes: str, actor: User, on: date) -> Meeting:
    """Write, or write anew, a meeting's minutes; what they said before stays in the history. Refused before its day."""
    must_have_role(actor, ANALYST, CHAIR)
    said = must_say(minutes, "what was discussed", "minutes")
    locked = Meeting.objects.select_for_update().get(pk=meeting.pk)
    if on < locked.held_on:
        raise Refused(
            f"The meeting is on {locked.held_on:%d %B %Y}: write its minutes then.", field="minutes"
        )
    before, locked.minutes = locked.minutes, said
    locked.save(update_fields=["minutes"])
    record(
        actor=actor,
        action="meeting.minuted",
        obj=locked,
        on=on,
        before={"minutes": before},
        after={"minutes": said},
    )
    return locked


def _locked(seat: CommitteeMember) -> CommitteeMember:
    """The seat, and before it every open vote of its committee: a seat never changes halfway through a count."""
    list(
        Proposal.objects.filter(committee_id=seat.committee_id, state__in=["voting", "tied"])
        .order_by("id")
        .select_for_update(of=("self",))
    )
    return Seat.objects.select_for_update(of=("self",)).select_related("user", "committee").get(pk=seat.pk)
