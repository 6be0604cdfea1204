"""The people of these tests: an owner and her colleague at one partner, an outsider at another, and the lender's."""

from datetime import UTC, date, datetime
from functools import cache

from django.contrib.auth.hashers import make_password

from loanfund.parties import roles
from loanfund.parties.models import Membership, Partner, User
from loanfund.parties.services import register_partner, set_first_roles

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@cache
def passphrase() -> str:
    """Everybody's passphrase as it is stored, "a long enough passphrase": made once, since it takes a quarter second."""
    return make_password("a long enough passphrase")


def person(name: str, *lender_roles: str) -> User:
    user = User.objects.create(email=f"{name.lower()}@example.org", password=passphrase(), name=name)
    holds(user, *lender_roles)
    return user


def holds(user: User, *lender_roles: str) -> None:
    """Give somebody exactly these roles of the lender, as the first people get theirs."""
    if lender_roles:
        set_first_roles(person=user, names=lender_roles, on=TODAY)
        user.refresh_from_db()


def company(owner: User, legal_name: str = "Northlight Trading Ltd", registration: str = "CHE-1") -> Partner:
    return register_partner(
        legal_name=legal_name,
        registration_number=registration,
        country="CH",
        partner_type="trading_firm",
        segment="trading",
        actor=owner,
        on=TODAY,
    )


def joins(user: User, partner: Partner, role: str) -> Membership:
    return Membership.objects.create(user=user, partner=partner, role=role, since=TODAY)


def analyst() -> User:
    return person("Analyst", roles.ANALYST)
