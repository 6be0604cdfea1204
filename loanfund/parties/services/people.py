"""People: invitations to a partner, and their places there."""

import hashlib
import secrets
import uuid
from datetime import date, datetime, timedelta

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties.models import Invitation, Membership, Partner, User
from loanfund.parties.services.notices import notify_address, notify_partner
from loanfund.parties.services.rights import require_place

INVITATION_DAYS = 14
OWNER = Membership.Role.OWNER
BINDING = (OWNER, Membership.Role.SIGNATORY)


def token_digest(token: str) -> str:
    """What is kept of an invitation's token."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create_person(*, email: str, name: str, password: str | None, actor: User | None, on: date) -> User:
    """Make a person who can sign in; without a password only after a reset. `actor` is None at the very first set-up."""
    if User.objects.filter(email=email.strip().lower()).exists():
        raise Refused(f"Somebody signs in as {email} already.", field="email")
    person = User.objects.create_user(email.strip(), password, name=name.strip())
    record(
        actor=actor,
        action="user.created",
        obj=person,
        on=on,
        after={"email": person.email, "name": person.name},
    )
    return person


@transaction.atomic
def invite(
    *, partner: Partner, email: str, name: str, role: str, actor: User, on: date, now: datetime
) -> tuple[Invitation, str]:
    """Invite a person to a partner by mail; returns the invitation and the token of the link in that mail.

    The token is kept nowhere once the mail is sent.
    An invitation still open to the same address is withdrawn first, so that only the newest link works.
    """
    require_place(actor=actor, partner=partner, roles=(OWNER,), to="invite people")
    email = email.strip().lower()
    if role not in Membership.Role.values:
        raise Refused("Choose what the person may do: owner, signatory, preparer or viewer.", field="role")
    if Membership.objects.filter(partner=partner, user__email=email, ended_on__isnull=True).exists():
        raise Refused(f"{email} is a member already; change the role instead.", field="email")
    still_open = Invitation.objects.filter(partner=partner, email=email, accepted_at=None, withdrawn_at=None)
    still_open.update(withdrawn_at=now)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        partner=partner,
        email=email,
        name=name.strip(),
        role=role,
        token_digest=token_digest(token),
        invited_by=actor,
        expires_at=now + timedelta(days=INVITATION_DAYS),
    )
    notify_address(
        address=email,
        kind="invitation",
        key=f"invitation:{invitation.pk}",
        subject=f"{actor.name} invites you to {partner.legal_name} at the loan fund",
        body=f"{actor.name} ({actor.email}) asks you to act for {partner.legal_name} as {invitation.get_role_display()}. "
        f"Open this link within {INVITATION_DAYS} days and sign in, or register, with this address.",
        link=f"/invitations/{token}/",
        on=on,
    )
    record(actor=actor, action="person.invited", obj=partner, on=on, after={"email": email, "role": role})
    return invitation, token


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, actor: User, on: date, now: datetime) -> None:
    """Take an invitation back; its link works no longer."""
    require_place(actor=actor, partner=invitation.partner, roles=(OWNER,), to="withdraw an invitation")
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if invitation.accepted_at is not None:
        raise Refused(f"{invitation.email} has accepted already; end the membership instead.")
    if invitation.withdrawn_at is None:
        invitation.withdrawn_at = now
        invitation.save(update_fields=["withdrawn_at"])
        record(
            actor=actor,
            action="person.uninvited",
            obj=invitation.partner,
            on=on,
            before={"email": invitation.email},
        )


@transaction.atomic
def accept_invitation(*, token: str, actor: User, on: date, now: datetime) -> Membership:
    """Take up an invitation, signed in under the address it was sent to."""
    invitation = (
        Invitation.objects.select_for_update()
        .filter(token_digest=token_digest(token), accepted_at=None, withdrawn_at=None, expires_at__gt=now)
        .first()
    )
    if invitation is None:
        raise Refused("This invitation was used, withdrawn, or has run out. Ask for a new one.")
    if invitation.email != actor.email:
        raise Refused(f"This invitation is for {invitation.email}; sign in with that address.")
    if Membership.objects.filter(partner=invitation.partner_id, user=actor, ended_on__isnull=True).exists():
        raise Refused("You act for this company already.")
    invitation.accepted_by, invitation.accepted_at = actor, now
    invitation.save(update_fields=["accepted_by", "accepted_at"])
    place = Membership.objects.create(user=actor, partner=invitation.partner, role=invitation.role, since=on)
    record(
        actor=actor, action="person.joined", obj=invitation.partner, on=on, after={"role": invitation.role}
    )
    _tell_rights(place, f"invited by {invitation.invited_by.name}", f"joined:{invitation.pk}", on)
    return place


@transaction.atomic
def change_role(*, place: Membership, role: str, actor: User, on: date) -> Membership:
    """Give a member another role; a partner keeps at least one owner."""
    require_place(actor=actor, partner=place.partner, roles=(OWNER,), to="change roles")
    Partner.objects.select_for_update().get(pk=place.partner_id)
    place = Membership.objects.get(pk=place.pk)
    if role not in Membership.Role.values:
        raise Refused("Choose owner, signatory, preparer or viewer.", field="role")
    if role != OWNER:
        _keep_an_owner(place)
    before, place.role = place.role, role
    place.save(update_fields=["role"])
    record(
        actor=actor,
        action="person.role_changed",
        obj=place.partner,
        on=on,
        before={"person": place.user.email, "role": before},
        after={"person": place.user.email, "role": role},
    )
    if before != role:
        _tell_rights(place, f"as {actor.name} settled", f"role:{place.pk}:{uuid.uuid4()}", on)
    return place


@transaction.atomic
def end_membership(*, place: Membership, actor: User, on: date) -> None:
    """End a person's place at a partner from today; their past acts stay theirs."""
    require_place(actor=actor, partner=place.partner, roles=(OWNER,), to="remove people")
    Partner.objects.select_for_update().get(pk=place.partner_id)
    place = Membership.objects.get(pk=place.pk)
    if place.ended_on is not None:
        return
    _keep_an_owner(place)
    place.ended_on = on
    place.save(update_fields=["ended_on"])
    record(actor=actor, action="person.left", obj=place.partner, on=on, before={"person": place.user.email})


def _tell_rights(place: Membership, how: str, key: str, on: date) -> None:
    """Tell those who bind a partner that one more person does."""
    if place.role not in BINDING:
        return
    partner, role = place.partner, place.get_role_display()
    notify_partner(
        partner=partner,
        kind="rights",
        key=key,
        subject=f"{place.user.name} is now {role} of {partner.legal_name}",
        body=f"{place.user.name} ({place.user.email}) may sign offers, ask for drawdowns and confirm accounts for "
        f"{partner.legal_name} from now on, {how}. If you did not expect this, end the place and tell us.",
        link=f"/partners/{partner.number}/company/people/",
        roles=BINDING,
        on=on,
    )


def _keep_an_owner(place: Membership) -> None:
    others = Membership.objects.filter(partner=place.partner_id, role=OWNER, ended_on__isnull=True)
    if place.role == OWNER and not others.exclude(pk=place.pk).exists():
        raise Refused("This is the last owner; make somebody else an owner first.")
