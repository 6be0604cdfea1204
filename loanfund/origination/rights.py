"""Who may do what with an application: the lender's roles by group, the partner's people by their place."""

from django.db.models import Q

from loanfund.audit.errors import Refused
from loanfund.parties.models import Membership, Partner, User
from loanfund.parties.selectors import has_role, membership

PREPARES: tuple[str, ...] = (Membership.Role.OWNER, Membership.Role.SIGNATORY, Membership.Role.PREPARER)
SIGNS: tuple[str, ...] = (Membership.Role.OWNER, Membership.Role.SIGNATORY)


def must_have_role(user: User, *roles: str) -> None:
    """Refused unless the user has one of the roles. A superuser has none by that alone."""
    if not has_role(user, *roles):
        names = " or ".join(role.lower() for role in roles)
        raise Refused(f"This is for a person with the role of {names}.", code="forbidden")


def is_member(user: User, partner: Partner, *roles: str) -> bool:
    """Whether the user belongs to the partner today, in one of the roles if any are given."""
    place = membership(user, partner)
    return user.is_active and place is not None and (not roles or place.role in roles)


def stands_with(user: User, partner: Partner) -> bool:
    """Whether the user belongs, or ever belonged, to the partner or to another of its connected group."""
    connected = Q(partner=partner)
    if partner.group_id:
        connected |= Q(partner__group_id=partner.group_id)
    return Membership.objects.filter(connected, user=user).exists()
