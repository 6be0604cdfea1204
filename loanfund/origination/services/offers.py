"""The offer: made by one person, sent by another, signed by the partner, or lapsed with its reservation."""

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import Facility, Fund, Promise
from loanfund.facilities.selectors import policy_in_force
from loanfund.facilities.services import lock_business_date, release, release_all, sign_facility
from loanfund.facilities.services.numbers import next_number
from loanfund.origination.models import Application, Offer, OfferSignature
from loanfund.origination.models.states import State
from loanfund.origination.rights import SIGNS, must_have_role
from loanfund.origination.selectors.preview import preview_deal
from loanfund.origination.services.applications import promise_reference
from loanfund.origination.services.moves import locked_application, move, must_move, must_say
from loanfund.origination.terms import arrangement_fee, deal_dates, offer_document
from loanfund.parties.models import User
from loanfund.parties.roles import OPERATIONS_CHECKER, OPERATIONS_MAKER
from loanfund.parties.selectors import kyb_in_date
from loanfund.parties.services import notify_partner
from loanfund.parties.services.rights import require_place, require_second_person

DAYS_TO_REMIND = 3
"""On how many of an offer's last days the signatories are reminded of it, once."""


@transaction.atomic
def make_offer(*, application: Application, actor: User, on: date) -> Offer:
    """Prepare the offer of what was approved: terms, exact schedule, fees and conditions in one text with a digest.

    A second person sends it. Refused while another offer stands.
    """
    must_have_role(actor, OPERATIONS_MAKER)
    locked = locked_application(application)
    must_move(locked, "make_offer")
    decision, amount = locked.decision, locked.approved_amount
    if decision is None or amount is None:
        raise AssertionError("the table refuses an approved application without decision and amount")
    if locked.offers.filter(state=Offer.State.PREPARED).exists():
        raise Refused("An offer waits to be checked already.")
    policy = policy_in_force(locked.fund, on)
    key, number = next_number(Offer, "OFR")
    text = offer_document(application=locked, decision=decision, number=number, made_on=on, policy=policy)
    shown = preview_deal(fund=locked.fund, amount=amount, deal=text["deal"], signed_on=on)
    document = plain({**text, "schedule": shown.to_document()})
    offer = Offer.objects.create(
        pk=key,
        number=number,
        application=locked,
        decision=decision,
        amount=amount,
        document=document,
        digest=digest(document),
        proposed_digest=digest(document),
        signatories_needed=policy.signatories_needed,
        made_on=on,
        maker=actor,
    )
    record(
        actor=actor, action="offer.made", obj=offer, on=on, after={"number": number, "digest": offer.digest}
    )
    return offer


@transaction.atomic
def send_offer(*, offer: Offer, seen_digest: str, actor: User, on: date) -> Offer:
    """The second person sends the offer; it can be accepted up to and including the day the policy's validity ends."""
    must_have_role(actor, OPERATIONS_CHECKER)
    locked, application = _locked(offer)
    _must_be(locked, Offer.State.PREPARED)
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this offer")
    if seen_digest != locked.digest:
        raise Refused("The offer is not the one you read. Open it again before you send it.", code="digest")
    days = locked.document["validity_days"]
    locked.state, locked.checker, locked.checked_at = Offer.State.SENT, actor, Now()
    locked.sent_on, locked.expires_on = on, on + timedelta(days=days)
    locked.save(update_fields=["state", "checker", "checked_at", "sent_on", "expires_on"])
    move(application, "make_offer", actor=actor, on=on, reason=locked.number)
    record(actor=actor, action="offer.sent", obj=locked, on=on, after={"expires_on": locked.expires_on})
    notify_partner(
        partner=application.partner,
        kind="offer",
        key=f"offer:{locked.pk}",
        subject=f"The offer {locked.number} for {application.number}",
        body=f"An offer of {locked.amount:,.2f} {application.fund.currency} waits for signature until "
        f"{locked.expires_on.day} {locked.expires_on:%B %Y}.",
        on=on,
    )
    return locked


@transaction.atomic
def refuse_offer(*, offer: Offer, reason: str, actor: User, on: date) -> Offer:
    """The second person turns a prepared offer down; another can be prepared."""
    must_have_role(actor, OPERATIONS_CHECKER)
    said = must_say(reason, "what is wrong with the offer")
    locked, _ = _locked(offer)
    _must_be(locked, Offer.State.PREPARED)
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this offer")
    locked.checker, locked.checked_at = actor, Now()
    _end(locked, Offer.State.REFUSED, said, on, "checker", "checked_at")
    record(actor=actor, action="offer.refused", obj=locked, on=on, reason=said)
    return locked


