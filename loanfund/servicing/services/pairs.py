"""Cash that agrees with a statement by no rule: paired by one person, confirmed by another, and undone in the same way."""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import OtherContent, Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Fund
from loanfund.facilities.services.numbers import next_number
from loanfund.ledger.models import JournalEntry
from loanfund.parties.models import User
from loanfund.servicing import rights
from loanfund.servicing.desk import hold_payments
from loanfund.servicing.models import BankImportRow, CashPair, CashPairSide
from loanfund.servicing.selectors.pairs import cash_moved
from loanfund.servicing.selectors.statement_lines import StatementLine, statement_lines

State = CashPair.State
MOST = 50
"""More lines or movements than anyone reads before confirming them are not one pair."""


@transaction.atomic
def propose_pair(
    *, fund: Fund, lines: Collection[int], entries: Collection[int], reason: str, actor: User, on: date
) -> CashPair:
    """Propose that lines of statements and movements of cash are the same money: `lines` are keys of `BankImportRow`,
    `entries` of `JournalEntry`; one line with several movements, or one movement with several lines.

    A line that cannot be read, or is in another asset, counts for what the other side leaves. Refused when the sides
    differ, and for what is in another pair or became a receipt of its own.
    """
    rights.must(rights.PROPOSE_PAIR, actor=actor)
    hold_payments(fund, on)
    if not reason.strip():
        raise Refused("Say why they are the same money.", field="reason")
    if not lines or not entries:
        raise Refused("Choose at least one line of a statement and one movement of the book.")
    if min(len(lines), len(entries)) > 1 or max(len(lines), len(entries)) > MOST:
        raise Refused(
            f"Pair one line with one or several movements, or one movement with several lines, {MOST} at most."
        )
    moved = _movements(fund, entries)
    listed = _read(fund, _lines(fund, lines), sum(moved.values(), Decimal(0)))
    amount = sum(moved.values(), Decimal(0))
    content = {
        "lines": {str(key): value for key, value in sorted(listed.items())},
        "entries": {str(key): value for key, value in sorted(moved.items())},
        "amount": amount,
    }
    pair = _kept(fund, amount, content, reason, actor, on)
    CashPairSide.objects.bulk_create(
        [
            *(CashPairSide(pair=pair, line_id=key, amount=value) for key, value in sorted(listed.items())),
            *(CashPairSide(pair=pair, entry_id=key, amount=value) for key, value in sorted(moved.items())),
        ]
    )
    record(actor=actor, action="pair.proposed", obj=pair, on=on, after=content, reason=reason.strip())
    return pair


def _kept(
    fund: Fund,
    amount: Decimal,
    content: dict[str, object],
    reason: str,
    actor: User,
    on: date,
    undoes: CashPair | None = None,
) -> CashPair:
    key, number = next_number(CashPair, "CP")
    return CashPair.objects.create(
        pk=key,
        number=number,
        fund=fund,
        undoes=undoes,
        amount=amount,
        reason=reason.strip(),
        proposed_on=on,
        maker=actor,
        proposed_digest=digest(content | {"number": number, "reason": reason.strip()}),
    )


def _movements(fund: Fund, entries: Collection[int]) -> dict[int, Decimal]:
    """The cash that each entry moved. Refused for one that moved none, is taken, or is a line's own receipt."""
    moved = cash_moved(fund, entries)
    for key in sorted(entries):
        if key not in moved:
            raise Refused(f"Entry {key} moved no cash of this fund.")
    _free(CashPairSide.objects.filter(entry_id__in=list(entries), live=True).select_related("pair").first())
    causes = JournalEntry.objects.filter(pk__in=list(entries), kind="receipt_booked").values_list(
        "cause", flat=True
    )
    booked = [int(cause.partition(":")[2]) for cause in causes if cause.startswith("receipt:")]
    own = BankImportRow.objects.filter(receipt__in=booked).select_related("bank_import", "receipt").first()
    if own is not None and own.receipt is not None:
        raise Refused(f"{own.receipt.number} is line {own.line} of {own.bank_import.name} itself.")
    return moved


def _lines(fund: Fund, keys: Collection[int]) -> list[StatementLine]:
    """The lines by their keys. Refused for one that is taken, stands on an earlier file, or is a receipt."""
    known = {line.key: line for line in statement_lines(fund)}
    listed_again = {
        line.earlier: line for line in known.values() if line.earlier and line.receipt is not None
    }
    found = []
    for key in sorted(keys):
        line = known.get(key)
        if line is None:
            raise Refused("No statement of this fund has such a line.")
        if line.receipt is not None and line.receipt.state != "rejected":
            booked = (
                "" if line.receipt.state != "entered" else " Reject that receipt if it is something else."
            )
            raise Refused(f"{line.place} is {line.receipt.number} itself.{booked}")
        if (later := listed_again.get(key)) is not None:
            raise Refused(f"{later.place} lists {line.place} again and is {later.receipt}.")
        if line.earlier:
            raise Refused(f"{line.place} is a payment that an earlier file lists: choose that file's line.")
        found.append(line)
    _free(CashPairSide.objects.filter(line_id__in=list(keys), live=True).select_related("pair").first())
    return found


