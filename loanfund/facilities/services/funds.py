"""Opening a fund, and its business date."""

from datetime import date, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from django.db import connection, transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities import postings
from loanfund.facilities.models import Fund
from loanfund.facilities.services.drafts import draft
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.services import open_book, post_entries
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.services.rights import require_role


@transaction.atomic
def open_fund(
    *,
    code: str,
    name: str,
    currency: str,
    size: Decimal,
    calendar: str,
    receipt_cut_off: time,
    actor: User,
    on: date,
    time_zone: str = "UTC",
    auto_close: bool = True,
) -> Fund:
    """Open a fund on `on` with its book; its capital of `size` (in `currency`) is paid in and available.

    Refused when the code is taken, the size is not positive, or the time zone is unknown. A policy must come into
    force (two people) before anything is promised.
    """
    require_role(actor=actor, roles=(roles.ADMINISTRATOR,), to="open a fund")
    if size <= 0:
        raise Refused("A fund's size is above zero.", field="size")
    if time_zone not in available_timezones():
        raise Refused(
            f"{time_zone} is not a known time zone; give one such as UTC or Europe/Paris.", field="time_zone"
        )
    if Fund.objects.filter(code=code).exists():
        raise Refused(f"A fund with the code {code} exists already.", field="code")
    book = open_book(name=f"{code} book", currency=currency, actor=actor, on=on)
    fund = Fund.objects.create(
        code=code,
        name=name,
        currency=currency,
        size=size,
        time_zone=ZoneInfo(time_zone).key,
        receipt_cut_off=receipt_cut_off,
        calendar=calendar,
        opened_on=on,
        business_date=on,
        auto_close=auto_close,
        book=book,
    )
    capital = draft(
        fund,
        key=f"fund:{fund.pk}:opened",
        kind="capital_paid_in",
        legs=postings.capital_paid_in(currency=currency, amount=size),
        on=on,
    )
    post_entries(entries=[capital], actor=actor, on=on)
    after = {"code": code, "size": size, "currency": currency, "business_date": on}
    record(actor=actor, action="fund.opened", obj=fund, on=on, after=after)
    return fund


def lock_business_date(fund: Fund) -> date:
    """The fund's business date, held FOR SHARE until the transaction ends: what is booked now cannot slip past a close.

    Call first in every booking service, inside its transaction: the lock order is fund, facility, loan.
    """
    table = Fund._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT business_date FROM {table} WHERE id = %s FOR SHARE", [fund.pk])  # nosec B608 # our own table name
        row = cursor.fetchone()
    if row is None:
        raise Refused("This fund does not exist.")
    fund.business_date = row[0]
    return fund.business_date


def hold_business_date(fund: Fund, on: date) -> None:
    """As lock_business_date, for a service that books on `on`. Refused when that day has been closed meanwhile."""
    if on < lock_business_date(fund):
        raise Refused(
            f"{on} was closed meanwhile; the business date of {fund.name} is {fund.business_date}. Do it again.",
            code="closed",
        )


@transaction.atomic
def advance_business_date(*, fund: Fund, from_date: date, actor: User | None) -> date:
    """Move the business date on by one calendar day and return it. Only the close calls this, as its last step.

    Waits for bookings under way. Refused when the date is no longer `from_date`: another run was faster.
    """
    locked = Fund.objects.select_for_update().get(pk=fund.pk)
    if locked.business_date != from_date:
        raise Refused(
            f"{fund.name} stands on {locked.business_date}, not on {from_date}: that day is closed already."
        )
    locked.business_date = from_date + timedelta(days=1)
    locked.save(update_fields=["business_date"])
    record(
        actor=actor,
        action="fund.day_closed",
        obj=locked,
        on=from_date,
        before={"business_date": from_date},
        after={"business_date": locked.business_date},
    )
    return locked.business_date


@transaction.atomic
def book_capital(*, fund: Fund, amount: Decimal, value_date: date, cause: str, actor: User, on: date) -> Fund:
    """Book capital that the lender paid in or, when `amount` is negative, took out; the fund's size follows.

    For a service that two people have signed: `cause` names its row. The caller has locked the fund. Refused when
    capital that is promised or lent would be paid out.
    """
    locked = Fund.objects.select_for_update().get(pk=fund.pk)
    if locked.size + amount <= 0:
        raise Refused("A fund keeps some capital: it is not paid out whole.", field="amount")
    before, locked.size = locked.size, locked.size + amount
    locked.save(update_fields=["size"])
    kind = "capital_paid_in" if amount > 0 else "capital_paid_out"
    legs = postings.capital_paid_in if amount > 0 else postings.capital_paid_out
    entry = EntryDraft(
        key=cause,
        kind=kind,
        book_id=locked.book_id,
        booking_date=on,
        value_date=value_date,
        legs=legs(currency=locked.currency, amount=abs(amount)),
        cause=cause,
    )
    post_entries(entries=[entry], actor=actor, on=on)
    record(
        actor=actor,
        action=f"fund.{kind}",
        obj=locked,
        on=on,
        before={"size": before},
        after={"size": locked.size},
    )
    return locked


@transaction.atomic
def set_auto_close(*, fund: Fund, auto_close: bool, actor: User, on: date) -> Fund:
    """Switch the fund's automatic nightly close on or off."""
    require_role(actor=actor, roles=(roles.ADMINISTRATOR,), to="switch the nightly close on or off")
    locked = Fund.objects.select_for_update().get(pk=fund.pk)
    before, locked.auto_close = locked.auto_close, auto_close
    locked.save(update_fields=["auto_close"])
    record(
        actor=actor,
        action="fund.auto_close_set",
        obj=locked,
        on=on,
        before={"auto_close": before},
        after={"auto_close": auto_close},
    )
    return locked
