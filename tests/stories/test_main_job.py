"""The main job, whole: one partner's money from the request to the statement, through the faces that people use.

Ada owns Harbour Digital, Ben signs with her. Anna checks, Carl chairs and Mia, Max and Moe vote; Otto makes, Olga checks and
Rhea releases; Fin takes the figures out. Web server, worker and beat are running; the fixings are SOFR as published.
"""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import openpyxl
from django.core.management import call_command
from playwright.sync_api import Page, expect

from loanfund.facilities.selectors import fund_position
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balance
from loanfund.origination.models import Decision, LiquidationRecord
from loanfund.parties.checklist import FRESH
from loanfund.parties.models import KybPaper, SettlementAccount
from loanfund.parties.services.settlement import COOLING_DAYS
from loanfund.reporting.verification import verify_books
from loanfund.servicing.models import Accrual, CloseRun, Drawdown, Due, Loan, Receipt
from tests import stack
from tests.stories.people import (
    OPENED,
    Story,
    does,
    sets_up_codes,
    signs_up,
)


def registers_a_company(story: Story) -> None:
    """Ada signs up, registers the company, its owner and its papers, names an account, and invites Ben, who confirms it."""
    ada = story.people("ada")
    signs_up(ada, "Ada Holt", "ada@harbour.example", story.mail)
    ada.goto("/companies/new/")
    ada.get_by_label("Legal name").fill("Harbour Digital AG")
    ada.get_by_label("Registration number").fill("CHE-77")
    ada.get_by_label("Country of registration").select_option(label="Switzerland")
    ada.get_by_label("What the company is").select_option("trading_firm")
    ada.get_by_label("What it mainly does").select_option("trading")
    ada.get_by_label("Registered address").fill("Quay 1, Zug")
    ada.get_by_role("button", name="Register the company").click()
    ada.get_by_role("heading", name="Papers").wait_for()
    _hands_in_company_papers(story, ada)
    story.goes("ada", "company", "owners", "new")
    ada.get_by_label("Full name").fill("Ida Berg")
    ada.get_by_label("Country of residence").select_option(label="Switzerland")
    ada.get_by_label("Date of birth").fill("1970-02-03")
    ada.get_by_label("Share in per cent").fill("100")
    ada.get_by_role("button", name="Name this owner").click()
    story.codes["ada"] = sets_up_codes(ada)
    story.goes("ada", "company", "accounts", "new")
    ada.get_by_label("Your name for it").fill("Main")
    ada.get_by_label("Bank or network").fill("Bank of Nowhere")
    ada.get_by_label("Account number").fill("CH00 7777")
    ada.get_by_role("button", name="Name this account").click()
    ada.get_by_text("A second signatory has to confirm it").wait_for()
    _ben_joins(story, ada)
    account = SettlementAccount.objects.get(partner=story.partner)
    ben = story.goes("ben", "company", "accounts", str(account.pk))
    ben.get_by_role("button", name="Confirm").first.click()
    ben.get_by_text("is confirmed").wait_for()
    account.refresh_from_db()
    assert (account.state, account.maker.name, account.checker and account.checker.name) == (
        "confirmed", "Ada Holt", "Ben Lund",
    )  # fmt: skip


def _hands_in_company_papers(story: Story, ada: Page) -> None:
    wanted = ada.locator("a.btn-primary", has_text="Hand in")
    while wanted.count():
        wanted.first.click()
        first = not KybPaper.objects.exists()
        if any(f"/{kind}/" in ada.url for kind in FRESH):
            ada.get_by_label("Issued on").fill("2026-02-20")
        if first:
            ada.get_by_label("File").set_input_files(story.files / "program.pdf")
            ada.get_by_role("button", name="Hand it in").click()
            ada.get_by_role("alert").get_by_text("not a file that can be taken here").wait_for()
        ada.get_by_label("File").set_input_files(story.files / "paper.pdf")
        ada.get_by_role("button", name="Hand it in").click()
        ada.get_by_text("version 1, is handed in").wait_for()
    assert KybPaper.objects.filter(partner=story.partner).count() == 12


