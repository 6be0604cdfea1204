"""A signed facility: its terms, its conditions and its life."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from loanfund.audit.errors import Refused
from loanfund.calculation.terms import FacilityTerms as Terms
from loanfund.facilities.models import Facility, FacilityTerms
from loanfund.facilities.selectors import conditions_standing, open_conditions, terms_on
from loanfund.facilities.services import (
    accept_evidence,
    add_terms,
    flag_default,
    move_facility,
    refuse_evidence,
    show_condition,
)
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balance
from loanfund.origination import services
from loanfund.reference.selectors import calendar
from tests.origination.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def facility(cast: Cast) -> Facility:
    offer = cast.sent_offer()
    for name in ("pia", "paul"):
        _, signed = services.sign_offer(
            offer=offer, seen_digest=offer.digest, signed_name=name, actor=cast[name], on=cast.day
        )
    assert signed is not None
    return signed


def test_the_stored_terms_are_those_that_calculation_reads_to_the_digest(facility: Facility) -> None:
    stored = facility.terms.get()
    terms = Terms.from_document(stored.document, calendar)
    assert terms.commitment == Decimal(2_000_000)
    assert terms.signed_on == facility.signed_on
    assert terms.arrangement_fee == Decimal("10000.00")
    assert terms.digest() == stored.digest


def test_the_arrangement_fee_is_due_with_the_signature(cast: Cast, facility: Facility) -> None:
    due = AccountRef(AccountKind.FEES_DUE, "USD", f"facility:{facility.pk}")
    assert balance(due, book_id=cast.fund.book_id) == Decimal("10000.00")


def test_terms_are_added_never_changed(cast: Cast, facility: Facility) -> None:
    later = cast.day + timedelta(days=30)
    document = {**facility.terms.get().document, "default_margin": "0.05"}
    add_terms(
        facility=facility,
        document=document,
        effective_from=later,
        reason="agreed",
        actor=cast["otto"],
        on=cast.day,
    )
    assert terms_on(facility, later).version == 2
    assert terms_on(facility, later - timedelta(days=1)).version == 1
    with pytest.raises(DatabaseError), transaction.atomic():
        FacilityTerms.objects.update(version=3)


def test_a_condition_is_met_once_a_second_person_accepts_its_evidence(cast: Cast, facility: Facility) -> None:
    first = facility.conditions.get(position=1)
    for outsider in ("carl", "eve"):
        with pytest.raises(Refused):
            show_condition(condition=first, note="met", actor=cast[outsider], on=cast.day)
    evidence = show_condition(condition=first, file=cast.file(), actor=cast["anna"], on=cast.day)
    with pytest.raises(Refused, match="another person"):
        accept_evidence(evidence=evidence, actor=cast["anna"], on=cast.day)
    with pytest.raises(Refused, match="for Analyst or Operations checker"):
        accept_evidence(evidence=evidence, actor=cast["otto"], on=cast.day)
    refuse_evidence(evidence=evidence, reason="unsigned", actor=cast["olga"], on=cast.day)
    again = show_condition(condition=first, note="signed in the office", actor=cast["otto"], on=cast.day)
    assert first in open_conditions(facility)
    accept_evidence(evidence=again, actor=cast["olga"], on=cast.day)
    assert first not in open_conditions(facility)
    with pytest.raises(Refused, match="satisfied already"):
        show_condition(condition=first, note="again", actor=cast["otto"], on=cast.day)


def test_a_condition_of_each_drawdown_is_shown_for_each(cast: Cast, facility: Facility) -> None:
    each = facility.conditions.get(scope="each")
    with pytest.raises(Refused, match="name the drawdown"):
        show_condition(condition=each, note="none continues", actor=cast["otto"], on=cast.day)
    evidence = show_condition(
        condition=each, note="none continues", drawdown="DD-0001", actor=cast["otto"], on=cast.day
    )
    accept_evidence(evidence=evidence, actor=cast["olga"], on=cast.day)
    assert each not in open_conditions(facility, "DD-0001")
    assert each in open_conditions(facility, "DD-0002")
    assert [item.met for item in conditions_standing(facility, "DD-0001")] == [False, False, False, True]


def test_a_facility_moves_only_where_its_life_leads(cast: Cast, facility: Facility) -> None:
    flag_default(facility=facility, continues=True, actor=cast["otto"], on=cast.day, reason="insolvent")
    moved = move_facility(
        facility=facility, state="accelerated", actor=cast["otto"], on=cast.day, reason="default"
    )
    assert (moved.state, moved.event_of_default) == ("accelerated", True)
    move_facility(facility=facility, state="closed", actor=cast["otto"], on=cast.day, reason="all is paid")
    with pytest.raises(Refused, match="cannot become accelerated"):
        move_facility(facility=facility, state="accelerated", actor=cast["otto"], on=cast.day, reason="no")


def test_a_commitment_is_not_edited_even_around_the_service(facility: Facility) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Facility.objects.filter(pk=facility.pk).update(commitment=Decimal(9_000_000))
