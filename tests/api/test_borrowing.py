"""A partner borrows through the API: what is left, a drawdown, what is owed, the statement."""

import hashlib
import io
import json
from datetime import date
from decimal import Decimal
from typing import Any, cast

import openpyxl
import pytest
from django.urls import URLPattern

from loanfund.api import urls
from loanfund.audit.models import AuditEvent
from loanfund.parties.models import Membership, SettlementAccount
from loanfund.servicing.models import Drawdown
from tests.api.caller import BASE, Caller, account_of, caller_of
from tests.origination.cast import make_partner
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    world = make_world()
    world.sign(bullet())
    return world


@pytest.fixture
def desk(world: World) -> Caller:
    return caller_of(world.partner, world.borrower, on=world.today)


@pytest.fixture
def account(world: World) -> SettlementAccount:
    return account_of(world)


def asked(world: World, account: SettlementAccount, amount: str = "1000000.00") -> dict[str, object]:
    return {
        "amount": amount,
        "wanted_on": str(world.today),
        "settlement_account": account.pk,
        "purpose": "inventory",
    }


def test_a_drawdown_is_asked_for_and_earmarked(
    world: World, desk: Caller, account: SettlementAccount
) -> None:
    made = desk.post(f"facilities/{world.facility.number}/drawdowns", asked(world, account))
    assert made.status == 201, made.body
    assert made.body["state"] == "requested"
    assert made.body["amount"] == {"amount": "1000000.00", "currency": "USD"}
    left = desk.get(f"facilities/{world.facility.number}").body["available_commitment"]
    assert left == {"amount": "9000000.00", "currency": "USD"}
    (row,) = desk.get(f"facilities/{world.facility.number}/drawdowns").body["results"]
    assert row["number"] == made.body["number"]
    cancelled = desk.post(f"drawdowns/{row['number']}/cancel", {"reason": "Not needed."})
    assert (cancelled.status, cancelled.body["state"]) == (200, "cancelled")
    assert desk.get("facilities").body["results"][0]["available_commitment"]["amount"] == "10000000.00"


def test_the_same_request_twice_is_one_drawdown(
    world: World, desk: Caller, account: SettlementAccount
) -> None:
    address = f"facilities/{world.facility.number}/drawdowns"
    first, again = (desk.post(address, asked(world, account), key="wire-1") for _ in range(2))
    assert first.body == again.body
    assert Drawdown.objects.count() == 1
    other = desk.post(address, asked(world, account, "2000000"), key="wire-1")
    assert (other.status, Drawdown.objects.count()) == (422, 1)


def test_one_cent_above_what_is_available_is_refused_and_the_key_stays_free(
    world: World, desk: Caller, account: SettlementAccount
) -> None:
    address = f"facilities/{world.facility.number}/drawdowns"
    refused = desk.post(address, asked(world, account, "10000000.01"), key="wire-1")
    assert (refused.status, refused.body["field"]) == (422, "amount")
    assert "Ask for 10,000,000.00 or less" in refused.body["detail"]
    assert desk.post(address, asked(world, account, "10000000.00"), key="wire-1").status == 201


@pytest.mark.parametrize("amount", ["-1", "1e5", "NaN", "9" * 30, 1000000])
def test_an_amount_that_is_none_is_refused(
    world: World, desk: Caller, account: SettlementAccount, amount: str
) -> None:
    refused = desk.post(f"facilities/{world.facility.number}/drawdowns", asked(world, account, amount))
    assert (refused.status, refused.body["field"]) == (422, "amount")


def test_a_day_outside_the_availability_period_is_refused(
    world: World, desk: Caller, account: SettlementAccount
) -> None:
    late = {**asked(world, account), "wanted_on": "2026-12-01"}
    refused = desk.post(f"facilities/{world.facility.number}/drawdowns", late)
    assert (refused.status, refused.body["field"]) == (422, "wanted_on")


def test_money_goes_to_a_confirmed_account_of_the_partner_only(
    world: World, desk: Caller, account: SettlementAccount
) -> None:
    assert [row["id"] for row in desk.get("settlement-accounts").body["results"]] == [account.pk]
    SettlementAccount.objects.update(usable_from=date(2026, 12, 1))
    cooling = desk.post(f"facilities/{world.facility.number}/drawdowns", asked(world, account))
    assert (cooling.status, cooling.body["field"]) == (422, "settlement_account")
    without = {"amount": "1", "wanted_on": str(world.today)}
    assert desk.post(f"facilities/{world.facility.number}/drawdowns", without).status == 422


def test_a_preparers_key_asks_for_no_money(world: World, desk: Caller, account: SettlementAccount) -> None:
    Membership.objects.filter(user=world.borrower).update(role=Membership.Role.PREPARER)
    refused = desk.post(f"facilities/{world.facility.number}/drawdowns", asked(world, account))
    assert (refused.status, Drawdown.objects.count()) == (403, 0)
    assert "You may not ask for a drawdown as preparer" in refused.body["detail"]


