"""Every address of the portal, tried by everybody who should not be there: generated from the table of addresses.

Ada owns the partner, Ben is her colleague who signs, Vera only reads, Otto belongs to another partner, and nobody is
signed in. A new address is tried by itself; one with a part that `KNOWN` does not name fails the test that counts them.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from loanfund.audit.models import AuditEvent
from loanfund.facilities.models import ConditionPrecedent
from loanfund.origination.services import answer_question, ask_question, sign_offer
from loanfund.parties import services
from loanfund.parties.models import Notice
from loanfund.parties.roles import OPERATIONS_CHECKER
from loanfund.parties.selectors import members
from loanfund.reporting.models import MonthStatement
from loanfund.reporting.statement import LAYOUT
from loanfund.servicing.services import ask_lender, propose_instruction
from tests.origination.cast import NOW, Cast, make_cast, make_partner
from tests.parties.cast import joins, person
from tests.portal.visits import signed_in
from tests.servicing.world import World

pytestmark = pytest.mark.django_db

OPEN = {"home", "register", "invitation"}
"""Pages that belong to no partner; they have tests of their own."""
WORDS = {"kind": "incorporation", "what": "payment", "which": "paper"}
"""Parts of an address that name a kind of thing, the same at every partner."""


@dataclass(frozen=True)
class Address:
    """One address of the portal: the name and the parts that stand beneath the partner's number."""

    name: str
    route: str
    parts: tuple[str, ...]

    def at(self, values: dict[str, str]) -> str:
        """The path with its parts filled in."""
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], self.route)


def addresses() -> list[Address]:
    """The whole table of the portal, as the resolver has it."""

    def walk(patterns: Any, before: str) -> Iterator[Address]:
        for one in patterns:
            route = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, route)
            elif isinstance(one, URLPattern):
                yield Address(str(one.name), route, tuple(re.findall(r"<(?:\w+:)?(\w+)>", route)))

    for one in get_resolver().url_patterns:
        if isinstance(one, URLResolver) and one.app_name == "portal":
            return list(walk(one.url_patterns, str(one.pattern)))
    raise AssertionError("the portal stands in no table of addresses")


@dataclass(frozen=True)
class Belongings:
    """What one partner has: for each part of an address its own thing, for some pages another one of that name."""

    number: str
    parts: dict[str, str]
    pages: dict[str, dict[str, str]]

    def at(self, address: Address, **others: str) -> str:
        """The address filled in with these belongings, some parts replaced."""
        return address.at(self.of(address) | others)

    def of(self, address: Address) -> dict[str, str]:
        return {"number": self.number, **WORDS, **self.parts, **self.pages.get(address.name, {})}


def belongings(cast: Cast) -> Belongings:
    """A partner that went all the way, from papers to a loan, with one thing of every kind."""
    owner, partner, day = cast["pia"], cast.partner, cast.day
    paper = services.add_paper(partner=partner, kind="incorporation", file=cast.file(), actor=owner, on=day)
    holder = services.add_beneficial_owner(
        partner=partner, name="Ida Berg", country="CH", share=Decimal(60), actor=owner, on=day
    )
    account = services.propose_settlement_account(
        partner=partner, kind="bank", label="Main", currency="USD", holder=partner.legal_name,
        institution="Bank", address=f"CH-{partner.pk}", actor=owner, on=day,
    )  # fmt: skip
    asked, _ = services.invite(
        partner=partner, email=f"new{partner.pk}@example.org", name="New", role="viewer",
        actor=owner, on=day, now=NOW,
    )  # fmt: skip
    services.notify(
        recipients=[owner], kind="test", key=f"n{partner.pk}", subject="S", body="B", on=day, partner=partner
    )
    key, _ = services.make_api_key(
        partner=partner, label="System", scope="read", actor=owner, on=day, now=NOW
    )
    asked_about = cast.checking()
    question = ask_question(application=asked_about, text="Whose account?", actor=cast["anna"], on=day)
    answer = answer_question(question=question, text="Ours.", files=[cast.file()], actor=owner, on=day)
    offer = cast.sent_offer()
    sign = {"offer": offer, "seen_digest": offer.digest, "on": day}
    sign_offer(signed_name="Pia", actor=owner, **sign)
    _, facility = sign_offer(signed_name="Paul", actor=cast["paul"], **sign)
    assert facility is not None
    world = World(cast.fund, cast["otto"], cast["olga"], cast["ron"], owner, partner, [facility])
    loan = world.draw(Decimal(500_000))
    condition = ConditionPrecedent.objects.create(facility=facility, position=1, text="A last paper.")
    instruction = propose_instruction(
        kind="cancellation",
        facility=facility,
        value_date=day,
        amount=Decimal(1000),
        reason="less",
        actor=cast["otto"],
        on=day,
    )
    told = ask_lender(
        facility=facility, kind="payment_report", day=day, amount=Decimal(5), reference=f"R-{partner.pk}",
        file=cast.file(), actor=owner, on=day,
    )  # fmt: skip
    assert loan.drawdown is not None
    month = MonthStatement.objects.create(
        fund=facility.fund, partner=partner, of="partner", number=partner.number, first_day=day - timedelta(days=40),
        last_day=day - timedelta(days=10), known_at=NOW, layout=LAYOUT, document_digest="0" * 64,
        currency="USD", owed=Decimal(0), made_on=day,
    )  # fmt: skip
    return Belongings(
        partner.number,
        {
            "member": str(members(partner).get(user=cast["paul"]).pk),
            "invitation": str(asked.pk),
            "paper": str(paper.pk),
            "owner": str(holder.pk),
            "account": str(account.pk),
            "key": str(key.pk),
            "notice": str(Notice.objects.get(key=f"n{partner.pk}:{owner.pk}").pk),
            "application": asked_about.number,
            "question": str(question.pk),
            "file": str(answer.files.get().pk),
            "facility": facility.number,
            "position": str(condition.position),
            "loan": loan.number,
            "drawdown": loan.drawdown.number,
            "instruction": str(instruction.number),
            "ask": told.number,
            "kept": str(month.pk),
        },
        {
            "application_paper": {"kind": "audited_accounts"},
            "application_paper_file": {"paper": str(asked_about.documents.all()[0].pk)},
        }
        | {
            name: {"application": offer.application.number}
            for name in ("offer", "offer_decline", "offer_text", "offer_document")
        },
    )


