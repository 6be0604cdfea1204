"""Money in: entered by one person, booked by another, matched with a reason, split by a recorded decision."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.money import decimal_to_minor, round_decimal
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.postings import FUND, facility_owner
from loanfund.facilities.services.drafts import draft
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.services import post_entries
from loanfund.parties.models import User
from loanfund.parties.services import notify_partner
from loanfund.servicing import events, postings, rights
from loanfund.servicing.bank_files import Payment
from loanfund.servicing.desk import hold_day, hold_facility, hold_fund, hold_payments
from loanfund.servicing.engine import book_event, prepare_event
from loanfund.servicing.models import Receipt, ReceiptShare
from loanfund.servicing.selectors.receipts import receipt_owner, refunded, unassigned

State = Receipt.State
ZERO = Decimal(0)


@dataclass(frozen=True)
class Match:
    """Where a payment seems to belong, and why; no facility when nothing in it says so."""

    facility: Facility | None
    reason: str


_NUMBERS = re.compile(r"\b(FAC|LN|DD)-?0*(\d+)\b", re.IGNORECASE)


def match_payment(fund: Fund, *, reference: str, sender: str = "") -> Match:
    """The facility that a payment's reference names, by its own number or a loan's or a drawdown's; else the only
    facility of the partner whose number or settlement account it names. Two candidates are no match."""
    own = Facility.objects.filter(fund=fund)
    found: dict[int, str] = {}
    for prefix, digits in _NUMBERS.findall(reference):
        number = f"{prefix.upper()}-{int(digits):04d}"
        through = {"FAC": "number", "LN": "loans__number", "DD": "drawdowns__number"}[prefix.upper()]
        for pk in own.filter(**{through: number}).values_list("pk", flat=True):
            found[pk] = f"the reference names {number}"
    if not found:
        words = set(re.findall(r"[A-Za-z0-9-]+", reference.upper()))
        for pk, number in own.filter(partner__number__in=words).values_list("pk", "partner__number"):
            found[pk] = f"the reference names {number}, which has this one facility"
    if not found and sender:
        senders = own.filter(
            partner__settlement_accounts__address=sender, partner__settlement_accounts__state="confirmed"
        )
        for pk in senders.values_list("pk", flat=True).distinct():
            found[pk] = "it came from the partner's confirmed settlement account"
    if len(found) == 1:
        ((pk, reason),) = found.items()
        return Match(own.get(pk=pk), reason)
    return Match(None, "it could belong to several facilities" if found else "nothing in it names a facility")


@transaction.atomic
def enter_receipt(
    *,
    fund: Fund,
    amount: Decimal,
    value_date: date,
    reference: str,
    actor: User,
    on: date,
    sender: str = "",
    transfer_hash: str = "",
    facility: Facility | None = None,
    asset: str = "",
    asset_rate: Decimal | None = None,
) -> Receipt:
    """Enter money that arrived; another person books it. `amount` is in `asset`, or in the fund's currency when that is
    empty; another asset needs `asset_rate`, the fund's currency for one unit.

    Without a `facility` the reference is matched. Refused for a payment that was entered before.
    """
    rights.must(rights.ENTER_RECEIPT, actor=actor)
    hold_payments(fund, on)
    payment = Payment(
        line=0,
        cells={},
        reference=reference.strip(),
        amount=amount,
        asset=asset or fund.currency,
        value_date=value_date,
        sender=sender.strip(),
        transfer_hash=transfer_hash.strip(),
    )
    return enter_payment(fund, payment, facility, asset_rate, actor, on)


def enter_payment(
    fund: Fund, payment: Payment, facility: Facility | None, rate: Decimal | None, actor: User, on: date
) -> Receipt:
    """Enter a payment that was read from a file or typed; rights and the day are the caller's to hold."""
    if payment.amount <= 0:
        raise Refused("Enter an amount above zero.", field="amount")
    if not payment.reference and not payment.transfer_hash:
        raise Refused("Enter the payment's reference.", field="reference")
    if not fund.opened_on <= payment.value_date <= on:
        raise Refused(
            f"The value date lies between {fund.opened_on:%d %B %Y} and the business date, {on:%d %B %Y}.",
            field="value_date",
        )
    foreign = payment.asset != fund.currency
    if foreign and (rate is None or rate <= 0):
        raise Refused(
            f"The payment is in {payment.asset}: record the rate, {fund.currency} for one.",
            field="asset_rate",
        )
    amount = (
        round_decimal(payment.amount * (rate or 1), currency_of(fund.currency)) if foreign else payment.amount
    )
    try:
        decimal_to_minor(amount, currency_of(fund.currency))
    except ValueError as error:
        raise Refused(str(error), field="amount") from error
    before = Receipt.objects.filter(fund=fund, fingerprint=payment.fingerprint).exclude(state=State.REJECTED)
    if (there := before.first()) is not None:
        raise Refused(
            f"This payment is entered already, as {there.number}.", field="reference", code="entered"
        )
    match = (
        Match(facility, f"{actor.get_username()} chose it")
        if facility is not None
        else match_payment(fund, reference=payment.reference, sender=payment.sender)
    )
    if match.facility is not None and match.facility.fund_id != fund.pk:
        raise Refused("This facility belongs to another fund.", field="facility")
    key, number = next_number(Receipt, "RC")
    content = {
        "amount": amount,
        "value_date": payment.value_date,
        "reference": payment.reference,
        "facility": match.facility.number if match.facility else None,
    }
    receipt = Receipt.objects.create(
        pk=key,
        number=number,
        fund=fund,
        currency=fund.currency,
        amount=amount,
        value_date=payment.value_date,
        reference=payment.reference,
        sender=payment.sender,
        transfer_hash=payment.transfer_hash,
        fingerprint=payment.fingerprint,
        asset=payment.asset if foreign else "",
        asset_amount=payment.amount if foreign else None,
        asset_rate=rate if foreign else None,
        facility=match.facility,
        match_reason=match.reason,
        entered_on=on,
        maker=actor,
        proposed_digest=digest(content),
    )
    record(actor=actor, action="receipt.entered", obj=receipt, on=on, after=content, reason=match.reason)
    return receipt


