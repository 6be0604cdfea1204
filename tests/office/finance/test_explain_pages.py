"""One click leads from any figure of a report to what made it, and the movements add up to the figure."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from psycopg import sql

from loanfund.ledger.models import JournalEntry
from loanfund.parties import roles
from loanfund.parties.services import store_file
from loanfund.reporting.reports import REPORTS
from loanfund.reporting.reports.report import first_rows
from loanfund.servicing import services
from loanfund.servicing.models import BankImportRow, Receipt
from tests.office.desks import sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

FIGURES = ("accrual-roll-forward", "income", "arrears", "utilisation", "unapplied")
CELL = re.compile(r'<td class="num"><a href="(/office/explain/[^"]+)">([^<]+)</a>')
DUES = re.compile(r'<td class="num"><a href="(/office/reports/dues/[^"]+)">([^<]+)</a>')
SUM = re.compile(r'<tfoot>.*<td class="num">(?:<a [^>]*>)?([^<]+)<', re.DOTALL)
NOW = datetime(2026, 6, 22, 12, tzinfo=UTC)
LEGS = re.compile(r"([\d,.]+) added, ([\d,.]+) taken off")


@dataclass(frozen=True)
class Seen:
    """A fund with a late payer and a receipt booked after its value date, and finance signed in."""

    world: World
    client: Client


@pytest.fixture(scope="module")
def seen(module_db: str) -> Seen:
    world = make_world()
    world.sign(bullet(arrangement_fee="25000.00"), arrangement_fee=Decimal("25000.00"))
    world.sign(bullet(rate="0.05", months=1, commitment_fee="0.01", default_margin="0.02"))
    world.draw(Decimal(6_000_000))
    world.draw(Decimal(2_000_000), facility=world.facilities[1])
    world.close_through(date(2026, 4, 10))
    world.receive(Decimal("1000000.00"), value_date=date(2026, 3, 20), reference="FAC-0001 early")
    world.receive(Decimal("777.00"), reference="who is this")
    world.close_through(date(2026, 6, 21))
    return Seen(world, sign_in(person("Finance", roles.FINANCE)))


def amount(words: str) -> Decimal:
    return Decimal(unescape(words).replace(",", "").replace("\N{MINUS SIGN}", "-"))


@pytest.mark.parametrize("slug", FIGURES)
def test_what_made_a_figure_adds_up_to_it(seen: Seen, slug: str) -> None:
    asked = {"first_day": "2026-03-15", "last_day": "2026-06-18", "as_of": "2026-06-18"}
    page = seen.client.get(f"/office/reports/{slug}/", asked).content.decode()
    cells = CELL.findall(page)
    assert cells
    for href, shown in cells:
        explained = seen.client.get(unescape(href))
        assert explained.status_code == 200, href
        found = SUM.search(explained.content.decode())
        assert amount(found[1] if found else "0") == amount(shown), href


@pytest.mark.parametrize("slug", [*FIGURES, "accruals", "reconciliation"])
def test_what_made_a_total_adds_up_to_it(seen: Seen, slug: str) -> None:
    asked = {"first_day": "2026-03-15", "last_day": "2026-06-18", "as_of": "2026-06-18"}
    page = seen.client.get(f"/office/reports/{slug}/", asked).content.decode()
    totals = CELL.findall(page[page.find("<tfoot>") :])
    assert totals
    for href, shown in totals:
        found = SUM.search(seen.client.get(unescape(href)).content.decode())
        assert amount(found[1] if found else "0") == amount(shown), href


TOTAL = re.compile(r'<td class="num"><a href="([^"]+)"[^>]*>([^<]+)</a>')


def totals_of(page: str) -> list[tuple[str, str]]:
    return TOTAL.findall(page[page.find("<tfoot>") :])


@pytest.mark.parametrize("asked", [{}, {"family": "money"}, {"since": "2026-04-01", "detail": "account"}])
def test_the_trial_balance_and_the_ledger_sum_each_other(seen: Seen, asked: dict[str, str]) -> None:
    """All debits and all credits are the legs of the same days, and the other way round."""
    path = "/office/reports/trial-balance/"
    balance = totals_of(seen.client.get(path, {"as_of": "2026-06-18"} | asked).content.decode())
    assert len(balance) == 4
    legs = totals_of(seen.client.get(unescape(balance[0][0])).content.decode())
    assert [amount(shown) for _, shown in legs] == [amount(shown) for _, shown in balance[:2]]
    back = totals_of(seen.client.get(unescape(legs[0][0])).content.decode())
    assert [shown for _, shown in back[:2]] == [shown for _, shown in legs]


def test_a_total_of_a_long_list_is_of_all_its_rows(seen: Seen) -> None:
    """The page holds the first rows of a large report; a sum of those alone would be nobody's figure."""
    days = {"first_day": date(2026, 3, 2), "last_day": date(2026, 6, 18)}
    for slug in ("general-ledger", "accruals"):
        spec = REPORTS[slug]
        assert spec.query is not None
        query, whole = spec.query(seen.world.fund, **days), spec.build(seen.world.fund, **days)
        every = sql.SQL("SELECT * FROM ({}) AS found").format(query)
        rows, more = first_rows(every, "1", 7, spec.columns)
        assert len(rows) == 7
        assert more["sums"]() == whole.totals
        assert first_rows(every, "1", len(whole.rows), spec.columns)[1] == {}


