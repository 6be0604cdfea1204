"""The fund's policy, its limits and its promises, by two people and held by the book."""

from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from loanfund.audit.errors import Refused
from loanfund.facilities import invariants
from loanfund.facilities.models import FundPolicy, Promise
from loanfund.facilities.programme import programme_values
from loanfund.facilities.selectors import (
    concentration,
    fund_position,
    limits_after,
    needed_votes,
    partner_exposure,
    policy_in_force,
)
from loanfund.facilities.services import (
    advance_business_date,
    confirm_policy,
    connect_partner,
    lock_business_date,
    propose_policy,
    refuse_policy,
    release,
    reserve,
    set_auto_close,
)
from loanfund.facilities.services.policies import start_of_day
from loanfund.parties.models import ConnectedGroup, Partner
from tests.origination.cast import Cast, make_cast, make_partner

D = Decimal


@pytest.fixture(scope="module")
def made_once(module_db: str) -> Cast:
    return make_cast()


@pytest.fixture
def cast(made_once: Cast, db: None) -> Cast:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def promise(
    cast: Cast, reference: str, amount: str, *, partner: Partner | None = None, months: int = 12
) -> Promise:
    return reserve(
        fund=cast.fund, partner=partner or cast.partner, reference=reference, amount=D(amount), tenor_months=months,
        actor=cast["ada"], on=cast.day,
    )  # fmt: skip


def change(cast: Cast, *, days: int = 0, **values: Any) -> FundPolicy:
    day = cast.day + timedelta(days=days)
    proposed = propose_policy(
        fund=cast.fund, values={**programme_values(), **values}, effective_from=day, actor=cast["ada"], on=cast.day
    )  # fmt: skip
    return confirm_policy(
        policy=proposed, seen_digest=proposed.proposed_digest, actor=cast["abel"], on=cast.day
    )


def test_every_field_of_the_programme_says_whether_it_is_known_or_assumed(cast: Cast) -> None:
    policy = policy_in_force(cast.fund, cast.day)
    assert {item["kind"] for item in policy.basis.values()} == {"known", "assumption"}
    assert policy.basis["min_loss"]["kind"] == "known"
    assert policy.basis["partner_limit"]["kind"] == "assumption"
    assert set(policy.basis) == set(programme_values()) - {"basis"}


def test_a_policy_is_not_confirmed_by_its_maker_nor_unread(cast: Cast) -> None:
    proposed = propose_policy(
        fund=cast.fund, values=programme_values(), effective_from=cast.day, actor=cast["ada"], on=cast.day
    )
    with pytest.raises(Refused, match="another person"):
        confirm_policy(policy=proposed, seen_digest=proposed.proposed_digest, actor=cast["ada"], on=cast.day)
    with pytest.raises(Refused, match="not the one you read"):
        confirm_policy(policy=proposed, seen_digest="0" * 64, actor=cast["abel"], on=cast.day)
    with pytest.raises(Refused, match="waiting to be confirmed"):
        change(cast)
    refuse_policy(policy=proposed, reason="too soon", actor=cast["abel"], on=cast.day)
    assert policy_in_force(cast.fund, cast.day).version == 1


