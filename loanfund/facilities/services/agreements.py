"""Signing a facility, changing its terms, and moving it through its life."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency
from loanfund.facilities import postings
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import (
    Authority,
    ConditionPrecedent,
    Facility,
    FacilityTerms,
    Fund,
    LimitException,
    Promise,
)
from loanfund.facilities.selectors.policies import policy_in_force
from loanfund.facilities.services.drafts import draft
from loanfund.facilities.services.funds import hold_business_date
from loanfund.facilities.services.limits import limit_entries
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.services import post_entries
from loanfund.parties.models import User

State = Facility.State
NEXT_STATES: dict[str, frozenset[str]] = {
    State.AVAILABLE: frozenset(
        {State.CLOSED_TO_DRAWDOWN, State.ACCELERATED, State.WRITTEN_OFF, State.CLOSED}
    ),
    State.CLOSED_TO_DRAWDOWN: frozenset(
        {State.AVAILABLE, State.ACCELERATED, State.WRITTEN_OFF, State.CLOSED}
    ),
    State.ACCELERATED: frozenset(
        {State.AVAILABLE, State.CLOSED_TO_DRAWDOWN, State.WRITTEN_OFF, State.CLOSED}
    ),
    State.WRITTEN_OFF: frozenset(
        {State.AVAILABLE, State.CLOSED_TO_DRAWDOWN, State.ACCELERATED, State.CLOSED}
    ),
    State.CLOSED: frozenset({State.AVAILABLE, State.CLOSED_TO_DRAWDOWN}),
}
"""Where a facility may go from each state. A closed one comes back when a receipt on it bounces, an accelerated or
written-off one when that is undone."""


@transaction.atomic
def sign_facility(
    *,
    promise: Promise,
    document: Mapping[str, Any],
    commitment: Decimal,
    revolving: bool,
    purpose: str,
    availability_start: date,
    availability_end: date,
    maturity: date,
    conditions: Sequence[Mapping[str, str]],
    arrangement_fee: Decimal,
    decision_number: str,
    agreement_digest: str,
    actor: User | None,
    on: date,
) -> Facility:
    """Sign a facility for a reserved promise: Reserved to Undrawn, terms version 1, its conditions, the fee due.

    `document` is the canonical terms of `calculation`; `commitment` and `arrangement_fee` are in the fund's currency,
    the commitment at most what is reserved (the rest is released); `conditions` are {text, scope}. Refused when the
    promise is no longer reserved or the dates are out of order.
    """
    hold_business_date(promise.fund, on)
    locked = (
        Promise.objects.select_for_update(of=("self",)).select_related("fund", "partner").get(pk=promise.pk)
    )
    if locked.state != Promise.State.RESERVED:
        raise Refused(f"The amount is {locked.get_state_display()} already, so there is nothing to sign for.")
    if not 0 < commitment <= locked.amount:
        written = currency(locked.fund.currency).written(locked.amount)
        raise Refused(f"Sign for up to {written}, the amount reserved.", field="commitment")
    if not on <= availability_start <= availability_end <= maturity:
        raise Refused(
            "The availability period starts at signing or later, and ends by the maturity.", field="maturity"
        )
    key, number = next_number(Facility, "FAC")
    facility = Facility.objects.create(
        pk=key,
        number=number,
        fund=locked.fund,
        partner=locked.partner,
        promise=locked,
        currency=locked.fund.currency,
        commitment=commitment,
        revolving=revolving,
        purpose=purpose,
        signed_on=on,
        availability_start=availability_start,
        availability_end=availability_end,
        maturity=maturity,
        decision_number=decision_number,
        agreement_digest=agreement_digest,
    )
    _first_terms(facility, document, actor, on)
    _conditions(facility, conditions)
    post_entries(entries=[_signing(locked, facility, arrangement_fee, on)], actor=actor, on=on)
    locked.state, locked.closed_on = Promise.State.SIGNED, on
    locked.save(update_fields=["state", "closed_on"])
    after = {
        "number": number,
        "commitment": commitment,
        "terms": digest(document),
        "decision": decision_number,
    }
    record(actor=actor, action="facility.signed", obj=facility, on=on, after=after)
    return facility


def _first_terms(facility: Facility, document: Mapping[str, Any], actor: User | None, on: date) -> None:
    FacilityTerms.objects.create(
        facility=facility,
        version=1,
        effective_from=on,
        agreed_on=on,
        document=plain(document),
        digest=digest(document),
        reason="as signed",
        recorded_by=actor,
    )


def _conditions(facility: Facility, conditions: Sequence[Mapping[str, str]]) -> None:
    ConditionPrecedent.objects.bulk_create(
        ConditionPrecedent(
            facility=facility, position=position, text=item["text"], scope=item.get("scope", "first")
        )
        for position, item in enumerate(conditions, start=1)
    )


def _signing(promise: Promise, facility: Facility, fee: Decimal, on: date) -> Any:
    currency, owner = facility.currency, postings.facility_owner(facility.pk)
    legs = postings.signing(
        currency=currency, application=promise.reference, facility=owner, amount=facility.commitment
    )
    rest = promise.amount - facility.commitment
    if rest:
        legs += postings.reservation_released(
            currency=currency, application=promise.reference, amount=rest, headroom=promise.headroom
        )
    if fee:
        legs += postings.arrangement_fee(currency=currency, facility=owner, amount=fee)
    return draft(
        facility.fund, key=f"{owner}:signed", kind="signing", legs=legs, on=on, cause=promise.reference
    )


@transaction.atomic
def add_terms(
    *,
    facility: Facility,
    document: Mapping[str, Any],
    effective_from: date,
    reason: str,
    actor: User | None,
    on: date,
    maturity: date | None = None,
    availability_end: date | None = None,
) -> FacilityTerms:
    """Record the next version of a facility's terms, in force from `effective_from`; the versions before it stay.

    The caller has seen to consent and to authority. `maturity` and `availability_end` move the facility's own dates.
    """
    locked = Facility.objects.select_for_update().get(pk=facility.pk)
    if not reason.strip():
        raise Refused("Say why the terms change.", field="reason")
    if effective_from < locked.signed_on:
        raise Refused(
            f"Terms take effect on {locked.signed_on}, the day of signing, or later.", field="effective_from"
        )
    last = locked.terms.aggregate(last=Max("version"))["last"] or 0
    terms = FacilityTerms.objects.create(
        facility=locked,
        version=last + 1,
        effective_from=effective_from,
        agreed_on=on,
        document=plain(document),
        digest=digest(document),
        reason=reason.strip(),
        recorded_by=actor,
    )
    locked.maturity = maturity or locked.maturity
    locked.availability_end = availability_end or locked.availability_end
    locked.save(update_fields=["maturity", "availability_end"])
    after = {"version": terms.version, "effective_from": effective_from, "digest": terms.digest}
    record(actor=actor, action="facility.terms_added", obj=locked, on=on, after=after, reason=reason.strip())
    return terms


@transaction.atomic
def move_facility(*, facility: Facility, state: str, actor: User | None, on: date, reason: str) -> Facility:
    """Move a facility to another state of its life. Refused when no such step exists; the same state is no change."""
    locked = Facility.objects.select_for_update().get(pk=facility.pk)
    if locked.state == state:
        return locked
    if state not in NEXT_STATES[locked.state]:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; it cannot become {State(state).label}."
        )
    before, locked.state = locked.state, state
    locked.save(update_fields=["state"])
    record(
        actor=actor,
        action="facility.moved",
        obj=locked,
        on=on,
        before={"state": before},
        after={"state": state},
        reason=reason,
    )
    return locked


@transaction.atomic
def flag_default(
    *, facility: Facility, continues: bool, actor: User | None, on: date, reason: str
) -> Facility:
    """Record that an event of default continues, or that it is cured. While it continues nothing can be drawn."""
    locked = Facility.objects.select_for_update().get(pk=facility.pk)
    if locked.event_of_default == continues:
        return locked
    locked.event_of_default = continues
    locked.save(update_fields=["event_of_default"])
    after = {"event_of_default": continues}
    record(actor=actor, action="facility.default_flagged", obj=locked, on=on, after=after, reason=reason)
    return locked


@transaction.atomic
def grant_authority(
    *,
    facility: Facility,
    kind: str,
    subject_digest: str,
    decision_number: str,
    expires_on: date,
    actor: User | None,
    on: date,
    amount: Decimal | None = None,
) -> Authority:
    """Record what the committee allows for a signed facility; only the recording of its decision calls this."""
    authority = Authority.objects.create(
        facility=facility,
        kind=kind,
        digest=subject_digest,
        amount=amount,
        decision_number=decision_number,
        granted_on=on,
        expires_on=expires_on,
        recorded_by=actor,
    )
    after = {"kind": kind, "digest": subject_digest, "decision": decision_number, "amount": amount}
    record(actor=actor, action="authority.granted", obj=facility, on=on, after=after)
    return authority


@transaction.atomic
def grant_headroom(
    *, fund: Fund, owner: str, amount: Decimal, decision_number: str, actor: User | None, on: date
) -> LimitException:
    """Raise one owner's limit ("partner:7") past the policy by `amount`, by a decision of the committee."""
    hold_business_date(fund, on)
    exception = LimitException.objects.create(
        fund=fund,
        owner=owner,
        amount=amount,
        decision_number=decision_number,
        granted_on=on,
        recorded_by=actor,
    )
    entries = limit_entries(fund=fund, policy=policy_in_force(fund, on), owners=[owner], on=on)
    post_entries(entries=entries, actor=actor, on=on)
    after = {"owner": owner, "amount": amount, "decision": decision_number}
    record(actor=actor, action="limit.exceeded_by_decision", obj=fund, on=on, after=after)
    return exception
