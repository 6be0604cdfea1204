"""What lies on the desks on the demo's business date: something to do for everybody who signs in."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import conditions_standing
from loanfund.facilities.services import accept_evidence, show_condition
from loanfund.ledger.models import JournalEntry
from loanfund.office.demo.script import BUSINESS_DATE
from loanfund.office.demo.stage import CALENDAR, Stage
from loanfund.parties import services as parties
from loanfund.parties.models import User
from loanfund.reference.selectors import calendar
from loanfund.servicing import services as servicing
from loanfund.servicing.models import Drawdown, Loan
from loanfund.servicing.selectors import unapplied

PAYMENTS = """reference,amount,currency,value_date,sender
{facility} instalment August,25000.00,USD,{day},Quartz Lantern Wallet GmbH
INVOICE 7731,18250.40,USD,{day},Unknown Remitter Ltd
{facility} instalment August,twelve,USD,{day},Quartz Lantern Wallet GmbH
Account keeping,-100.00,USD,{day},Harbour Bank
Payments,-45.50,USD,{day},Harbour Bank
"""


def plan_last_days(stage: Stage) -> None:
    """Put the last days' acts on the calendar of the demo."""
    asked = calendar(CALENDAR).add_business_days(BUSINESS_DATE, -2)
    stage.later(asked, partial(_drawdown_to_settle, stage, 3))
    stage.later(asked, partial(_drawdown_to_release, stage, 1))
    stage.later(BUSINESS_DATE, partial(_ask, stage, 0))
    stage.later(BUSINESS_DATE, partial(_receipts, stage))
    stage.later(BUSINESS_DATE, partial(_notice, stage, 9))
    stage.later(BUSINESS_DATE, partial(_refund, stage, 13))
    stage.later(BUSINESS_DATE, partial(_account, stage, 4))
    stage.later(BUSINESS_DATE, partial(_roles, stage))


def _facility(stage: Stage, company: int) -> Facility:
    return Facility.objects.select_related("fund", "partner").get(partner=stage.partners[company])


def _owner(stage: Stage, company: int) -> User:
    return stage.people[company][0]


def _ask(stage: Stage, company: int) -> Drawdown:
    """The smallest drawdown there is, for two business days hence."""
    facility = _facility(stage, company)
    return servicing.request_drawdown(
        facility=facility,
        amount=Decimal(100_000),
        wanted_on=calendar(CALENDAR).add_business_days(stage.today, 2),
        request_key=f"demo-last-{facility.number}",
        purpose="Margin at two venues",
        settlement_account=stage.accounts[company],
        actor=_owner(stage, company),
        on=stage.today,
    )


def _drawdown_to_release(stage: Stage, company: int) -> Drawdown:
    drawdown = _ask(stage, company)
    for standing in conditions_standing(drawdown.facility, drawdown.number):
        if standing.condition.scope == "each":
            evidence = show_condition(
                condition=standing.condition,
                note="Certificate of today, signed by a director.",
                drawdown=drawdown.number,
                actor=_owner(stage, company),
                on=stage.today,
            )
            accept_evidence(evidence=evidence, actor=stage.staff["analyst"], on=stage.today)
    servicing.approve_drawdown(drawdown=drawdown, actor=stage.staff["checker"], on=stage.today)
    return drawdown


def _drawdown_to_settle(stage: Stage, company: int) -> None:
    drawdown = _drawdown_to_release(stage, company)
    stage.later(
        drawdown.wanted_on,
        partial(
            servicing.release_drawdown,
            drawdown=drawdown,
            actor=stage.staff["releaser"],
            on=drawdown.wanted_on,
        ),
    )


def _receipts(stage: Stage) -> None:
    """One receipt entered and not booked, and a bank file with a line that is matched, one of nobody's, one unreadable, and
    two that are one charge of the book, as finance says."""
    facility, maker = _facility(stage, 4), stage.staff["maker"]
    servicing.enter_receipt(
        fund=stage.fund,
        amount=Decimal("12500.00"),
        value_date=stage.today - timedelta(days=1),
        reference=f"{facility.number} part payment",
        sender=facility.partner.legal_name,
        facility=facility,
        actor=maker,
        on=stage.today,
    )
    text = PAYMENTS.format(facility=_facility(stage, 6).number, day=stage.today.isoformat())
    imported = servicing.import_payments(
        fund=stage.fund, layout="bank", name="bank-2026-08-21.csv", text=text, actor=maker, on=stage.today
    )
    servicing.propose_pair(
        fund=stage.fund,
        lines=list(imported.lines.filter(cells__amount__startswith="-").values_list("pk", flat=True)),
        entries=[JournalEntry.objects.get(book=stage.fund.book_id, kind="bank_charge").pk],
        reason="The bank took the fees of the second quarter in two parts.",
        actor=stage.staff["finance"],
        on=stage.today,
    )


def _notice(stage: Stage, company: int) -> None:
    """A borrower gives notice that it will pay early."""
    facility = _facility(stage, company)
    loan = Loan.objects.filter(facility=facility).earliest("disbursed_on")
    servicing.propose_instruction(
        kind="prepayment",
        facility=facility,
        loan=loan,
        value_date=calendar(CALENDAR).add_business_days(stage.today, 5),
        amount=Decimal(100_000),
        details={"effect": "instalment"},
        reason="Paid from the sale of reserves.",
        actor=_owner(stage, company),
        on=stage.today,
    )


def _refund(stage: Stage, company: int) -> None:
    """What a borrower paid too much, and asks for, is to go back to it."""
    facility = _facility(stage, company)
    asked = servicing.ask_lender(
        facility=facility,
        kind="refund",
        day=stage.today,
        amount=unapplied(facility),
        text="We have paid too much month after month.",
        actor=_owner(stage, company),
        on=stage.today,
    )
    servicing.answer_request(
        request=asked,
        answer="It goes to the account that you were paid on.",
        actor=stage.staff["maker"],
        on=stage.today,
    )


def _account(stage: Stage, company: int) -> None:
    """A borrower names a second account, which nobody has confirmed yet."""
    partner = stage.partners[company]
    parties.propose_settlement_account(
        partner=partner,
        kind="bank",
        label="New main account",
        currency="USD",
        holder=partner.legal_name,
        institution="Second Bank of Nowhere",
        address=f"CH00 0000 0000 {company:04}",
        actor=_owner(stage, company),
        on=stage.today,
    )


def _roles(stage: Stage) -> None:
    """The second person of the finance desk is to stand in for the auditor."""
    parties.propose_roles(
        person=stage.staff["finance2"],
        names=["Finance", "Auditor"],
        reason="Stands in for the auditor in September.",
        actor=stage.staff["admin"],
        on=stage.today,
    )
