"""Every page and every action of the office against every role, taken from the office itself: a new one is covered too.

The pages come from the office's own table and from the registered admin; the actions are read off the pages as each
role is shown them. What a role is not shown it may not do, whatever it sends.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib import admin
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from loanfund.audit.models import AuditEvent
from loanfund.facilities.models import Facility
from loanfund.ledger.models import JournalEntry
from loanfund.office.pages import PAGES, Page
from loanfund.office.site import READERS as SITE_READERS
from loanfund.origination import services
from loanfund.origination.models import Decision, Offer, Proposal
from loanfund.parties import roles
from loanfund.parties.models import StoredFile, User
from tests.office.desks import sign_in
from tests.origination.cast import Cast, make_cast, make_user
from tests.parties.cast import holds

pytestmark = pytest.mark.django_db
EVERYBODY = (*roles.ALL, "a superuser", "staff without a role")
ABSENT: dict[str, object] = {"str": "NONE-0000", "int": 999_999_999, "slug": "none"}
ARGUMENT = re.compile(r"<(?P<kind>\w+):(?P<name>\w+)>")
FORM = re.compile(r"<form[^>]*method=\"post\".*?</form>", re.S)
ACT = re.compile(r'name="act" value="([^"]+)"')


@dataclass(frozen=True)
class Office:
    """One of everything that pages are about, and a signed-in browser for each role."""

    cast: Cast
    clients: dict[str, Client]
    objects: dict[str, tuple[object, ...]]

    def standing(self, page: Page) -> list[str]:
        """Where the page stands with something on it; of a page about nothing in particular, its one address."""
        return self.addresses(page)[:-1] or self.addresses(page)

    def addresses(self, page: Page) -> list[str]:
        """Where the page stands: with real objects where there are any, and with one that does not exist."""
        absent = [ABSENT[kind] for kind, _ in ARGUMENT.findall(page.path)]
        real = self.objects.get(page.name, ())
        found = [(one if isinstance(one, tuple) else (one,)) for one in real]
        return [reverse(f"admin:{page.name}", args=args) for args in [*found, tuple(absent)]]


@dataclass(frozen=True)
class Seen:
    """What one person was answered at one address: the status, and the acts that the page's forms send."""

    status: int
    acts: frozenset[str]


@pytest.fixture(scope="module")
def made_once(module_db: str) -> Office:
    return _office()


@pytest.fixture(scope="module")
def seen(made_once: Office) -> dict[tuple[str, str], Seen]:
    """Every address of every page opened once by everybody: `seen[address, who]`."""
    found = {}
    for page in PAGES:
        for address in made_once.addresses(page):
            for who in EVERYBODY:
                answer = made_once.clients[who].get(address)
                found[address, who] = Seen(answer.status_code, frozenset(acts_on(answer)))
    return found


@pytest.fixture
def office(made_once: Office, db: None) -> Office:
    """As it was made: what a test does to it is rolled back."""
    return made_once


def _office() -> Office:
    cast = make_cast()
    for name in ("audra", "fin"):
        cast.people[name] = make_user(name)
    checking = cast.checking()
    tabled, voting, tied = cast.tabled("700000"), cast.voting("800000"), cast.voting("900000")
    cast.vote(tied, "mia", "approve")
    cast.vote(tied, "max", "decline")
    approved = cast.approved("1000000").proposal.application
    assert approved is not None
    made = services.make_offer(
        application=cast.approved("1100000").proposal.application, actor=cast["otto"], on=cast.day
    )
    facility = _signed(cast, cast.sent_offer("1200000"))
    meeting = services.schedule_meeting(
        committee=cast.committee, held_on=cast.day, title="First", actor=cast["carl"], on=cast.day
    )
    submitted = cast.application("600000")
    services.submit_application(application=submitted, actor=cast["pia"], on=cast.day)
    applications = [checking, submitted, approved, *[one.application for one in (tabled, voting)]]
    proposals = [tabled, voting, tied]
    files = list(StoredFile.objects.values_list("pk", flat=True)[:1])
    objects: dict[str, tuple[object, ...]] = {
        "application": tuple(one.number for one in applications if one),
        "table_application": (checking.number,),
        "application_paper": tuple((checking.number, one.pk) for one in checking.documents.all()[:1]),
        "paper_file": tuple(files),
        "proposal": tuple(one.number for one in proposals),
        "replace_proposal": (tabled.number,),
        "offer": (made.number,),
        "certificate": tuple(Decision.objects.values_list("number", flat=True)[:1]),
        "meeting": (meeting.pk,),
        "facility": (facility.number,),
        "conditions": (facility.number,),
        "log_event": tuple(AuditEvent.objects.values_list("pk", flat=True)[:1]),
        "policy": (1,),
        "person": (cast["anna"].pk,),
    }
    return Office(cast, dict(_clients()), objects)


def _signed(cast: Cast, offer: Offer) -> Facility:
    for name in ("pia", "paul"):
        _, facility = services.sign_offer(
            offer=offer, seen_digest=offer.digest, signed_name=name, actor=cast[name], on=cast.day
        )
    assert facility is not None
    return facility


def _clients() -> Iterator[tuple[str, Client]]:
    for number, role in enumerate(roles.ALL):
        user = User.objects.create_user(f"one{number}@example.test", name=f"One {role}")
        holds(user, role)
        yield role, sign_in(user)
    chief = User.objects.create_user("chief@example.test", name="Chief")
    chief.is_superuser = True
    chief.save()
    yield "a superuser", sign_in(chief)
    yield "staff without a role", sign_in(User.objects.create_user("new@example.test", name="New"))


def reads(page: Page, who: str) -> bool:
    return who in {*page.readers, *page.actors, roles.AUDITOR}