@transaction.atomic
def retract_offer(*, offer: Offer, reason: str, actor: User, on: date) -> Offer:
    """Take an offer back before it is accepted; the approval and its reservation stand. Not by who made it once sent."""
    must_have_role(actor, OPERATIONS_CHECKER, OPERATIONS_MAKER)
    said = must_say(reason, "why the offer is taken back")
    locked, application = _locked(offer)
    if locked.state == Offer.State.SENT:
        require_second_person(actor=actor, maker_id=locked.maker_id, what="this offer")
        move(application, "retract_offer", actor=actor, on=on, reason=said)
    else:
        _must_be(locked, Offer.State.PREPARED)
    _end(locked, Offer.State.RETRACTED, said, on)
    record(actor=actor, action="offer.retracted", obj=locked, on=on, reason=said)
    return locked


@transaction.atomic
def sign_offer(
    *, offer: Offer, seen_digest: str, signed_name: str, actor: User, on: date
) -> tuple[Offer, Facility | None]:
    """One signatory accepts the offer, typing their name under the text with `seen_digest`.

    With the last signature needed the facility is signed, from that day: the second value is it, else None. Refused after
    the last day, for another text, from someone who may not sign, or twice by one person.
    """
    said = must_say(signed_name, "your full name, as signature", "signed_name")
    locked, application = _locked(offer)
    require_place(actor=actor, partner=application.partner, roles=SIGNS, to="sign for it")
    _must_be(locked, Offer.State.SENT)
    if locked.expires_on is None or on > locked.expires_on:
        raise Refused(
            f"This offer could be accepted until {locked.expires_on}. Ask for a new one.", code="expired"
        )
    if seen_digest != locked.digest:
        raise Refused("The offer is not the one you read. Open it again before you sign.", code="digest")
    if locked.signatures.filter(user=actor).exists():
        raise Refused("You have signed already; another signatory has to sign.", code="signed")
    OfferSignature.objects.create(
        offer=locked, user=actor, signed_name=said, digest=seen_digest, signed_on=on
    )
    record(actor=actor, action="offer.signed", obj=locked, on=on, after={"name": said, "digest": seen_digest})
    if locked.signatures.count() < locked.signatories_needed:
        return locked, None
    return locked, _accept(locked, application, actor=actor, on=on)


def _accept(offer: Offer, application: Application, *, actor: User, on: date) -> Facility:
    if not kyb_in_date(application.partner, on):
        raise Refused(
            f"The check of {application.partner.legal_name} is no longer in date. Bring its papers up to date, then sign."
        )
    document = offer.document
    dates = deal_dates(document)
    facility = sign_facility(
        promise=Promise.objects.get(reference=promise_reference(application)),
        document={**document["terms"], "signed_on": on.isoformat()},
        commitment=offer.amount,
        revolving=document["deal"]["revolving"],
        purpose=application.purpose,
        availability_start=on,
        availability_end=dates.availability_end,
        maturity=dates.maturity,
        conditions=document["conditions"],
        arrangement_fee=arrangement_fee(document),
        decision_number=offer.decision.number,
        agreement_digest=offer.digest,
        actor=actor,
        on=on,
    )
    _end(offer, Offer.State.ACCEPTED, "", on)
    application.facility = facility
    move(application, "accept", actor=actor, on=on, reason=facility.number, fields=("facility",))
    return facility


@transaction.atomic
def decline_offer(*, offer: Offer, reason: str, actor: User, on: date) -> Offer:
    """The partner declines the offer: its application ends, and what was reserved is released."""
    said = must_say(reason, "why the offer is declined")
    locked, application = _locked(offer)
    require_place(actor=actor, partner=application.partner, roles=SIGNS, to="decline for it")
    _must_be(locked, Offer.State.SENT)
    _end(locked, Offer.State.DECLINED, said, on)
    release(reference=promise_reference(application), actor=actor, on=on, reason="offer declined")
    move(application, "withdraw", actor=actor, on=on, reason=f"offer declined: {said}")
    record(actor=actor, action="offer.declined", obj=locked, on=on, reason=said)
    return locked


