"""What payments, corrections and losses do to the book."""

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loanfund.ledger.chart import AccountRef, Leg, family
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import postings
from loanfund.servicing.postings import LoanAmounts, Returned

D = Decimal
USD, FAC, LOAN = "USD", "facility:1", "loan:4"


def net(*entries: tuple[Leg, ...]) -> dict[tuple[K, str], Decimal]:
    """Debits less credits of each account that does not end at zero."""
    sums: dict[tuple[K, str], Decimal] = defaultdict(Decimal)
    for leg in (leg for legs in entries for leg in legs):
        sums[leg.account.kind, leg.account.owner] += leg.amount if leg.side == "D" else -leg.amount
    return {account: amount for account, amount in sums.items() if amount}


def test_a_drawdown_becomes_a_loan_and_leaves_nothing_in_transit() -> None:
    step = {"currency": USD, "facility": FAC, "amount": D(1000)}
    assert net(
        postings.drawdown_requested(**step),
        postings.drawdown_released(**step, fees_netted=D(10)),
        postings.drawdown_settled(**step, loan=LOAN, fees_netted=D(10)),
    ) == {
        (K.LOAN_PRINCIPAL, LOAN): D(1000),
        (K.CASH, ""): D(-990),
        (K.FEES_DUE, FAC): D(-10),
        (K.M_UNDRAWN, FAC): D(-1000),
        (K.M_DRAWN, FAC): D(1000),
    }


def test_a_failed_payment_stays_earmarked_until_the_drawdown_is_cancelled() -> None:
    step = {"currency": USD, "facility": FAC, "amount": D(1000)}
    sent = (postings.drawdown_requested(**step), postings.drawdown_released(**step))
    assert net(*sent, postings.payment_failed(**step)) == {
        (K.M_UNDRAWN, FAC): D(-1000),
        (K.M_EARMARKED, FAC): D(1000),
    }
    assert net(*sent, postings.payment_failed(**step, cancelled=True)) == {}


def test_a_release_is_refused_without_cash_but_a_bounce_is_not() -> None:
    release = postings.drawdown_released(currency=USD, facility=FAC, amount=D(5))
    bounce = postings.receipt_bounced(currency=USD, owner=FAC, amount=D(5))
    assert not any(leg.fact for leg in release)
    assert all(leg.fact for leg in bounce)


def test_a_night_of_a_loan_not_accruing_goes_to_suspense() -> None:
    legs = postings.daily_accrual(currency=USD, interest=D(7), interest_in_suspense=D(2))
    assert net(legs) == {
        (K.ACCRUED_INTEREST, ""): D(9),
        (K.INTEREST_INCOME, ""): D(-7),
        (K.INTEREST_SUSPENSE, ""): D(-2),
    }


def test_a_night_without_interest_posts_nothing() -> None:
    assert postings.daily_accrual(currency=USD) == ()


def test_a_negative_night_posts_the_other_way_round() -> None:
    assert net(postings.daily_accrual(currency=USD, interest=D(-7))) == {
        (K.ACCRUED_INTEREST, ""): D(-7),
        (K.INTEREST_INCOME, ""): D(7),
    }


APPLIED = {
    "currency": USD,
    "facility": FAC,
    "loans": [LoanAmounts(LOAN, principal=D(100), capitalised=D(20), interest=D(3), default_interest=D(1))],
    "fees": D(5),
    "costs": D(6),
}


@pytest.mark.parametrize(
    ("returned", "target"),
    [
        (Returned.UNDRAWN, (K.M_UNDRAWN, FAC)),
        (Returned.AVAILABLE, (K.M_AVAILABLE, "")),
        (Returned.REPAID, (K.M_REPAID, FAC)),
    ],
)
def test_a_receipt_pays_every_class_and_only_lent_principal_moves_the_fund(
    returned: Returned, target: tuple[K, str]
) -> None:
    assert net(postings.receipt_applied(**APPLIED, returned=returned)) == {
        (K.UNAPPLIED, FAC): D(135),
        (K.COSTS_DUE, FAC): D(-6),
        (K.FEES_DUE, FAC): D(-5),
        (K.DEFAULT_INTEREST_DUE, LOAN): D(-1),
        (K.INTEREST_DUE, LOAN): D(-3),
        (K.CAPITALISED_INTEREST, LOAN): D(-20),
        (K.LOAN_PRINCIPAL, LOAN): D(-100),
        (K.M_DRAWN, FAC): D(-100),
        target: D(100),
    }


def test_an_allocation_taken_back_leaves_nothing_behind() -> None:
    back = APPLIED | {
        "loans": [
            LoanAmounts(LOAN, principal=D(-100), capitalised=D(-20), interest=D(-3), default_interest=D(-1))
        ],
        "fees": D(-5),
        "costs": D(-6),
    }
    assert net(postings.receipt_applied(**APPLIED), postings.receipt_applied(**back)) == {}


def test_a_receipt_a_refund_and_its_payment_leave_the_books_as_they_were() -> None:
    step = {"currency": USD, "owner": FAC, "amount": D(10)}
    assert (
        net(postings.receipt_booked(**step), postings.refund_approved(**step), postings.refund_paid(**step))
        == {}
    )
    assert net(postings.refund_approved(**step), postings.refund_failed(**step)) == {}


def test_a_refund_is_a_promise_that_cannot_exceed_what_is_held() -> None:
    assert not any(leg.fact for leg in postings.refund_approved(currency=USD, owner=FAC, amount=D(10)))


