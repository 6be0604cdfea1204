"""The lender's people and their roles: an administrator proposes, another confirms, nobody touches their own."""

from collections.abc import Iterator
from functools import partial

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.models import RoleChange, User
from loanfund.parties.services import confirm_roles, create_person, propose_roles, refuse_roles

State = RoleChange.State
KEEPERS = (roles.ADMINISTRATOR,)
LENDERS_OWN = Q(is_staff=True) | Q(groups__isnull=False) | Q(role_changes__isnull=False)


class PersonForm(forms.Form):
    """Somebody new at the lender."""

    name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(label="E-mail address", max_length=254)


class RolesForm(ReasonForm):
    """All the roles that a person is to hold."""

    roles = forms.MultipleChoiceField(
        label="Roles",
        choices=[(name, name) for name in roles.ALL],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None takes the office away.",
    )
    field_order = ["roles", "reason"]


@page(
    "people/",
    name="people",
    readers=KEEPERS,
    actors=KEEPERS,
    menu="People and roles",
    section="Administration",
)
def people(request: HttpRequest) -> HttpResponse:
    """The lender's people with their roles, and the changes that wait."""
    seat = take_seat(request)
    act = Act(
        "create",
        "Add the person",
        partial(_create, seat),
        right=seat.holds(*KEEPERS),
        form=PersonForm,
        title="Add a person",
        says="They choose a password by the link in “Forgot your password?”, then set up a second factor.",
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    rows = User.objects.filter(LENDERS_OWN, memberships__isnull=True).distinct().prefetch_related("groups")
    choices = [("all", "All", Q()), ("none", "Without a role", Q(groups__isnull=True))]
    waiting = RoleChange.objects.filter(state=State.PROPOSED).select_related("person", "maker")
    context = {
        "desk": desk,
        "listing": listed(
            request, rows.order_by("name"), choices=choices, search=("name", "email", "groups__name")
        ),
        "waiting": [(row, row.maker_id == seat.user.pk) for row in waiting],
    }
    return show(
        request, "office/operations/people.html", context, title="People and roles", status=desk.status
    )


@page("people/<int:key>/", name="person", readers=KEEPERS, actors=KEEPERS)
def person(request: HttpRequest, key: int) -> HttpResponse:
    """One person: the roles held, the change that waits, and who decided on which."""
    seat = take_seat(request)
    one = get_object_or_404(User.objects.filter(memberships__isnull=True), pk=key)
    change = one.role_changes.filter(state=State.PROPOSED).select_related("maker", "person").first()
    desk = Desk(request, _acts(seat, one, change))
    if (answer := desk.answer()) is not None:
        return answer
    context = {
        "person": one,
        "roles": one.groups.order_by("name"),
        "change": change,
        "own": one.pk == seat.user.pk,
        "made_by_me": change is not None and change.maker_id == seat.user.pk,
        "desk": desk,
        "history": timeline(one),
        "trail": [("People and roles", reverse("admin:people"))],
    }
    title = one.name or one.email
    return show(request, "office/operations/person.html", context, title=title, status=desk.status)


def _acts(seat: Seat, one: User, change: RoleChange | None) -> Iterator[Act]:
    right, another = seat.holds(*KEEPERS), one.pk != seat.user.pk
    yield Act(
        "propose",
        "Propose these roles",
        partial(_propose, seat, one),
        right=right,
        ready=another and change is None,
        form=RolesForm,
        title="Change the roles",
        says="Another administrator confirms it.",
        arguments={"initial": {"roles": list(one.groups.values_list("name", flat=True))}},
    )
    if change is None:
        return
    ready = another and seat.second(change.maker_id)
    yield Act(
        "confirm",
        "Confirm the change",
        partial(_confirm, seat, change),
        right=right,
        ready=ready,
        title="Confirm",
    )
    yield Act(
        "refuse",
        "Refuse the change",
        partial(_refuse, seat, change),
        right=right,
        ready=ready,
        form=ReasonForm,
        danger=True,
        title="Refuse",
    )


def _create(seat: Seat, entries: Entries) -> Done:
    made = create_person(
        email=entries["email"], name=entries["name"], password=None, actor=seat.user, on=seat.on
    )
    return Done(f"{made.name} is added. Propose the roles next.", reverse("admin:person", args=[made.pk]))


def _propose(seat: Seat, one: User, entries: Entries) -> Done:
    propose_roles(person=one, names=entries["roles"], reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The change is proposed. Another administrator confirms it.")


def _confirm(seat: Seat, change: RoleChange, entries: Entries) -> Done:
    confirm_roles(change=change, actor=seat.user, on=seat.on)
    return Done(f"The roles of {change.person.name} are changed.")


def _refuse(seat: Seat, change: RoleChange, entries: Entries) -> Done:
    refuse_roles(change=change, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The change is refused.")
