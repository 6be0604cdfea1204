"""Entries by hand: proposed by one person with what they rest on, booked by another, never edited."""

from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.calculation.money import decimal_to_minor
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.postings import facility_owner
from loanfund.facilities.services import book_capital
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.chart import EntryDraft, Leg
from loanfund.ledger.services import post_entries
from loanfund.parties.models import StoredFile, User
from loanfund.servicing import postings, rights
from loanfund.servicing.desk import hold_day, hold_facility, hold_fund
from loanfund.servicing.models import HandJournal
from loanfund.servicing.selectors.facilities import allowance_held

Kind, State = HandJournal.Kind, HandJournal.State
OF_A_FACILITY = frozenset({Kind.ALLOWANCE, Kind.ALLOWANCE_RELEASED})
CAPITAL = frozenset({Kind.CAPITAL_PAID_IN, Kind.CAPITAL_PAID_OUT})


@transaction.atomic
def propose_journal(
    *,
    fund: Fund,
    kind: str,
    amount: Decimal,
    value_date: date,
    reference: str,
    reason: str,
    actor: User,
    on: date,
    facility: Facility | None = None,
    document: StoredFile | None = None,
) -> HandJournal:
    """Propose an entry by hand of `amount` in the fund's currency. `reference` is the bank's, or names a paper.

    Refused for an amount that is not positive or has too many decimals, a value date to come or before the fund opened,
    an allowance without a facility, and any other kind with one.
    """
    rights.must(rights.PROPOSE_JOURNAL, actor=actor)
    hold_day(fund, on)
    _check(fund, kind, amount, value_date, facility, on)
    if not reference.strip():
        raise Refused("Give the bank's reference, or name the paper it rests on.", field="reference")
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    content = {
        "kind": kind,
        "amount": amount,
        "currency": fund.currency,
        "value_date": value_date,
        "facility": facility and facility.number,
        "reference": reference.strip(),
        "document": document and document.sha256,
    }
    key, number = next_number(HandJournal, "JN")
    journal = HandJournal.objects.create(
        pk=key,
        number=number,
        fund=fund,
        kind=kind,
        facility=facility,
        currency=fund.currency,
        amount=amount,
        value_date=value_date,
        reference=reference.strip(),
        reason=reason.strip(),
        document=document,
        proposed_on=on,
        maker=actor,
        proposed_digest=digest(content),
    )
    record(actor=actor, action="journal.proposed", obj=journal, on=on, after=content, reason=reason.strip())
    return journal


def _check(
    fund: Fund, kind: str, amount: Decimal, value_date: date, facility: Facility | None, on: date
) -> None:
    if kind not in Kind.values:
        raise Refused("Choose what is booked.", field="kind")
    if amount <= 0:
        raise Refused("The amount is above zero; what is booked says which way it goes.", field="amount")
    try:
        decimal_to_minor(amount, currency_of(fund.currency))
    except ValueError:
        raise Refused(f"This has more decimals than {fund.currency} has.", field="amount") from None
    if not fund.opened_on <= value_date <= on:
        raise Refused(
            f"Choose a value date from {fund.opened_on:%d %B %Y}, when the fund opened, to {on:%d %B %Y}.",
            field="value_date",
        )
    if kind in OF_A_FACILITY and facility is None:
        raise Refused("An allowance is made for a facility: name it.", field="facility")
    if kind not in OF_A_FACILITY and facility is not None:
        raise Refused("Only an allowance names a facility. Leave it empty.", field="facility")
    if facility is not None and facility.fund_id != fund.pk:
        raise Refused(f"{facility.number} belongs to another fund.", field="facility")


@transaction.atomic
def book_journal(*, journal: HandJournal, actor: User, on: date, seen_digest: str) -> HandJournal:
    """The second person books it: dated `on`, valued on its value date. Refused to the maker, when a release is more than
    the allowance held, and when capital that was promised would be paid out."""
    rights.must(rights.BOOK_JOURNAL, actor=actor)
    if journal.facility is not None:
        hold_facility(journal.facility, on)
    elif journal.kind in CAPITAL:
        # The fund's own row changes: locked for that first, so that two who hold it to read do not wait for each other.
        Fund.objects.select_for_update().get(pk=journal.fund_id)
    hold_fund(journal.fund, on)
    locked = HandJournal.objects.select_for_update(of=("self",)).select_related("fund").get(pk=journal.pk)
    rights.must_take("book_journal", locked, actor=actor)
    if seen_digest != locked.proposed_digest:
        raise OtherContent("The proposal changed since you looked. Look again, then book it.")
    if locked.kind in CAPITAL:
        amount = locked.amount if locked.kind == Kind.CAPITAL_PAID_IN else -locked.amount
        book_capital(
            fund=locked.fund,
            amount=amount,
            value_date=locked.value_date,
            cause=f"journal:{locked.pk}",
            actor=actor,
            on=on,
        )
    else:
        _post(locked, _legs(locked), actor, on)
    locked.state, locked.booked_on = State.BOOKED, on
    locked.checker, locked.checked_at = actor, Now()
    locked.save()
    after = {"amount": locked.amount, "value_date": locked.value_date}
    record(actor=actor, action="journal.booked", obj=locked, on=on, after=after)
    return locked


def _legs(journal: HandJournal) -> tuple[Leg, ...]:
    if journal.kind == Kind.BANK_CHARGE:
        return postings.bank_charge(currency=journal.currency, amount=journal.amount)
    assert journal.facility is not None
    amount = journal.amount
    if journal.kind == Kind.ALLOWANCE_RELEASED:
        held = allowance_held(journal.facility)
        if amount > held:
            written = currency_of(journal.currency).written(held)
            raise Refused(
                f"{journal.facility.number} holds an allowance of {written} {journal.currency}.",
                field="amount",
            )
        amount = -amount
    return postings.allowance(
        currency=journal.currency, facility=facility_owner(journal.facility.pk), amount=amount
    )


def _post(journal: HandJournal, legs: tuple[Leg, ...], actor: User, on: date) -> None:
    entry = EntryDraft(
        key=f"journal:{journal.pk}",
        kind=journal.kind,
        book_id=journal.fund.book_id,
        booking_date=on,
        value_date=journal.value_date,
        legs=legs,
        memo=journal.reference,
        cause=f"journal:{journal.pk}",
    )
    post_entries(entries=[entry], actor=actor, on=on)


@transaction.atomic
def refuse_journal(*, journal: HandJournal, reason: str, actor: User, on: date) -> HandJournal:
    """It is not booked: refused by a second person, or withdrawn by its maker."""
    hold_day(journal.fund, on)
    locked = HandJournal.objects.select_for_update(of=("self",)).get(pk=journal.pk)
    rights.must_take("refuse_journal", locked, actor=actor)
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    own = locked.maker_id == actor.pk
    locked.state = State.WITHDRAWN if own else State.REFUSED
    locked.refusal_reason = reason.strip()
    if not own:
        locked.checker, locked.checked_at = actor, Now()
    locked.save()
    record(actor=actor, action=f"journal.{locked.state}", obj=locked, on=on, reason=reason.strip())
    return locked