def state_of_things() -> tuple[int, int, list[tuple[object, ...]]]:
    """What must not move: the log, the journal, and who holds which state."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'a', id, state FROM origination_application UNION ALL SELECT 'p', id, state FROM origination_proposal"
            " UNION ALL SELECT 'o', id, state FROM origination_offer UNION ALL SELECT 'd', id, state FROM servicing_drawdown"
            " ORDER BY 1, 2"
        )
        rows = cursor.fetchall()
    signed_in = AuditEvent.objects.filter(action__startswith="user.").count()
    return AuditEvent.objects.count() - signed_in, JournalEntry.objects.count(), rows


def acts_on(answer: HttpResponseBase) -> set[str]:
    """The names of the acts that a page's forms send."""
    content = getattr(answer, "content", b"").decode(errors="replace")
    return {name for form in FORM.findall(content) for name in ACT.findall(form)}


def test_every_page_opens_to_its_roles_and_to_nobody_else(
    office: Office, seen: dict[tuple[str, str], Seen]
) -> None:
    wrong = []
    for page in PAGES:
        for address in office.addresses(page):
            for who in EVERYBODY:
                status = seen[address, who].status
                expected = {200, 302, 404, 409} if reads(page, who) else {403}
                if status not in expected:
                    wrong.append(f"{who} opens {address}: {status}")
    assert not wrong, "\n".join(wrong)


def test_every_form_is_closed_to_whoever_is_not_among_the_pages_actors(office: Office) -> None:
    before = state_of_things()
    wrong = []
    for page in PAGES:
        for address in office.addresses(page):
            for who in EVERYBODY:
                if who in page.actors:
                    continue
                sent = {"act": "anything", "request_id": str(uuid.uuid4())}
                status = office.clients[who].post(address, sent).status_code
                if status != 403:
                    wrong.append(f"{who} sends to {address}: {status}")
    assert not wrong, "\n".join(wrong)
    assert state_of_things() == before


def test_an_action_that_a_role_is_not_shown_does_nothing_when_it_is_sent(
    office: Office, seen: dict[tuple[str, str], Seen]
) -> None:
    known = {
        address: frozenset[str]().union(*(seen[address, who].acts for who in EVERYBODY))
        for page in PAGES
        for address in office.standing(page)
    }
    assert sum(len(acts) for acts in known.values()) > 25, known
    digest = Proposal.objects.values_list("digest", flat=True).first()
    before, wrong = state_of_things(), []
    for address, acts in known.items():
        for who in EVERYBODY:
            for act in acts - seen[address, who].acts:
                entries = {
                    f"{act}-{name}": value
                    for name, value in {
                        "reason": "because", "choice": "approve", "seen": digest, "text": "text", "body": "body",
                        "minutes": "minutes", "note": "note", "name": "Name", "declare": "on",
                    }.items()
                }  # fmt: skip
                sent = {"act": act, "request_id": str(uuid.uuid4()), **entries}
                status = office.clients[who].post(address, sent).status_code
                if status not in {302, 403, 422}:
                    wrong.append(f"{who} sends {act} to {address}: {status}")
                if state_of_things() != before:
                    wrong.append(f"{who} sends {act} to {address}, and something moved")
                    before = state_of_things()
    assert not wrong, "\n".join(wrong)


def test_the_auditor_and_the_superuser_are_shown_no_action_anywhere(
    office: Office, seen: dict[tuple[str, str], Seen]
) -> None:
    found = []
    for page in PAGES:
        for address in office.addresses(page):
            for who in (roles.AUDITOR, "a superuser", "staff without a role"):
                if who in page.actors:
                    continue
                found += [f"{who} at {address}: {act}" for act in seen[address, who].acts]
    assert not found, "\n".join(found)


def test_the_registered_admin_shows_and_never_writes_superusers_included(office: Office) -> None:
    wrong = []
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        readers = SITE_READERS.get(model._meta.app_label, (roles.ADMINISTRATOR, roles.AUDITOR))
        first = model._default_manager.values_list("pk", flat=True).first()
        for who in EVERYBODY:
            client = office.clients[who]
            writing = [reverse(f"{base}_add")]
            if first is not None:
                writing.append(reverse(f"{base}_delete", args=[first]))
            for address in writing:
                for status in (
                    client.get(address).status_code,
                    client.post(address, {"post": "yes"}).status_code,
                ):
                    if status != 403:
                        wrong.append(f"{who} at {address}: {status}")
            if first is not None:
                address = reverse(f"{base}_change", args=[first])
                if client.post(address, {"reason": "x"}).status_code != 403:
                    wrong.append(f"{who} changes {address}")
            listed = client.get(reverse(f"{base}_changelist")).status_code
            if listed != (200 if who in readers else 403):
                wrong.append(f"{who} lists {base}: {listed}")
    assert not wrong, "\n".join(wrong)


def test_nobody_reaches_the_office_without_the_second_factor_or_without_being_of_the_lender(
    office: Office,
) -> None:
    bare = User.objects.create_user("bare@example.test", name="Bare")
    holds(bare, *roles.ALL)
    User.objects.filter(pk=bare.pk).update(is_staff=True)
    partner = Client()
    partner.force_login(office.cast["pia"])
    one_factor, nobody = Client(), Client()
    one_factor.force_login(bare)
    for page in PAGES:
        for address in office.addresses(page):
            for client in (partner, one_factor, nobody):
                assert client.get(address).status_code in {302, 403}, address
                assert client.post(address, {"act": "x"}).status_code in {302, 403}, address


def test_every_page_of_the_office_stands_in_the_table_with_somebody_to_open_it() -> None:
    for page in PAGES:
        assert {*page.readers, *page.actors} <= set(roles.ALL), page.name
        assert page.readers or page.actors, page.name
        assert not page.menu or page.section, page.name
