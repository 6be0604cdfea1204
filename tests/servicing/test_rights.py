"""Who may do what: each service against every kind of person. A service that is not in the table fails here."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.ledger.models import JournalEntry
from loanfund.parties import roles
from loanfund.parties.models import Membership, User
from loanfund.parties.services import register_partner
from loanfund.servicing import services
from loanfund.servicing.models import BankImportRow, CloseException, CloseRun
from tests.servicing.world import World, bullet, make_world, person

D = Decimal
pytestmark = pytest.mark.django_db
SIGNERS = {"owner", "signatory"}
MAKER, CHECKER, FINANCE = roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.FINANCE
OPERATIONS = {MAKER, CHECKER}

MAY: dict[str, set[str]] = {
    "request_drawdown": {MAKER} | SIGNERS,
    "cancel_drawdown": {MAKER} | SIGNERS,
    "approve_drawdown": {CHECKER},
    "reject_drawdown": {CHECKER},
    "release_drawdown": {CHECKER},
    "settle_drawdown": {MAKER},
    "fail_drawdown": {MAKER},
    "enter_receipt": {MAKER, FINANCE},
    "import_payments": {MAKER, FINANCE},
    "book_receipt": {CHECKER, FINANCE},
    "reject_receipt": {CHECKER, FINANCE},
    "reverse_receipt": {CHECKER, FINANCE},
    "propose_split": {MAKER, FINANCE},
    "book_share": {CHECKER, FINANCE},
    "refuse_share": {CHECKER, FINANCE},
    "propose_refund": {MAKER, FINANCE},
    "approve_refund": {CHECKER},
    "refuse_refund": {CHECKER},
    "pay_refund": {MAKER, FINANCE},
    "fail_refund": {MAKER, FINANCE},
    "propose_instruction": {MAKER},
    "propose_reversal": {MAKER},
    "consent_to_instruction": SIGNERS,
    "book_instruction": {CHECKER},
    "refuse_instruction": {CHECKER},
    "propose_journal": {MAKER, FINANCE},
    "book_journal": {CHECKER, FINANCE},
    "refuse_journal": {CHECKER, FINANCE},
    "propose_pair": {MAKER, FINANCE},
    "confirm_pair": {CHECKER, FINANCE},
    "refuse_pair": {CHECKER, FINANCE},
    "undo_pair": {MAKER, FINANCE},
    "ask_lender": SIGNERS,
    "withdraw_request": SIGNERS | {"preparer"},
    "answer_request": {MAKER, FINANCE},
    "close_day": OPERATIONS,
    "close_through": OPERATIONS,
    "request_close": OPERATIONS,
    "resume_close": OPERATIONS,
    "request_retry": OPERATIONS,
}
READS = {"match_payment", "what_if", "auto_close_due"}
"""These write nothing; a face asks who may see the facility."""
SYSTEM = {"tell_day", "retry_exceptions"}
"""Done by a worker: for the person whose button is recorded on the row, or, telling partners, for nobody."""
PEOPLE = [*roles.ALL, "owner", "signatory", "preparer", "viewer", "outsider", "superuser"]


@pytest.fixture
def world() -> World:
    made = make_world()
    made.sign(bullet())
    return made


def someone(world: World, who: str) -> User:
    """A person with one role at the lender, one place at the partner, or neither. Nobody signs in, so nobody needs a
    password, which takes long to make."""
    stranger = User.objects.create(
        email="someone@example.org",
        name="Someone",
        is_superuser=who == "superuser",
        is_staff=who in roles.ALL,
    )
    if who in roles.ALL:
        stranger.groups.add(Group.objects.get(name=who))
    elif who not in {"outsider", "superuser"}:
        Membership.objects.create(user=stranger, partner=world.partner, role=who, since=world.today)
    return stranger


def entered(world: World, reference: str = "payment") -> Any:
    return services.enter_receipt(
        fund=world.fund,
        amount=D(100),
        value_date=world.today,
        reference=reference,
        actor=world.maker,
        on=world.today,
    )


def booked(world: World) -> Any:
    return services.book_receipt(receipt=entered(world), actor=world.checker, on=world.today)


def share(world: World) -> Any:
    (proposed,) = services.propose_split(
        receipt=booked(world),
        parts=[(world.facility, D(60))],
        reason="mail",
        actor=world.maker,
        on=world.today,
    )
    return proposed


def refund(world: World) -> Any:
    return services.propose_refund(
        receipt=booked(world), amount=D(5), reason="too much", actor=world.maker, on=world.today
    )


def approved_refund(world: World) -> Any:
    return services.approve_refund(refund=refund(world), actor=world.checker, on=world.today)


def approved(world: World) -> Any:
    return services.approve_drawdown(drawdown=world.request(D(100)), actor=world.checker, on=world.today)


def released(world: World) -> Any:
    return services.release_drawdown(drawdown=approved(world), actor=world.releaser, on=world.today)


def proposed(world: World) -> Any:
    return services.propose_instruction(
        kind="cost",
        facility=world.facility,
        value_date=world.today,
        amount=D(5),
        reason="a letter",
        actor=world.maker,
        on=world.today,
    )


def amendment(world: World) -> Any:
    return services.propose_instruction(
        kind="amendment",
        facility=world.facility,
        value_date=world.today,
        details={"terms": bullet(rate="0.02")},
        reason="repriced",
        actor=world.maker,
        on=world.today,
    )


def stopped(world: World) -> CloseRun:
    return CloseRun.objects.create(fund=world.fund, business_date=world.today, state="stopped", reason="x")


def left_behind(world: World) -> CloseException:
    return CloseException.objects.create(
        run=stopped(world), facility=world.facility, since=world.today, reason="no fixing"
    )


CHARGE: dict[str, Any] = {"kind": "bank_charge", "amount": D(5), "reference": "B", "reason": "fee"}


def charge(world: World) -> Any:
    day = {"value_date": world.today, "on": world.today}
    return services.propose_journal(fund=world.fund, actor=world.maker, **CHARGE, **day)


def sides(world: World) -> dict[str, Any]:
    """A charge that is in the book and, under another reference, on the bank's statement."""
    one = charge(world)
    services.book_journal(journal=one, actor=world.checker, on=world.today, seen_digest=one.proposed_digest)
    text = f"reference,amount,currency,value_date,sender\nF,-5,USD,{world.today},S\n"
    services.import_payments(
        fund=world.fund, layout="bank", name="a.csv", text=text, actor=world.maker, on=world.today
    )
    moved = JournalEntry.objects.get(cause=f"journal:{one.pk}")
    listed = BankImportRow.objects.get(bank_import__fund=world.fund)
    return {"fund": world.fund, "lines": [listed.pk], "entries": [moved.pk], "reason": "the same fee"}