def _ben_joins(story: Story, ada: Page) -> None:
    story.goes("ada", "company", "people", "invite")
    ada.locator("[name=name]").fill("Ben Lund")
    ada.get_by_label("E-mail address").fill("ben@harbour.example")
    ada.get_by_label("What the person may do").select_option("signatory")
    ada.get_by_role("button", name="Send the invitation").click()
    ada.get_by_text("The invitation is on its way").wait_for()
    ben, invitation = story.people("ben"), story.mail.link("ben@harbour.example", "/invitations/")
    signs_up(ben, "Ben Lund", "ben@harbour.example", story.mail)
    ben.goto(invitation)
    ben.get_by_role("button", name="Accept").click()
    ben.wait_for_url("**/partners/**")
    story.codes["ben"] = sets_up_codes(ben)


def applies(story: Story) -> None:
    """Ada asks for two million at SOFR's mercy, proves the losses, and hands the application in."""
    ada = story.goes("ada", "applications", "new")
    ada.get_by_label("Amount in USD").fill("-2000000")
    ada.get_by_label("Months until the last repayment").fill("12")
    ada.get_by_label("How it is repaid").select_option("bullet")
    ada.get_by_label("What the money is for").fill("To keep two venues funded while customers come back.")
    ada.locator("main form button.btn-primary").last.click()
    ada.get_by_role("alert").wait_for()
    assert "customers come back" in ada.get_by_label("What the money is for").input_value()
    ada.get_by_label("Amount in USD").fill("2,000,000.00")
    ada.locator("main form button.btn-primary").last.click()
    ada.wait_for_url("**/applications/APP-*/**")
    number = story.application.number
    story.goes("ada", "applications", number, "purpose")
    ada.get_by_label("Net assets at the snapshot").fill("7,000,000")
    ada.get_by_label("Compensation received already").fill("0")
    ada.get_by_role("button", name="Save").click()
    _uploads_records(story, ada, number)
    for kind in ("audited_accounts", "liquidation_statement", "net_assets_statement"):
        story.goes("ada", "applications", number, "papers", kind)
        ada.get_by_label("File").set_input_files(story.files / "paper.pdf")
        ada.locator("main form button.btn-primary").last.click()
        ada.wait_for_url("**/papers/")
    story.goes("ada", "applications", number, "check")
    ada.get_by_role("button", name="Hand the application in").dblclick()
    ada.wait_for_url("**/receipt/")
    assert story.application.state == "submitted"


def _uploads_records(story: Story, ada: Page, number: str) -> None:
    story.goes("ada", "applications", number, "liquidations")
    ada.get_by_label("CSV file").set_input_files(story.files / "wrong.csv")
    ada.get_by_role("button", name="Upload and check").click()
    ada.get_by_role("row", name="1 venue This column is missing").wait_for()
    assert not LiquidationRecord.objects.exists()
    ada.get_by_label("CSV file").set_input_files(story.files / "records.csv")
    ada.get_by_role("button", name="Upload and check").click()
    expect(ada.get_by_text("2,200,000.00").first).to_be_visible()
    # 2.2 million lost of 7 million of net assets.
    expect(ada.get_by_text("31.43").first).to_be_visible()
    assert LiquidationRecord.objects.count() == 2


def is_checked_and_tabled(story: Story) -> None:
    """Anna takes it up, asks, is answered, accepts every paper, scores, writes and tables."""
    anna, number = story.desk("anna"), story.application.number
    anna.goto("/office/applications/?state=submitted")
    anna.get_by_role("link", name=number).first.click()
    does(anna, "start")
    does(anna, "ask", text="Whose account is main at VENUE?")
    ada = story.goes("ada", "applications", number, "thread")
    ada.get_by_role("link", name="Answer").first.click()
    ada.get_by_label("Your answer").fill("Ours; the statement of the venue names us.")
    ada.locator("main form button.btn-primary").last.click()
    ada.get_by_text("Ours; the statement").first.wait_for()
    anna.goto(f"/office/applications/{number}/")
    expect(anna.get_by_text("Ours; the statement of the venue names us.").first).to_be_visible()
    for kind in ("accept-document", "accept-paper"):
        waiting = anna.locator(f"form[class*='act-{kind}-']")
        while waiting.count():
            does(anna, str(waiting.first.locator("[name=act]").get_attribute("value")))
            anna.goto(f"/office/applications/{number}/")
    does(anna, "approve-kyb", valid_until="2027-03-01")
    scores = {"repayment": 4, "capital": 3, "impact": 5, "governance": 4}
    does(anna, "score", **scores, **{f"why_{key}": "as the papers show" for key in scores})
    does(anna, "memo", body="Sound before the event, hurt by it, able to repay.")
    anna.goto(f"/office/applications/{number}/table/")
    form = anna.locator("form.act-table")
    form.locator("[name=table-summary]").fill("Two million over a year at SOFR plus half a per cent.")
    form.locator("[name=table-reference]").fill("SOFR")
    form.locator("[name=table-margin]").fill("0.5")
    form.locator("[name=table-period]").select_option("1M")
    form.get_by_role("button", name="Put it to the committee").click()
    anna.wait_for_url("**/proposals/**")
    assert story.application.state == "tabled"