def test_a_policy_in_force_is_never_edited(cast: Cast) -> None:
    policy = policy_in_force(cast.fund, cast.day)
    with pytest.raises(DatabaseError), transaction.atomic():
        FundPolicy.objects.filter(pk=policy.pk).update(min_loss=0)
    with pytest.raises(DatabaseError), transaction.atomic():
        policy.matrix.update(approvals_needed=1)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"min_ticket": "-1"}, "min_ticket"),
        ({"min_ticket": "many"}, "min_ticket"),
        ({"max_ticket": "1"}, "max_ticket"),
        ({"window_end": "2025-10-09T00:00:00+00:00"}, "window_end"),
        ({"window_start": "2025-10-10T00:00:00"}, "window_start"),
        ({"signatories_needed": 0}, "signatories_needed"),
        ({"matrix": []}, "matrix"),
        ({"matrix": [{"members_needed": 2, "approvals_needed": 3}]}, "matrix"),
        ({"colour": "blue"}, "colour"),
        ({"min_loss": None}, "min_loss"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_its_field(
    cast: Cast, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as told:
        change(cast, **values)
    assert told.value.field == field


def test_the_matrix_prefers_the_row_of_the_segment_and_the_smallest_that_holds_the_amount(cast: Cast) -> None:
    row = {"members_needed": 5, "approvals_needed": 4, "chair_casts": False}
    policy = change(
        cast,
        matrix=[
            {**row, "segment": "", "up_to": None},
            {**row, "segment": "", "up_to": "1000000", "approvals_needed": 1},
            {**row, "segment": "miner", "up_to": "3000000", "approvals_needed": 2},
        ],
    )
    for segment, amount, approvals in (
        ("trading", 1_000_000, 1),
        ("trading", 1_000_001, 4),
        ("miner", 10, 2),
    ):
        assert needed_votes(policy, segment=segment, amount=D(amount)).approvals_needed == approvals
    assert needed_votes(policy, segment="miner", amount=D(3_000_001)).approvals_needed == 4


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"partner_limit": "1000000"}, "The limit of Fictional P-9001 leaves 1,000,000.00 USD"),
        ({"group_limit": "1000000"}, "The limit of the group Sisters leaves 1,000,000.00"),
        ({"segment_limits": {"trading": "1000000"}}, "The limit of the segment of trading firms leaves"),
        ({"tenor_limits": {"6": "1000000"}}, "The limit of loans over 6 months leaves"),
        ({}, "Test fund has 1,500,000.00 USD left to promise"),
    ],
)
def test_each_limit_binds_and_is_named(committed_db: str, limits: dict[str, Any], said: str) -> None:
    none = {"partner_limit": None, "group_limit": None, "segment_limits": {}, "tenor_limits": {}}
    cast = make_cast(size="1500000", **{**none, **limits})
    cast.partner.group = ConnectedGroup.objects.create(name="Sisters")
    cast.partner.save()
    amount = "1000000.01" if limits else "1500000.01"
    with pytest.raises(Refused) as told:
        promise(cast, "application:1", amount)
    assert told.value.sentence.startswith(said)
    assert told.value.field == "amount"
    promise(cast, "application:1", amount[:-3])


def test_two_partners_of_one_group_share_its_limit(committed_db: str) -> None:
    cast = make_cast(group_limit="3000000")
    sister = make_partner([cast["eve"]], number="P-9002")
    group = ConnectedGroup.objects.create(name="Sisters")
    for partner in (cast.partner, sister):
        partner.group = group
        partner.save()
    promise(cast, "application:1", "2000000")
    with pytest.raises(Refused, match=r"group Sisters leaves 1,000,000\.00"):
        promise(cast, "application:2", "1500000", partner=sister)
    assert partner_exposure(fund=cast.fund, partner=sister).group == D(2_000_000)
    after = limits_after(fund=cast.fund, partner=sister, tenor_months=6, amount=D(1_500_000), on=cast.day)
    assert [(row.owner.partition(":")[0], row.holds) for row in after] == [
        ("fund", True), ("partner", True), ("group", False), ("segment", True),
    ]  # fmt: skip


def test_concentration_names_every_limit_and_what_is_promised_under_it(cast: Cast) -> None:
    promise(cast, "application:1", "1000000", months=18)
    found = {(use.kind, use.label): (use.limit, use.promised) for use in concentration(cast.fund)}
    assert found == {
        ("partner", "Fictional P-9001"): (D(10_000_000), D(1_000_000)),
        ("segment", "trading firms"): (D(40_000_000), D(1_000_000)),
        ("tenor", "over 12 months"): (D(60_000_000), D(1_000_000)),
    }


def test_a_promise_made_twice_is_one_and_with_another_amount_refused(cast: Cast) -> None:
    promise(cast, "application:1", "1000000")
    promise(cast, "application:1", "1000000")
    assert fund_position(cast.fund).reserved == D(1_000_000)
    with pytest.raises(Refused, match=r"has a promise of 1,000,000\.00 already"):
        promise(cast, "application:1", "2000000")
    release(reference="application:1", actor=None, on=cast.day, reason="no")
    release(reference="application:1", actor=None, on=cast.day, reason="no")
    assert fund_position(cast.fund).available == D(100_000_000)


def test_a_limit_set_below_what_is_promised_blocks_until_enough_is_given_back(cast: Cast) -> None:
    promise(cast, "application:1", "4000000")
    promise(cast, "application:2", "4000000")
    change(cast, partner_limit="5000000", max_ticket="5000000")
    assert invariants.headroom_agrees().passed
    with pytest.raises(Refused, match=r"leaves 0\.00"):
        promise(cast, "application:3", "500000")
    release(reference="application:1", actor=None, on=cast.day, reason="lapsed")
    assert invariants.headroom_agrees().passed
    with pytest.raises(Refused, match=r"leaves 1,000,000\.00"):
        promise(cast, "application:3", "1000000.01")
    promise(cast, "application:4", "1000000")
    assert invariants.headroom_agrees().passed


