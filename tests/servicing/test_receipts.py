"""Money that came in: found to belong somewhere, held when not, split by a decision, sent back by two people."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import JournalEntry
from loanfund.reporting.verification import verify_books
from loanfund.servicing import selectors, services
from loanfund.servicing.models import Receipt, Refund
from tests.servicing.world import World, assert_books_hold, bullet, make_world

D = Decimal
HUNDRED = D(100)
pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet())
    return made


BANK = """reference,amount,currency,value_date,sender
{facility} interest,"1,250.00",USD,2026-03-02,Northlight
no idea,75.10,USD,2026-03-02,Somebody
{facility} again,-5,USD,2026-03-02,Northlight
{facility} interest,1250.00,USD,2026-03-02,Northlight
"""
COINS = """hash,time,asset,amount,sender,reference
0xabc,2026-03-01T23:30:00+00:00,USD,10.000000,0xfeed,{facility}
0xdef,2026-03-02T09:00:00+00:00,USDC,10.000000,0xfeed,{facility}
"""


def test_a_bank_file_becomes_receipts_or_sentences(world: World) -> None:
    text = BANK.format(facility=world.facility.number)
    imported = services.import_payments(
        fund=world.fund, layout="bank", name="march.csv", text=text, actor=world.maker, on=world.today
    )
    outcomes = [row.outcome for row in imported.lines.order_by("line")]
    assert outcomes[0] == f"the reference names {world.facility.number}"
    assert outcomes[1] == "nothing in it names a facility"
    assert outcomes[2] == "money out, beside the book's cash"
    assert "entered already" in outcomes[3]
    with pytest.raises(Refused, match="was imported"):
        services.import_payments(
            fund=world.fund, layout="bank", name="again.csv", text=text, actor=world.maker, on=world.today
        )


def test_a_coin_transfer_takes_its_value_date_from_the_funds_clock(world: World) -> None:
    """23:30 is past the cut-off of 17:00: it counts as the next day's. Another asset needs a recorded rate."""
    imported = services.import_payments(
        fund=world.fund,
        layout="stablecoin",
        name="chain.csv",
        text=COINS.format(facility=world.facility.number),
        actor=world.maker,
        on=world.today,
    )
    first, second = imported.lines.order_by("line")
    assert first.receipt is not None
    assert first.receipt.value_date == world.today
    assert "record the rate" in second.outcome


def test_a_file_with_a_wrong_column_says_which(world: World) -> None:
    with pytest.raises(Refused, match="no column value_date"):
        services.import_payments(
            fund=world.fund,
            layout="bank",
            name="x.csv",
            text="reference,amount,currency,date,sender\n",
            actor=world.maker,
            on=world.today,
        )


def test_whoever_entered_a_receipt_cannot_book_it(world: World) -> None:
    receipt = services.enter_receipt(
        fund=world.fund,
        amount=D(5),
        value_date=world.today,
        reference="x",
        actor=world.maker,
        on=world.today,
    )
    with pytest.raises(Refused, match="another person has to decide"):
        services.book_receipt(receipt=receipt, actor=world.maker_may_check(), on=world.today)


def test_unmatched_money_is_held_until_a_decision_splits_it(world: World) -> None:
    second = world.sign(bullet(), commitment=D(1_000_000))
    receipt = world.receive(D("100.00"), reference="thank you")
    assert receipt.facility is None
    assert world.held(K.UNAPPLIED) == D("100.00")
    with pytest.raises(Refused, match=r"100\.00 USD"):
        services.propose_split(
            receipt=receipt, parts=[(second, D("100.01"))], reason="mail", actor=world.maker, on=world.today
        )
    shares = services.propose_split(
        receipt=receipt,
        parts=[(world.facility, D("60.00")), (second, D("30.00"))],
        reason="the partner's mail",
        actor=world.maker,
        on=world.today,
    )
    for share in shares:
        services.book_share(share=share, actor=world.checker, on=world.today)
    assert world.held(K.UNAPPLIED) == D("10.00")
    assert selectors.unapplied(second) == D("30.00")
    assert selectors.unassigned(receipt) == D("10.00")
    services.reverse_receipt(receipt=receipt, reason="bounced", actor=world.releaser, on=world.today)
    assert world.held(K.UNAPPLIED) == selectors.unapplied(second) == selectors.unapplied(world.facility) == 0
    assert_books_hold()


