"""Every page of the office in a browser, with something of everything on it: readable by everybody, light and dark."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from loanfund.audit.models import AuditEvent
from loanfund.ledger.models import JournalEntry
from loanfund.office.pages import PAGES
from loanfund.origination import services
from loanfund.parties import roles
from loanfund.parties.models import KybPaper
from loanfund.servicing.models import BankImport, BankImportRow, CashPair, HandJournal, Instruction, Refund
from loanfund.servicing.services import ask_lender, book_journal, propose_journal
from tests.browser import WCAG, People
from tests.office.desks import send, sign_in
from tests.office.operations.test_desk_story import at_desk
from tests.origination.cast import DAY, NOW, Cast, make_cast
from tests.servicing.world import World, bullet, person
from tests.stack import Stack

FILES = {
    "certificate", "close_progress", "evidence_file", "journal_paper", "month_run_progress", "request_paper", "paper_file",
}  # fmt: skip
"""What is no page: downloads, and the pieces that a page asks for while something runs."""
EASY = {
    "drawdown_notice_days": 0, "drawdown_minimum": "0.01", "drawdown_multiple": "0.01", "partner_limit": "50000000",
    "group_limit": "50000000", "segment_limits": {}, "reserved_to_committee": ["waiver"],
}  # fmt: skip
SETTLED = (
    "new Promise(requestAnimationFrame).then(() => document.getAnimations().forEach(one => one.finish()))"
)
"""Colours change over a moment, which this cuts short."""


@dataclass(frozen=True)
class Office:
    """A filled office: somebody at a browser who holds every role, and the address of every page."""

    page: Page
    addresses: dict[str, str]


def _weighed(cast: Cast) -> dict[str, tuple[object, ...]]:
    """An application at each stage that has a page of its own."""
    checking = cast.checking()
    question = services.ask_question(
        application=cast.checking("650000"), text="Where are the books?", actor=cast["anna"], on=DAY,
        files=[cast.file("list.csv")],
    )  # fmt: skip
    voting, open_one = cast.voting("800000"), cast.voting("850000")
    cast.vote(voting, "mia", "approve")
    services.make_offer(application=cast.approved("1000000").proposal.application, actor=cast["otto"], on=DAY)
    meeting = services.schedule_meeting(
        committee=cast.committee, held_on=DAY, title="First", actor=cast["carl"], on=DAY
    )
    paper = KybPaper.objects.create(
        partner=cast.partner,
        kind="accounts",
        version=1,
        file=cast.file("accounts.csv"),
        maker=cast["pia"],
        made_at=NOW,
    )
    return {
        "application": (checking.number,), "table_application": (checking.number,),
        "application_paper": (checking.number, checking.documents.all()[0].pk),
        "company_paper": (paper.pk,), "thread_file": (question.files.all()[0].file_id,),
        "proposal": (voting.number,), "replace_proposal": (open_one.number,),
        "offer": ("OFR-0001",), "meeting": (meeting.pk,),
    }  # fmt: skip


def _lent(cast: Cast) -> World:
    """A facility with a loan, closed to the end of a month, with a payment that nobody has explained."""
    world = World(cast.fund, cast["otto"], cast["olga"], person("Rita", roles.OPERATIONS_CHECKER), cast["pia"],
                  cast.partner)  # fmt: skip
    conditions = [{"text": "Agreement signed by all", "scope": "each"}]
    world.sign(bullet(signed_on=DAY.isoformat(), months=1))
    world.draw(Decimal(1_000_000))
    world.sign(bullet(signed_on=DAY.isoformat()), conditions=conditions)
    world.close_through(date(2025, 11, 2))
    world.receive(Decimal(700), reference="who is this")
    return world


def _at_work(world: World) -> dict[str, tuple[object, ...]]:
    """Something of everything that operations and finance propose to each other."""
    maker, finance = sign_in(world.maker), sign_in(person("Fin", roles.FINANCE))
    day, facility = world.today.isoformat(), world.facility.number
    lines = f"reference,amount,currency,value_date,sender\n{facility} first,1500.00,USD,{day},CH93\nx,-4,USD,{day},X\n"
    _sent(
        maker,
        "receipts/import/",
        "import",
        layout="bank",
        file=SimpleUploadedFile("march.csv", lines.encode()),
    )
    held = world.fund.receipts.get(reference="who is this").number
    _sent(maker, f"receipts/{held}/", "refund", amount="700", reason="paid to us by mistake")
    _sent(maker, f"facilities/{facility}/propose/cost/", "propose", amount="250", component="costs", value_date=day,
          reason="notary")  # fmt: skip
    second = world.facilities[1]
    condition = second.conditions.get().pk
    _sent(maker, f"facilities/{second.number}/conditions/", f"show-{condition}", note="pages 1 to 34",
          file=SimpleUploadedFile("signed.pdf", b"%PDF-1.4\n%%EOF\n"))  # fmt: skip
    _sent(finance, "journals/propose/", "propose", kind="bank_charge", amount="12.50", value_date=day, reference="B-1",
          facility="", reason="fee of a month", document=SimpleUploadedFile("fee.pdf", b"%PDF-1.4\n%%EOF\n"))  # fmt: skip
    charge = propose_journal(
        fund=world.fund, kind="bank_charge", amount=Decimal(4), value_date=world.today, reference="fee", reason="kept",
        actor=world.maker, on=world.today,
    )  # fmt: skip
    book_journal(journal=charge, actor=world.checker, on=world.today, seen_digest=charge.proposed_digest)
    paid = JournalEntry.objects.get(cause=f"journal:{charge.pk}").pk
    _sent(finance, "pairs/propose/", "propose", lines=BankImportRow.objects.get(receipt=None).pk, entries=paid,
          reason="what the bank kept of a payment")  # fmt: skip
    _sent(finance, "month-statements/", "ask", month="2025-10", formats=["csv"])
    drawdown = world.request(Decimal(500_000))
    asked = ask_lender(
        facility=world.facility, kind="payment_report", day=world.today, amount=Decimal(900), reference="wire 7",
        actor=world.borrower, on=world.today,
    )  # fmt: skip
    return {
        "request": (asked.number,),
        "drawdown": (drawdown.number,), "loan": (world.facility.loans.get().number,), "facility": (facility,),
        "conditions": (second.number,), "propose": (facility, "cost"), "receipt": (held,),
        "receipt_imported": (BankImport.objects.get().pk,), "refund": (Refund.objects.get().number,),
        "instruction": (Instruction.objects.get().number,), "journal": (HandJournal.objects.get(reference="B-1").number,),
        "pair": (CashPair.objects.get().number,),
        "close": ("2025-10-20",), "month_run": (1,), "entry": (JournalEntry.objects.all()[0].pk,),
        "report": ("accrual-roll-forward",), "policy": (1,), "person": (world.maker.pk,),
        "log_event": (AuditEvent.objects.all()[0].pk,),
    }  # fmt: skip


def _sent(client: Client, path: str, act: str, **entries: object) -> None:
    assert send(client, f"/office/{path}", act, **entries).status_code == 302, path


@pytest.fixture
def office(running: Stack, people: People) -> Office:
    cast = make_cast(**EASY)
    found = {**_weighed(cast), **_at_work(_lent(cast))}
    page = at_desk(people, person("Everybody", *roles.ALL))
    bare = [one.name for one in PAGES if "<" in one.path and one.name not in {*found, *FILES}]
    assert not bare, f"nothing of this world stands on {bare}"
    names = [one.name for one in PAGES if one.name not in FILES]
    return Office(page, {name: reverse(f"admin:{name}", args=found.get(name, ())) for name in names})


def faults(page: Page, address: str) -> list[str]:
    """What a reader would stumble over: everything in light at 1440 pixels, and in dark at 1024 what is too faint."""
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        return [f"{address}: {answer and answer.status}"]
    wrong = []
    light, dark = {"type": "tag", "values": WCAG}, {"type": "rule", "values": ["color-contrast"]}
    for width, only in ((1440, light), (1024, dark)):
        page.emulate_media(color_scheme="light" if only is light else "dark", reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(SETTLED)
        found = Axe().run(page, options={"runOnly": only, "resultTypes": ["violations"]})
        if found.violations_count:
            wrong.append(f"{address}: {found.generate_report()}")
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            wrong.append(f"{address} is wider than {width} pixels")
    return wrong


def test_every_page_is_readable_by_everybody_in_light_and_in_dark_and_fits_its_window(office: Office) -> None:
    page = office.page
    page.goto(office.addresses["report"])
    figure = page.locator("td.num a[href*='/explain/']").first.get_attribute("href")
    assert figure
    records = reverse("admin:ledger_journalentry_changelist")
    places = office.addresses | {"explain": figure, "today": reverse("admin:index"), "records": records}
    wrong = [fault for address in places.values() for fault in faults(page, address)]
    assert not wrong, "\n".join(wrong)