@pytest.mark.parametrize("slug", sorted(REPORTS))
def test_every_total_leads_to_what_it_sums(seen: Seen, slug: str) -> None:
    asked = {"first_day": "2026-03-02", "last_day": "2026-06-18", "as_of": "2026-06-18"}
    page = seen.client.get(f"/office/reports/{slug}/", asked).content.decode()
    foot = page[page.find("<tfoot>") : page.find("</tfoot>")] if "<tfoot>" in page else ""
    cells = re.findall(r'<td class="num">(.*?)</td>', foot)
    assert all(not words or words == "Total" or words.startswith("<a ") for words in cells)
    for href, _ in TOTAL.findall(foot):
        path = unescape(href)
        assert (path == "#rows" and 'id="rows"' in page) or seen.client.get(path).status_code == 200, href


@pytest.mark.parametrize("slug", ["maturity-ladder", "cash-forecast"])
def test_a_figure_ahead_is_the_sum_of_its_dues(seen: Seen, slug: str) -> None:
    """The second facility's June interest is open by then, everything else is to come."""
    page = seen.client.get(f"/office/reports/{slug}/", {"as_of": "2026-06-18"}).content.decode()
    cells = DUES.findall(page)
    assert len(cells) > 6
    assert sum(amount(shown) != 0 for _, shown in cells) > 6
    for href, shown in cells:
        found = SUM.search(seen.client.get(unescape(href)).content.decode())
        assert amount(found[1] if found else "0") == amount(shown), href


def test_each_side_of_the_trial_balance_is_explained(seen: Seen) -> None:
    page = seen.client.get("/office/reports/trial-balance/", {"as_of": "2026-06-18", "detail": "account"})
    rows = re.findall(r"<tr><td>money</td>.*?</tr>", page.content.decode(), re.DOTALL)
    assert len(rows) > 8
    for row in rows:
        cells = CELL.findall(row)
        href, sides = cells[0][0], {amount(shown) for _, shown in cells} | {Decimal(0)}
        explained = text_of(seen.client.get(unescape(href)))
        found = LEGS.search(explained)
        assert found, explained
        assert {amount(found[1]), amount(found[2])} <= sides, href


@pytest.mark.parametrize("slug", sorted(REPORTS))
def test_no_link_of_a_report_leads_nowhere(seen: Seen, slug: str) -> None:
    asked = {"first_day": "2026-03-02", "last_day": "2026-06-18", "as_of": "2026-06-18", "detail": "account"}
    page = seen.client.get(f"/office/reports/{slug}/", asked | {"family": "all"}).content.decode()
    body = page[page.find("<tbody>") : page.find("</tbody>")]
    for href in sorted(set(re.findall(r'href="([^"#]+)', body)))[:40]:
        assert seen.client.get(unescape(href)).status_code == 200, href


def test_every_line_of_a_statement_is_explained(seen: Seen) -> None:
    page = seen.client.get(
        "/office/statements/", {"of": "FAC-0001", "first_day": "2026-04-01", "last_day": "2026-04-30"}
    ).content.decode()
    lines = page[page.find("Lines of the statement") : page.find("Taken out")]
    links = [unescape(href) for href in re.findall(r'<a href="(/office/[^"]+)">', lines)]
    pages = {href.split("?")[0] for href in links}
    assert pages == {"/office/explain/", "/office/loans/LN-0001/", "/office/receipts/RC-0001/"}
    for href in sorted(set(links)):
        assert seen.client.get(href).status_code == 200, href


