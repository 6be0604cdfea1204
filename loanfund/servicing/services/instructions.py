"""What two people decide about a running facility: shown first, then booked by the function that showed it.

Kinds and their details (all amounts as strings in whole currency units, dates as YYYY-MM-DD) are those of the
calculation's events; `events.from_instruction` says which.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.money import decimal_to_minor
from loanfund.facilities import postings as promise_postings
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.facilities.selectors import authority_for, policy_in_force
from loanfund.facilities.services import add_terms, flag_default, move_facility
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.chart import AccountRef, Leg
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import moved_by
from loanfund.parties.models import User
from loanfund.servicing import events, rights
from loanfund.servicing.balances import booked_control
from loanfund.servicing.desk import hold_day, hold_facility
from loanfund.servicing.engine import book_event, fact_key, preview
from loanfund.servicing.models import Event, Instruction, Loan
from loanfund.servicing.selectors.facilities import available_commitment, principal
from loanfund.servicing.services.allowances import restore_allowance, use_allowance
from loanfund.servicing.services.telling import tell_decided, tell_proposed

Kind, State = Instruction.Kind, Instruction.State
MAY_BE_LATER = frozenset({Kind.PREPAYMENT, Kind.AMENDMENT, Kind.PAYMENT_HOLIDAY})
"""Kinds that may be agreed today for a day to come; the others have happened, today or before."""


@transaction.atomic
def propose_instruction(
    *,
    kind: str,
    facility: Facility,
    value_date: date,
    reason: str,
    actor: User,
    on: date,
    loan: Loan | None = None,
    amount: Decimal | None = None,
    details: dict[str, Any] | None = None,
) -> Instruction:
    """Propose a change and keep what it would do, before and after, as the maker saw it. Another person books it.

    A prepayment or a cancellation may be the borrower's own notice; the rest is proposed by operations.
    Refused when it cannot be: calculation's own sentence, or a value date to come for a kind that has happened.
    """
    rights.must(rights.to_propose(kind), actor=actor, partner=facility.partner)
    hold_day(facility.fund, on)
    held = Facility.objects.select_related("fund", "partner").get(pk=facility.pk)
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    _check_day(held, kind, value_date, on)
    if loan is not None and loan.facility_id != held.pk:
        raise Refused("This loan belongs to another facility.", field="loan")
    if amount is not None:
        _check_amount(held, amount)
    if kind == Kind.CANCELLATION and (amount is None or amount > available_commitment(held)):
        left = available_commitment(held)
        written = currency_of(held.currency).written(left)
        raise Refused(f"{written} {held.currency} is undrawn and can be cancelled.", field="amount")
    if kind == Kind.WRITE_OFF and loan is not None and (details or {}).get("cancel_undrawn"):
        raise Refused(
            "Undrawn commitment ends with a write-off of the whole facility. Beside a loan's, book a cancellation.",
            field="cancel_undrawn",
        )
    key, number = next_number(Instruction, "IN")
    instruction = Instruction(
        pk=key,
        number=number,
        facility=held,
        loan=loan,
        kind=kind,
        value_date=value_date,
        amount=amount,
        details=plain(details or {}),
        reason=reason.strip(),
        proposed_on=on,
        maker=actor,
    )
    instruction.preview = plain(preview(facility=held, events=[events.from_instruction(instruction)], on=on))
    instruction.proposed_digest = content_digest(instruction)
    instruction.save(force_insert=True)
    after = {"kind": kind, "value_date": value_date, "amount": amount, "details": instruction.details}
    record(
        actor=actor, action="instruction.proposed", obj=instruction, on=on, after=after, reason=reason.strip()
    )
    tell_proposed(instruction, on)
    return instruction


def _check_day(facility: Facility, kind: str, value_date: date, on: date) -> None:
    if value_date > on and kind not in MAY_BE_LATER:
        raise Refused("The value date is today or before.", field="value_date")
    if value_date < facility.signed_on:
        raise Refused(f"{facility.number} was signed on {facility.signed_on:%d %B %Y}.", field="value_date")
    if value_date > max(facility.maturity, on):
        raise Refused(
            f"{facility.number} is to be repaid by {facility.maturity:%d %B %Y}. Choose a day up to then.",
            field="value_date",
        )


def _check_amount(facility: Facility, amount: Decimal) -> None:
    try:
        decimal_to_minor(amount, currency_of(facility.currency))
    except ValueError as error:
        raise Refused(str(error), field="amount") from error
    if amount <= 0:
        raise Refused("Give an amount above zero.", field="amount")


def content(instruction: Instruction) -> dict[str, Any]:
    """What is proposed, as the committee's papers and the digest have it."""
    return {
        "kind": instruction.kind,
        "facility": instruction.facility.number,
        "loan": instruction.loan.number if instruction.loan else None,
        "value_date": instruction.value_date,
        "amount": instruction.amount,
        "details": instruction.details,
    }