def _locked(receipt: Receipt) -> Receipt:
    return Receipt.objects.select_for_update(of=("self",)).select_related("fund").get(pk=receipt.pk)


def _to_take(service: str, receipt: Receipt, actor: User) -> Receipt:
    locked = _locked(receipt)
    rights.must_take(service, locked, actor=actor)
    return locked


def _locked_share(service: str, share: ReceiptShare, actor: User) -> ReceiptShare:
    locked = ReceiptShare.objects.select_for_update(of=("self",)).get(pk=share.pk)
    rights.must_take(service, locked, actor=actor)
    return locked


@transaction.atomic
def book_receipt(*, receipt: Receipt, actor: User, on: date, seen_digest: str = "") -> Receipt:
    """The second person books what was entered: cash and unapplied go up, and the waterfall of the matched facility
    allocates it from its value date. Unmatched money is held as unapplied of the fund.

    `seen_digest` is `receipt.proposed_digest` as the checker saw it. Refused to the maker.
    """
    rights.must(rights.BOOK_RECEIPT, actor=actor)
    held = hold_facility(receipt.facility, on) if receipt.facility else None
    if held is None:
        hold_fund(receipt.fund, on)
    locked = _to_take("book_receipt", receipt, actor)
    if seen_digest and seen_digest != locked.proposed_digest:
        raise OtherContent("The receipt changed since you looked. Look again, then book it.")
    if (held.pk if held else None) != locked.facility_id:
        raise OtherContent("The receipt was matched anew since you looked. Look again, then book it.")
    locked.state, locked.booked_on = State.BOOKED, on
    locked.checker, locked.checked_at = actor, Now()
    locked.save()
    owner = facility_owner(held.pk) if held else FUND
    legs = postings.receipt_booked(currency=locked.currency, owner=owner, amount=locked.amount)
    if held is not None:
        _book_share(_share(locked, held, locked.amount, locked.match_reason, locked.maker), actor, on, legs)
    else:
        post_entries(entries=[_entry(locked, "receipt_booked", legs, on)], actor=actor, on=on)
    record(
        actor=actor,
        action="receipt.booked",
        obj=locked,
        on=on,
        after={"amount": locked.amount, "owner": owner},
    )
    return locked


