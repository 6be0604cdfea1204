"""Posting: once for each business event, all or nothing, within the limits of whoever was promised what."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.models import AuditEvent
from loanfund.ledger.chart import AccountRef, EntryDraft, Leg, credit, debit, reversed_legs
from loanfund.ledger.models import Account, Book, JournalEntry, Posting
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.selectors import account_postings, balance_as_of, balances, closed_through, trial_balance
from loanfund.ledger.services import LimitReached, close_period, open_book, post_entries
from tests.ledger.books import ON, a_book, draft, held, move, post

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def book() -> Book:
    book = a_book()
    post(book, move(K.M_SIZE, K.M_AVAILABLE, "100.00"))
    return book


def test_an_entry_opens_its_accounts_and_moves_their_balances(book: Book) -> None:
    entry = post(book, move(K.UNAPPLIED, K.CASH, "12.34", by="facility:1"))
    assert (held(book, K.CASH), held(book, K.UNAPPLIED, "facility:1")) == (D("12.34"), D("12.34"))
    assert [(leg.line, leg.side, leg.amount) for leg in entry.legs.order_by("line")] == [
        (1, "C", D("12.34")),
        (2, "D", D("12.34")),
    ]


def test_an_account_never_opened_holds_nothing(book: Book) -> None:
    assert held(book, K.CASH) == 0


def test_entries_come_back_in_the_order_they_were_given(book: Book) -> None:
    drafts = [draft(book, move(K.UNAPPLIED, K.CASH, "1"), key=f"z{9 - n}") for n in range(5)]
    assert [entry.key for entry in post_entries(entries=drafts, actor=None, on=ON)] == [d.key for d in drafts]


def test_nothing_to_post_posts_nothing(book: Book) -> None:
    assert post_entries(entries=[], actor=None, on=ON) == []


def test_a_posting_is_one_call_to_the_database_and_one_audit_event(book: Book) -> None:
    drafts = [draft(book, move(K.UNAPPLIED, K.CASH, "1")) for _ in range(20)]
    events = AuditEvent.objects.count()
    with CaptureQueriesContext(connection) as queries:
        post_entries(entries=drafts, actor=None, on=ON)
    assert len([q for q in queries if "SAVEPOINT" not in q["sql"]]) == 1
    assert AuditEvent.objects.count() == events + 1


def test_the_same_event_posts_once_however_often_it_is_retried(book: Book) -> None:
    first = post(book, move(K.UNAPPLIED, K.CASH, "5"), key="receipt:1")
    after_midnight = post(book, move(K.UNAPPLIED, K.CASH, "5.00"), key="receipt:1", booked=ON + timedelta(1))
    assert after_midnight == first
    assert after_midnight.booking_date == ON
    assert held(book, K.CASH) == 5


def test_legs_in_another_order_or_split_are_the_same_event(book: Book) -> None:
    first = post(book, move(K.UNAPPLIED, K.CASH, "5"), key="receipt:1")
    other = (
        debit(K.CASH, "USD", "", D(2)) + debit(K.CASH, "USD", "", D(3)) + credit(K.UNAPPLIED, "USD", "", D(5))
    )
    assert post(book, other, key="receipt:1") == first


@pytest.mark.parametrize(
    ("legs", "value", "kind"),
    [
        (move(K.UNAPPLIED, K.CASH, "6"), ON, "test"),
        (move(K.UNAPPLIED, K.CASH, "5", by="facility:1"), ON, "test"),
        (move(K.CASH, K.UNAPPLIED, "5"), ON, "test"),
        (move(K.UNAPPLIED, K.CASH, "5"), ON - timedelta(1), "test"),
        (move(K.UNAPPLIED, K.CASH, "5"), ON, "another"),
    ],
)
def test_the_same_key_with_another_content_is_refused(
    book: Book, legs: tuple[Leg, ...], value: date, kind: str
) -> None:
    post(book, move(K.UNAPPLIED, K.CASH, "5"), key="receipt:1")
    with pytest.raises(OtherContent, match=r"receipt:1 is already in the book with another content"):
        post_entries(entries=[draft(book, legs, key="receipt:1", value=value, kind=kind)], actor=None, on=ON)
    assert held(book, K.CASH) == 5


def test_a_batch_half_of_which_is_known_posts_the_other_half(book: Book) -> None:
    known = draft(book, move(K.UNAPPLIED, K.CASH, "5"))
    fresh = draft(book, move(K.UNAPPLIED, K.CASH, "7"))
    first = post_entries(entries=[known], actor=None, on=ON)[0]
    both = post_entries(entries=[fresh, known], actor=None, on=ON)
    assert both[1] == first
    assert held(book, K.CASH) == 12


def test_a_known_fact_in_a_batch_does_not_disturb_the_limits_of_the_others(book: Book) -> None:
    known = draft(book, move(K.M_AVAILABLE, K.M_DRAWN, "100", to="facility:1", fact=True))
    post_entries(entries=[known], actor=None, on=ON)
    fresh = draft(book, move(K.M_AVAILABLE, K.M_DRAWN, "30", to="facility:1", fact=True))
    post_entries(entries=[known, fresh], actor=None, on=ON)
    assert held(book, K.M_DRAWN, "facility:1") == 130
    assert held(book, K.M_OVER_LIMIT) == 30


def test_a_refused_entry_leaves_the_whole_batch_out_and_the_transaction_usable(book: Book) -> None:
    good = draft(book, move(K.UNAPPLIED, K.CASH, "5"))
    bad = draft(book, move(K.M_AVAILABLE, K.M_RESERVED, "101", to="application:1"))
    with transaction.atomic():
        with pytest.raises(LimitReached):
            post_entries(entries=[good, bad], actor=None, on=ON)
        assert held(book, K.CASH) == 0


@pytest.mark.parametrize(
    ("legs", "sentence"),
    [
        ((), "needs a debit and a credit"),
        (debit(K.CASH, "USD", "", D(1)), "needs a debit and a credit"),
        (debit(K.CASH, "USD", "", D(1)) + credit(K.UNAPPLIED, "USD", "", D(2)), "does not balance: -1 USD"),
        (debit(K.CASH, "USD", "", D(1)) + credit(K.UNAPPLIED, "EUR", "", D(1)), "does not balance"),
        (debit(K.CASH, "USD", "", D(1)) + credit(K.M_SIZE, "USD", "", D(1)), "does not balance"),
        (debit(K.M_AVAILABLE, "USD", "", D(1)) + credit(K.M_LIMIT, "USD", "", D(1)), "does not balance"),
        (
            (Leg(AccountRef(K.CASH, "USD"), "D", D(0)), Leg(AccountRef(K.UNAPPLIED, "USD"), "C", D(0))),
            "above zero",
        ),
        ((Leg(AccountRef(K.CASH, "USD"), "D", D("NaN")),), "above zero"),
        (move(K.UNAPPLIED, K.CASH, "0.001"), "finer than USD allows"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_sentence(book: Book, legs: tuple[Leg, ...], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        post(book, legs)


def test_two_entries_of_one_posting_cannot_share_a_key(book: Book) -> None:
    drafts = [draft(book, move(K.UNAPPLIED, K.CASH, "5"), key="twice") for _ in range(2)]
    with pytest.raises(Refused, match="same key"):
        post_entries(entries=drafts, actor=None, on=ON)


def test_a_promise_past_the_fund_is_refused_and_says_what_is_left(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_RESERVED, "60", to="application:1"))
    with pytest.raises(LimitReached) as refused:
        post(book, move(K.M_AVAILABLE, K.M_RESERVED, "60", to="application:2"))
    assert str(refused.value) == "The fund has 40.00 USD left to promise, 60.00 USD is asked for."
    assert (refused.value.kind, refused.value.left, refused.value.asked) == (K.M_AVAILABLE, D(40), D(60))


def test_the_last_dollar_may_be_promised_and_not_a_cent_more(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_RESERVED, "100.00", to="application:1"))
    with pytest.raises(LimitReached):
        post(book, move(K.M_AVAILABLE, K.M_RESERVED, "0.01", to="application:2"))


@pytest.mark.parametrize(
    "kind", [K.CASH, K.UNAPPLIED, K.REFUNDS_IN_TRANSIT, K.LOAN_PRINCIPAL, K.DISBURSEMENTS_IN_TRANSIT]
)
def test_no_money_can_be_promised_that_is_not_held(book: Book, kind: K) -> None:
    down = credit if kind in {K.CASH, K.LOAN_PRINCIPAL, K.DISBURSEMENTS_IN_TRANSIT} else debit
    other = debit if down is credit else credit
    with pytest.raises(LimitReached):
        post(
            book,
            down(kind, "USD", "facility:1", D("0.01")) + other(K.FEES_DUE, "USD", "facility:1", D("0.01")),
        )


def test_a_fact_past_the_limit_posts_and_shows_as_over_limit(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_RESERVED, "60", to="application:1"))
    entry = post(book, move(K.M_AVAILABLE, K.M_DRAWN, "70", to="facility:1", fact=True))
    assert held(book, K.M_AVAILABLE) == 0
    assert held(book, K.M_OVER_LIMIT) == 30
    assert entry.leg_count == 3
    over = entry.legs.get(account__kind=K.M_OVER_LIMIT)
    assert over.instead_of == Account.objects.get(book=book, kind=K.M_AVAILABLE)


def test_while_something_is_over_the_limit_nothing_new_can_be_promised(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_DRAWN, "130", to="facility:1", fact=True))
    with pytest.raises(LimitReached):
        post(book, move(K.M_AVAILABLE, K.M_RESERVED, "0.01", to="application:1"))


def test_what_comes_back_fills_the_hole_before_it_can_be_promised(book: Book) -> None:
    post(book, move(K.M_AVAILABLE, K.M_DRAWN, "130", to="facility:1", fact=True))
    post(book, move(K.M_DRAWN, K.M_AVAILABLE, "50", by="facility:1"))
    assert (held(book, K.M_OVER_LIMIT), held(book, K.M_AVAILABLE)) == (D(0), D(20))


def test_two_facts_in_one_posting_share_the_room_that_is_left(book: Book) -> None:
    legs = [move(K.M_AVAILABLE, K.M_DRAWN, "70", to=f"facility:{n}", fact=True) for n in (1, 2)]
    post_entries(entries=[draft(book, one) for one in legs], actor=None, on=ON)
    assert (held(book, K.M_AVAILABLE), held(book, K.M_OVER_LIMIT)) == (D(0), D(40))


def test_a_fact_posted_again_is_the_same_fact_though_the_room_has_changed(book: Book) -> None:
    fact = draft(book, move(K.M_AVAILABLE, K.M_DRAWN, "130", to="facility:1", fact=True))
    first = post_entries(entries=[fact], actor=None, on=ON)
    post(book, move(K.M_DRAWN, K.M_AVAILABLE, "130", by="facility:1"))
    assert post_entries(entries=[fact], actor=None, on=ON) == first


def test_a_bounce_when_the_money_is_refunded_stands_as_a_receipt_to_recover(book: Book) -> None:
    post(book, move(K.UNAPPLIED, K.CASH, "100", by="facility:1"))
    post(book, debit(K.UNAPPLIED, "USD", "facility:1", D(60)) + credit(K.CASH, "USD", "", D(60)))
    bounce = debit(K.UNAPPLIED, "USD", "facility:1", D(100), fact=True) + credit(
        K.CASH, "USD", "", D(100), fact=True
    )
    post(book, bounce)
    assert held(book, K.OVER_LIMIT, "facility:1") == 60
    assert held(book, K.BANK_OVERDRAFT) == 60
    assert (held(book, K.CASH), held(book, K.UNAPPLIED, "facility:1")) == (D(0), D(0))


def test_a_reversal_leaves_every_balance_as_it_was(book: Book) -> None:
    legs = move(K.UNAPPLIED, K.CASH, "12.34", by="facility:1")
    post(book, legs)
    post(book, reversed_legs(legs))
    assert {
        line.balance for line in trial_balance(book_id=book.pk) if line.ref.kind in {K.CASH, K.UNAPPLIED}
    } == {D(0)}


def test_a_balance_can_be_read_as_of_any_booking_date(book: Book) -> None:
    for day in range(3):
        post(book, move(K.UNAPPLIED, K.CASH, "10"), booked=ON + timedelta(day))
    ref = AccountRef(K.CASH, "USD")
    read = [balance_as_of(ref, book_id=book.pk, booking_date=ON + timedelta(day)) for day in (-1, 0, 1, 2, 9)]
    assert read == [0, 10, 20, 30, 30]


def test_the_trial_balance_lists_every_account_and_sums_to_zero(book: Book) -> None:
    post(book, move(K.UNAPPLIED, K.CASH, "10", by="facility:1"), booked=ON + timedelta(1))
    now = trial_balance(book_id=book.pk)
    assert {line.ref.kind for line in now} == {K.M_SIZE, K.M_AVAILABLE, K.CASH, K.UNAPPLIED}
    assert sum(line.debit - line.credit for line in now) == 0
    before = trial_balance(book_id=book.pk, as_of=ON)
    assert {line.ref.kind for line in before} == {K.M_SIZE, K.M_AVAILABLE}


def test_the_balances_of_one_owner_come_together(book: Book) -> None:
    post(book, move(K.UNAPPLIED, K.CASH, "10", by="facility:1"))
    assert balances(book_id=book.pk, owner="facility:1") == {
        AccountRef(K.UNAPPLIED, "USD", "facility:1"): D(10)
    }


def test_the_postings_of_an_account_come_in_the_order_they_were_booked(book: Book) -> None:
    for amount in ("1", "2", "3"):
        post(book, move(K.UNAPPLIED, K.CASH, amount))
    assert [leg.amount for leg in account_postings(AccountRef(K.CASH, "USD"), book_id=book.pk)] == [1, 2, 3]


def test_the_same_owner_in_two_books_has_two_accounts() -> None:
    one, two = a_book("One"), a_book("Two")
    post(one, move(K.UNAPPLIED, K.CASH, "10", by="facility:1"))
    assert (held(one, K.CASH), held(two, K.CASH)) == (D(10), D(0))


def test_a_stable_coin_keeps_its_six_decimals() -> None:
    book = open_book(name="Coin", currency="USDC", actor=None, on=ON)
    post(book, move(K.UNAPPLIED, K.CASH, "0.000001", currency="USDC"))
    assert str(held(book, K.CASH)) == "0.000001"


def test_a_trillion_with_six_decimals_loses_nothing() -> None:
    book = open_book(name="Coin", currency="USDC", actor=None, on=ON)
    post(book, move(K.UNAPPLIED, K.CASH, "999999999999.999999", currency="USDC"))
    post(book, move(K.UNAPPLIED, K.CASH, "0.000001", currency="USDC"))
    assert held(book, K.CASH) == D("1000000000000")


def test_a_closed_month_takes_no_booking_and_a_value_date_in_it_is_booked_later(book: Book) -> None:
    march = {"starts_on": date(2026, 3, 1), "ends_on": date(2026, 3, 31)}
    april = date(2026, 4, 3)
    close_period(book=book, **march, actor=None, on=april)
    assert closed_through(book_id=book.pk) == date(2026, 3, 31)
    with pytest.raises(Refused, match="closed up to 2026-03-31"):
        post(book, move(K.UNAPPLIED, K.CASH, "1"), booked=date(2026, 3, 31))
    post(book, move(K.UNAPPLIED, K.CASH, "1"), booked=april, value=date(2026, 3, 20))


def test_a_month_is_closed_in_its_turn_and_only_once_it_is_over(book: Book) -> None:
    with pytest.raises(Refused, match="not over yet"):
        close_period(
            book=book, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31), actor=None, on=date(2026, 3, 31)
        )
    close_period(
        book=book, starts_on=date(2026, 3, 1), ends_on=date(2026, 3, 31), actor=None, on=date(2026, 4, 1)
    )
    with pytest.raises(Refused, match="next period to close starts on 2026-04-01"):
        close_period(
            book=book, starts_on=date(2026, 5, 1), ends_on=date(2026, 5, 31), actor=None, on=date(2026, 6, 1)
        )


def test_an_empty_book_has_no_closed_period(book: Book) -> None:
    assert closed_through(book_id=book.pk) is None


def test_an_entry_keeps_who_caused_it_and_when_it_was_known(book: Book) -> None:
    entry = post_entries(
        entries=[
            EntryDraft(
                "k",
                "receipt",
                book.pk,
                ON,
                ON - timedelta(9),
                move(K.UNAPPLIED, K.CASH, "1"),
                "memo",
                "receipt:3",
            )
        ],
        actor=None,
        on=ON,
    )[0]
    stored = JournalEntry.objects.get(pk=entry.pk)
    assert (stored.memo, stored.cause, stored.value_date) == ("memo", "receipt:3", ON - timedelta(9))
    assert stored.known_at is not None
    assert Posting.objects.filter(entry=stored).count() == 2
