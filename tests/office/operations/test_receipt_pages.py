"""Money in on the office's pages: entered by one person, booked by another, split, sent back, taken back."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loanfund.parties import roles
from loanfund.servicing.models import BankImport, Receipt, ReceiptShare, Refund
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    return made


def entered(world: World, maker: Client, **changes: object) -> str:
    entries = {
        "amount": "2,000.00",
        "value_date": world.today.isoformat(),
        "reference": f"{world.facility.number} interest",
    }
    answer = send(maker, "/office/receipts/enter/", "enter", **(entries | changes))
    assert answer.status_code == 302, text_of(answer)
    return str(answer.url)  # type: ignore[attr-defined]


def test_one_person_enters_and_another_books_what_the_waterfall_showed(world: World) -> None:
    world.close_through(date(2026, 4, 2))
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path = entered(world, maker, amount="3,000.00")
    page = text_of(checker.get(path))
    assert "the reference names FAC-" in page
    assert "default interest LN-" in page
    assert "2,583.33" in page
    assert "Stays unapplied 416.45" in page
    assert "book" not in offers(maker, path)
    assert "is booked" in said(
        checker, send(checker, path, "book", seen=Receipt.objects.get().proposed_digest)
    )
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.maker, receipt.checker) == ("booked", world.maker, world.checker)
    assert "2,583.33" in text_of(checker.get(path))


def test_whoever_entered_a_receipt_is_told_that_another_books_it(world: World) -> None:
    both = sign_in(world.maker_may_check())
    path = entered(world, both)
    assert "another person has to book it" in text_of(both.get(path))
    assert "another person has to decide on it" in said(both, send(both, path, "book"))
    assert "another person has to decide on it" in said(both, send(both, path, "reject", reason="mine"))
    assert Receipt.objects.get().state == "entered"


def test_a_wrong_entry_comes_back_with_what_was_typed(world: World) -> None:
    maker = sign_in(world.maker)
    for amount, sentence in (
        ("-5", "Enter an amount above zero."),
        ("1" * 30, "too large"),
        ("ten", "Enter an amount such as 250,000.00."),
        ("0.001", "decimals"),
    ):
        answer = send(
            maker,
            "/office/receipts/enter/",
            "enter",
            amount=amount,
            value_date=world.today.isoformat(),
            reference="typed & kept",
        )
        assert (answer.status_code, sentence in text_of(answer)) == (422, True), text_of(answer)
        assert "typed &amp; kept" in answer.content.decode()
    answer = send(
        maker,
        "/office/receipts/enter/",
        "enter",
        amount="10",
        value_date="2026-03-02",
        reference="x",
        facility="FAC-9999",
    )
    assert "There is no facility FAC-9999" in text_of(answer)
    assert not Receipt.objects.exists()


def test_a_file_is_imported_with_a_sentence_for_each_bad_line_and_once_only(world: World) -> None:
    maker = sign_in(world.maker)
    good = f"{world.facility.number} first,1500.00,USD,2026-03-02,CH93"
    bad = "no such day,10.00,USD,2026-02-31,X\nminus,-4,USD,2026-03-02,X\n"
    text = f"reference,amount,currency,value_date,sender\n{good}\n{bad}"

    def send_file(content: str) -> object:
        file = SimpleUploadedFile("march.csv", content.encode(), content_type="text/csv")
        return send(maker, "/office/receipts/import/", "import", layout="bank", file=file)

    page = said(maker, send_file(text))
    assert "1 of 3 lines of march.csv are entered as receipts, 1 went out." in page
    assert "value_date '2026-02-31' cannot be read" in page
    assert "money out, beside the book's cash" in page.replace("’", "'").replace("&#x27;", "'")
    assert BankImport.objects.get().lines.count() == 3
    assert "This file was imported on" in text_of(send_file(text))
    assert "The file has no column value_date" in text_of(send_file("reference,amount,currency,sender\n"))
    assert Receipt.objects.count() == 1


def test_held_money_is_split_by_one_person_and_booked_by_another(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path = entered(world, maker, reference="no idea", amount="5,000.00")
    send(checker, path, "book")
    assert "Not assigned USD 5,000.00" in text_of(maker.get(path))
    number = world.facility.number
    answer = send(
        maker, path, "split", facility_1=number, amount_1="4000", facility_2=number, reason="letter"
    )
    assert "Give the facility and its amount, or neither." in text_of(answer)
    answer = send(maker, path, "split", facility_1=number, amount_1="6000", reason="letter")
    assert "5,000.00 USD of" in text_of(answer)
    send(maker, path, "split", facility_1=number, amount_1="4000", reason="their letter of 3 March")
    share = ReceiptShare.objects.get()
    assert f"share-book-{share.pk}" in offers(checker, path)
    assert f"share-book-{share.pk}" not in offers(maker, path)
    assert "is booked to" in said(checker, send(checker, path, f"share-book-{share.pk}"))
    share.refresh_from_db()
    assert (share.state, share.checker) == ("booked", world.checker)


def test_what_stays_is_sent_back_by_two_people(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path = entered(world, maker, reference="by mistake", amount="700.00")
    send(checker, path, "book")
    answer = send(maker, path, "refund", amount="700", reason="paid to us by mistake")
    refund = f"/office/refunds/{Refund.objects.get().number}/"
    assert answer.url == refund  # type: ignore[attr-defined]
    assert offers(maker, refund) == set()
    assert "is approved" in said(checker, send(checker, refund, "approve"))
    assert "is paid" in said(maker, send(maker, refund, "pay", reference="FT-9", value_date=world.today))
    assert (Refund.objects.get().state, Refund.objects.get().reference) == ("paid", "FT-9")


def test_what_cannot_be_sent_back_is_held_again(world: World) -> None:
    maker, checker = sign_in(world.maker), sign_in(world.checker)
    path = entered(world, maker, reference="by mistake", amount="700.00")
    send(checker, path, "book")
    send(maker, path, "refund", amount="700", reason="paid to us by mistake")
    refund = f"/office/refunds/{Refund.objects.get().number}/"
    send(checker, refund, "approve")
    assert "the money is held again" in said(maker, send(maker, refund, "fail", reason="no such account"))
    assert offers(maker, refund) == set()
    assert "refund" in offers(maker, path)


def test_a_bounced_receipt_is_reversed_by_another_than_who_booked_it(world: World) -> None:
    maker, checker, releaser = sign_in(world.maker), sign_in(world.checker), sign_in(world.releaser)
    path = entered(world, maker)
    send(checker, path, "book")
    assert "reverse" not in offers(checker, path)
    assert "booked this yourself" in said(checker, send(checker, path, "reverse", reason="bounced"))
    assert "is reversed" in said(releaser, send(releaser, path, "reverse", reason="bounced"))
    assert Receipt.objects.get().state == "reversed"


@pytest.mark.parametrize(
    ("role", "reads", "enters", "acts"),
    [
        (roles.OPERATIONS_MAKER, True, True, set()),
        (roles.OPERATIONS_CHECKER, True, False, {"book", "reject"}),
        (roles.FINANCE, True, True, {"book", "reject"}),
        (roles.AUDITOR, True, False, set()),
        (roles.ANALYST, False, False, set()),
        (roles.ADMINISTRATOR, False, False, set()),
    ],
)
def test_each_role_at_the_receipts_desk(
    world: World, role: str, reads: bool, enters: bool, acts: set[str]
) -> None:
    path = entered(world, sign_in(world.maker))
    client = sign_in(person("Somebody", role))
    assert client.get("/office/receipts/").status_code == (200 if reads else 403)
    assert client.get(path).status_code == (200 if reads else 403)
    if reads:
        assert offers(client, path) == acts
        assert ("Enter a receipt" in text_of(client.get("/office/receipts/"))) == enters
    answer = send(
        client, "/office/receipts/enter/", "enter", amount="1", value_date="2026-03-02", reference="a"
    )
    assert answer.status_code == (302 if enters else 403)
    if not acts:
        assert send(client, path, "book").status_code in {302, 403}
        assert Receipt.objects.order_by("pk")[0].state == "entered"


def test_lists_cost_the_same_with_ten_receipts_and_with_a_thousand(world: World) -> None:
    maker = sign_in(world.maker)
    head = "reference,amount,currency,value_date,sender\n"
    costs = []
    for name, lines in (("a", 10), ("b", 990)):
        rows = "".join(
            f"{name}{line} {world.facility.number},{line + 1}.00,USD,2026-03-02,S\n" for line in range(lines)
        )
        file = SimpleUploadedFile("many.csv", (head + rows).encode())
        send(maker, "/office/receipts/import/", "import", layout="bank", file=file)
        cost = []
        key = BankImport.objects.latest("pk").pk
        for path in ("/office/receipts/", f"/office/receipts/imports/{key}/", "/office/refunds/"):
            with CaptureQueriesContext(connection) as queries:
                assert maker.get(path).status_code == 200
            cost.append(len(queries))
        costs.append(cost)
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 21, costs
