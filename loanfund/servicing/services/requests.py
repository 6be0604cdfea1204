"""Requests of borrowers: asked by people of the partner, answered by the lender's desk with what was done about them."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.money import decimal_to_minor
from loanfund.facilities.models import Facility
from loanfund.facilities.services.numbers import next_number
from loanfund.parties.models import StoredFile, User
from loanfund.parties.services import notify_partner
from loanfund.servicing import rights
from loanfund.servicing.desk import hold_day
from loanfund.servicing.models import BorrowerRequest, Instruction, Loan, Receipt, Refund
from loanfund.servicing.selectors.receipts import unapplied
from loanfund.servicing.services.instructions import propose_instruction
from loanfund.servicing.services.refunds import propose_refund

Kind, State = BorrowerRequest.Kind, BorrowerRequest.State


@transaction.atomic
def ask_lender(
    *,
    facility: Facility,
    kind: str,
    day: date,
    actor: User,
    on: date,
    amount: Decimal | None = None,
    loan: Loan | None = None,
    until: date | None = None,
    reference: str = "",
    text: str = "",
    file: StoredFile | None = None,
) -> BorrowerRequest:
    """Ask for a payment holiday, a refund or a balance confirmation, or report a payment. `amount` is in the facility's
    currency.

    A holiday and a refund are asked for by those who bind the partner; the others by whoever prepares. Refused for days
    that cannot be, a refund of more than is held, and a payment that was reported before.
    """
    rights.must(rights.to_ask(kind), actor=actor, partner=facility.partner)
    hold_day(facility.fund, on)
    if kind not in Kind.values:
        raise Refused("Choose what you ask for.", field="kind")
    given = {
        "amount": amount,
        "loan": loan,
        "day": day,
        "until": until,
        "reference": reference.strip(),
        "text": text.strip(),
    }
    _CHECKS[Kind(kind)](facility, given, on)
    if amount is not None:
        _check_amount(facility, amount)
    key, number = next_number(BorrowerRequest, "RQ")
    made = BorrowerRequest.objects.create(
        pk=key, number=number, facility=facility, kind=kind, file=file, asked_by=actor, asked_on=on, **given
    )
    after = {**given, "kind": kind, "facility": facility.number, "loan": loan and loan.number}
    record(actor=actor, action="request.asked", obj=made, on=on, after=after)
    return made


def _check_amount(facility: Facility, amount: Decimal) -> None:
    try:
        decimal_to_minor(amount, currency_of(facility.currency))
    except ValueError:
        raise Refused(f"This has more decimals than {facility.currency} has.", field="amount") from None


def _check_holiday(facility: Facility, given: dict[str, Any], on: date) -> None:
    loan, day, until = given["loan"], given["day"], given["until"]
    if loan is None or loan.facility_id != facility.pk:
        raise Refused("Choose the loan.", field="loan")
    if day < on:
        raise Refused("A payment holiday begins today or later.", field="day")
    if until is None or until <= day:
        raise Refused("The holiday ends after its first day.", field="until")
    if until >= facility.maturity:
        raise Refused(f"The holiday ends before {facility.maturity:%d %B %Y}, the maturity.", field="until")
    if not given["text"]:
        raise Refused("Say why you need it: the committee reads this.", field="text")


def _check_refund(facility: Facility, given: dict[str, Any], on: date) -> None:
    left = unapplied(facility)
    if given["amount"] is None or not 0 < given["amount"] <= left:
        written = currency_of(facility.currency).written(left)
        raise Refused(
            f"{written} {facility.currency} of yours is held and can be asked for.",
            field="amount",
        )
    if not given["text"]:
        raise Refused("Say why it should go back.", field="text")


def _check_report(facility: Facility, given: dict[str, Any], on: date) -> None:
    if given["amount"] is None or given["amount"] <= 0:
        raise Refused("Give the amount that you sent, above zero.", field="amount")
    if not facility.signed_on <= given["day"] <= on:
        raise Refused("Give the day on which you sent it: today or before.", field="day")
    if not given["reference"]:
        raise Refused("Give the bank's reference or the transaction hash.", field="reference")
    before = BorrowerRequest.objects.filter(
        facility=facility,
        kind=Kind.PAYMENT_REPORT,
        reference=given["reference"],
        amount=given["amount"],
        state__in=[State.OPEN, State.ANSWERED],
    ).first()
    if before is not None:
        raise Refused(f"This payment was reported already, as {before.number}.", field="reference")


def _check_confirmation(facility: Facility, given: dict[str, Any], on: date) -> None:
    if not facility.signed_on <= given["day"] < on:
        raise Refused(f"Choose a day that is over, from {facility.signed_on:%d %B %Y} on.", field="day")


_CHECKS = {
    Kind.PAYMENT_HOLIDAY: _check_holiday,
    Kind.REFUND: _check_refund,
    Kind.PAYMENT_REPORT: _check_report,
    Kind.BALANCE_CONFIRMATION: _check_confirmation,
}


def _locked(service: str, request: BorrowerRequest, actor: User) -> BorrowerRequest:
    related = ("facility__fund", "facility__partner", "loan")
    locked = (
        BorrowerRequest.objects.select_for_update(of=("self",)).select_related(*related).get(pk=request.pk)
    )
    rights.must_take(service, locked, actor=actor)
    return locked


@transaction.atomic
def withdraw_request(*, request: BorrowerRequest, actor: User, on: date) -> BorrowerRequest:
    """The partner no longer asks."""
    hold_day(request.facility.fund, on)
    locked = _locked("withdraw_request", request, actor)
    locked.state = State.WITHDRAWN
    locked.save(update_fields=["state"])
    record(actor=actor, action="request.withdrawn", obj=locked, on=on)
    return locked


@transaction.atomic
def answer_request(
    *,
    request: BorrowerRequest,
    answer: str,
    actor: User,
    on: date,
    declined: bool = False,
    receipt: Receipt | None = None,
    confirmation: StoredFile | None = None,
    capitalise_interest: bool = False,
) -> BorrowerRequest:
    """Answer for the lender, and do what the answer leads to: an accepted holiday is proposed as a change of the facility,
    an accepted refund as a refund, each for another person to decide; a reported payment names the `receipt` it became, a
    confirmation the file that was made. The partner is told.
    """
    hold_day(request.facility.fund, on)
    locked = _locked("answer_request", request, actor)
    if not answer.strip():
        raise Refused("Write the answer: the partner reads it.", field="answer")
    if declined:
        locked.state = State.DECLINED
    else:
        locked.state = State.ANSWERED
        if locked.kind == Kind.PAYMENT_HOLIDAY:
            locked.instruction = _propose_holiday(locked, capitalise_interest, actor, on)
        elif locked.kind == Kind.REFUND:
            locked.refund = _propose_refund(locked, actor, on)
        elif locked.kind == Kind.PAYMENT_REPORT:
            locked.receipt = _same_money(locked, receipt)
        else:
            if confirmation is None:
                raise Refused("Make the confirmation first.")
            locked.confirmation = confirmation
    locked.answer, locked.answered_by, locked.answered_on = answer.strip(), actor, on
    locked.save()
    record(
        actor=actor,
        action=f"request.{locked.state}",
        obj=locked,
        on=on,
        after={"led_to": str(locked.instruction or locked.refund or locked.receipt or "")},
        reason=answer.strip()[:300],
    )
    _tell(locked, on)
    return locked


def _propose_holiday(
    request: BorrowerRequest, capitalise_interest: bool, actor: User, on: date
) -> Instruction:
    assert request.until is not None
    return propose_instruction(
        kind=Instruction.Kind.PAYMENT_HOLIDAY,
        facility=request.facility,
        loan=request.loan,
        value_date=request.day,
        details={"until": request.until.isoformat(), "capitalise_interest": capitalise_interest},
        reason=f"{request.number}: {request.text}"[:300],
        actor=actor,
        on=on,
    )


def _propose_refund(request: BorrowerRequest, actor: User, on: date) -> Refund:
    assert request.amount is not None
    return propose_refund(
        facility=request.facility,
        amount=request.amount,
        reason=f"{request.number}: {request.text}"[:300],
        actor=actor,
        on=on,
    )


def _same_money(request: BorrowerRequest, receipt: Receipt | None) -> Receipt:
    """The receipt, if it can be the money that was reported: still there, this partner's, not sent after it arrived, and
    not the answer to another report. Its amount may differ, as banks take their charges."""
    if receipt is None:
        raise Refused("Name the receipt that this payment became.", field="receipt")
    held = Receipt.objects.select_for_update(of=("self",)).select_related("facility").get(pk=receipt.pk)
    if held.fund_id != request.facility.fund_id:
        raise Refused("This receipt belongs to another fund.", field="receipt")
    if held.facility is not None and held.facility.partner_id != request.facility.partner_id:
        raise Refused(f"{held.number} is another partner's money.", field="receipt")
    if held.state not in {Receipt.State.ENTERED, Receipt.State.BOOKED}:
        raise Refused(f"{held.number} is {held.get_state_display()}: no money came of it.", field="receipt")
    if held.value_date < request.day:
        raise Refused(
            f"{held.number} arrived on {held.value_date:%d %B %Y}, before this payment was sent.",
            field="receipt",
        )
    other = BorrowerRequest.objects.filter(receipt=held, state=State.ANSWERED).first()
    if other is not None:
        raise Refused(f"{held.number} is the answer to {other.number} already.", field="receipt")
    return held


def _tell(request: BorrowerRequest, on: date) -> None:
    outcome = "declined" if request.state == State.DECLINED else "answered"
    notify_partner(
        partner=request.facility.partner,
        kind="request_answered",
        key=f"request:{request.pk}:{outcome}",
        subject=f"{request.number}: your {request.get_kind_display()} is {outcome}",
        body=request.answer,
        on=on,
        link=f"/partners/{request.facility.partner.number}/requests/{request.number}/",
    )
