"""Who may act for a partner, and who for the lender: asked by every service before anything is written."""

from loanfund.audit.errors import Refused
from loanfund.parties.models import Membership, Partner, User
from loanfund.parties.selectors import has_role, membership

ROLE = Membership.Role
EDITORS = (ROLE.OWNER, ROLE.SIGNATORY, ROLE.PREPARER)
"""Who may fill in and hand in papers for a partner; a viewer only reads."""


def require_place(*, actor: User, partner: Partner, roles: tuple[str, ...], to: str) -> Membership:
    """The actor's membership, or a refusal that says who may do this; `to` completes "You may not ...".

    To someone without any place at the partner nothing is said about it.
    """
    place = membership(actor, partner)
    if place is None:
        raise Refused("You have no place at this partner.", code="not_found")
    if place.role not in roles:
        names = " or ".join(ROLE(role).label for role in roles)
        raise Refused(
            f"You may not {to} as {ROLE(place.role).label}; ask the {names} of {partner.legal_name}."
        )
    return place


def require_role(*, actor: User, roles: tuple[str, ...], to: str) -> None:
    """Refuse unless the actor is in one of the lender's roles; `to` completes "You may not ..."."""
    if not has_role(actor, *roles):
        raise Refused(f"You may not {to}; this is for {' or '.join(roles)}.", code="forbidden")


def require_second_person(*, actor: User, maker_id: int, what: str) -> None:
    """Refuse the maker as checker; `what` names the thing, as in "this paper"."""
    if actor.pk == maker_id:
        raise Refused(
            f"You put {what} forward yourself; another person has to decide on it.", code="four_eyes"
        )