def test_an_overpayment_is_refunded_by_two_people_and_never_beyond_what_is_held(world: World) -> None:
    world.receive(D("100.00"))
    refund = services.propose_refund(
        facility=world.facility, amount=D("100.00"), reason="overpaid", actor=world.maker, on=world.today
    )
    with pytest.raises(Refused, match="another person has to decide"):
        services.approve_refund(refund=refund, actor=world.maker_may_check(), on=world.today)
    refund = services.approve_refund(refund=refund, actor=world.checker, on=world.today)
    with pytest.raises(Refused, match="held unapplied"):
        services.propose_refund(
            facility=world.facility, amount=D("0.01"), reason="more", actor=world.maker, on=world.today
        )
    cash = world.held(K.CASH)
    services.pay_refund(refund=refund, reference="OUT-1", actor=world.maker, on=world.today)
    assert world.held(K.CASH) == cash - 100
    assert_books_hold()


def test_a_refund_told_late_left_on_its_own_day_even_in_a_month_that_is_closed(world: World) -> None:
    world.receive(D("100.00"))
    approved = world.today
    refund = services.propose_refund(
        facility=world.facility, amount=D("100.00"), reason="overpaid", actor=world.maker, on=approved
    )
    services.approve_refund(refund=refund, actor=world.checker, on=approved)
    world.close_through(date(2026, 4, 2))
    paid = {"refund": refund, "reference": "OUT-1", "actor": world.maker, "on": world.today}
    for day in (approved - timedelta(days=1), world.today + timedelta(days=1)):
        with pytest.raises(Refused, match="it left on a day between the two"):
            services.pay_refund(**paid, value_date=day)
    services.pay_refund(**paid, value_date=date(2026, 3, 31))
    entry = JournalEntry.objects.get(kind="refund_paid")
    assert (entry.value_date, entry.booking_date) == (date(2026, 3, 31), date(2026, 4, 3))
    assert Refund.objects.get().paid_on == date(2026, 3, 31)
    world.close_through(date(2026, 4, 3))
    assert_books_hold()


def test_a_rejected_entry_may_be_entered_again(world: World) -> None:
    entered = {
        "fund": world.fund,
        "amount": D(5),
        "value_date": world.today,
        "reference": "R-1",
        "on": world.today,
    }
    receipt = services.enter_receipt(**entered, actor=world.maker)
    with pytest.raises(Refused, match="entered already"):
        services.enter_receipt(**entered, actor=world.maker)
    services.reject_receipt(receipt=receipt, reason="typing error", actor=world.checker, on=world.today)
    assert services.enter_receipt(**entered, actor=world.maker).state == Receipt.State.ENTERED


def test_a_receipt_whose_cash_stayed_when_it_was_reversed_is_named(world: World) -> None:
    kept, back = world.receive(D(5)), world.receive(D(7))
    services.reverse_receipt(receipt=back, reason="bounced", actor=world.releaser, on=world.today)
    assert_books_hold()
    Receipt.objects.filter(pk=kept.pk).update(state="reversed", reversed_on=world.today)
    (found,) = [one for one in verify_books(apps=("servicing",)) if one.breaks]
    assert [broken.object for broken in found.breaks] == [f"servicing_receipt:{kept.pk}"]


def test_what_is_held_is_said_with_every_decimal_of_its_currency() -> None:
    """4,000 millionths of a coin are not 0.00."""
    world = make_world(currency="USDC")
    coin = services.enter_receipt(
        fund=world.fund,
        amount=D("0.004"),
        value_date=world.today,
        reference="dust",
        actor=world.maker,
        on=world.today,
    )
    booked = services.book_receipt(receipt=coin, actor=world.checker, on=world.today)
    with pytest.raises(Refused, match=r"^0\.004000 USDC is held unapplied\.$"):
        refund(world, booked, D("0.005"))
    assert refund(world, booked, D("0.004")).amount == D("0.004")


def held_for_nobody(world: World, reference: str, *, booked: bool = True) -> Receipt:
    """100.00 that names no facility."""
    entered = services.enter_receipt(
        fund=world.fund,
        amount=D(100),
        value_date=world.today,
        reference=reference,
        actor=world.maker,
        on=world.today,
    )
    return services.book_receipt(receipt=entered, actor=world.checker, on=world.today) if booked else entered


def refund(world: World, receipt: Receipt, amount: Decimal = HUNDRED) -> Refund:
    return services.propose_refund(
        receipt=receipt, amount=amount, reason="sent back", actor=world.maker, on=world.today
    )