def _entry(receipt: Receipt, kind: str, legs: postings.Legs, on: date) -> EntryDraft:
    key = f"receipt:{receipt.pk}"
    return draft(receipt.fund, key=f"{key}:{kind}", kind=kind, legs=legs, on=on, cause=key)


def _share(receipt: Receipt, facility: Facility, amount: Decimal, reason: str, maker: User) -> ReceiptShare:
    content = {"receipt": receipt.number, "facility": facility.number, "amount": amount}
    return ReceiptShare.objects.create(
        receipt=receipt,
        facility=facility,
        amount=amount,
        reason=reason,
        maker=maker,
        proposed_digest=digest(content),
    )


def _book_share(share: ReceiptShare, actor: User, on: date, legs: postings.Legs) -> None:
    received = events.received(share)
    (stored,) = book_event(
        facility=share.facility,
        events=[received],
        fact_legs=legs,
        fact_kind="receipt_booked",
        kind="receipt_applied",
        actor=actor,
        on=on,
    )
    share.state, share.event = ReceiptShare.State.BOOKED, stored
    share.checker, share.checked_at = actor, Now()
    share.save()
    facility, receipt = share.facility, share.receipt
    amount = f"{share.amount:,.{currency_of(receipt.currency).decimals}f} {receipt.currency}"
    notify_partner(
        partner=facility.partner,
        kind="payment_received",
        key=f"payment-received:{share.pk}",
        subject=f"{facility.number}: {amount} has arrived",
        body=f"{amount} arrived for {facility.number} and counts from {receipt.value_date.day} "
        f"{receipt.value_date:%B %Y}. It is booked as {receipt.number}; the portal shows what it paid.",
        link=f"/partners/{facility.partner.number}/facilities/{facility.number}/payments/",
        on=on,
    )


@transaction.atomic
def reject_receipt(*, receipt: Receipt, reason: str, actor: User, on: date) -> Receipt:
    """The entry was a mistake: it never reaches the books, and the same payment may be entered again.

    Refused to the maker.
    """
    rights.must(rights.BOOK_RECEIPT, actor=actor)
    hold_day(receipt.fund, on)
    locked = _to_take("reject_receipt", receipt, actor)
    if not reason.strip():
        raise Refused("Say why the receipt is rejected.", field="reason")
    locked.state, locked.reason = State.REJECTED, reason.strip()
    locked.checker, locked.checked_at = actor, Now()
    locked.save(update_fields=["state", "reason", "checker", "checked_at"])
    record(actor=actor, action="receipt.rejected", obj=locked, on=on, reason=reason.strip())
    return locked


@transaction.atomic
def propose_split(
    *, receipt: Receipt, parts: Sequence[tuple[Facility, Decimal]], reason: str, actor: User, on: date
) -> list[ReceiptShare]:
    """Propose where held, unmatched money belongs: one share a facility, each booked by a second person.

    Refused past what the receipt still holds.
    """
    rights.must(rights.PROPOSE_SPLIT, actor=actor)
    hold_day(receipt.fund, on)
    locked = _to_take("propose_split", receipt, actor)
    if not reason.strip():
        raise Refused("Say why the money belongs there.", field="reason")
    asked, left = sum((amount for _, amount in parts), ZERO), unassigned(locked)
    if not parts or asked > left or any(amount <= 0 for _, amount in parts):
        written = currency_of(locked.currency).written(left)
        raise Refused(
            f"{written} {locked.currency} of {locked.number} can be assigned.",
            field="amount",
        )
    if any(facility.fund_id != locked.fund_id for facility, _ in parts):
        raise Refused("This facility belongs to another fund.", field="facility")
    shares = [_share(locked, facility, amount, reason.strip(), actor) for facility, amount in parts]
    after = {facility.number: amount for facility, amount in parts}
    record(
        actor=actor, action="receipt.split_proposed", obj=locked, on=on, after=after, reason=reason.strip()
    )
    return shares


