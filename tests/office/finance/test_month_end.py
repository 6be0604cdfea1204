"""The month end's list: what holds, what does not, and where to look."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.audit.models import AuditEvent
from loanfund.ledger.chart import AccountRef, EntryDraft, Leg
from loanfund.ledger.models import AccountKind
from loanfund.ledger.services import post_entries
from loanfund.parties import roles
from loanfund.reporting.models import MonthLock
from loanfund.reporting.selectors import statement_for
from loanfund.reporting.services import month_locks
from loanfund.servicing import services
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
PATH = "/office/month-end/"


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 3, 31))
    return made


def test_a_month_is_ready_when_everything_holds_and_names_what_does_not(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    page = text_of(finance.get(PATH))
    assert "March 2026 ready to lock" in page
    assert "Closes complete Holds: 30 of 30 days" in page
    assert "Sub-ledger equals ledger Holds:" in page
    services.enter_receipt(
        fund=world.fund,
        amount=Decimal(10),
        value_date=date(2026, 3, 30),
        reference="late news",
        actor=world.maker,
        on=world.today,
    )
    page = text_of(finance.get(PATH, {"month": "2026-03"}))
    assert "not ready" in page
    assert "Receipts booked Does not hold: 1 waits" in page
    assert "Closes complete Does not hold: 0 of 30 days" in text_of(finance.get(PATH, {"month": "2026-04"}))
    assert "Outside the fund's time" in text_of(finance.get(PATH, {"month": "2020-01"}))
    assert "Outside the fund's time" in text_of(finance.get(PATH, {"month": "9999-12"}))
    assert "Enter a month such as" in text_of(finance.get(PATH, {"month": "March"}))


def test_who_sees_the_list(world: World) -> None:
    for role in roles.ALL:
        sees = role in {roles.FINANCE, roles.OPERATIONS_CHECKER, roles.AUDITOR}
        assert (sign_in(person(role.replace(" ", ""), role)).get(PATH).status_code == 200) == sees, role


def test_two_people_lock_a_month_and_two_reopen_it(world: World) -> None:
    first, second = sign_in(person("Fin", roles.FINANCE)), sign_in(person("Flo", roles.FINANCE))
    assert offers(first, PATH) == {"propose"}
    assert "March 2026 is put forward" in said(first, send(first, PATH, "propose"))
    assert offers(first, PATH) == {"refuse"}
    assert "another person has to lock it" in text_of(first.get(PATH))
    assert "You put this month forward" in said(first, send(first, PATH, "lock"))
    assert MonthLock.objects.get().state == "proposed"
    assert "March 2026 is locked" in said(second, send(second, PATH, "lock"))
    with pytest.raises(Refused, match="The month that ends on 2026-03-31 is locked"):
        _book(world, date(2026, 3, 30), "into-march")
    assert offers(second, PATH) == {"ask"}
    assert "another person has to agree" in said(second, send(second, PATH, "ask", reason="audit adjustment"))
    assert "You asked for it" in said(second, send(second, PATH, "reopen"))
    with pytest.raises(Refused, match="is locked"):
        _book(world, date(2026, 3, 30), "into-march")
    page = said(first, send(first, PATH, "reopen"))
    assert "March 2026 is reopened" in page
    assert "audit adjustment" in page
    assert offers(first, PATH) == {"propose"}
    actions = AuditEvent.objects.filter(object_type="reporting.monthlock").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "month_lock.proposed",
        "month_lock.locked",
        "month_lock.reopening_asked",
        "month_lock.reopened",
    ]


def test_a_month_with_something_open_is_not_locked_and_it_is_named(world: World) -> None:
    finance, other = person("Fin", roles.FINANCE), sign_in(person("Flo", roles.FINANCE))
    lock = month_locks.propose_lock(fund=world.fund, month=date(2026, 3, 9), actor=finance, on=world.today)
    with pytest.raises(Refused, match="put forward already"):
        month_locks.propose_lock(fund=world.fund, month=date(2026, 3, 9), actor=finance, on=world.today)
    services.enter_receipt(
        fund=world.fund,
        amount=Decimal(10),
        value_date=date(2026, 3, 30),
        reference="late news",
        actor=world.maker,
        on=world.today,
    )
    answer = send(other, PATH, "lock")
    assert answer.status_code == 422
    assert "receipts booked (1 waits)" in text_of(answer)
    assert "sent back" in said(other, send(other, PATH, "refuse", reason="a receipt waits"))
    with pytest.raises(Refused, match="March 2026 is refused"):
        month_locks.lock_month(lock=lock, actor=finance, on=world.today)
    with pytest.raises(Refused, match="is not over"):
        month_locks.propose_lock(fund=world.fund, month=date(2026, 4, 1), actor=finance, on=world.today)
    with pytest.raises(Refused, match="may not"):
        month_locks.propose_lock(fund=world.fund, month=date(2026, 3, 1), actor=world.maker, on=world.today)


def test_a_back_valued_correction_lands_in_the_open_month_with_both_dates(world: World) -> None:
    finance, other = person("Fin", roles.FINANCE), person("Flo", roles.FINANCE)
    asked = {"subject": world.facility, "first_day": date(2026, 3, 2), "last_day": date(2026, 3, 31)}
    before = statement_for(**asked).digest()
    lock = month_locks.propose_lock(fund=world.fund, month=date(2026, 3, 1), actor=finance, on=world.today)
    month_locks.lock_month(lock=lock, actor=other, on=world.today)
    world.receive(Decimal(100_000), value_date=date(2026, 3, 20))
    world.close_through(world.today)
    assert statement_for(**asked).digest() == before
    april = statement_for(subject=world.facility, first_day=date(2026, 4, 1), last_day=date(2026, 4, 1))
    assert (date(2026, 4, 1), date(2026, 3, 20)) in {
        (line.booking_date, line.value_date) for line in april.lines
    }


FILE = (
    "reference,amount,currency,value_date,sender\n"
    "FAC-0001 interest,1200.00,USD,2026-03-27,Borrower\n"
    "wire fee,-12.50,USD,2026-03-31,Bank\n"
    "FAC-0001 more,100.00,USD,2026-04-01,Borrower\n"
)


def test_a_bank_file_that_comes_after_the_lock_says_where_its_lines_are_booked(world: World) -> None:
    first, second = person("Fin", roles.FINANCE), person("Flo", roles.FINANCE)
    lock = month_locks.propose_lock(fund=world.fund, month=date(2026, 3, 1), actor=first, on=world.today)
    month_locks.lock_month(lock=lock, actor=second, on=world.today)
    finance = sign_in(first)
    assert "Nothing that counts from a day of March 2026" in text_of(finance.get(PATH))
    imported = services.import_payments(
        fund=world.fund, text=FILE, layout="bank", name="late.csv", actor=world.maker, on=world.today
    )
    page = text_of(finance.get(f"/office/receipts/imports/{imported.pk}/"))
    assert "March 2026 is locked, and 1 receipt and 1 line of money out of this file count from a day" in page
    assert "is booked on 1 Apr 2026 , in the open month, with both dates" in page
    march, april = (row.receipt for row in imported.lines.exclude(receipt=None).order_by("line"))
    assert march is not None
    assert april is not None
    path = f"/office/receipts/{march.number}/"
    assert "lies in March 2026, which is locked. The money counts from that day and is booked on" in text_of(
        finance.get(path)
    )
    assert "which is locked" not in text_of(finance.get(f"/office/receipts/{april.number}/"))
    page = text_of(finance.get(PATH))
    assert f"{march.number} Receipt" in page
    assert "waits 1,200.00" in page
    assert "Receipts booked Does not hold: 1 waits when it was locked: none open" in page
    services.book_receipt(receipt=march, actor=world.checker, on=world.today)
    assert "and was booked on 1 Apr 2026" in text_of(finance.get(path))
    page = text_of(finance.get(PATH))
    assert "27 Mar 2026 1 Apr 2026 1,200.00" in page
    assert april.number not in page


def test_money_that_is_placed_in_part_still_belongs_to_nobody(world: World) -> None:
    """Of 1,000.00 that nobody was known for, 10.00 was found to belong to a facility: 990.00 must not be forgotten."""
    held = services.enter_receipt(
        fund=world.fund, amount=Decimal(1_000), value_date=date(2026, 3, 30), reference="who is this",
        actor=world.maker, on=world.today,
    )  # fmt: skip
    services.book_receipt(receipt=held, actor=world.checker, on=world.today)
    finance = sign_in(person("Fin", roles.FINANCE))

    def split(amount: int) -> str:
        (share,) = services.propose_split(
            receipt=held,
            parts=[(world.facility, Decimal(amount))],
            reason="mail",
            actor=world.maker,
            on=world.today,
        )
        services.book_share(share=share, actor=world.checker, on=world.today)
        return text_of(finance.get(PATH))

    assert "Receipts matched Does not hold: 1 belongs to nobody" in split(10)
    assert held.number in text_of(finance.get("/office/receipts/?state=held"))
    assert "Receipts matched Holds: none open" in split(990)
    assert held.number not in text_of(finance.get("/office/receipts/?state=held"))


def test_a_month_is_not_ready_while_an_entry_by_hand_waits(world: World) -> None:
    services.propose_journal(
        fund=world.fund, kind="bank_charge", amount=Decimal(5), value_date=date(2026, 3, 30), reference="fee",
        reason="as the bank says", actor=world.maker, on=world.today,
    )  # fmt: skip
    page = text_of(sign_in(person("Fin", roles.FINANCE)).get(PATH))
    assert "Entries by hand decided Does not hold: 1 waits" in page
    assert "not ready" in page


def _book(world: World, day: date, key: str) -> None:
    cash, capital = AccountRef(AccountKind.CASH, "USD"), AccountRef(AccountKind.FUND_CAPITAL, "USD")
    legs = (Leg(cash, "D", Decimal(1)), Leg(capital, "C", Decimal(1)))
    entry = EntryDraft(
        key=key, kind="test", book_id=world.fund.book_id, booking_date=day, value_date=day, legs=legs, memo=""
    )
    post_entries(entries=[entry], actor=None, on=day)
