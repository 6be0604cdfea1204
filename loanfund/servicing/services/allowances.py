"""The allowance for losses of a facility: a loss that is written off uses it before it costs the fund anything more."""

from datetime import date
from decimal import Decimal

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.models import AccountKind, JournalEntry
from loanfund.ledger.services import post_entries
from loanfund.parties.models import User
from loanfund.servicing import postings
from loanfund.servicing.selectors.facilities import allowance_held


def use_allowance(*, facility: Facility, loss: Decimal, cause: str, actor: User, on: date) -> None:
    """Take a `loss` that was just booked to expense from the facility's allowance instead, as far as one is held.

    `cause` names the business event. The facility is locked by the caller, and its allowance is nobody else's.
    """
    used = min(allowance_held(facility), loss)
    if used > 0:
        _move(facility, -used, cause, "allowance_used", actor, on)


def restore_allowance(*, facility: Facility, cause: str, undone_by: str, actor: User, on: date) -> None:
    """Put back what the loss of `cause`, which `undone_by` undoes, had taken from the allowance."""
    entry = JournalEntry.objects.filter(book_id=facility.fund.book_id, key=f"{cause}:allowance_used").first()
    if entry is not None:
        taken = entry.legs.get(account__kind=AccountKind.LOSS_ALLOWANCE)
        _move(facility, taken.amount, undone_by, "allowance_restored", actor, on)


def _move(facility: Facility, amount: Decimal, cause: str, kind: str, actor: User, on: date) -> None:
    legs = postings.allowance(currency=facility.currency, facility=facility_owner(facility.pk), amount=amount)
    entry = EntryDraft(
        key=f"{cause}:{kind}",
        kind=kind,
        book_id=facility.fund.book_id,
        booking_date=on,
        value_date=on,
        legs=legs,
        cause=cause,
    )
    post_entries(entries=[entry], actor=actor, on=on)