@transaction.atomic
def lapse_due(*, fund: Fund, actor: User | None, on: date) -> list[str]:
    """Let every offer whose last day is before `on` lapse, and every approval that nobody offered in time.

    Called at the start of day. What was reserved is released in one posting. Returns the applications' numbers; a
    second call on the same day finds none.
    """
    lock_business_date(fund)
    lapsed = [application for application in _overdue(fund, on) if _lapse(application, actor=actor, on=on)]
    if lapsed:
        release_all(
            references=[promise_reference(item) for item in lapsed], actor=actor, on=on, reason="lapsed"
        )
    return [application.number for application in lapsed]


def start_of_day(*, fund: Fund, on: date) -> dict[str, Any]:
    """The part of the close that is origination's: offers and approvals lapse, and who has to sign soon is told."""
    if not Application.objects.filter(fund=fund, state__in=(State.APPROVED, State.OFFERED)).exists():
        return {"lapsed": [], "expiring": 0}  # as on most days: one question instead of four
    return {"lapsed": lapse_due(fund=fund, actor=None, on=on), "expiring": _remind(fund, on)}


def _remind(fund: Fund, on: date) -> int:
    """Tell the signatories of each offer whose last day is near; once an offer."""
    last = on + timedelta(days=DAYS_TO_REMIND)
    waiting = Offer.objects.filter(
        application__fund=fund, state=Offer.State.SENT, expires_on__range=(on, last)
    )
    for offer in waiting.select_related("application__partner").defer("document"):
        application, day = offer.application, offer.expires_on
        assert day is not None
        left = offer.signatories_needed - offer.signatures.count()
        notify_partner(
            partner=application.partner,
            kind="offer_expiring",
            key=f"offer-expiring:{offer.pk}",
            subject=f"{offer.number} can be accepted until {day.day} {day:%B %Y}",
            body=f"The offer {offer.number} for {application.number} still waits for {left} "
            f"signature{'' if left == 1 else 's'}. After {day.day} {day:%B %Y} it lapses, and what was reserved for it goes "
            "back to the fund.",
            link=f"/partners/{application.partner.number}/applications/{application.number}/offer/",
            roles=SIGNS,
            on=on,
        )
    return len(waiting)


def _overdue(fund: Fund, on: date) -> list[Application]:
    offered = Application.objects.filter(
        fund=fund, state=State.OFFERED, offers__state=Offer.State.SENT, offers__expires_on__lt=on
    )
    approved = Application.objects.filter(fund=fund, state=State.APPROVED).select_related(
        "decision__proposal__policy"
    )
    stale = [
        application
        for application in approved
        if application.decision is not None
        and application.state_since
        + timedelta(days=application.decision.proposal.policy.decision_validity_days)
        < on
    ]
    return sorted([*offered, *stale], key=lambda application: application.pk)


def _lapse(application: Application, *, actor: User | None, on: date) -> bool:
    """False when it was accepted, or ended, before its row could be locked."""
    locked = locked_application(application)
    if locked.state != application.state:
        return False
    for offer in locked.offers.select_for_update(of=("self",)).filter(state__in=["prepared", "sent"]):
        lapsed = Offer.State.LAPSED if offer.state == Offer.State.SENT else Offer.State.RETRACTED
        _end(offer, lapsed, "not accepted in time", on)
    move(locked, "lapse", actor=actor, on=on)
    notify_partner(
        partner=locked.partner,
        kind="lapsed",
        key=f"lapsed:{locked.pk}",
        subject=f"{locked.number} has lapsed",
        body="The time to accept is over. You may apply again.",
        on=on,
    )
    return True


def _locked(offer: Offer) -> tuple[Offer, Application]:
    """The offer and its application, locked after the fund's date, in that order."""
    lock_business_date(offer.application.fund)
    application = locked_application(offer.application)
    locked = Offer.objects.select_for_update(of=("self",)).select_related("decision").get(pk=offer.pk)
    return locked, application


def _must_be(offer: Offer, state: str) -> None:
    if offer.state != state:
        raise Refused(
            f"{offer.number} is {offer.get_state_display()}, not {Offer.State(state).label}.", code="state"
        )


def _end(offer: Offer, state: str, reason: str, on: date, *fields: str) -> None:
    offer.state, offer.reason, offer.closed_on = Offer.State(state), reason[:300], on
    offer.save(update_fields=["state", "reason", "closed_on", *fields])