def test_a_million_prepaid_on_20_march_and_known_on_10_april_takes_back_1750() -> None:
    """3 % ACT/360 on 1,000,000: 12 nights of March were billed and paid, 9 of April still accrue."""
    legs = postings.interest_corrected(
        currency=USD, facility=FAC, loan=LOAN, accrued=D("-750.00"), paid=D("-1000.00")
    )
    assert net(legs) == {
        (K.INTEREST_INCOME, ""): D("1750.00"),
        (K.UNAPPLIED, FAC): D("-1000.00"),
        (K.ACCRUED_INTEREST, ""): D("-750.00"),
    }


def test_a_correction_of_a_suspended_loan_leaves_income_alone() -> None:
    legs = postings.interest_corrected(currency=USD, facility=FAC, loan=LOAN, billed=D(5), suspended=True)
    assert net(legs) == {(K.INTEREST_DUE, LOAN): D(5), (K.INTEREST_SUSPENSE, ""): D(-5)}


def test_replayed_minus_booked_posts_each_account_on_the_side_it_moved_to() -> None:
    changes = {
        AccountRef(K.LOAN_PRINCIPAL, USD, LOAN): D(-40),
        AccountRef(K.UNAPPLIED, USD, FAC): D(-40),
        AccountRef(K.INTEREST_DUE, USD, LOAN): D(0),
    }
    legs = postings.correction(changes=changes)
    assert net(legs) == {(K.LOAN_PRINCIPAL, LOAN): D(-40), (K.UNAPPLIED, FAC): D(40)}
    assert all(leg.fact for leg in legs)


def test_capitalised_interest_uses_no_fund_money() -> None:
    assert net(postings.capitalisation(currency=USD, loan=LOAN, accrued=D(3), due=D(4))) == {
        (K.CAPITALISED_INTEREST, LOAN): D(7),
        (K.ACCRUED_INTEREST, ""): D(-3),
        (K.INTEREST_DUE, LOAN): D(-4),
    }


def test_a_waiver_of_what_was_never_income_is_no_expense() -> None:
    claim = [LoanAmounts(LOAN, principal=D(100), interest=D(30))]
    assert net(postings.waiver(currency=USD, facility=FAC, loans=claim, in_suspense=D(30))) == {
        (K.WAIVER_EXPENSE, ""): D(100),
        (K.INTEREST_SUSPENSE, ""): D(30),
        (K.INTEREST_DUE, LOAN): D(-30),
        (K.LOAN_PRINCIPAL, LOAN): D(-100),
        (K.M_DRAWN, FAC): D(-100),
        (K.M_WRITTEN_OFF, FAC): D(100),
    }


@pytest.mark.parametrize(
    ("held", "topped_up"), [(D(0), D(100)), (D(60), D(40)), (D(100), D(0)), (D(150), D(0))]
)
def test_a_write_off_tops_the_allowance_up_and_uses_it(held: Decimal, topped_up: Decimal) -> None:
    claim = [LoanAmounts(LOAN, principal=D(90), capitalised=D(10), interest=D(7))]
    legs = postings.write_off(
        currency=USD, facility=FAC, loans=claim, in_suspense=D(7), allowance_held=held, undrawn=D(50)
    )
    result = net(legs)
    assert result.get((K.IMPAIRMENT_EXPENSE, ""), D(0)) == topped_up
    assert result.get((K.LOSS_ALLOWANCE, FAC), D(0)) == D(100) - topped_up
    assert result[K.INTEREST_SUSPENSE, ""] == D(7)
    assert result[K.M_WRITTEN_OFF, FAC] == D(90)
    assert (result[K.M_UNDRAWN, FAC], result[K.M_AVAILABLE, ""]) == (D(-50), D(50))


def test_what_is_recovered_counts_as_repaid_unless_the_policy_lends_it_again() -> None:
    recovered = {"currency": USD, "facility": FAC, "amount": D(10), "principal": D(8)}
    assert net(postings.recovery(**recovered))[K.M_REPAID, FAC] == D(8)
    assert net(postings.recovery(**recovered, recycled=True))[K.M_AVAILABLE, ""] == D(8)


def test_return_to_accrual_undoes_the_suspense() -> None:
    assert (
        net(
            postings.non_accrual(currency=USD, interest=D(10), default_interest=D(2)),
            postings.non_accrual(currency=USD, interest=D(-10), default_interest=D(-2)),
        )
        == {}
    )


amounts = st.decimals(min_value=-1000, max_value=1000, places=2)


@given(st.tuples(*[amounts] * 8), st.sampled_from(list(Returned)))
def test_every_signed_event_balances_in_money_and_in_the_fund(
    values: tuple[Decimal, ...], returned: Returned
) -> None:
    principal, capitalised, interest, default, accrued, accrued_default, fees, costs = values
    claims = [LoanAmounts(LOAN, principal, capitalised, interest, default, accrued, accrued_default)]
    both = {"currency": USD, "facility": FAC, "loans": claims}
    for legs in (
        postings.receipt_applied(**both, fees=fees, costs=costs, returned=returned, headroom=["partner:1"]),
        postings.waiver(**both, fees=fees, costs=costs, in_suspense=interest),
        postings.write_off(**both, fees=fees, costs=costs, in_suspense=interest, undrawn=abs(principal)),
        postings.fell_due(**both, commitment_fee=fees),
    ):
        sums: dict[int, Decimal] = defaultdict(Decimal)
        for leg in legs:
            assert leg.amount > 0
            sums[family(leg.account.kind)] += leg.amount if leg.side == "D" else -leg.amount
        assert not any(sums.values())
