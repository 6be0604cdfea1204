"""The waterfall: which sums a receipt pays, in the agreed order and never in that of arrival."""

from loanfund.calculation import events as ev
from loanfund.calculation.terms import WATERFALL, Component
from loanfund.calculation.waterfall import in_paying_order, loan_number
from tests.calculation.deals import after, day, drawn, money, open_dues, paid

COST = ev.Charged(id="court", value_date=day(96), component=Component.COSTS, amount=money(500))
FEE = ev.Charged(id="letter", value_date=day(96), component=Component.FEES, amount=money(300))
LATE = {"default_margin": money("0.02")}


def test_costs_come_first_then_fees_default_interest_interest_and_principal() -> None:
    history = after(100, [drawn(), COST, FEE, paid(1_000, 96)], **LATE)
    paid_first = [(share.component, share.amount) for share in history.shares]
    # 6 nights of 75,000.00 at 5 %: 62.50 of default interest.
    assert paid_first == [
        ("costs", 50_000),
        ("fees", 30_000),
        ("default_interest", 6_250),
        ("interest", 13_750),
    ]


def test_the_order_of_classes_is_a_term() -> None:
    interest_first = (Component.INTEREST, *(one for one in WATERFALL if one is not Component.INTEREST))
    history = after(100, [drawn(), COST, FEE, paid(1_000, 96)], waterfall=interest_first, **LATE)
    assert [(share.component, share.amount) for share in history.shares] == [("interest", 100_000)]


def test_within_a_class_the_oldest_due_date_is_paid_first() -> None:
    history = after(185, [drawn(), paid(100_000, 185)], grace_days=100)
    assert open_dues(history) == {f"L1:interest:{day(180)}": money("50000.00")}


def test_due_on_one_day_the_lower_loan_number_is_paid_first_however_the_loans_were_drawn_or_spelt() -> None:
    loans = [drawn(1_000_000, 0, "LN-10"), drawn(1_000_000, 0, "LN-9"), drawn(1_000_000, 0, "LN-2")]
    history = after(90, [*loans, paid(8_000, 90)])
    assert [(share.loan, share.amount) for share in history.shares] == [("LN-2", 750_000), ("LN-9", 50_000)]
    assert sorted(["LN-10", "LN-9", "", "LN-2"], key=loan_number) == ["", "LN-2", "LN-9", "LN-10"]


def test_what_is_paid_is_in_no_order_any_more() -> None:
    history = after(90, [drawn(), paid(75_000, 90)])
    assert in_paying_order(history.state.dues.values(), WATERFALL) == []


def test_two_receipts_in_a_day_go_by_the_senders_id_and_not_by_arrival() -> None:
    one, other = paid(50_000, 90, "a"), paid(50_000, 90, "b")
    for arrived in ([one, other], [other, one]):
        history = after(90, [drawn(), *arrived])
        assert [(share.source, share.amount) for share in history.shares] == [
            ("a", 5_000_000),
            ("b", 2_500_000),
        ]