@pytest.mark.parametrize("of", ["FAC-0001", "FAC-0002", "P-0001"])
def test_the_figures_at_the_head_of_a_statement_are_explained(seen: Seen, of: str) -> None:
    asked = {"of": of, "first_day": "2026-04-01", "last_day": "2026-04-30"}
    page = seen.client.get("/office/statements/", asked).content.decode()
    head = re.findall(r'<dd class="num">(?:<strong>)?<a href="([^"]+)">([^<]+)</a>', page)
    assert len(head) == 3
    for href, shown in head:
        found = SUM.search(seen.client.get(unescape(href)).content.decode())
        assert amount(found[1] if found else "0") == amount(shown), href


def test_an_entry_names_its_receipt_its_event_and_the_two_people(seen: Seen) -> None:
    ledger = seen.client.get(
        "/office/reports/general-ledger/", {"first_day": "2026-04-11", "last_day": "2026-04-11"}
    ).content.decode()
    receipt = Receipt.objects.get(reference="FAC-0001 early")
    pages = [seen.client.get(href) for href in sorted(set(re.findall(r"/office/entries/\d+/", ledger)))]
    told = [text_of(page) for page in pages if receipt.number in text_of(page)]
    assert told
    assert "The event that was read" in told[0]
    assert re.search(r"Amount 1000000\.00 ", told[0])
    assert "Maker" in told[0]
    assert "Checker" in told[0]


def test_an_entry_by_hand_names_its_two_people_its_paper_and_the_line_of_the_bank(seen: Seen) -> None:
    world, finance = seen.world, person("Frieda", roles.FINANCE)
    paper = store_file(
        name="advice.csv",
        size=8,
        content=io.BytesIO(b"fee,7.77"),
        partner=None,
        actor=finance,
        on=world.today,
        now=NOW,
    )
    journal = services.propose_journal(
        fund=world.fund, kind="bank_charge", amount=Decimal("7.77"), value_date=world.today, reference="fee of June",
        reason="as its advice says", actor=finance, on=world.today, document=paper,
    )  # fmt: skip
    services.book_journal(
        journal=journal, actor=world.checker, on=world.today, seen_digest=journal.proposed_digest
    )
    booked = JournalEntry.objects.get(cause=f"journal:{journal.pk}")
    text = f"reference,amount,currency,value_date,sender\nC-1,-7.77,USD,{world.today},Bank\n"
    services.import_payments(
        fund=world.fund, text=text, layout="bank", name="june.csv", actor=world.maker, on=world.today
    )
    pair = services.propose_pair(
        fund=world.fund, lines=[BankImportRow.objects.get(bank_import__name="june.csv").pk], entries=[booked.pk],
        reason="the fee of June", actor=finance, on=world.today,
    )  # fmt: skip
    services.confirm_pair(pair=pair, actor=world.checker, on=world.today, seen_digest=pair.proposed_digest)
    page = seen.client.get(f"/office/entries/{booked.pk}/")
    words = text_of(page)
    for said in ("Frieda", "Checker", "advice.csv", f"{pair.number}, the fee of June", journal.number):
        assert said in words, said
    for href in (f"/office/journals/{journal.number}/", f"/office/pairs/{pair.number}/"):
        assert href in page.content.decode()
    assert "nobody asked for it" not in words


def test_a_night_of_all_loans_leads_to_its_close_and_its_nights(seen: Seen) -> None:
    entry = JournalEntry.objects.filter(kind="daily_accrual").earliest("pk")
    page = seen.client.get(f"/office/entries/{entry.pk}/").content.decode()
    assert f'href="/office/closes/{entry.booking_date}/"' in page
    found = re.search(r'href="(/office/reports/accruals/[^"]+)"', page)
    assert found
    assert seen.client.get(unescape(found[1])).status_code == 200
    analyst = sign_in(person("Ana", roles.OPERATIONS_MAKER))
    assert analyst.get(f"/office/entries/{entry.pk}/").status_code == 200


def test_a_figure_that_is_none_is_not_found(seen: Seen) -> None:
    days = {"first_day": "2026-04-01", "last_day": "2026-04-02"}
    for asked in (
        {"account": "NO_SUCH", **days},
        {"account": "CASH", "of": "FAC-9999", **days},
        {"account": "CASH", "first_day": "soon", "last_day": "2026-04-02"},
        {"account": "CASH", "first_day": "2026-04-03", "last_day": "2026-04-02"},
        {},
    ):
        assert seen.client.get("/office/explain/", asked).status_code == 404
    assert seen.client.get("/office/entries/0/").status_code == 404
    assert sign_in(person("Analyst", roles.ANALYST)).get("/office/explain/").status_code == 403