def paired(world: World) -> Any:
    return services.propose_pair(**sides(world), actor=world.maker, on=world.today)


def confirmed(world: World) -> Any:
    one = paired(world)
    return services.confirm_pair(
        pair=one, actor=world.checker, on=world.today, seen_digest=one.proposed_digest
    )


def reported(world: World) -> Any:
    paid = {"amount": D(5), "day": world.today, "reference": "R"}
    return services.ask_lender(
        facility=world.facility, kind="payment_report", actor=world.borrower, on=world.today, **paid
    )


def reversal(world: World) -> dict[str, Any]:
    booked_cost = services.book_instruction(instruction=proposed(world), actor=world.checker, on=world.today)
    return {"event": booked_cost.event, "reason": "wrong"}


WITH: dict[str, Callable[[World], dict[str, Any]]] = {
    "request_drawdown": lambda w: {
        "facility": w.facility,
        "amount": D(5),
        "wanted_on": w.today,
        "request_key": "k",
    },
    "cancel_drawdown": lambda w: {"drawdown": w.request(D(100)), "reason": "no longer"},
    "approve_drawdown": lambda w: {"drawdown": w.request(D(100))},
    "reject_drawdown": lambda w: {"drawdown": w.request(D(100)), "reason": "no"},
    "release_drawdown": lambda w: {"drawdown": approved(w)},
    "settle_drawdown": lambda w: {"drawdown": released(w), "reference": "R", "value_date": w.today},
    "fail_drawdown": lambda w: {"drawdown": released(w), "reason": "account closed"},
    "enter_receipt": lambda w: {
        "fund": w.fund,
        "amount": D(5),
        "value_date": w.today,
        "reference": "R",
    },
    "import_payments": lambda w: {
        "fund": w.fund,
        "layout": "bank",
        "name": "a.csv",
        "text": "reference,amount,currency,value_date,sender\nR,5,USD,2026-03-02,S\n",
    },
    "book_receipt": lambda w: {"receipt": entered(w)},
    "reject_receipt": lambda w: {"receipt": entered(w), "reason": "typing error"},
    "reverse_receipt": lambda w: {"receipt": booked(w), "reason": "bounced"},
    "propose_split": lambda w: {
        "receipt": booked(w),
        "parts": [(w.facility, D(60))],
        "reason": "mail",
    },
    "book_share": lambda w: {"share": share(w)},
    "refuse_share": lambda w: {"share": share(w), "reason": "not theirs"},
    "propose_refund": lambda w: {"receipt": booked(w), "amount": D(5), "reason": "too much"},
    "approve_refund": lambda w: {"refund": refund(w)},
    "refuse_refund": lambda w: {"refund": refund(w), "reason": "no"},
    "pay_refund": lambda w: {"refund": approved_refund(w), "reference": "OUT-1"},
    "fail_refund": lambda w: {"refund": approved_refund(w), "reason": "no such account"},
    "propose_instruction": lambda w: {
        "kind": "cost",
        "facility": w.facility,
        "value_date": w.today,
        "amount": D(5),
        "reason": "a letter",
    },
    "propose_reversal": reversal,
    "consent_to_instruction": lambda w: {
        "instruction": (one := amendment(w)),
        "seen_digest": one.proposed_digest,
    },
    "book_instruction": lambda w: {"instruction": proposed(w)},
    "refuse_instruction": lambda w: {"instruction": proposed(w), "reason": "no"},
    "propose_journal": lambda w: {"fund": w.fund} | CHARGE | {"value_date": w.today},
    "book_journal": lambda w: {"journal": (one := charge(w)), "seen_digest": one.proposed_digest},
    "refuse_journal": lambda w: {"journal": charge(w), "reason": "no"},
    "propose_pair": sides,
    "confirm_pair": lambda w: {"pair": (one := paired(w)), "seen_digest": one.proposed_digest},
    "refuse_pair": lambda w: {"pair": paired(w), "reason": "no"},
    "undo_pair": lambda w: {"pair": confirmed(w), "reason": "another fee"},
    "ask_lender": lambda w: {
        "facility": w.facility,
        "kind": "payment_holiday",
        "loan": w.draw(D(100)),
        "day": w.today,
        "until": date(2026, 6, 1),
        "text": "custody is closed",
    },
    "withdraw_request": lambda w: {"request": reported(w)},
    "answer_request": lambda w: {"request": reported(w), "answer": "No.", "declined": True},
    "close_day": lambda w: {"fund": w.fund, "on": w.today},
    "close_through": lambda w: {"fund": w.fund, "through": w.today},
    "request_close": lambda w: {"fund": w.fund},
    "resume_close": lambda w: {"run": stopped(w)},
    "request_retry": lambda w: {"exception": left_behind(w)},
}


