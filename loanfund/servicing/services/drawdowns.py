"""A drawdown from request to settlement: asked for, approved, released by a second person, settled with its reference."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db import IntegrityError, transaction

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.money import decimal_to_minor
from loanfund.facilities import postings as promise_postings
from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.facilities.selectors import open_conditions, policy_in_force
from loanfund.facilities.services.drafts import draft
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.chart import EntryDraft, Leg
from loanfund.ledger.models import AccountKind
from loanfund.ledger.services import LimitReached, post_entries
from loanfund.parties.models import Partner, SettlementAccount, User
from loanfund.parties.services import notify_partner
from loanfund.reference.selectors import calendar
from loanfund.servicing import events, postings, rights
from loanfund.servicing.desk import hold_facility
from loanfund.servicing.engine import book_event
from loanfund.servicing.models import Drawdown, Loan
from loanfund.servicing.selectors.facilities import available_commitment

State = Drawdown.State


@transaction.atomic
def request_drawdown(
    *,
    facility: Facility,
    amount: Decimal,
    wanted_on: date,
    request_key: str,
    actor: User,
    on: date,
    purpose: str = "",
    settlement_account: SettlementAccount | None = None,
) -> Drawdown:
    """Ask to borrow `amount` (facility currency) for business day `wanted_on`: Undrawn to Earmarked.

    `request_key` is minted with the form, so that a double click is one request: the same key gives the same drawdown.
    Refused in a sentence when a rule is broken: notice, business day, minimum and multiple, availability period,
    conditions precedent, event of default, KYB, or more than is available - which the database decides.
    """
    rights.must(rights.REQUEST_DRAWDOWN, actor=actor, partner=facility.partner)
    held = hold_facility(facility, on)
    standing = Drawdown.objects.filter(request_key=request_key).first()
    if standing is not None:
        if standing.facility_id != held.pk:
            raise OtherContent("This form was used for another facility. Load the page again.")
        return standing
    _check_timing(held, wanted_on, on)
    _check_standing(held, on)
    _check_amount(held, amount, on)
    if settlement_account is not None and settlement_account.partner_id != held.partner_id:
        raise Refused("This settlement account belongs to another partner.", field="settlement_account")
    key, number = next_number(Drawdown, "DD")
    drawdown = Drawdown.objects.create(
        pk=key,
        number=number,
        facility=held,
        currency=held.currency,
        amount=amount,
        wanted_on=wanted_on,
        purpose=purpose.strip(),
        settlement_account=settlement_account,
        request_key=request_key,
        requested_on=on,
        requested_by=actor,
    )
    legs = postings.drawdown_requested(
        currency=held.currency, facility=facility_owner(held.pk), amount=amount
    )
    _post(drawdown, "drawdown_requested", legs, actor, on)
    after = {"amount": amount, "wanted_on": wanted_on, "facility": held.number}
    record(actor=actor, action="drawdown.requested", obj=drawdown, on=on, after=after)
    return drawdown


def _check_timing(facility: Facility, wanted_on: date, on: date) -> None:
    days = calendar(facility.fund.calendar)
    if not days.is_business_day(wanted_on):
        raise Refused(
            f"{wanted_on:%A %d %B %Y} is not a business day. Choose another day.", field="wanted_on"
        )
    if not facility.availability_start <= wanted_on <= facility.availability_end:
        raise Refused(
            f"Drawdowns can be made from {facility.availability_start:%d %B %Y} to {facility.availability_end:%d %B %Y}. "
            "Choose a day in that period.",
            field="wanted_on",
        )
    if wanted_on >= facility.maturity:
        raise Refused(
            f"Everything is to be repaid on {facility.maturity:%d %B %Y}. Choose an earlier day.",
            field="wanted_on",
        )
    notice = policy_in_force(facility.fund, on).drawdown_notice_days
    earliest = days.add_business_days(on, notice)
    if wanted_on < earliest:
        raise Refused(
            f"{notice} business days' notice are needed: {earliest:%A %d %B %Y} is the earliest day.",
            field="wanted_on",
        )


def _check_standing(facility: Facility, on: date, drawdown: str = "") -> None:
    """What must hold when money is asked for, approved and released alike."""
    partner = facility.partner
    if facility.state != Facility.State.AVAILABLE:
        raise Refused(f"{facility.number} is {facility.get_state_display()}: nothing can be drawn under it.")
    if facility.event_of_default:
        raise Refused(
            f"An event of default continues on {facility.number}: nothing can be drawn until it is cured."
        )
    valid_until = partner.kyb_valid_until
    if partner.kyb_status != Partner.KybStatus.APPROVED or valid_until is None or valid_until < on:
        raise Refused(f"The checks on {partner.legal_name} are not in date. Renew its KYB papers first.")
    missing = open_conditions(facility, drawdown)
    if missing:
        raise Refused(f"A condition precedent is open: {missing[0].text} Show it and have it accepted first.")


def _check_amount(facility: Facility, amount: Decimal, on: date) -> None:
    try:
        decimal_to_minor(amount, currency_of(facility.currency))
    except ValueError as error:
        raise Refused(str(error), field="amount") from error
    if amount <= 0:
        raise Refused("Ask for an amount above zero.", field="amount")
    policy = policy_in_force(facility.fund, on)
    left = available_commitment(facility)
    if amount > left:
        raise Refused(_past_available(left, amount, facility.currency), field="amount")
    whole_rest = amount == left
    if not whole_rest and (amount < policy.drawdown_minimum or amount % policy.drawdown_multiple):
        written = currency_of(facility.currency).written
        raise Refused(
            f"Ask for at least {written(policy.drawdown_minimum)} in multiples of {written(policy.drawdown_multiple)}, "
            f"or for all that is left, {written(left)} {facility.currency}.",
            field="amount",
        )


def _past_available(left: Decimal, asked: Decimal, currency: str) -> str:
    places = currency_of(currency).decimals
    return (
        f"The facility has {left:,.{places}f} {currency} left to draw, {asked:,.{places}f} is asked for. "
        f"Ask for {left:,.{places}f} or less."
    )


def _entry(drawdown: Drawdown, kind: str, legs: tuple[Leg, ...], on: date, suffix: str = "") -> EntryDraft:
    cause = f"drawdown:{drawdown.pk}"
    fund = drawdown.facility.fund
    return draft(fund, key=f"{cause}:{kind}{suffix}", kind=kind, legs=legs, on=on, cause=cause)


def _is_over(facility: Facility, on: date) -> bool:
    """Whether the undrawn rest of a facility was cancelled before `on` and nothing will be drawn under it again."""
    return on > facility.availability_end or facility.state == Facility.State.WRITTEN_OFF


def _given_up(drawdown: Drawdown, on: date) -> list[EntryDraft]:
    """What comes back to a facility that is over goes on to the fund at once: no later morning would take it there."""
    facility = drawdown.facility
    if not _is_over(facility, on):
        return []
    legs = promise_postings.availability_ended(
        currency=drawdown.currency,
        facility=facility_owner(facility.pk),
        amount=drawdown.amount,
        headroom=facility.promise.headroom,
    )
    return [_entry(drawdown, "availability_ended", legs, on)]


def _post(
    drawdown: Drawdown,
    kind: str,
    legs: tuple[Leg, ...],
    actor: User,
    on: date,
    suffix: str = "",
    also: Sequence[EntryDraft] = (),
) -> None:
    try:
        post_entries(entries=[_entry(drawdown, kind, legs, on, suffix), *also], actor=actor, on=on)
    except LimitReached as reached:
        if reached.kind != AccountKind.M_UNDRAWN:
            raise
        raise Refused(
            _past_available(reached.left, reached.asked, reached.currency), field="amount", code=reached.code
        ) from reached


def _lock(drawdown: Drawdown, service: str, actor: User, on: date) -> Drawdown:
    rights.must(rights.STEPS[service].right, actor=actor, partner=drawdown.facility.partner)
    held = hold_facility(drawdown.facility, on)
    locked = Drawdown.objects.select_for_update(of=("self",)).get(pk=drawdown.pk)
    locked.facility = held
    rights.must_take(service, locked, actor=actor)
    return locked


def _move(
    drawdown: Drawdown, to: str, actor: User, on: date, *, reason: str = "", **changes: object
) -> Drawdown:
    before = drawdown.state
    drawdown.state = to
    for name, value in changes.items():
        setattr(drawdown, name, value)
    drawdown.save()
    record(
        actor=actor,
        action=f"drawdown.{to}",
        obj=drawdown,
        on=on,
        before={"state": before},
        after={"state": to} | {name: str(value) for name, value in changes.items()},
        reason=reason,
    )
    return drawdown


@transaction.atomic
def approve_drawdown(*, drawdown: Drawdown, actor: User, on: date) -> Drawdown:
    """Approve a request: everything that was checked is checked again, conditions of each drawdown included.

    Refused to the person who asked for it.
    """
    locked = _lock(drawdown, "approve_drawdown", actor, on)
    _check_standing(locked.facility, on, locked.number)
    return _move(locked, State.APPROVED, actor, on, approved_by=actor, approved_on=on)


@transaction.atomic
def release_drawdown(*, drawdown: Drawdown, actor: User, on: date) -> Drawdown:
    """A second person gives authority to pay: cash becomes money in transit. Refused to whoever approved or asked, and
    when the fund has less cash."""
    locked = _lock(drawdown, "release_drawdown", actor, on)
    _check_standing(locked.facility, on, locked.number)
    legs = postings.drawdown_released(
        currency=locked.currency, facility=facility_owner(locked.facility_id), amount=locked.amount
    )
    releases = locked.releases + 1
    _post(locked, "drawdown_released", legs, actor, on, f":{releases}")
    account = locked.settlement_account
    to = f" to {account.label}, which ends in {account.address[-4:]}," if account else ""
    _tell(
        locked,
        "drawdown_released",
        f"drawdown-released:{locked.pk}:{releases}",
        "is on its way",
        f"was released{to} on {on.day} {on:%B %Y}. Interest begins on the day it arrives.",
        on,
    )
    return _move(locked, State.RELEASED, actor, on, released_by=actor, released_on=on, releases=releases)


@transaction.atomic
def settle_drawdown(*, drawdown: Drawdown, reference: str, value_date: date, actor: User, on: date) -> Loan:
    """The money arrived on `value_date`, as `reference` (a bank's reference or a transaction hash) proves: the loan begins
    and interest with it. Earmarked to Drawn. Refused for a future or non-business value date, or a used reference."""
    locked = _lock(drawdown, "settle_drawdown", actor, on)
    facility = locked.facility
    if not reference.strip():
        raise Refused("Give the bank's reference or the transaction hash.", field="reference")
    if not (locked.approved_on or on) <= value_date <= on:
        raise Refused("The value date lies between the approval and today.", field="value_date")
    if not calendar(facility.fund.calendar).is_business_day(value_date):
        raise Refused(f"{value_date:%A %d %B %Y} is not a business day.", field="value_date")
    if value_date >= facility.maturity:
        raise Refused(
            f"Everything is to be repaid on {facility.maturity:%d %B %Y}, so money that arrives on {value_date:%d %B %Y} "
            "cannot begin a loan. Record the payment as failed and have the money sent back.",
            field="value_date",
        )
    if Drawdown.objects.filter(reference=reference.strip()).exists():
        raise Refused("This reference settled another drawdown already.", field="reference")
    key, number = next_number(Loan, "LN")
    loan = Loan.objects.create(
        pk=key,
        number=number,
        facility=facility,
        drawdown=locked,
        currency=locked.currency,
        amount=locked.amount,
        disbursed_on=value_date,
        maturity=facility.maturity,
    )
    try:
        with transaction.atomic():
            _move(
                locked,
                State.SETTLED,
                actor,
                on,
                settled_by=actor,
                settled_on=on,
                reference=reference.strip(),
                value_date=value_date,
            )
    except IntegrityError as error:
        raise Refused("This reference settled another drawdown already.", field="reference") from error
    legs = postings.drawdown_settled(
        currency=locked.currency,
        facility=facility_owner(facility.pk),
        loan=loan_owner(loan.pk),
        amount=locked.amount,
    )
    book_event(
        facility=facility,
        events=[events.disbursed(loan)],
        fact_legs=legs,
        fact_kind="drawdown_settled",
        kind="drawdown_settled",
        actor=actor,
        on=on,
    )
    return loan


@transaction.atomic
def fail_drawdown(
    *, drawdown: Drawdown, reason: str, actor: User, on: date, cancel: bool = False
) -> Drawdown:
    """A released payment came back: the money returns, and stays earmarked for a new release unless `cancel`."""
    locked = _lock(drawdown, "fail_drawdown", actor, on)
    if not reason.strip():
        raise Refused("Say why the payment failed.", field="reason")
    legs = postings.payment_failed(
        currency=locked.currency,
        facility=facility_owner(locked.facility_id),
        amount=locked.amount,
        cancelled=cancel,
    )
    also = _given_up(locked, on) if cancel else []
    _post(locked, "payment_failed", legs, actor, on, f":{locked.releases}", also)
    rest = "It is withdrawn." if cancel else "It is paid out again once that is mended."
    key, why = (
        f"drawdown-failed:{locked.pk}:{locked.releases}",
        f"came back to the lender: {reason.strip()} {rest}",
    )
    _tell(locked, "drawdown_failed", key, "came back", why, on)
    return _move(
        locked,
        State.CANCELLED if cancel else State.APPROVED,
        actor,
        on,
        reason=reason,
        released_by=None,
        released_on=None,
    )


@transaction.atomic
def reject_drawdown(*, drawdown: Drawdown, reason: str, actor: User, on: date) -> Drawdown:
    """The lender says no before release: Earmarked to Undrawn."""
    locked = _return(_lock(drawdown, "reject_drawdown", actor, on), State.REJECTED, reason, actor, on)
    rest = "" if _is_over(locked.facility, on) else " The amount is available again."
    key, why = f"drawdown-rejected:{locked.pk}", f"is not paid out: {reason.strip()}{rest}"
    _tell(locked, "drawdown_rejected", key, "is rejected", why, on)
    return locked


@transaction.atomic
def cancel_drawdown(*, drawdown: Drawdown, reason: str, actor: User, on: date) -> Drawdown:
    """The request is withdrawn before release: Earmarked to Undrawn."""
    return _return(_lock(drawdown, "cancel_drawdown", actor, on), State.CANCELLED, reason, actor, on)


def _return(locked: Drawdown, to: str, reason: str, actor: User, on: date) -> Drawdown:
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    legs = postings.drawdown_returned(
        currency=locked.currency, facility=facility_owner(locked.facility_id), amount=locked.amount
    )
    _post(locked, "drawdown_returned", legs, actor, on, also=_given_up(locked, on))
    locked.reason = reason.strip()
    return _move(locked, to, actor, on, reason=reason)


def _tell(drawdown: Drawdown, kind: str, key: str, became: str, why: str, on: date) -> None:
    """Tell the borrower what became of its drawdown; `became` and `why` go on from the amount."""
    facility = drawdown.facility
    amount = f"{drawdown.amount:,.{currency_of(drawdown.currency).decimals}f} {drawdown.currency}"
    notify_partner(
        partner=facility.partner,
        kind=kind,
        key=key,
        subject=f"{drawdown.number}: {amount} {became}",
        body=f"{amount} of {facility.number} {why}",
        link=f"/partners/{facility.partner.number}/drawdowns/{drawdown.number}/",
        on=on,
    )
