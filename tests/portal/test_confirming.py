"""What moves money or says where it goes is confirmed with the second factor at that moment, and asked for once a while."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.cache import cache
from django.test import Client

from loanfund.audit.models import AuditEvent, IdempotencyKey
from loanfund.calculation.terms import PrepaymentEffect
from loanfund.parties.models import ApiKey, Invitation, Membership, SettlementAccount
from loanfund.parties.services import propose_settlement_account
from loanfund.servicing.models import BorrowerRequest, Drawdown, Instruction
from loanfund.servicing.services import propose_instruction
from tests.parties.cast import joins
from tests.portal.visits import code_of, send, signed_in, words
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
HOUR = 3600.0


@dataclass(frozen=True)
class Act:
    """One act that moves money: its address and entries, and how many of it are done."""

    path: str
    entries: dict[str, Any]
    done: Callable[[], int]


@pytest.fixture
def world() -> World:
    cache.clear()
    made = make_world()
    made.sign(bullet())
    SettlementAccount.objects.create(
        partner=made.partner, kind="bank", label="Main", currency="USD", holder=made.partner.legal_name,
        institution="Bank", address="CH-1", maker=made.borrower, state="confirmed",
        usable_from=made.today, checker=made.checker, checked_at="2026-03-01T10:00Z",
    )  # fmt: skip
    return made


def draws(world: World) -> Act:
    account = SettlementAccount.objects.get(label="Main")
    entries = {"amount": "250,000.00", "wanted_on": "2026-03-02", "settlement_account": str(account.pk)}
    path = f"facilities/{world.facility.number}/drawdowns/new/"
    return Act(path, entries | {"purpose": "Margin"}, Drawdown.objects.count)


def names_an_account(world: World) -> Act:
    entries = {"kind": "bank", "label": "Second", "currency": "USD", "holder": "H", "institution": "B"}
    found = SettlementAccount.objects.filter(label="Second")
    return Act("company/accounts/new/", entries | {"address": "CH-2"}, found.count)


def confirms_an_account(world: World) -> Act:
    colleague = person("Colleague")
    joins(colleague, world.partner, "signatory")
    account = propose_settlement_account(
        partner=world.partner, kind="bank", label="Third", currency="USD", holder="H", institution="B",
        address="CH-3", actor=colleague, on=world.today,
    )  # fmt: skip
    found = SettlementAccount.objects.filter(label="Third", state="confirmed")
    return Act(f"company/accounts/{account.pk}/", {"confirm": "yes"}, found.count)


def prepays(world: World) -> Act:
    loan = world.draw(Decimal(1_000_000))
    entries = {"amount": "5,000.00", "value_date": str(world.today), "effect": str(PrepaymentEffect.TERM)}
    return Act(f"loans/{loan.number}/prepay/", entries, Instruction.objects.count)


def cancels(world: World) -> Act:
    entries = {"amount": "5,000.00", "reason": "less is needed"}
    return Act(f"facilities/{world.facility.number}/cancel/", entries, Instruction.objects.count)


def asks_money_back(world: World) -> Act:
    world.receive(Decimal(700))
    path = f"facilities/{world.facility.number}/ask/refund/"
    return Act(path, {"amount": "500", "text": "paid twice"}, BorrowerRequest.objects.count)


def consents(world: World) -> Act:
    document = bullet()
    change = propose_instruction(
        kind="amendment", facility=world.facility, value_date=world.today, details={"terms": document},
        reason="as agreed", actor=world.maker, on=world.today,
    )  # fmt: skip
    found = Instruction.objects.filter(consent_by__isnull=False)
    path = f"facilities/{world.facility.number}/requests/{change.number}/"
    return Act(path, {"consent": "1", "seen": change.proposed_digest}, found.count)


def makes_a_key(world: World) -> Act:
    return Act("company/keys/new/", {"label": "System", "scope": "write"}, ApiKey.objects.count)


def invites(world: World) -> Act:
    entries = {"name": "New", "email": "new@example.org", "role": "signatory"}
    return Act("company/people/invite/", entries, Invitation.objects.count)


def raises_a_viewer(world: World) -> Act:
    viewer = person("Viewer")
    place = joins(viewer, world.partner, "viewer")
    found = Membership.objects.filter(user=viewer, role="signatory")
    return Act(f"company/people/{place.pk}/", {"role": "signatory"}, found.count)


def ends_a_place(world: World) -> Act:
    colleague = person("Colleague")
    place = joins(colleague, world.partner, "owner")
    found = Membership.objects.filter(user=colleague, ended_on__isnull=False)
    return Act(f"company/people/{place.pk}/end/", {}, found.count)


ACTS = [
    draws, names_an_account, confirms_an_account, prepays, cancels, asks_money_back, consents, makes_a_key, invites,
    raises_a_viewer, ends_a_place,
]  # fmt: skip


def goes(client: Client, world: World, act: Act, **more: str) -> Any:
    return send(client, f"/partners/{world.partner.number}/{act.path}", **act.entries, **more)


@pytest.mark.parametrize("acts", ACTS)
def test_an_hour_after_the_sign_in_a_code_is_asked_for_and_what_was_typed_stays(
    world: World, acts: Callable[[World], Act]
) -> None:
    act, client = acts(world), signed_in(world.borrower, both_factors=True, ago=HOUR)
    before = AuditEvent.objects.count()
    for given in ({}, {"code": "000000"}):
        answer = goes(client, world, act, **given)
        assert (answer.status_code, act.done()) == (422, 0)
        page = answer.content.decode()
        assert "Code of your second factor" in page
        assert not [one for one in act.entries.values() if one not in page]
    assert AuditEvent.objects.count() == before
    assert goes(client, world, act, code=code_of(world.borrower)).status_code in {200, 302}
    assert act.done() == 1


def test_confirmed_once_nothing_is_asked_again_for_five_minutes(world: World) -> None:
    act, client = draws(world), signed_in(world.borrower, both_factors=True, ago=HOUR)
    goes(client, world, act, code=code_of(world.borrower))
    page = client.get(f"/partners/{world.partner.number}/{act.path}")
    assert "Code of your second factor" not in words(page)
    assert goes(client, world, act).status_code == 302
    late = signed_in(world.borrower, both_factors=True, ago=301)
    assert "Code of your second factor" in words(late.get(f"/partners/{world.partner.number}/{act.path}"))


def test_a_double_click_with_a_code_asks_for_one_drawdown(world: World) -> None:
    act, number = draws(world), str(uuid.uuid4())
    first, second = (signed_in(world.borrower, both_factors=True, ago=HOUR) for _ in range(2))
    code = code_of(world.borrower)
    for client in (
        first,
        second,
    ):  # the second request has not seen the session that the first one leaves behind
        assert goes(client, world, act, code=code, request_id=number).status_code == 302
    assert act.done() == 1


def test_a_code_in_another_form_does_not_count_twice(world: World) -> None:
    act, code = draws(world), ""
    for status in (302, 422):
        client = signed_in(world.borrower, both_factors=True, ago=HOUR)
        code = code or code_of(world.borrower)
        assert goes(client, world, act, code=code).status_code == status
    assert act.done() == 1


def test_a_recovery_code_stays_used_when_what_it_confirmed_is_refused(world: World) -> None:
    client = signed_in(world.borrower, both_factors=True, ago=HOUR)
    codes = RecoveryCodes.activate(world.borrower)
    act, code = draws(world), codes.get_unused_codes()[0]
    too_much = Act(act.path, act.entries | {"amount": "10,000,000.01"}, act.done)
    refused = words(goes(client, world, too_much, code=code))
    assert "left to draw" in refused
    assert "Code of your second factor" not in refused
    assert goes(client, world, act).status_code == 302  # it was she; the amount alone was wrong
    again = signed_in(world.borrower, both_factors=True, ago=HOUR)
    assert goes(again, world, act, code=code).status_code == 422


def test_guessing_at_the_code_of_a_drawdown_is_shut_out(world: World) -> None:
    act, client = draws(world), signed_in(world.borrower, both_factors=True, ago=HOUR)
    for _ in range(6):
        answer = goes(client, world, act, code="000000")
    assert "Too many wrong codes" in words(answer)
    assert goes(client, world, act, code=code_of(world.borrower)).status_code == 422
    assert act.done() == 0


def test_who_has_a_passkey_alone_is_led_to_it_and_back_to_what_was_typed(world: World) -> None:
    act, client = draws(world), signed_in(world.borrower, both_factors=True, ago=HOUR)
    Authenticator.objects.update(type=Authenticator.Type.WEBAUTHN)
    path = f"/partners/{world.partner.number}/{act.path}"
    assert "Code of your second factor" not in words(client.get(path))
    answer = goes(client, world, act)
    assert answer.headers["Location"].startswith("/account/2fa/webauthn/reauthenticate/?next=%2Fpartners")
    assert act.done() == 0
    page = client.get(path)
    assert "Nothing of it is sent yet" in words(page)
    assert 'value="250,000.00"' in page.content.decode()


def test_who_has_both_may_choose_the_passkey(world: World) -> None:
    act, client = draws(world), signed_in(world.borrower, both_factors=True, ago=HOUR)
    path = f"/partners/{world.partner.number}/{act.path}"
    assert "Use a passkey instead" not in words(client.get(path))
    Authenticator.objects.create(user=world.borrower, type=Authenticator.Type.WEBAUTHN, data={"name": "Key"})
    assert "Use a passkey instead of a code" in words(client.get(path))
    assert "/webauthn/" in goes(client, world, act, by_passkey="1").headers["Location"]
    assert act.done() == 0


def test_a_page_left_open_with_its_code_confirms_nothing_later(world: World) -> None:
    act, number = draws(world), str(uuid.uuid4())
    too_much = Act(act.path, act.entries | {"amount": "10,000,000.01"}, act.done)
    first = signed_in(world.borrower, both_factors=True, ago=HOUR)
    code = code_of(world.borrower)
    goes(first, world, too_much, code=code, request_id=number)
    # A quarter of an hour later somebody else mends the amount and presses the button.
    for proof in IdempotencyKey.objects.filter(scope__endswith=":code"):
        IdempotencyKey.objects.filter(pk=proof.pk).update(body={"at": proof.body["at"] - 900})
    later = signed_in(world.borrower, both_factors=True, ago=HOUR)
    assert goes(later, world, act, code=code, request_id=number).status_code == 422
    assert act.done() == 0


def number_of(client: Client, path: str) -> str:
    """The number that the form of a page carries."""
    found = re.search(r'name="request_id" value="([^"]+)"', client.get(path).content.decode())
    assert found
    return found[1]


def test_two_tabs_with_one_form_make_one(world: World) -> None:
    act, client = draws(world), signed_in(world.borrower, both_factors=True)
    path = f"/partners/{world.partner.number}/{act.path}"
    first, second = number_of(client, path), number_of(client, path)
    for number in (first, second):
        assert goes(client, world, act, request_id=number).status_code == 302
    assert act.done() == 1
    other = Act(act.path, act.entries | {"amount": "130,000.00"}, act.done)
    page = client.get(goes(client, world, other, request_id=second).headers["Location"])
    assert "was sent already with other words" in words(page)
    assert act.done() == 1
    # Opened anew, the form is for another one; the same once more within minutes is the back button.
    assert goes(client, world, other, request_id=number_of(client, path)).status_code == 302
    assert act.done() == 2
    assert goes(client, world, other, request_id=number_of(client, path)).status_code == 302
    assert act.done() == 2


@pytest.mark.parametrize("acts", ACTS)
def test_the_way_back_from_the_passkey_is_a_page(world: World, acts: Callable[[World], Act]) -> None:
    act, client = acts(world), signed_in(world.borrower, both_factors=True, ago=HOUR)
    Authenticator.objects.update(type=Authenticator.Type.WEBAUTHN)
    way = goes(client, world, act).headers["Location"]
    assert act.done() == 0
    back = client.get(parse_qs(urlsplit(way).query)["next"][0], follow=True)
    assert back.status_code == 200
    assert "<form" in back.content.decode()
