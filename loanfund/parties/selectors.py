"""Reads about people and partners."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

from django.db.models import F, Q, QuerySet, Sum

from loanfund.parties.models import (
    ApiKey,
    BeneficialOwner,
    Invitation,
    KybPaper,
    Membership,
    Notice,
    Partner,
    RoleChange,
    SettlementAccount,
    User,
)


def partners_of(user: User) -> QuerySet[Partner]:
    """The partners at which this person has a place today; nobody sees another partner's business."""
    return Partner.objects.filter(memberships__user=user, memberships__ended_on__isnull=True).distinct()


def membership(user: User, partner: Partner) -> Membership | None:
    """The person's open membership at the partner, or None."""
    return Membership.objects.filter(user=user, partner=partner, ended_on__isnull=True).first()


def places_of(user: User) -> QuerySet[Membership]:
    """The person's open memberships, each with its partner."""
    return (
        Membership.objects.filter(user=user, ended_on__isnull=True).select_related("partner").order_by("id")
    )


def membership_anywhere(user: User) -> bool:
    """Whether the person acts for any partner today."""
    return Membership.objects.filter(user=user, ended_on__isnull=True).exists()


def members(partner: Partner) -> QuerySet[Membership]:
    """The open memberships of a partner, each with its person."""
    return (
        Membership.objects.filter(partner=partner, ended_on__isnull=True)
        .select_related("user")
        .order_by("id")
    )


def open_invitations(partner: Partner, now: datetime) -> QuerySet[Invitation]:
    """Who was asked to join a partner and has not answered yet, the newest first."""
    waiting = Invitation.objects.filter(partner=partner, accepted_at=None, withdrawn_at=None)
    return waiting.filter(expires_at__gt=now).select_related("invited_by")


def invitation_of(token: str, now: datetime) -> Invitation | None:
    """The invitation behind the link of a mail, while it can be taken up."""
    waiting = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=now)
    return (
        waiting.filter(token_digest=hashlib.sha256(token.encode()).hexdigest())
        .select_related("partner", "invited_by")
        .first()
    )


def has_role(user: User, *roles: str) -> bool:
    """Whether the person is in one of the lender's roles (`parties.roles`). Superusers are no exception."""
    return user.is_authenticated and user.is_active and user.groups.filter(name__in=roles).exists()


def role_changes_waiting() -> QuerySet[RoleChange]:
    """The changes of the lender's roles that wait for a second administrator, the oldest first."""
    waiting = RoleChange.objects.filter(state=RoleChange.State.PROPOSED)
    return waiting.select_related("person", "maker").order_by("id")


def lender_people() -> QuerySet[User]:
    """Everybody who is or was of the lender, with their roles, by name."""
    return (
        User.objects.filter(Q(is_staff=True) | Q(role_changes__isnull=False))
        .prefetch_related("groups")
        .distinct()
        .order_by("name", "id")
    )


def current_papers(partner: Partner) -> QuerySet[KybPaper]:
    """The newest version of each kind of paper that was not refused."""
    return (
        KybPaper.objects.filter(partner=partner)
        .exclude(state=KybPaper.State.REFUSED)
        .order_by("kind", "-version")
        .distinct("kind")
        .select_related("file", "maker", "checker")
    )


def accepted_kinds(partner: Partner, on: date) -> set[str]:
    """The kinds of paper that are accepted and in date on a day."""
    papers = KybPaper.objects.filter(partner=partner, state=KybPaper.State.ACCEPTED)
    in_date = papers.filter(Q(expires_on__isnull=True) | Q(expires_on__gte=on))
    return set(in_date.values_list("kind", flat=True))


def kyb_in_date(partner: Partner, on: date) -> bool:
    """Whether the partner's check is approved and has not run out on a day."""
    return (
        partner.kyb_status == Partner.KybStatus.APPROVED
        and partner.kyb_valid_until is not None
        and partner.kyb_valid_until >= on
    )


def owners_of(partner: Partner) -> QuerySet[BeneficialOwner]:
    """The beneficial owners of today, the largest first."""
    return BeneficialOwner.objects.filter(partner=partner, ended_on__isnull=True).order_by("-share", "id")


def owned_share(partner: Partner) -> Decimal:
    """The per cent of the partner that its named beneficial owners hold together."""
    owners = BeneficialOwner.objects.filter(partner=partner, ended_on__isnull=True)
    return owners.aggregate(total=Sum("share"))["total"] or Decimal(0)


def usable_accounts(partner: Partner, currency: str, on: date) -> QuerySet[SettlementAccount]:
    """Confirmed settlement accounts of a currency whose cooling period is over on a day."""
    return SettlementAccount.objects.filter(
        partner=partner, currency=currency, state=SettlementAccount.State.CONFIRMED, usable_from__lte=on
    )


def notices_for(user: User) -> QuerySet[Notice]:
    """What a person was told, newest first."""
    return Notice.objects.filter(recipient=user).order_by("-id")


def notices_of(user: User, partner: Partner) -> QuerySet[Notice]:
    """What a person was told about a partner and about themselves, newest first."""
    return notices_for(user).filter(Q(partner=partner) | Q(partner=None))


def key_in_force(digest: str, now: datetime) -> ApiKey | None:
    """The API key with this SHA-256 digest, neither revoked nor run out, whose person still acts for the partner."""
    return (
        ApiKey.objects.select_related("user", "partner")
        .filter(digest=digest, revoked_at__isnull=True, user__is_active=True)
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        .filter(user__memberships__partner_id=F("partner_id"), user__memberships__ended_on__isnull=True)
        .first()
    )