@transaction.atomic
def book_share(*, share: ReceiptShare, actor: User, on: date) -> ReceiptShare:
    """The second person agrees: the money moves from the fund's unapplied to the facility and is allocated from the
    receipt's value date."""
    rights.must(rights.BOOK_SHARE, actor=actor)
    held = hold_facility(share.facility, on)
    receipt = _locked(share.receipt)
    if receipt.state != State.BOOKED:
        raise Refused(f"{receipt.number} is {receipt.get_state_display()}: it has nothing to share out.")
    locked = _locked_share("book_share", share, actor)
    locked.facility, locked.receipt = held, receipt
    legs = postings.receipt_matched(
        currency=receipt.currency, source=FUND, target=facility_owner(held.pk), amount=locked.amount
    )
    _book_share(locked, actor, on, legs)
    record(actor=actor, action="receipt.share_booked", obj=receipt, on=on, after={held.number: locked.amount})
    return locked


@transaction.atomic
def refuse_share(*, share: ReceiptShare, reason: str, actor: User, on: date) -> ReceiptShare:
    """The second person does not agree; the money stays held."""
    rights.must(rights.BOOK_SHARE, actor=actor)
    hold_day(share.receipt.fund, on)
    locked = _locked_share("refuse_share", share, actor)
    locked.state, locked.checker, locked.checked_at = ReceiptShare.State.REFUSED, actor, Now()
    locked.save()
    record(actor=actor, action="receipt.share_refused", obj=locked.receipt, on=on, reason=reason)
    return locked


@transaction.atomic
def reverse_receipt(*, receipt: Receipt, reason: str, actor: User, on: date) -> Receipt:
    """The bank took the money back: every share is undone from its value date, then cash goes down.

    What the receipt had paid is owed again from its own due date. Refused to the person who booked it.
    """
    rights.must(rights.REVERSE_RECEIPT, actor=actor)
    hold_fund(receipt.fund, on)
    booked = receipt.shares.filter(state=ReceiptShare.State.BOOKED).order_by("facility_id")
    held = {share.facility_id: hold_facility(share.facility, on) for share in booked}
    locked = _to_take("reverse_receipt", receipt, actor)
    shares = list(booked.all())  # read anew: one may have been booked before the receipt was held
    if not held.keys() >= {share.facility_id for share in shares}:
        raise OtherContent("The receipt was shared out since you looked. Look again, then reverse it.")
    if not reason.strip():
        raise Refused("Say why the receipt is reversed.", field="reason")
    assigned = sum((share.amount for share in shares), ZERO)
    entries: list[EntryDraft] = []
    for share in shares:
        if share.event is None:
            continue
        facility = held[share.facility_id]
        legs = postings.receipt_bounced(
            currency=locked.currency, owner=facility_owner(facility.pk), amount=share.amount
        )
        prepared = prepare_event(
            facility=facility,
            events=[events.reversed_event(share.event, cause=f"receipt:{locked.pk}")],
            fact_legs=legs,
            fact_kind="receipt_bounced",
            kind="receipt_taken_back",
            actor=actor,
            on=on,
            reason=reason,
        )
        entries += prepared.entries
    gone = refunded(locked)
    rest = locked.amount - assigned - gone
    legs = postings.receipt_bounced(currency=locked.currency, owner=FUND, amount=rest)
    # What was sent back already is to be recovered from its sender: it is not in what is held for the others.
    legs += postings.receipt_bounced(currency=locked.currency, owner=receipt_owner(locked), amount=gone)
    if legs:
        entries.append(_entry(locked, "receipt_bounced", legs, on))
    post_entries(entries=entries, actor=actor, on=on)
    locked.state, locked.reversed_on, locked.reason = State.REVERSED, on, reason.strip()
    locked.save(update_fields=["state", "reversed_on", "reason"])
    record(actor=actor, action="receipt.reversed", obj=locked, on=on, reason=reason.strip())
    return locked