def is_voted_on(story: Story) -> None:
    """Carl opens the vote; three approve; the amount is reserved in the fund's book."""
    carl, number = story.desk("carl"), story.application.proposals.get().number
    carl.goto(f"/office/proposals/{number}/")
    does(carl, "open")
    for name, seen in (("mia", 1), ("max", 1), ("moe", 3)):
        member = story.desk(name)
        member.goto(f"/office/proposals/{number}/")
        does(member, "vote", choice="approve", reason="It can repay.")
        # Sealed until the third vote, with which nothing that Carl says can change it, closes the ballot.
        expect(member.get_by_text("It can repay.")).to_have_count(seen)
    decision = Decision.objects.get()
    assert (decision.outcome, story.application.state) == ("approved", "approved")
    position = fund_position(story.fund)
    assert (position.reserved, position.available) == (Decimal(2_000_000), Decimal(98_000_000))


def is_signed(story: Story) -> None:
    """Otto prepares the offer, Olga sends it, Ada and Ben sign the same text, each with a code."""
    otto, number = story.desk("otto"), story.application.number
    otto.goto(f"/office/applications/{number}/")
    does(otto, "make-offer")
    offer = story.application.offers.get()
    olga = story.desk("olga")
    olga.goto(f"/office/offers/{offer.number}/")
    does(olga, "send")
    for name, signature in (("ada", "Ada Holt"), ("ben", "Ben Lund")):
        page = story.goes(name, "applications", number, "offer")
        expect(page.get_by_text("2,000,000.00").first).to_be_visible()
        page.get_by_label("Your full name, as signature").fill(signature)
        page.get_by_label("Code of your second factor").fill(story.codes[name].code())
        page.get_by_role("button", name="Sign the offer").click()
        page.get_by_role("status").first.wait_for()
    assert story.facility.commitment == Decimal(2_000_000)
    position = fund_position(story.fund)
    assert (position.reserved, position.undrawn) == (Decimal(0), Decimal(2_000_000))


def _conditions_are_met(story: Story) -> None:
    """Ada shows what is missing, Olga accepts it."""
    facility = story.facility
    ada = story.goes("ada", "facilities", facility.number, "conditions")
    shows = ada.get_by_role("link", name="Show it")
    while shows.count():
        shows.first.click()
        ada.get_by_label("File").set_input_files(story.files / "paper.pdf")
        ada.get_by_role("button", name="Send it to the lender").click()
        ada.get_by_text("This is with the lender now").wait_for()
    olga = story.desk("olga")
    olga.goto(f"/office/facilities/{facility.number}/conditions/")
    waiting = olga.locator("form[class*='act-accept-']")
    while waiting.count():
        does(olga, str(waiting.first.locator("[name=act]").get_attribute("value")))


