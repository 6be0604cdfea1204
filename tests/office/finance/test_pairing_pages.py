"""Pairing by hand on the office's pages: ticking, adding up, two people, undoing, and what each role is offered."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.ledger.models import JournalEntry
from loanfund.parties import roles
from loanfund.servicing import services
from loanfund.servicing.models import BankImportRow, CashPair
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import OPENED, World, bullet, make_world, person

pytestmark = pytest.mark.django_db
LIST = "/office/pairs/"
NEW = "/office/pairs/propose/"
TEXT = (
    "reference,amount,currency,value_date,sender\n"
    "Payout one,-300000,USD,2026-03-03,Borrower\nPayout two,-200000,USD,2026-03-04,Borrower\n"
)


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet())
    made.close_through(OPENED)
    made.draw(Decimal(500_000))
    made.close_through(date(2026, 3, 5))
    services.import_payments(
        fund=made.fund, text=TEXT, layout="bank", name="march.csv", actor=made.maker, on=made.today
    )
    return made


def sides() -> dict[str, list[int]]:
    paid = JournalEntry.objects.filter(kind="drawdown_released").latest("pk").pk
    return {"lines": list(BankImportRow.objects.values_list("pk", flat=True)), "entries": [paid]}


def test_two_people_of_finance_pair_two_lines_with_one_payment_and_undo_it(world: World) -> None:
    fin, fay = (sign_in(person(name, roles.FINANCE)) for name in ("Fin", "Fay"))
    page = text_of(fin.get(NEW))
    assert "march.csv, line 2 Payout one" in page
    assert "Drawdown released DD-" in page
    half = send(fin, NEW, "propose", lines=sides()["lines"][:1], entries=sides()["entries"], reason="half")
    assert half.status_code == 422
    assert "200,000.00 apart" in text_of(half)
    assert "checked" in half.content.decode()
    page = said(fin, send(fin, NEW, "propose", **sides(), reason="paid in two"))
    assert "Another person confirms it" in page
    one = f"{LIST}{CashPair.objects.get().number}/"
    assert offers(fin, one) == {"refuse"}
    assert "You proposed it" in text_of(fin.get(one))
    assert offers(fay, one) == {"confirm", "refuse"}
    assert "is confirmed" in said(fay, send(fay, one, "confirm"))
    report = fin.get("/office/reports/reconciliation/", {"first_day": "2026-03-02", "last_day": "2026-03-05"})
    assert f'href="{one}"' in report.content.decode()
    assert "agrees: CP-" in text_of(report)
    assert "march.csv" not in text_of(fin.get(NEW))
    assert "takes CP-" in said(fay, send(fay, one, "undo", reason="it was another"))
    undoing = f"{LIST}{CashPair.objects.latest('pk').number}/"
    assert offers(fay, undoing) == {"refuse"}
    assert "To be taken back by" in text_of(fin.get(one))
    assert "is undone" in said(fin, send(fin, undoing, "confirm"))
    assert "march.csv, line 2 Payout one" in text_of(fin.get(NEW))


def test_looking_keeps_what_is_ticked_adds_it_up_and_says_nothing_is_missing(world: World) -> None:
    fin = sign_in(person("Fin", roles.FINANCE))
    chosen = sides()
    answer = fin.post(
        NEW,
        {
            "act": "propose",
            "look": "1",
            "propose-search": "one",
            "propose-lines": chosen["lines"][1:],
            "propose-entries": chosen["entries"],
        },
    )
    page = text_of(answer)
    assert answer.status_code == 200
    assert "Ticked on statements USD −200,000.00" in page.replace("\xa0", " ")
    assert "Payout one" in page
    assert "Payout two" in page  # ticked, so it stays
    assert "needs your attention" not in page
    assert "Propose it as a bank charge" not in page  # the bank has less, not more, than the book
    assert not CashPair.objects.exists()


def test_a_fee_that_the_bank_kept_is_offered_as_a_charge_with_its_amount(world: World) -> None:
    """1,175.00 arrived of 1,200.00."""
    fin = sign_in(person("Fin", roles.FINANCE))
    text = TEXT.partition("\n")[0] + "\nTransfer,1175,USD,2026-03-05,Payer\n"
    services.import_payments(
        fund=world.fund, text=text, layout="bank", name="two.csv", actor=world.maker, on=world.today
    )
    row = BankImportRow.objects.get(bank_import__name="two.csv")
    services.reject_receipt(receipt=row.receipt, reason="short", actor=world.checker, on=world.today)
    world.receive(Decimal(1_200), reference="invoice 12")
    booked = JournalEntry.objects.filter(kind="receipt_booked").latest("pk").pk
    page = fin.get(NEW, {"lines": [row.pk], "entries": [booked]}).content.decode()
    assert "kind=bank_charge&amp;amount=25" in page
    form = fin.get("/office/journals/propose/", {"kind": "bank_charge", "amount": "25.00"}).content.decode()
    assert 'value="25.00"' in form


def test_an_address_or_a_search_that_the_database_cannot_hold_is_refused(world: World) -> None:
    fin = sign_in(person("Fin", roles.FINANCE))
    for path in (LIST, "/office/journals/", "/office/receipts/"):
        assert fin.get(path, {"q": "a\0b", "state": "all"}).status_code == 400
        assert fin.get(f"{path}%00/").status_code == 400


def test_who_may_do_what(world: World) -> None:
    made = services.propose_pair(
        fund=world.fund, **sides(), reason="in two", actor=world.maker, on=world.today
    )
    for role in roles.ALL:
        one = sign_in(person(role.replace(" ", ""), role))
        reads = role in {roles.FINANCE, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.AUDITOR}
        assert (one.get(LIST).status_code == 200) == reads, role
        assert (one.get(f"{LIST}{made.number}/").status_code == 200) == reads, role
        confirms = role in {roles.FINANCE, roles.OPERATIONS_CHECKER}
        assert ("confirm" in offers(one, f"{LIST}{made.number}/")) == confirms, role
        if role not in {roles.FINANCE, roles.OPERATIONS_MAKER}:
            assert send(one, NEW, "propose", **sides(), reason="mine").status_code == 403, role
    assert CashPair.objects.count() == 1