def test_what_the_bank_took_back_or_nobody_booked_is_not_refunded_out_of_others_money(world: World) -> None:
    bounced, others, entered = (
        held_for_nobody(world, "first"),
        held_for_nobody(world, "second"),
        held_for_nobody(world, "third", booked=False),
    )
    proposed = refund(world, bounced)
    services.reverse_receipt(receipt=bounced, reason="bounced", actor=world.releaser, on=world.today)
    with pytest.raises(Refused, match=r"Only 0\.00 USD is still held"):
        services.approve_refund(refund=proposed, actor=world.checker, on=world.today)
    for receipt in (bounced, entered):
        with pytest.raises(Refused, match=r"0\.00 USD is held unapplied"):
            refund(world, receipt)
    assert refund(world, others).amount == world.held(K.UNAPPLIED) == 100


def test_a_bounce_of_what_was_refunded_leaves_the_money_of_others_alone(world: World) -> None:
    """60.00 of the first 100.00 went back before the bank took it: they are to be had from its sender, not from the next."""
    first, second = held_for_nobody(world, "first"), held_for_nobody(world, "second")
    sent = refund(world, first, D(60))
    services.approve_refund(refund=sent, actor=world.checker, on=world.today)
    services.pay_refund(refund=sent, reference="back", actor=world.maker, on=world.today)
    services.reverse_receipt(receipt=first, reason="bounced", actor=world.releaser, on=world.today)
    assert (world.held(K.UNAPPLIED), world.held(K.OVER_LIMIT, f"receipt:{first.pk}")) == (D(100), D(60))
    (share,) = services.propose_split(
        receipt=second,
        parts=[(world.facility, D(100))],
        reason="their clerk wrote",
        actor=world.maker,
        on=world.today,
    )
    services.book_share(share=share, actor=world.checker, on=world.today)
    assert selectors.unapplied(world.facility) == 100
    third = held_for_nobody(world, "third")
    assert refund(world, third).amount == world.held(K.UNAPPLIED) == 100
    assert_books_hold()


def test_a_refund_that_cannot_be_paid_is_held_again_and_pays_what_fell_due_meanwhile() -> None:
    """The bank refuses the account a month later: since it never left, it pays the interest of that month on its day."""
    world = make_world()
    world.sign(bullet(months=1))
    loan = world.draw(D(1_000_000))
    world.receive(HUNDRED)
    sent = services.propose_refund(
        facility=world.facility, amount=HUNDRED, reason="too much", actor=world.maker, on=world.today
    )
    services.approve_refund(refund=sent, actor=world.checker, on=world.today)
    world.close_through(date(2026, 4, 10))
    assert world.held(K.INTEREST_DUE, f"loan:{loan.pk}") == D("2583.33")
    done = services.fail_refund(refund=sent, reason="no such account", actor=world.maker, on=world.today)
    assert done.state == Refund.State.FAILED
    assert world.held(K.REFUNDS_IN_TRANSIT, f"facility:{world.facility.pk}") == 0
    assert world.held(K.INTEREST_DUE, f"loan:{loan.pk}") == D("2483.33")
    assert selectors.unapplied(world.facility) == 0
    with pytest.raises(Refused, match="is Not paid: it cannot be paid"):
        services.pay_refund(refund=sent, reference="X", actor=world.maker, on=world.today)
    with pytest.raises(Refused, match="is Not paid: it cannot be taken back"):
        services.fail_refund(refund=sent, reason="x", actor=world.maker, on=world.today)
    assert_books_hold()
    world.close_through(world.today)
    assert_books_hold()


def test_a_refund_of_nobodys_money_that_is_not_paid_is_held_again_or_makes_its_bounce_good(
    world: World,
) -> None:
    kept, bounced = held_for_nobody(world, "first"), held_for_nobody(world, "second")
    for receipt in (kept, bounced):
        sent = refund(world, receipt)
        services.approve_refund(refund=sent, actor=world.checker, on=world.today)
        if receipt is bounced:
            services.reverse_receipt(receipt=bounced, reason="bounced", actor=world.releaser, on=world.today)
        services.fail_refund(refund=sent, reason="no such account", actor=world.maker, on=world.today)
    assert world.held(K.OVER_LIMIT, f"receipt:{bounced.pk}") == world.held(K.REFUNDS_IN_TRANSIT) == 0
    assert selectors.unassigned(kept) == world.held(K.UNAPPLIED) == 100
    assert refund(world, kept).amount == 100
    assert_books_hold()