def test_every_service_has_its_place_in_the_table() -> None:
    assert set(services.__all__) == MAY.keys() | READS | SYSTEM
    assert MAY.keys() == WITH.keys()


@pytest.mark.parametrize("name", MAY)
def test_a_service_is_for_those_in_the_table_and_for_nobody_else(world: World, name: str) -> None:
    """Everyone who may not is refused before anything is written; then one who may succeeds."""
    asked = WITH[name](world)
    if name != "close_through":
        asked.setdefault("on", world.today)
    verb = getattr(services, name)
    for who in PEOPLE:
        point = transaction.savepoint()
        actor = someone(world, who)
        if who in MAY[name]:
            verb(**asked, actor=actor)
        else:
            with pytest.raises(Refused) as refused:
                verb(**asked, actor=actor)
            assert refused.value.code in {"forbidden", "not_found"} or "You may not" in str(refused.value)
        transaction.savepoint_rollback(point)


@pytest.mark.parametrize("kind", ["prepayment", "cancellation"])
def test_the_borrower_gives_notice_itself_and_the_lender_books_it(world: World, kind: str) -> None:
    loan = world.draw(D(1000))
    notice = services.propose_instruction(
        kind=kind,
        facility=world.facility,
        loan=loan if kind == "prepayment" else None,
        value_date=world.today,
        amount=D(5),
        reason="we have more than we need",
        actor=world.borrower,
        on=world.today,
    )
    services.book_instruction(instruction=notice, actor=world.checker, on=world.today)


def test_the_borrower_withdraws_its_own_notice_and_refuses_nobody_elses(world: World) -> None:
    notice = services.propose_instruction(
        kind="cancellation",
        facility=world.facility,
        value_date=world.today,
        amount=D(5),
        reason="less is needed",
        actor=world.borrower,
        on=world.today,
    )
    assert (
        services.refuse_instruction(
            instruction=notice, reason="we do need it", actor=world.borrower, on=world.today
        ).state
        == "withdrawn"
    )
    with pytest.raises(Refused, match="You may not decide"):
        services.refuse_instruction(
            instruction=proposed(world), reason="no", actor=world.borrower, on=world.today
        )


def test_a_place_at_another_partner_is_no_place_here(world: World) -> None:
    stranger = person("Stranger")
    register_partner(
        legal_name="Elsewhere Ltd",
        registration_number="CHE-2",
        country="CH",
        partner_type="trading_firm",
        segment="trading",
        actor=stranger,
        on=world.today,
    )
    with pytest.raises(Refused, match="no place at this partner"):
        services.request_drawdown(
            facility=world.facility,
            amount=D(5),
            wanted_on=world.today,
            request_key="k",
            actor=stranger,
            on=world.today,
        )


def test_a_place_that_ended_is_no_place(world: World) -> None:
    Membership.objects.filter(user=world.borrower).update(ended_on=date(2026, 3, 2))
    with pytest.raises(Refused, match="no place at this partner"):
        world.request(D(5))


def test_a_key_minted_for_one_facility_asks_for_nothing_under_another(world: World) -> None:
    other = world.sign(bullet(), commitment=D(1_000_000))
    world.request(D(5), key="form-1")
    with pytest.raises(Refused, match="used for another facility"):
        world.request(D(5), facility=other, key="form-1")