@dataclass(frozen=True)
class Players:
    """Ada's partner and Otto's, and who looks at them."""

    hers: Belongings
    his: Belongings
    ada: Client
    ben: Client
    vera: Client
    otto: Client


@pytest.fixture
def players() -> Players:
    """Two partners that have one of everything, and the people of the table above."""
    limits = {"partner_limit": "50000000", "group_limit": "50000000", "reserved_to_committee": []}
    draws = {"drawdown_notice_days": 0, "drawdown_minimum": "0.01", "drawdown_multiple": "0.01"}
    cast = make_cast(**limits, **draws, conditions_precedent=[])
    cast.people["ron"] = person("Ron", OPERATIONS_CHECKER)
    rivals = [person("Otto"), person("Olaf")]
    other = make_partner(rivals, number="P-9002")
    vera = person("Vera")
    joins(vera, cast.partner, "viewer")
    second = replace(cast, partner=other, people=cast.people | {"pia": rivals[0], "paul": rivals[1]})
    hers, his = belongings(cast), belongings(second)
    looking = [cast["pia"], cast["paul"], vera, rivals[0]]
    return Players(hers, his, *(signed_in(user, both_factors=True) for user in looking))


def answers(client: Client, path: str) -> list[tuple[str, Any]]:
    """What the address answers to a look and to an empty form."""
    return [
        ("GET", client.get(path)),
        ("POST", client.post(path, {"request_id": str(uuid.uuid4())})),
    ]


def beneath() -> list[Address]:
    """The addresses that belong to a partner."""
    return [one for one in addresses() if one.name not in OPEN]


def test_every_address_is_a_partners_or_known_to_be_open_and_every_part_is_tried(players: Players) -> None:
    known = {"number", *WORDS, *players.hers.parts}
    unknown = {f"{one.route}: {part}" for one in beneath() for part in one.parts if part not in known}
    assert not unknown, "Give the parties of this table one of these each."
    astray = {one.route for one in beneath() if "number" not in one.parts}
    assert not astray, (
        "These belong to nobody: put them beneath a partner, or among OPEN with tests of their own."
    )
    assert {one.name for one in addresses()} >= OPEN


def test_who_is_not_signed_in_is_asked_to(players: Players) -> None:
    nobody, wrong = Client(), []
    for one in beneath():
        for method, answer in answers(nobody, players.hers.at(one)):
            if not answer.headers.get("Location", "").startswith("/account/login/?next="):
                wrong.append(f"{method} {one.route}: {answer.status_code}")
    assert not wrong


def test_an_outsider_finds_nothing_at_another_partner(players: Players) -> None:
    before, wrong = AuditEvent.objects.count(), []
    for one in beneath():
        for method, answer in answers(players.otto, players.hers.at(one)):
            if answer.status_code != 404:
                wrong.append(f"{method} {one.route}: {answer.status_code}")
    assert not wrong
    assert AuditEvent.objects.count() == before


def test_an_outsider_finds_no_thing_of_another_beneath_a_number_of_his_own(players: Players) -> None:
    before, wrong = AuditEvent.objects.count(), []
    for one in beneath():
        hers = players.hers.of(one)
        for part in set(one.parts) - {"number", "position", *WORDS}:
            path = players.his.at(one, **{part: hers[part]})
            for method, answer in answers(players.otto, path):
                # A page that is only sent to, or only looked at, says so before it looks anything up.
                if answer.status_code not in {404, 405}:
                    wrong.append(f"{method} {path} ({one.route}): {answer.status_code}")
    assert not wrong
    assert AuditEvent.objects.count() == before


def test_her_own_people_find_every_page(players: Players) -> None:
    wrong = []
    for one in beneath():
        for client in (players.ada, players.ben, players.vera):
            answer = client.get(players.hers.at(one))
            if answer.status_code not in {200, 302, 405}:
                wrong.append(f"{one.route}: {answer.status_code}")
    assert not wrong


def test_a_viewer_changes_nothing_wherever_she_sends_a_form(players: Players) -> None:
    before, wrong = AuditEvent.objects.count(), []
    for one in beneath():
        answer = players.vera.post(players.hers.at(one), {"request_id": str(uuid.uuid4())})
        if answer.status_code >= 500:
            wrong.append(f"{one.route}: {answer.status_code}")
        if AuditEvent.objects.count() != before:
            wrong.append(f"{one.route}: wrote into the log")
            before = AuditEvent.objects.count()
    assert not wrong