def test_a_policy_of_a_later_day_moves_the_limits_on_that_day(cast: Cast) -> None:
    promise(cast, "application:1", "1000000")
    policy = change(cast, days=1, partner_limit="1000000", max_ticket="1000000")
    assert policy_in_force(cast.fund, cast.day).version == 1
    promise(cast, "application:2", "1000000")
    day = advance_business_date(fund=cast.fund, from_date=cast.day, actor=None)
    assert start_of_day(fund=cast.fund, on=day)["limits_moved"] == 1
    assert start_of_day(fund=cast.fund, on=day)["limits_moved"] == 0
    assert policy_in_force(cast.fund, day) == policy


def test_nothing_is_promised_on_a_day_that_was_closed_meanwhile(cast: Cast) -> None:
    advance_business_date(fund=cast.fund, from_date=cast.day, actor=None)
    with pytest.raises(Refused, match="was closed meanwhile; the business date of Test fund is 2025-10-15"):
        promise(cast, "application:1", "1000000")


def test_the_business_date_moves_by_one_day_and_only_once(cast: Cast) -> None:
    assert lock_business_date(cast.fund) == cast.day
    advance_business_date(fund=cast.fund, from_date=cast.day, actor=None)
    with pytest.raises(Refused, match="closed already"):
        advance_business_date(fund=cast.fund, from_date=cast.day, actor=None)
    assert lock_business_date(cast.fund) == cast.day + timedelta(days=1)


def test_a_partner_that_changes_its_group_takes_its_promises_along(committed_db: str) -> None:
    cast = make_cast(group_limit="3000000")
    sister = make_partner([cast["eve"]], number="P-9002")
    promise(cast, "application:1", "2000000")
    early = promise(cast, "application:2", "1500000", partner=sister)
    connect_partner(partner=cast.partner, group_name="Sisters", actor=cast["anna"], on=cast.day)
    joined = connect_partner(partner=sister, group_name="Sisters", actor=cast["aron"], on=cast.day)
    # 3.5 million under a limit of 3: that they are connected is a fact, and nothing new fits.
    assert partner_exposure(fund=cast.fund, partner=joined).group == D(3_500_000)
    with pytest.raises(Refused, match="group Sisters leaves"):
        promise(cast, "application:3", "500000", partner=joined)
    assert invariants.groups_hold_their_members().breaks == []

    alone = connect_partner(partner=joined, group_name="", actor=cast["anna"], on=cast.day)
    promise(cast, "application:3", "500000", partner=alone)
    release(reference=early.reference, actor=cast["anna"], on=cast.day, reason="withdrawn")
    back = connect_partner(partner=alone, group_name="Sisters", actor=cast["anna"], on=cast.day)
    assert partner_exposure(fund=cast.fund, partner=back).group == D(2_500_000)
    findings = [check() for check in (invariants.headroom_agrees, invariants.groups_hold_their_members)]
    assert [(finding.breaks, finding.rows_seen > 0) for finding in findings] == [([], True)] * 2


def test_a_group_set_behind_the_books_back_is_found(cast: Cast) -> None:
    connect_partner(partner=cast.partner, group_name="Sisters", actor=cast["anna"], on=cast.day)
    promise(cast, "application:1", "2000000")
    Partner.objects.update(group=None)
    assert "counts 2000000" in invariants.groups_hold_their_members().breaks[0].sentence


@pytest.mark.parametrize("name", ["otto", "carl", "pia"])
def test_only_an_analyst_connects_partners(cast: Cast, name: str) -> None:
    with pytest.raises(Refused, match="connect partners"):
        connect_partner(partner=cast.partner, group_name="Sisters", actor=cast[name], on=cast.day)


@pytest.mark.parametrize("name", ["anna", "otto", "olga", "mia", "pia"])
def test_policies_and_funds_are_for_administrators_and_chairs(cast: Cast, name: str) -> None:
    with pytest.raises(Refused, match="for Administrator or Chair"):
        propose_policy(
            fund=cast.fund, values=programme_values(), effective_from=cast.day, actor=cast[name], on=cast.day
        )
    with pytest.raises(Refused, match="for Administrator"):
        set_auto_close(fund=cast.fund, auto_close=False, actor=cast[name], on=cast.day)