def test_dues_schedule_and_statement_say_what_the_books_say(world: World, desk: Caller) -> None:
    loan = world.draw(Decimal(6_000_000))
    world.close_through(date(2026, 6, 3))
    number = world.facility.number
    (due,) = desk.get(f"facilities/{number}/dues").body
    assert (due["loan"], due["outstanding"], due["days_past_due"]) == (
        loan.number,
        {"amount": "46000.00", "currency": "USD"},
        2,
    )
    ahead = desk.get(f"facilities/{number}/schedule").body
    assert [(row["due_date"], row["component"], row["amount"]["amount"]) for row in ahead] == [
        ("2026-06-05", "default_interest", "11.50"),
        ("2026-09-02", "interest", "46000.00"),
        ("2026-12-02", "interest", "45500.00"),
        ("2027-03-02", "interest", "45000.00"),
        ("2027-03-02", "principal", "6000000.00"),
    ]
    period = {"first_day": "2026-06-01", "last_day": "2026-06-03"}
    said = desk.get("statement", of=number, **period).body
    assert said["closing"]["interest_due"] == "46000.00"
    files = {
        fmt: desk.get("statement", of=loan.number, format=fmt, **period) for fmt in ("csv", "xlsx", "pdf")
    }
    for fmt, file in files.items():
        assert file.status == 200
        assert file.headers["Digest"] == f"sha-256={hashlib.sha256(file.content).hexdigest()}"
        assert f".{fmt}" in file.headers["Content-Disposition"]
    assert openpyxl.load_workbook(io.BytesIO(files["xlsx"].content)).sheetnames[0] == "Statement"
    assert AuditEvent.objects.filter(action="statement.exported").count() == 4


def test_a_statement_is_asked_for_by_accept_too_and_wrong_formats_are_not_acceptable(
    world: World, desk: Caller
) -> None:
    world.close_through(date(2026, 3, 4))
    period = {"first_day": "2026-03-02", "last_day": "2026-03-03"}
    answered = desk._call("get", "statement", data=period, headers={"Accept": "application/pdf"})
    assert answered.content.startswith(b"%PDF")
    wrong = desk.get("statement", format="docx", **period)
    assert (wrong.status, wrong.body["status"]) == (406, 406)
    assert "json, csv, xlsx, pdf" in wrong.body["detail"]
    refused = desk.get("statement", format="csv", first_day="2026-03-02", last_day="2026-03-09")
    assert (refused.status, refused.body["field"]) == (422, "last_day")
    assert "books are closed through" in refused.body["detail"]


ABOUT_ONE = [
    pattern
    for pattern in urls.urlpatterns
    if isinstance(pattern, URLPattern) and "<str:" in str(pattern.pattern)
]


@pytest.mark.parametrize("pattern", ABOUT_ONE, ids=lambda pattern: pattern.name)
def test_another_partners_object_is_not_there_under_any_address(pattern: URLPattern, world: World) -> None:
    """Every address that names an object, by every method it knows: the outsider learns nothing, and nothing changes."""
    drawdown = world.request(Decimal(1000))
    numbers = {"facility": world.facility.number, "drawdown": drawdown.number, "offer": "OFR-0001"}
    outsider = person("Outsider")
    stranger = caller_of(make_partner([outsider], "P-9002"), outsider, on=world.today)
    number = next((number for word, number in numbers.items() if word in str(pattern.pattern)), "APP-0001")
    address = str(pattern.pattern).replace("<str:number>", number).replace("<int:question>", "1")
    methods = {
        name for name in ("get", "post", "patch") if hasattr(cast(Any, pattern.callback).view_class, name)
    }
    assert methods
    for method in methods:
        answered = {
            "get": lambda: stranger.get(address),
            "post": lambda: stranger.post(address, {}),
            "patch": lambda: stranger.patch(address, {}),
        }[method]()
        assert answered.status == 404, (method, answered.body)
    drawdown.refresh_from_db()
    assert drawdown.state == "requested"


def test_lists_and_statements_of_an_outsider_hold_nothing_of_others(world: World) -> None:
    world.draw(Decimal(1_000_000))
    world.close_through(date(2026, 3, 4))
    outsider = person("Outsider")
    stranger = caller_of(make_partner([outsider], "P-9002"), outsider, on=world.today)
    lists = ("settlement-accounts", "applications", "offers", "facilities")
    assert [stranger.get(address).body["results"] for address in lists] == [[], [], [], []]
    for of in (world.facility.number, world.partner.number, world.facility.loans.get().number):
        period = {"first_day": "2026-03-02", "last_day": "2026-03-03"}
        assert stranger.get("statement", of=of, **period).status == 404
    assert stranger.get("partner").body["number"] == "P-9002"


def test_too_many_requests_are_told_when_to_come_back(desk: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from loanfund.api.frame import KeyThrottle

    monkeypatch.setattr(KeyThrottle, "THROTTLE_RATES", {"key": "2/min"})
    assert [desk.get("partner").status for _ in range(3)] == [200, 200, 429]
    assert int(desk.get("partner").headers["Retry-After"]) > 0


def test_an_address_that_is_none_and_json_that_is_none_are_said_as_problems(desk: Caller) -> None:
    assert desk.post("nothing/here", {}).status == 404
    nowhere = desk.get("nothing/here")
    assert (nowhere.status, nowhere.headers["Content-Type"]) == (404, "application/problem+json")
    broken = desk._call(
        "post",
        "applications",
        data="{",
        content_type="application/json",
        headers={"Idempotency-Key": "x"},
    )
    assert broken.status == 400
    assert json.loads(broken.content)["title"] == "The request cannot be read"
    assert BASE == "/api/v1/"


@pytest.mark.parametrize("address", ["loans/LN%00/", "facilities/FAC%00/", "drawdowns/?cursor=%00"])
def test_a_null_character_in_an_address_names_nothing(desk: Caller, address: str) -> None:
    answer = desk.get(BASE + address)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