def _free(taken: CashPairSide | None) -> None:
    if taken is not None:
        raise Refused(f"{taken.pair.number} has one of these already. Undo that first.", code="taken")


def _read(fund: Fund, lines: list[StatementLine], moved: Decimal) -> dict[int, Decimal]:
    """The amount of each line, so that they sum to what moved; what the readable ones leave is the unreadable one's."""
    amounts = {line.key: line.amount for line in lines if line.amount is not None}
    unread = [line for line in lines if line.amount is None]
    apart = moved - sum(amounts.values(), Decimal(0))
    if len(unread) > 1:
        raise Refused("The amounts of two of these lines cannot be read. Pair them one by one.")
    if unread and apart:
        return amounts | {unread[0].key: apart}
    if apart or unread:
        listed = sum(amounts.values(), Decimal(0))
        raise Refused(
            f"The statement says {_said(listed, fund)} and the book {_said(moved, fund)}: {_said(abs(apart), fund)} apart. "
            "Book the difference first, such as a bank charge by hand, and pair it with them.",
            code="apart",
        )
    return amounts


def _said(amount: Decimal, fund: Fund) -> str:
    return f"{amount:,.{currency_of(fund.currency).decimals}f}"


def _locked(pair: CashPair) -> CashPair:
    return CashPair.objects.select_for_update(of=("self",)).select_related("undoes").get(pk=pair.pk)


@transaction.atomic
def undo_pair(*, pair: CashPair, reason: str, actor: User, on: date) -> CashPair:
    """Propose to take a confirmed pair back: a row of its own, which another person confirms. Refused when one waits."""
    rights.must(rights.PROPOSE_PAIR, actor=actor)
    hold_payments(pair.fund, on)
    locked = _locked(pair)
    if locked.undoes is not None:
        raise Refused(f"{locked.number} took {locked.undoes.number} back. Pair anew what belongs together.")
    rights.must_take("undo_pair", locked, actor=actor)
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    waiting = locked.undoings.filter(state=State.PROPOSED).first()
    if waiting is not None:
        raise Refused(f"{waiting.number} asks for that already.", code="state")
    content: dict[str, object] = {"undoes": locked.number, "amount": locked.amount}
    undoing = _kept(locked.fund, locked.amount, content, reason, actor, on, undoes=locked)
    record(
        actor=actor, action="pair.undoing_proposed", obj=locked, on=on, after=content, reason=reason.strip()
    )
    record(actor=actor, action="pair.proposed", obj=undoing, on=on, after=content, reason=reason.strip())
    return undoing


@transaction.atomic
def confirm_pair(*, pair: CashPair, actor: User, on: date, seen_digest: str) -> CashPair:
    """The second person agrees: the pair counts from now on, or the one that it takes back counts no more.

    Refused to the maker, and when the pair that would be taken back is not confirmed any more.
    """
    rights.must(rights.CONFIRM_PAIR, actor=actor)
    hold_payments(pair.fund, on)
    locked = _locked(pair)
    rights.must_take("confirm_pair", locked, actor=actor)
    if seen_digest != locked.proposed_digest:
        raise OtherContent("The proposal changed since you looked. Look again, then confirm it.")
    locked.state, locked.confirmed_on = State.CONFIRMED, on
    locked.checker, locked.checked_at = actor, Now()
    locked.save()
    if locked.undoes is not None:
        undone = _locked(locked.undoes)
        undone.state = State.UNDONE
        undone.save(update_fields=["state"])
        undone.sides.update(live=False)
        record(actor=actor, action="pair.undone", obj=undone, on=on, reason=locked.reason)
    record(actor=actor, action="pair.confirmed", obj=locked, on=on, after={"amount": locked.amount})
    return locked


@transaction.atomic
def refuse_pair(*, pair: CashPair, reason: str, actor: User, on: date) -> CashPair:
    """It does not count: refused by a second person, or withdrawn by its maker. Its sides are free again."""
    hold_payments(pair.fund, on)
    locked = _locked(pair)
    rights.must_take("refuse_pair", locked, actor=actor)
    if not reason.strip():
        raise Refused("Say why.", field="reason")
    own = locked.maker_id == actor.pk
    locked.state = State.WITHDRAWN if own else State.REFUSED
    locked.refusal_reason = reason.strip()
    if not own:
        locked.checker, locked.checked_at = actor, Now()
    locked.save()
    locked.sides.update(live=False)
    record(actor=actor, action=f"pair.{locked.state}", obj=locked, on=on, reason=reason.strip())
    return locked