def draws(story: Story) -> None:
    """Ada asks for one cent too much, then for a million; three people take it to the bank."""
    _conditions_are_met(story)
    call_command("close_day", fund="RF", through=_plus(OPENED, COOLING_DAYS - 1), stdout=io.StringIO())
    facility = story.facility
    ada = story.goes("ada", "facilities", facility.number, "drawdowns", "new")
    ada.get_by_label("Amount, USD").fill("2,000,000.01")
    ada.get_by_role("button", name="Send the request").click()
    ada.get_by_role("alert").get_by_text("has 2,000,000.00 USD left to draw").wait_for()
    code = ada.get_by_label("Code of your second factor")
    if code.count():  # asked for again when signing the offer was more than five minutes ago
        code.fill(story.codes["ada"].code())
    ada.get_by_label("Amount, USD").fill("1,000,000")
    ada.get_by_role("button", name="Send the request").dblclick()
    ada.wait_for_url("**/drawdowns/DD-*/")
    drawdown = Drawdown.objects.get()
    _conditions_are_met(story)
    olga, rhea, otto = (story.desk(name) for name in ("olga", "rhea", "otto"))
    for page in (olga, rhea, otto):
        page.goto(f"/office/drawdowns/{drawdown.number}/")
    does(olga, "approve")
    rhea.reload()
    call_command("close_day", fund="RF", through=_plus(drawdown.wanted_on, -1), stdout=io.StringIO())
    rhea.reload()
    does(rhea, "release")
    otto.reload()
    does(otto, "settle", reference="FT-2026-1")
    loan = Loan.objects.get()
    assert (loan.amount, loan.disbursed_on) == (Decimal(1_000_000), drawdown.wanted_on)
    cash = AccountRef(AccountKind.CASH, "USD", "")
    assert balance(cash, book_id=story.fund.book_id) == Decimal(99_000_000)
    ada = story.goes("ada", "drawdowns", drawdown.number)
    expect(ada.get_by_text("FT-2026-1")).to_be_visible()


def _plus(day: date, days: int) -> date:
    return date.fromordinal(day.toordinal() + days)


def is_closed_each_night(story: Story) -> Due:
    """Otto presses the button for one day, which the worker closes; the command closes the others until interest is late."""
    story.fund.refresh_from_db()
    today = story.fund.business_date
    otto = story.desk("otto")
    otto.goto("/office/closes/")
    otto.get_by_role("button", name=f"Close {today.day} {today:%B %Y}").click()
    tomorrow = _plus(today, 1)
    following = otto.get_by_role("button", name=f"Close {tomorrow.day} {tomorrow:%B %Y}")
    expect(following).to_be_visible(timeout=90_000)
    assert CloseRun.objects.get(business_date=today).state == "done"
    loan = Loan.objects.get()
    call_command("close_day", fund="RF", through=_plus(OPENED, 45), stdout=io.StringIO())
    nights = Accrual.objects.filter(loan_id=loan.pk, sequence=0)
    assert nights.count() == _plus(OPENED, 46).toordinal() - loan.disbursed_on.toordinal()
    assert not nights.filter(estimated=True, accrual_date__lt=_plus(OPENED, 40)).exists()
    due = Due.objects.filter(component="interest").earliest("due_date")
    assert due.amount == sum(
        nights.filter(accrual_date__lt=due.due_date).values_list("posted", flat=True), Decimal(0)
    )
    ada = story.goes("ada", "facilities", story.facility.number)
    expect(ada.get_by_text("days").first).to_be_visible()
    return due


def pays(story: Story, due: Due) -> None:
    """Fin enters what arrived, Olga books it, the waterfall pays what is owed."""
    fin, olga = story.desk("fin"), story.desk("olga")
    fin.goto("/office/receipts/enter/")
    does(fin, "enter", amount="20,000.00", reference=f"{story.facility.number} interest of March")
    receipt = Receipt.objects.get()
    olga.goto(f"/office/receipts/{receipt.number}/")
    does(olga, "book")
    receipt.refresh_from_db()
    assert (receipt.state, receipt.maker.name, receipt.checker and receipt.checker.name) == (
        "booked", "fin", "olga",
    )  # fmt: skip
    page = story.goes("ada", "facilities", story.facility.number, "payments")
    expect(page.get_by_text("Nothing is due and unpaid.")).to_be_visible()
    expect(page.get_by_role("cell", name=f"{due.amount:,.2f}", exact=True).first).to_be_visible()
    story.fund.refresh_from_db()
    call_command("close_day", fund="RF", through=story.fund.business_date, stdout=io.StringIO())


