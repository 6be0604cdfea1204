"""Roles of the lender: two administrators give them, nobody gives them to themselves, and what the log says holds."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Fund, FundPolicy
from loanfund.parties import roles, selectors, services
from loanfund.parties.invariants import roles_are_those_that_were_given
from loanfund.parties.models import RoleChange, User
from tests.parties.cast import TODAY, company, person

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def admin() -> User:
    return given("Admin", roles.ADMINISTRATOR)


@pytest.fixture
def second() -> User:
    return given("Second", roles.ADMINISTRATOR)


def given(name: str, *names: str) -> User:
    somebody = person(name)
    services.set_first_roles(person=somebody, names=names, on=TODAY)
    return User.objects.get(pk=somebody.pk)


def proposed(clerk: User, actor: User, *names: str, reason: str = "joins the desk") -> RoleChange:
    return services.propose_roles(
        person=clerk, names=names or (roles.FINANCE,), reason=reason, actor=actor, on=TODAY
    )


def test_a_role_is_held_once_a_second_administrator_has_confirmed_it(admin: User, second: User) -> None:
    clerk = person("Clerk")
    change = proposed(clerk, admin)
    assert not selectors.has_role(clerk, roles.FINANCE)
    assert list(selectors.role_changes_waiting()) == [change]
    with pytest.raises(Refused, match="another person"):
        services.confirm_roles(change=change, actor=admin, on=TODAY)
    services.confirm_roles(change=change, actor=second, on=TODAY)
    assert selectors.has_role(clerk, roles.FINANCE)
    assert User.objects.get(pk=clerk.pk).is_staff
    with pytest.raises(Refused, match="confirmed already"):
        services.confirm_roles(change=change, actor=second, on=TODAY)


def test_taking_every_role_takes_the_office_away(admin: User, second: User) -> None:
    clerk = given("Clerk", roles.FINANCE)
    change = services.propose_roles(person=clerk, names=(), reason="leaves", actor=admin, on=TODAY)
    services.confirm_roles(change=change, actor=second, on=TODAY)
    assert not User.objects.get(pk=clerk.pk).is_staff


def test_nobody_proposes_or_confirms_their_own_roles(admin: User, second: User) -> None:
    with pytest.raises(Refused, match="their own roles"):
        proposed(admin, admin, roles.CHAIR)
    change = proposed(second, admin, roles.ADMINISTRATOR, roles.CHAIR)
    with pytest.raises(Refused, match="their own roles"):
        services.confirm_roles(change=change, actor=second, on=TODAY)


@pytest.mark.parametrize("role", [None, roles.CHAIR, roles.OPERATIONS_CHECKER, roles.FINANCE, roles.AUDITOR])
def test_only_administrators_give_roles(admin: User, role: str | None) -> None:
    somebody = given("Somebody", *([role] if role else []))
    with pytest.raises(Refused, match="for Administrator"):
        proposed(person("Clerk"), somebody)
    change = proposed(person("Other"), admin)
    with pytest.raises(Refused, match="for Administrator"):
        services.refuse_roles(change=change, reason="no", actor=somebody, on=TODAY)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"names": ["Emperor"]}, "no role Emperor"),
        ({"reason": "  "}, "Say why"),
        ({"names": []}, "exactly these roles already"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(admin: User, values: dict[str, Any], said: str) -> None:
    wanted = {"names": [roles.FINANCE], "reason": "joins", **values}
    with pytest.raises(Refused, match=said):
        services.propose_roles(person=person("Clerk"), actor=admin, on=TODAY, **wanted)


def test_one_change_waits_at_a_time_and_a_refused_one_gives_nothing(admin: User, second: User) -> None:
    clerk = person("Clerk")
    change = proposed(clerk, admin)
    with pytest.raises(Refused, match="waits already"):
        proposed(clerk, second, roles.AUDITOR)
    with pytest.raises(Refused, match="Say why"):
        services.refuse_roles(change=change, reason=" ", actor=second, on=TODAY)
    services.refuse_roles(change=change, reason="not yet hired", actor=second, on=TODAY)
    assert not selectors.has_role(clerk, roles.FINANCE)
    assert proposed(clerk, second, roles.AUDITOR).state == "proposed"


def test_who_acts_for_a_partner_does_not_act_for_the_lender(admin: User) -> None:
    owner = person("Owner")
    company(owner)
    with pytest.raises(Refused, match="acts for a partner"):
        proposed(owner, admin)


def test_the_table_itself_holds_two_people_apart(admin: User, second: User) -> None:
    change = proposed(person("Clerk"), admin)
    for checker in (admin, change.person):
        with pytest.raises(DatabaseError), transaction.atomic():
            RoleChange.objects.filter(pk=change.pk).update(
                state="confirmed", checker=checker, checked_at="2026-03-02T10:00Z"
            )
    services.confirm_roles(change=change, actor=second, on=TODAY)
    with pytest.raises(DatabaseError), transaction.atomic():
        RoleChange.objects.filter(pk=change.pk).update(roles_after=[roles.CHAIR])
    with pytest.raises(DatabaseError), transaction.atomic():
        RoleChange.objects.filter(pk=change.pk).delete()


def test_a_role_that_nobody_gave_is_found(admin: User, second: User) -> None:
    assert roles_are_those_that_were_given().passed
    admin.groups.add(*person("Chair", roles.CHAIR).groups.all())
    found = [broken.object for broken in roles_are_those_that_were_given().breaks]
    assert f"parties_user:{admin.pk}" in found
    assert f"parties_user:{second.pk}" not in found


def test_the_first_administrators_and_the_fund_come_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch, admin: User
) -> None:
    monkeypatch.setattr("builtins.input", lambda: "too short")
    with pytest.raises(CommandError, match="too short"):
        call_command("add_staff", "first@lender.example", "--name", "First", stdout=io.StringIO())
    monkeypatch.setattr("builtins.input", lambda: "a rather long passphrase")
    call_command("add_staff", "first@lender.example", "--name", "First", stdout=io.StringIO())
    first = User.objects.get(email="first@lender.example")
    assert services.staff.roles_of(first) == [roles.ADMINISTRATOR]
    call_command("ensure_reference", stdout=io.StringIO())
    call_command(
        "open_fund", "RF", "--name", "Relief fund", "--size", "100000000", "--administrator", first.email,
        stdout=io.StringIO(),
    )  # fmt: skip
    fund = Fund.objects.get(code="RF")
    assert FundPolicy.objects.get(fund=fund).state == "proposed"
    with pytest.raises(CommandError, match="exists already"):
        call_command(
            "open_fund",
            "RF",
            "--name",
            "Again",
            "--size",
            "5",
            "--administrator",
            first.email,
            stdout=io.StringIO(),
        )
