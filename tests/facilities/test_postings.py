"""What promises do to the book: every movement keeps the fund's size, and says who may still be promised what."""

from collections import defaultdict
from decimal import Decimal

import pytest

from loanfund.facilities import postings
from loanfund.ledger.chart import Leg, family
from loanfund.ledger.models import AccountKind as K

D = Decimal
USD = "USD"


def net(*entries: tuple[Leg, ...]) -> dict[tuple[K, str], Decimal]:
    """Debits less credits of each account that does not end at zero."""
    sums: dict[tuple[K, str], Decimal] = defaultdict(Decimal)
    for leg in (leg for legs in entries for leg in legs):
        sums[leg.account.kind, leg.account.owner] += leg.amount if leg.side == "D" else -leg.amount
    return {account: amount for account, amount in sums.items() if amount}


def test_capital_paid_in_is_cash_and_may_all_be_promised() -> None:
    assert net(postings.capital_paid_in(currency=USD, amount=D("100000000"))) == {
        (K.CASH, ""): D("100000000"),
        (K.FUND_CAPITAL, ""): D("-100000000"),
        (K.M_SIZE, ""): D("-100000000"),
        (K.M_AVAILABLE, ""): D("100000000"),
    }


def test_an_approval_uses_the_fund_and_the_limits_of_partner_and_group() -> None:
    legs = postings.approval(
        currency=USD, application="application:7", amount=D(5), headroom=["partner:1", "group:2"]
    )
    assert net(legs) == {
        (K.M_AVAILABLE, ""): D(-5),
        (K.M_RESERVED, "application:7"): D(5),
        (K.M_HEADROOM, "partner:1"): D(-5),
        (K.M_PROMISED, "partner:1"): D(5),
        (K.M_HEADROOM, "group:2"): D(-5),
        (K.M_PROMISED, "group:2"): D(5),
    }


def test_an_approval_and_its_lapse_leave_nothing_behind() -> None:
    promise = {"currency": USD, "application": "application:7", "amount": D(5)}
    limits = ["partner:1"]
    assert (
        net(
            postings.approval(**promise, headroom=limits),
            postings.reservation_released(**promise, headroom=limits),
        )
        == {}
    )


def test_signing_moves_the_promise_from_the_application_to_the_facility() -> None:
    legs = postings.signing(currency=USD, application="application:7", facility="facility:3", amount=D(5))
    assert net(legs) == {(K.M_RESERVED, "application:7"): D(-5), (K.M_UNDRAWN, "facility:3"): D(5)}


def test_an_approval_is_a_promise_that_the_database_may_refuse() -> None:
    legs = postings.approval(currency=USD, application="application:7", amount=D(5), headroom=["partner:1"])
    assert not any(leg.fact for leg in legs)


def test_a_limit_lowered_below_what_is_promised_is_a_fact() -> None:
    legs = postings.limit_set(currency=USD, owner="partner:1", before=D(20), after=D(15))
    assert net(legs) == {(K.M_LIMIT, "partner:1"): D(5), (K.M_HEADROOM, "partner:1"): D(-5)}
    assert all(leg.fact for leg in legs)


def test_a_limit_that_did_not_change_moves_nothing() -> None:
    assert postings.limit_set(currency=USD, owner="partner:1", before=D(20), after=D(20)) == ()


def test_a_cancellation_gives_back_the_commitment_and_makes_its_accrued_fee_due() -> None:
    legs = postings.cancellation(
        currency=USD, facility="facility:3", amount=D(5), fee_due=D("0.25"), headroom=["partner:1"]
    )
    assert net(legs) == {
        (K.FEES_DUE, "facility:3"): D("0.25"),
        (K.ACCRUED_COMMITMENT_FEE, ""): D("-0.25"),
        (K.M_UNDRAWN, "facility:3"): D(-5),
        (K.M_AVAILABLE, ""): D(5),
        (K.M_HEADROOM, "partner:1"): D(5),
        (K.M_PROMISED, "partner:1"): D(-5),
    }


def test_the_end_of_availability_posts_as_a_cancellation() -> None:
    assert postings.availability_ended(
        currency=USD, facility="facility:3", amount=D(5)
    ) == postings.cancellation(currency=USD, facility="facility:3", amount=D(5))


def test_an_arrangement_fee_is_due_from_the_facility() -> None:
    assert net(postings.arrangement_fee(currency=USD, facility="facility:3", amount=D(9))) == {
        (K.FEES_DUE, "facility:3"): D(9),
        (K.ARRANGEMENT_FEE_INCOME, ""): D(-9),
    }


@pytest.mark.parametrize(
    "legs",
    [
        postings.capital_paid_in(currency=USD, amount=D(7)),
        postings.capital_paid_out(currency=USD, amount=D(7)),
        postings.commitment_increased(currency=USD, facility="facility:3", amount=D(7), headroom=["group:2"]),
        postings.cancellation(
            currency=USD, facility="facility:3", amount=D(7), fee_due=D(1), headroom=["group:2"]
        ),
    ],
)
def test_money_size_and_limits_each_balance_on_their_own(legs: tuple[Leg, ...]) -> None:
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for leg in legs:
        sums[family(leg.account.kind)] += leg.amount if leg.side == "D" else -leg.amount
    assert set(sums.values()) == {D(0)}


def test_every_owner_has_a_name_of_its_own() -> None:
    owners = [
        postings.facility_owner(1),
        postings.loan_owner(1),
        postings.application_owner(1),
        postings.partner_owner(1),
        postings.group_owner(1),
        postings.segment_owner("1"),
        postings.tenor_owner("1"),
        postings.FUND,
    ]
    assert len(set(owners)) == len(owners)