def takes_out_statements(story: Story) -> bytes:
    """Fin and Ada take out the same statement in three formats; they are the same bytes, and tie to the ledger."""
    story.fund.refresh_from_db()
    first, last = OPENED, _plus(story.fund.business_date, -1)
    fin = story.desk("fin")
    fin.goto("/office/statements/")
    fin.get_by_role("textbox", name="Of").fill(story.facility.number)
    fin.get_by_label("First day").fill(first.isoformat())
    fin.get_by_label("Last day").fill(last.isoformat())
    fin.get_by_role("button", name="Show the statement").click()
    fin.get_by_text("It ties to the ledger.").wait_for()
    ada = story.goes("ada", "statements")
    files = {}
    for kind in ("csv", "xlsx", "pdf"):
        with fin.expect_download() as taken:
            fin.get_by_role("button", name=kind.upper(), exact=True).click()
        ada.locator("select[name=of]").select_option(story.facility.number)
        ada.locator("#id_first_day").fill(first.isoformat())
        ada.locator("#id_last_day").fill(last.isoformat())
        ada.locator("select[name=fmt]").select_option(kind)
        with ada.expect_download() as own:
            ada.get_by_role("button", name="Download").click()
        files[kind] = Path(taken.value.path()).read_bytes()
        assert Path(own.value.path()).read_bytes() == files[kind]
    _tie(story, files)
    return files["csv"]


def _tie(story: Story, files: dict[str, bytes]) -> None:
    income = balance(AccountRef(AccountKind.INTEREST_INCOME, "USD", ""), book_id=story.fund.book_id)
    posted = sum(Accrual.objects.values_list("posted", flat=True), Decimal(0))
    assert income == posted > 0
    cells = {cell for row in csv.reader(io.StringIO(files["csv"].decode())) for cell in row}
    assert {"20000.00", "1000000.00"} <= cells
    book = openpyxl.load_workbook(io.BytesIO(files["xlsx"]))
    values = [cell.value for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any(value is not None and str(value) in {"20000", "20000.0", "20000.00"} for value in values)
    assert files["pdf"].startswith(b"%PDF")


def uses_the_interface(story: Story, statement: bytes, url: str) -> None:
    """Ada makes a key; with it her treasury system reads what is due, asks for money once, and takes the same statement."""
    ada = story.goes("ada", "company", "keys", "new")
    ada.get_by_label("Your name for it").fill("Treasury system")
    ada.get_by_label("What it may do").select_option("write")
    ada.get_by_role("button", name="Make the key").click()
    key = ada.locator("#key").inner_text().strip()
    facility, account = story.facility.number, SettlementAccount.objects.get()

    def call(path: str, **send: Any) -> bytes:
        headers = {
            "Authorization": f"Bearer {key}",
            "Idempotency-Key": "draw-2",
            "Content-Type": "application/json",
        }
        body = json.dumps(send).encode() if send else None
        with urlopen(Request(f"{url}/api/v1/{path}", body, headers), timeout=30) as answer:
            return bytes(answer.read())

    assert json.loads(call(f"facilities/{facility}/dues")) == []
    wanted = {
        "amount": "250000.00",
        "wanted_on": "2026-04-27",
        "settlement_account": account.pk,
        "purpose": "desk",
    }
    first = json.loads(call(f"facilities/{facility}/drawdowns", **wanted))
    assert json.loads(call(f"facilities/{facility}/drawdowns", **wanted)) == first
    asked = Drawdown.objects.get(number=first["number"])
    assert (asked.amount, asked.state, Drawdown.objects.count()) == (Decimal(250_000), "requested", 2)
    last = _plus(story.fund.business_date, -1)
    query = f"of={facility}&first_day={OPENED}&last_day={last}&format=csv"
    assert call(f"statement?{query}") == statement


def test_from_the_request_to_the_statement(story: Story, running: stack.Stack) -> None:
    registers_a_company(story)
    applies(story)
    is_checked_and_tabled(story)
    is_voted_on(story)
    is_signed(story)
    draws(story)
    due = is_closed_each_night(story)
    pays(story, due)
    statement = takes_out_statements(story)
    uses_the_interface(story, statement, running.url)
    findings = verify_books()
    assert [(found.check, found.breaks) for found in findings if found.breaks] == []
