"""Unapplied money sent back: proposed, approved by a second person, paid with its reference or held again."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Facility
from loanfund.facilities.postings import FUND, facility_owner
from loanfund.facilities.services.drafts import draft
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.chart import Leg
from loanfund.ledger.services import post_entries
from loanfund.parties.models import User
from loanfund.servicing import events, postings, rights
from loanfund.servicing.desk import hold_day, hold_facility, hold_fund
from loanfund.servicing.engine import book_event
from loanfund.servicing.models import Receipt, Refund
from loanfund.servicing.selectors.receipts import receipt_owner, unapplied, unassigned

State = Refund.State


@transaction.atomic
def propose_refund(
    *,
    amount: Decimal,
    reason: str,
    actor: User,
    on: date,
    facility: Facility | None = None,
    receipt: Receipt | None = None,
) -> Refund:
    """Propose to send back `amount` of what is held unapplied: of one `facility`, or of one unmatched `receipt`."""
    rights.must(rights.PROPOSE_REFUND, actor=actor)
    if (facility is None) == (receipt is None):
        raise Refused("Name the facility or the receipt whose money goes back.", field="facility")
    fund = facility.fund if facility is not None else receipt.fund  # type: ignore[union-attr] # one of them is given
    hold_day(fund, on)
    if receipt is not None:
        receipt = Receipt.objects.select_for_update(of=("self",)).get(pk=receipt.pk)
    left = unapplied(facility) if facility is not None else unassigned(receipt)  # type: ignore[arg-type] # as above
    if not 0 < amount <= left:
        raise Refused(
            f"{currency_of(fund.currency).written(left)} {fund.currency} is held unapplied.", field="amount"
        )
    if not reason.strip():
        raise Refused("Say why the money goes back.", field="reason")
    key, number = next_number(Refund, "RF")
    content = {
        "amount": amount,
        "facility": facility and facility.number,
        "receipt": receipt and receipt.number,
    }
    refund = Refund.objects.create(
        pk=key,
        number=number,
        fund=fund,
        facility=facility,
        receipt=receipt,
        currency=fund.currency,
        amount=amount,
        reason=reason.strip(),
        proposed_on=on,
        maker=actor,
        proposed_digest=digest(content),
    )
    record(actor=actor, action="refund.proposed", obj=refund, on=on, after=content, reason=reason.strip())
    return refund


def _to_take(service: str, refund: Refund, actor: User) -> Refund:
    locked = Refund.objects.select_for_update(of=("self",)).select_related("fund").get(pk=refund.pk)
    rights.must_take(service, locked, actor=actor)
    return locked


def _post(
    refund: Refund,
    kind: str,
    legs: tuple[Leg, ...],
    actor: User,
    on: date,
    value_date: date | None = None,
) -> None:
    key = f"refund:{refund.pk}"
    entry = draft(
        refund.fund, key=f"{key}:{kind}", kind=kind, legs=legs, on=on, cause=key, value_date=value_date
    )
    post_entries(entries=[entry], actor=actor, on=on)


def _owner(refund: Refund) -> str:
    return facility_owner(refund.facility_id) if refund.facility_id else FUND


@transaction.atomic
def approve_refund(*, refund: Refund, actor: User, on: date) -> Refund:
    """The second person agrees: Unapplied to Refunds in transit. The database refuses more than is held."""
    rights.must(rights.APPROVE_REFUND, actor=actor)
    held = hold_facility(refund.facility, on) if refund.facility else None
    hold_fund(refund.fund, on)
    if refund.receipt is not None:
        Receipt.objects.select_for_update(of=("self",)).get(pk=refund.receipt.pk)
    locked = _to_take("approve_refund", refund, actor)
    left = unapplied(held) if held is not None else unassigned(locked.receipt, but=locked)  # type: ignore[arg-type] # held or receipt
    if locked.amount > left:
        written = currency_of(locked.currency).written(left)
        raise Refused(f"Only {written} {locked.currency} is still held unapplied.", field="amount")
    locked.state, locked.approved_on = State.APPROVED, on
    locked.checker, locked.checked_at = actor, Now()
    locked.save()
    legs = postings.refund_approved(currency=locked.currency, owner=_owner(locked), amount=locked.amount)
    if held is not None:
        book_event(
            facility=held,
            events=[events.refunded(locked, on)],
            fact_legs=legs,
            fact_kind="refund_approved",
            kind="refund_approved",
            actor=actor,
            on=on,
        )
    else:
        _post(locked, "refund_approved", legs, actor, on)
    record(actor=actor, action="refund.approved", obj=locked, on=on, after={"amount": locked.amount})
    return locked


@transaction.atomic
def refuse_refund(*, refund: Refund, reason: str, actor: User, on: date) -> Refund:
    """The second person does not agree: the money stays held. Refused to the maker."""
    rights.must(rights.APPROVE_REFUND, actor=actor)
    hold_day(refund.fund, on)
    locked = _to_take("refuse_refund", refund, actor)
    if not reason.strip():
        raise Refused("Say why the refund is not made.", field="reason")
    locked.state, locked.checker, locked.checked_at = State.REFUSED, actor, Now()
    locked.save(update_fields=["state", "checker", "checked_at"])
    record(actor=actor, action="refund.refused", obj=locked, on=on, reason=reason)
    return locked


@transaction.atomic
def pay_refund(
    *, refund: Refund, reference: str, actor: User, on: date, value_date: date | None = None
) -> Refund:
    """The refund left the bank, as `reference` proves: Refunds in transit to Cash.

    `value_date` is the day on which it left, `on` unless told. Between its approval and that day it was on its way, and
    earned and owed nothing: a payment told late moves no other figure. Refused for a day to come or before the approval.
    """
    rights.must(rights.PAY_REFUND, actor=actor)
    hold_fund(refund.fund, on)
    locked = _to_take("pay_refund", refund, actor)
    left_on = value_date or on
    if not reference.strip():
        raise Refused("Give the bank's reference or the transaction hash.", field="reference")
    if locked.approved_on is not None and not locked.approved_on <= left_on <= on:
        raise Refused(
            f"{locked.number} was approved on {locked.approved_on:%d %B %Y}, and the business date is {on:%d %B %Y}: "
            "it left on a day between the two.",
            field="value_date",
        )
    locked.state, locked.paid_on, locked.reference = State.PAID, left_on, reference.strip()
    locked.save(update_fields=["state", "paid_on", "reference"])
    legs = postings.refund_paid(currency=locked.currency, owner=_owner(locked), amount=locked.amount)
    _post(locked, "refund_paid", legs, actor, on, left_on)
    after = {"reference": reference.strip(), "value_date": left_on}
    record(actor=actor, action="refund.paid", obj=locked, on=on, after=after)
    return locked


@transaction.atomic
def fail_refund(*, refund: Refund, reason: str, actor: User, on: date) -> Refund:
    """An approved refund does not leave, as when the bank refuses its account: the money is held again as if it had never
    been on its way. One that was paid and comes back later is money that arrived: enter it as a receipt.
    """
    rights.must(rights.PAY_REFUND, actor=actor)
    held = hold_facility(refund.facility, on) if refund.facility else None
    hold_fund(refund.fund, on)
    receipt = None
    if refund.receipt_id is not None:
        receipt = Receipt.objects.select_for_update(of=("self",)).get(pk=refund.receipt_id)
    locked = _to_take("fail_refund", refund, actor)
    if not reason.strip():
        raise Refused("Say why the refund is not paid.", field="reason")
    locked.state = State.FAILED
    locked.save(update_fields=["state"])
    legs = postings.refund_failed(currency=locked.currency, owner=_owner(locked), amount=locked.amount)
    if held is not None:
        approved = held.events.get(key=locked.number)
        book_event(
            facility=held,
            events=[events.reversed_event(approved, cause=f"refund:{locked.pk}")],
            fact_legs=legs,
            fact_kind="refund_failed",
            kind="refund_failed",
            actor=actor,
            on=on,
        )
    else:
        if receipt is not None and receipt.state == Receipt.State.REVERSED:
            # Its sender's bounce was booked as money to be had back: this is that money.
            legs += postings.receipt_matched(
                currency=locked.currency, source=FUND, target=receipt_owner(receipt), amount=locked.amount
            )
        _post(locked, "refund_failed", legs, actor, on)
    record(
        actor=actor,
        action="refund.failed",
        obj=locked,
        on=on,
        after={"amount": locked.amount},
        reason=reason.strip(),
    )
    return locked
