"""The lender's roles: proposed by one administrator, confirmed by another, and nobody's own."""

from collections.abc import Iterable
from datetime import date

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties import roles as lender_roles
from loanfund.parties.models import RoleChange, User
from loanfund.parties.selectors import membership_anywhere
from loanfund.parties.services.rights import require_role, require_second_person

State = RoleChange.State


@transaction.atomic
def propose_roles(*, person: User, names: Iterable[str], reason: str, actor: User, on: date) -> RoleChange:
    """Propose that a person hold exactly these roles of the lender; none takes the office away from them.

    Refused for one's own roles, for somebody who acts for a partner, without a reason, and while another change waits.
    """
    _keeper(actor, person)
    wanted = _known(names)
    person = User.objects.select_for_update().get(pk=person.pk)
    if not reason.strip():
        raise Refused("Say why the roles change.", field="reason")
    if wanted and membership_anywhere(person):
        raise Refused(
            f"{person.name} acts for a partner, and so cannot act for the lender too.", field="person"
        )
    before = roles_of(person)
    if before == wanted:
        raise Refused(f"{person.name} holds exactly these roles already.", field="roles")
    if RoleChange.objects.filter(person=person, state=State.PROPOSED).exists():
        raise Refused(f"A change of {person.name}'s roles waits already. Confirm or refuse that one first.")
    change = RoleChange.objects.create(
        person=person, roles_before=before, roles_after=wanted, reason=reason.strip(), maker=actor
    )
    record(
        actor=actor,
        action="user.roles_proposed",
        obj=person,
        on=on,
        before={"roles": before},
        after={"roles": wanted},
        reason=reason.strip(),
    )
    return change


@transaction.atomic
def confirm_roles(*, change: RoleChange, actor: User, on: date) -> RoleChange:
    """Another administrator puts the change into force. Refused when the person's roles moved since it was proposed."""
    locked = _open(change, actor)
    if roles_of(locked.person) != locked.roles_before:
        raise Refused(
            f"The roles of {locked.person.name} have changed meanwhile. Refuse this and propose again."
        )
    locked.state, locked.checker, locked.checked_at = State.CONFIRMED, actor, Now()
    locked.save(update_fields=["state", "checker", "checked_at"])
    _hold(locked.person, locked.roles_after, actor, on)
    return locked


@transaction.atomic
def refuse_roles(*, change: RoleChange, reason: str, actor: User, on: date) -> RoleChange:
    """Another administrator turns the change down, saying why."""
    if not reason.strip():
        raise Refused("Say why the change is refused.", field="reason")
    locked = _open(change, actor)
    locked.state, locked.refusal_reason = State.REFUSED, reason.strip()
    locked.checker, locked.checked_at = actor, Now()
    locked.save(update_fields=["state", "refusal_reason", "checker", "checked_at"])
    record(actor=actor, action="user.roles_refused", obj=locked.person, on=on, reason=reason.strip())
    return locked


@transaction.atomic
def set_first_roles(*, person: User, names: Iterable[str], on: date) -> None:
    """Give a person roles from the server's command line, where nobody is signed in: how the first people get theirs."""
    person = User.objects.select_for_update().get(pk=person.pk)
    _hold(person, _known(names), None, on)


def roles_of(person: User) -> list[str]:
    """The names of the lender's roles that the person holds, in order of the alphabet."""
    return sorted(person.groups.values_list("name", flat=True))


def _hold(person: User, names: list[str], actor: User | None, on: date) -> None:
    before = roles_of(person)
    person.groups.set(Group.objects.filter(name__in=names))
    person.is_staff = bool(names)
    person.save(update_fields=["is_staff"])
    record(
        actor=actor,
        action="user.roles_changed",
        obj=person,
        on=on,
        before={"roles": before},
        after={"roles": names},
    )


def _known(names: Iterable[str]) -> list[str]:
    wanted = sorted(set(names))
    unknown = set(wanted) - set(lender_roles.ALL)
    if unknown:
        raise Refused(f"There is no role {', '.join(sorted(unknown))}.", field="roles")
    return wanted


def _keeper(actor: User, person: User) -> None:
    require_role(actor=actor, roles=(lender_roles.ADMINISTRATOR,), to="give roles")
    if actor.pk == person.pk:
        raise Refused("Nobody changes their own roles; ask another administrator.", code="four_eyes")


def _open(change: RoleChange, actor: User) -> RoleChange:
    locked = RoleChange.objects.select_for_update(of=("self",)).select_related("person").get(pk=change.pk)
    _keeper(actor, locked.person)
    if locked.state != State.PROPOSED:
        raise Refused(f"This change is {locked.get_state_display()} already.")
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this change")
    return locked
