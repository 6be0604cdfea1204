"""What two people decide about the fund itself: its policy, its people's roles, its partners' accounts."""

import re
from decimal import Decimal

import pytest

from loanfund.facilities.models import FundPolicy
from loanfund.parties import roles
from loanfund.parties.models import Membership, RoleChange, SettlementAccount, User
from loanfund.parties.services import propose_settlement_account
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def entries_of(page: str) -> dict[str, str]:
    """The entries that stand in the policy's form when it is opened."""
    found = dict(re.findall(r'name="propose-([a-z_]+)" value="([^"]*)"', page))
    texts = re.findall(r'<textarea name="propose-([a-z_]+)"[^>]*>\n?([^<]*)</textarea>', page)
    return found | {name: text.strip() for name, text in texts}


def test_a_policy_is_proposed_from_the_one_in_force_and_shows_only_what_differs(world: World) -> None:
    keeper, second = (sign_in(User.objects.get(name=name)) for name in ("Keeper", "Second"))
    path = "/office/policies/propose/"
    entries = entries_of(keeper.get(path).content.decode())
    assert entries["partner_limit"] == "50,000,000"
    answer = send(
        keeper, path, "propose", **(entries | {"partner_limit": "40,000,000", "recycle_repaid": "on"})
    )
    assert answer.status_code == 302, text_of(answer)
    policy = answer.url  # type: ignore[attr-defined]
    page = text_of(second.get(policy))
    assert "Limit of one partner 50,000,000 40,000,000" in page
    assert "Earlier compensation is subtracted yes no" in page
    assert "against version 1" in page
    assert offers(keeper, policy) == set()
    assert "another person confirms it" in text_of(keeper.get(policy))
    assert "put this policy forward yourself" in said(keeper, send(keeper, policy, "confirm"))
    seen = FundPolicy.objects.get(version=2).proposed_digest
    assert "is confirmed and rules" in said(second, send(second, policy, "confirm", seen=seen))
    ruling = FundPolicy.objects.get(version=2)
    assert (ruling.state, ruling.partner_limit, ruling.checker) == (
        "in_force",
        Decimal(40_000_000),
        User.objects.get(name="Second"),
    )
    assert ruling.segment_limits.count() == 7


def test_a_policy_that_cannot_be_comes_back_with_what_was_typed(world: World) -> None:
    keeper = sign_in(User.objects.get(name="Keeper"))
    path = "/office/policies/propose/"
    entries = entries_of(keeper.get(path).content.decode())
    answer = send(keeper, path, "propose", **(entries | {"segment_limits": "trading forty & more"}))
    assert "is no name, colon and amount" in text_of(answer)
    assert "forty &amp; more" in answer.content.decode()
    answer = send(keeper, path, "propose", **(entries | {"effective_from": "2020-01-01"}))
    assert "A policy takes effect on" in text_of(answer)
    assert FundPolicy.objects.count() == 1


def test_roles_are_given_by_two_administrators_and_never_to_oneself(world: World) -> None:
    keeper, second = (sign_in(User.objects.get(name=name)) for name in ("Keeper", "Second"))
    made = send(keeper, "/office/people/", "create", name="New Colleague", email="new@lender.example")
    path = made.url  # type: ignore[attr-defined]
    send(keeper, path, "propose", roles=[roles.FINANCE], reason="joins the finance desk")
    change = RoleChange.objects.get()
    assert offers(keeper, path) == set()
    assert "put this change forward yourself" in said(keeper, send(keeper, path, "confirm"))
    assert "are changed" in said(second, send(second, path, "confirm"))
    change.refresh_from_db()
    colleague = User.objects.get(email="new@lender.example")
    assert [group.name for group in colleague.groups.all()] == [roles.FINANCE]
    assert (change.state, colleague.is_staff) == ("confirmed", True)
    own = f"/office/people/{User.objects.get(name='Second').pk}/"
    assert offers(second, own) == set()
    assert "Nobody changes their own roles" in said(
        second, send(second, own, "propose", reason="more", roles=[])
    )


def test_an_account_of_a_partner_is_confirmed_by_a_checker(world: World) -> None:
    Membership.objects.get_or_create(
        user=world.borrower, partner=world.partner, defaults={"role": "owner", "since": world.today}
    )
    account = propose_settlement_account(
        partner=world.partner,
        kind="bank",
        label="Main account",
        currency="USD",
        holder="Northlight Trading Ltd",
        institution="Bank of Examples",
        address="CH93 0076 2011 6238 5295 7",
        actor=world.borrower,
        on=world.today,
    )
    path = "/office/settlement-accounts/"
    checker, maker = sign_in(world.checker), sign_in(world.maker)
    assert offers(maker, path) == set()
    assert send(maker, path, f"confirm-{account.pk}", cooling_days="2").status_code == 403
    assert "may be paid to from 04 March 2026" in said(
        checker, send(checker, path, f"confirm-{account.pk}", cooling_days="2")
    )
    assert SettlementAccount.objects.get().state == "confirmed"


@pytest.mark.parametrize(
    ("path", "readers"),
    [
        ("/office/people/", {roles.ADMINISTRATOR, roles.AUDITOR}),
        ("/office/policies/", set(roles.ALL)),
        ("/office/policies/propose/", {roles.ADMINISTRATOR, roles.CHAIR, roles.AUDITOR}),
        (
            "/office/settlement-accounts/",
            {roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.FINANCE, roles.AUDITOR},
        ),
    ],
)
def test_who_opens_which_page(world: World, path: str, readers: set[str]) -> None:
    for role in roles.ALL:
        client = sign_in(person(role.replace(" ", ""), role))
        assert (client.get(path).status_code == 200) == (role in readers), role