def content_digest(instruction: Instruction) -> str:
    """The digest of what is proposed: what an authority of the committee, and the checker's call, refer to."""
    return digest(content(instruction))


def what_if(
    *,
    kind: str,
    facility: Facility,
    value_date: date,
    on: date,
    loan: Loan | None = None,
    amount: Decimal | None = None,
    details: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The figures before and after an instruction that nobody has proposed: for a partner who tries a prepayment.

    Refused for a day on which it could not be proposed: no replay runs on to a year that nobody means.
    """
    _check_day(facility, kind, value_date, on)
    instruction = Instruction(
        number="what-if",
        facility=facility,
        loan=loan,
        kind=kind,
        value_date=value_date,
        amount=amount,
        details=plain(details or {}),
    )
    return preview(facility=facility, events=[events.from_instruction(instruction)], on=on)


def _to_take(service: str, instruction: Instruction, actor: User) -> Instruction:
    locked = Instruction.objects.select_for_update(of=("self",)).select_related("loan").get(pk=instruction.pk)
    rights.must_take(service, locked, actor=actor)
    return locked


@transaction.atomic
def consent_to_instruction(
    *, instruction: Instruction, actor: User, on: date, seen_digest: str
) -> Instruction:
    """The borrower consents to an amendment or a payment holiday, by one who signs for it."""
    rights.must(rights.CONSENT, actor=actor, partner=instruction.facility.partner)
    hold_day(instruction.facility.fund, on)
    locked = _to_take("consent_to_instruction", instruction, actor)
    if locked.kind not in rights.CONSENTED:
        raise Refused("This change takes effect without the borrower's consent.")
    if seen_digest != locked.proposed_digest:
        raise OtherContent("The proposal changed since you looked. Look again, then consent.")
    if locked.consent_by_id is not None:
        raise Refused("Consent was given already.")
    locked.consent_by, locked.consent_on = actor, on
    locked.save(update_fields=["consent_by", "consent_on"])
    record(actor=actor, action="instruction.consented", obj=locked, on=on, after={"digest": seen_digest})
    return locked


@transaction.atomic
def book_instruction(
    *, instruction: Instruction, actor: User, on: date, seen_digest: str = ""
) -> Instruction:
    """The second person books it, on business date `on` with its own value date. Refused to the maker, without the
    borrower's consent to an amendment, and without the committee's authority where the policy reserves the kind."""
    rights.must(rights.BOOK_INSTRUCTION, actor=actor)
    held = hold_facility(instruction.facility, on)
    locked = _to_take("book_instruction", instruction, actor)
    locked.facility = held
    if seen_digest and seen_digest != locked.proposed_digest:
        raise OtherContent("The proposal changed since you looked. Look again, then book it.")
    if locked.kind == Kind.AMENDMENT and locked.consent_by_id is None:
        raise Refused("The borrower has not consented to this amendment yet.")
    _check_authority(locked, on)
    expense = _expense(held)
    (event,) = book_event(
        facility=held,
        events=[events.from_instruction(locked)],
        actor=actor,
        on=on,
        kind=locked.kind,
        fact_legs=_memorandum(locked, on),
        fact_kind=f"{locked.kind}_commitment",
        reason=locked.reason,
    )
    _follow(locked, actor, on)
    _settle_with_allowance(locked, event, _expense(held) - expense, actor, on)
    locked.state, locked.booked_on, locked.event = State.BOOKED, on, event
    locked.checker, locked.checked_at = actor, Now()
    locked.save()
    record(
        actor=actor,
        action="instruction.booked",
        obj=locked,
        on=on,
        after={"event": event.key},
        reason=locked.reason,
    )
    tell_decided(locked, on)
    return locked


def _expense(facility: Facility) -> Decimal:
    return booked_control(facility)[AccountKind.IMPAIRMENT_EXPENSE]


def _settle_with_allowance(
    instruction: Instruction, event: Event, loss: Decimal, actor: User, on: date
) -> None:
    """A write-off uses the facility's allowance; undoing one puts back what it had used."""
    facility = instruction.facility
    if instruction.kind == Kind.WRITE_OFF:
        use_allowance(facility=facility, loss=loss, cause=event.key, actor=actor, on=on)
    elif instruction.kind == Kind.REVERSAL:
        restore_allowance(
            facility=facility, cause=instruction.details["event"], undone_by=event.key, actor=actor, on=on
        )


def _check_authority(instruction: Instruction, on: date) -> None:
    reserved = policy_in_force(instruction.facility.fund, on).reserved_to_committee
    if instruction.kind not in reserved:
        return
    found = authority_for(
        instruction.facility,
        kind=instruction.kind,
        digest=instruction.proposed_digest,
        on=on,
        amount=instruction.amount,
    )
    if found is None:
        raise Refused(
            f"The policy reserves this to the committee: put {instruction.number} to it, then book it."
        )
    instruction.authority = found.decision_number


def _memorandum(instruction: Instruction, on: date) -> tuple[Leg, ...]:
    """Commitment that is cancelled goes back to the fund, with the headroom it used; a cancellation undone is promised
    again, where the fund has room for it."""
    facility = instruction.facility
    given_back = _given_back(instruction, on)
    if not given_back:
        return ()
    return promise_postings.cancellation(
        currency=facility.currency,
        facility=facility_owner(facility.pk),
        amount=given_back,
        headroom=facility.promise.headroom,
    )


def _given_back(instruction: Instruction, on: date) -> Decimal:
    """Undrawn commitment that goes back to the fund; negative where undoing promises it again, while it can be drawn."""
    facility = instruction.facility
    if instruction.kind == Kind.CANCELLATION:
        return instruction.amount or Decimal(0)
    if instruction.kind == Kind.WRITE_OFF and instruction.details.get("cancel_undrawn", _whole(instruction)):
        return available_commitment(facility)
    if instruction.kind == Kind.REVERSAL:
        undone = _undone(instruction)
        state = _state_after(undone, on) if undone.kind in _ENDINGS else facility.state
        if state == Facility.State.AVAILABLE:
            return min(_moved(undone), available_commitment(facility))
    return Decimal(0)


def _whole(write_off: Instruction) -> bool:
    """Whether the facility is written off, not one of its loans."""
    return write_off.loan_id is None


def _moved(instruction: Instruction) -> Decimal:
    """By how much booking an instruction changed the facility's undrawn commitment."""
    facility = instruction.facility
    assert instruction.event is not None
    ref = AccountRef(AccountKind.M_UNDRAWN, facility.currency, facility_owner(facility.pk))
    return moved_by(ref, book_id=facility.fund.book_id, key=fact_key(facility, instruction.event))


def _follow(instruction: Instruction, actor: User, on: date) -> None:
    """What a booked instruction means for the agreement itself."""
    facility, reason = instruction.facility, instruction.reason
    if instruction.kind == Kind.AMENDMENT:
        add_terms(
            facility=facility,
            document=instruction.details["terms"],
            effective_from=instruction.value_date,
            reason=reason,
            actor=actor,
            on=on,
        )
    elif instruction.kind == Kind.ACCELERATION:
        flag_default(facility=facility, continues=True, actor=actor, on=on, reason=reason)
        if facility.state != Facility.State.WRITTEN_OFF:
            state = Facility.State.ACCELERATED
            move_facility(facility=facility, state=state, actor=actor, on=on, reason=reason)
    elif instruction.kind == Kind.WRITE_OFF:
        if _whole(instruction) or not any(principal(loan) for loan in facility.loans.all()):
            state = Facility.State.WRITTEN_OFF
            move_facility(facility=facility, state=state, actor=actor, on=on, reason=reason)
        else:
            flag_default(facility=facility, continues=True, actor=actor, on=on, reason=reason)
    elif instruction.kind == Kind.REVERSAL:
        undone = _undone(instruction)
        if undone.kind == Kind.REVERSAL and _undone(undone).kind in _ENDINGS:
            _follow(_undone(undone), actor, on)
        if undone.kind in _ENDINGS:
            if not _still_standing(undone):
                flag_default(facility=facility, continues=False, actor=actor, on=on, reason=reason)
            after = _state_after(undone, on)
            move_facility(facility=facility, state=after, actor=actor, on=on, reason=reason)


_ENDINGS = frozenset({Kind.ACCELERATION, Kind.WRITE_OFF})


def _undone(reversal: Instruction) -> Instruction:
    return Instruction.objects.get(facility=reversal.facility, event__key=reversal.details["event"])


def _still_standing(undone: Instruction) -> set[tuple[str, bool]]:
    """The kinds of the accelerations and write-offs that stand beside one that is undone, each with whether it was of the
    whole facility."""
    booked = Instruction.objects.filter(facility=undone.facility, kind__in=_ENDINGS, state=State.BOOKED)
    standing = booked.exclude(pk=undone.pk).exclude(event__reversed_by__isnull=False)
    return {(one.kind, _whole(one)) for one in standing}


def _state_after(undone: Instruction, on: date) -> str:
    """The state of a facility whose acceleration or write-off is undone: what the others that stand say, else whether it
    can still be drawn."""
    standing = _still_standing(undone)
    if (Kind.WRITE_OFF, True) in standing:
        return Facility.State.WRITTEN_OFF
    if (Kind.ACCELERATION, True) in standing:
        return Facility.State.ACCELERATED
    if on > undone.facility.availability_end:
        return Facility.State.CLOSED_TO_DRAWDOWN
    return Facility.State.AVAILABLE


@transaction.atomic
def refuse_instruction(*, instruction: Instruction, reason: str, actor: User, on: date) -> Instruction:
    """The second person says no, and why; or the maker withdraws it."""
    own = instruction.maker_id == actor.pk
    right = rights.step_of("refuse_instruction", instruction, actor).right
    rights.must(right, actor=actor, partner=instruction.facility.partner)
    hold_day(instruction.facility.fund, on)
    locked = _to_take("refuse_instruction", instruction, actor)
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    locked.state = State.WITHDRAWN if own else State.REFUSED
    locked.refusal_reason = reason.strip()
    if not own:
        locked.checker, locked.checked_at = actor, Now()
    locked.save(update_fields=["state", "refusal_reason", "checker", "checked_at"])
    record(actor=actor, action=f"instruction.{locked.state}", obj=locked, on=on, reason=reason.strip())
    tell_decided(locked, on)
    return locked


@transaction.atomic
def propose_reversal(*, event: Event, reason: str, actor: User, on: date) -> Instruction:
    """Propose to undo one event from its value date. A receipt is reversed as such, since cash moves with it."""
    if event.kind in {"disbursed", "received"}:
        raise Refused("Money moved with this event: reverse the receipt, or record what came back, instead.")
    if not Instruction.objects.filter(event=event).exists():
        raise Refused("This followed from what happened to a payment: correct it there instead.")
    return propose_instruction(
        kind=Kind.REVERSAL,
        facility=event.facility,
        loan=event.loan,
        value_date=event.value_date,
        reason=reason,
        actor=actor,
        on=on,
        details={"event": event.key},
    )
