"""Keys to the API in the portal: made by who signs, shown once, ended by who signs, dead on their last day."""

import re
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loanfund.audit.models import AuditEvent
from loanfund.parties.models import ApiKey, Partner, User
from loanfund.parties.services import make_api_key
from loanfund.parties.services.keys import key_digest
from tests.parties.cast import NOW, TODAY, company, joins, person
from tests.portal.visits import fund_open, send, signed_in, words

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"lf_[0-9a-f]{8}_[\w-]{43}")


@pytest.fixture
def owner(db: None) -> User:
    fund_open()
    return person("Ada Owner")


@pytest.fixture
def partner(owner: User) -> Partner:
    return company(owner)


def keys_of(partner: Partner) -> str:
    return f"/partners/{partner.number}/company/keys/"


def calls(secret: str) -> int:
    return Client().get("/api/v1/partner", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_key_is_shown_once_and_opens_the_interface(owner: User, partner: Partner) -> None:
    client = signed_in(owner, both_factors=True)
    assert "No key in force" in words(client.get(keys_of(partner)))
    made = send(client, keys_of(partner) + "new/", label="Treasury ERP", scope="read", last_day="")
    (secret,) = SECRET.findall(made.content.decode())
    key = ApiKey.objects.get()
    assert (key.digest, key.scope, key.user) == (key_digest(secret), "read", owner)
    assert calls(secret) == 200
    page = client.get(keys_of(partner))
    assert "Treasury ERP" in words(page)
    assert not SECRET.search(page.content.decode())
    assert not any(secret in str(event.after) for event in AuditEvent.objects.all())


def test_a_form_sent_twice_makes_one_key_and_does_not_show_it_again(owner: User, partner: Partner) -> None:
    client, number = signed_in(owner, both_factors=True), str(uuid.uuid4())
    again = [
        send(client, keys_of(partner) + "new/", request_id=number, label="ERP", scope="write", last_day="")
        for _ in range(2)
    ][1]
    assert again.status_code == 302
    assert ApiKey.objects.count() == 1
    page = client.get(keys_of(partner))
    assert "shown only once" in words(page)
    assert not SECRET.search(page.content.decode())


def test_a_key_that_was_ended_is_turned_away(owner: User, partner: Partner) -> None:
    client = signed_in(owner, both_factors=True)
    made = send(client, keys_of(partner) + "new/", label="ERP", scope="read", last_day="")
    (secret,) = SECRET.findall(made.content.decode())
    ended = send(client, f"{keys_of(partner)}{ApiKey.objects.get().pk}/end/")
    assert ended.headers["Location"] == keys_of(partner)
    assert calls(secret) == 401
    assert "No longer in force" in words(client.get(keys_of(partner)))


def test_a_last_day_gone_by_is_refused_and_what_was_typed_stays(owner: User, partner: Partner) -> None:
    client = signed_in(owner, both_factors=True)
    answer = send(client, keys_of(partner) + "new/", label="ERP", scope="read", last_day="2020-01-01")
    assert answer.status_code == 422
    assert "Choose a later day" in words(answer)
    assert 'value="ERP"' in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_before_a_key_is_made_a_second_factor_is_set_up(owner: User, partner: Partner) -> None:
    answer = send(signed_in(owner), keys_of(partner) + "new/", label="ERP", scope="write", last_day="")
    assert answer.status_code == 302
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("role", ["preparer", "viewer"])
def test_who_does_not_sign_reads_the_list_and_finds_no_button(
    owner: User, partner: Partner, role: str
) -> None:
    signing = signed_in(owner, both_factors=True)
    send(signing, keys_of(partner) + "new/", label="ERP", scope="read", last_day="")
    other = person(role)
    joins(other, partner, role)
    client = signed_in(other, both_factors=True)
    page = client.get(keys_of(partner)).content.decode()
    assert "ERP" in page
    assert "End it" not in page
    assert "Make a key" not in page
    assert send(client, keys_of(partner) + "new/", label="X", scope="write").status_code == 403
    assert send(client, f"{keys_of(partner)}{ApiKey.objects.get().pk}/end/").status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_the_list_costs_the_same_with_one_key_and_with_thirty(owner: User, partner: Partner) -> None:
    client = signed_in(owner, both_factors=True)
    costs = []
    for many in (1, 29):
        for _ in range(many):
            make_api_key(partner=partner, label="ERP", scope="read", actor=owner, on=TODAY, now=NOW)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(keys_of(partner)).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]
