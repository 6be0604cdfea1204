"""Facilities that a close looks at one by one: brought to where the fold says they stand, by one step where their standing
is known, else by replay. What cannot be taken becomes an exception and the rest goes on."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import OperationalError, transaction

from loanfund.audit.errors import Refused, sqlstate
from loanfund.facilities import postings
from loanfund.facilities.models import Facility
from loanfund.facilities.services import move_facility
from loanfund.facilities.services.drafts import draft
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.services import post_entries
from loanfund.servicing.engine import bring_to, write_steps
from loanfund.servicing.fold import (
    Roll,
    call_roll,
    draw_picture,
    forget,
    morning_step,
    night_step,
    quiet_morning,
)
from loanfund.servicing.models import CloseBatch, CloseException, Diary
from loanfund.servicing.picture import Picture
from loanfund.servicing.selectors.facilities import available_commitment

AT_ONCE = 500
"""How many facilities are read, locked and held in memory at a time."""


def attend(batch: CloseBatch, facilities: Sequence[int], *, on: date, nights_only: bool) -> dict[str, int]:
    """Bring facilities, in order of their ids, to their fold, and post their own entries in one call.

    `nights_only` draws the picture of the end of the day (its night accrued, the next day's dues not yet fallen);
    otherwise that of the start of day `on`.
    """
    if not nights_only:
        facilities = [pk for pk in facilities if not quiet_morning(pk, on)]
    try:
        with transaction.atomic():
            return _attend_and_post(batch, facilities, on, nights_only)
    except Refused:
        # The book takes all entries of one call or none: whose cannot be is found one by one.
        return _one_by_one(batch, facilities, on, nights_only)


def _attend_and_post(
    batch: CloseBatch, facilities: Sequence[int], on: date, nights_only: bool
) -> dict[str, int]:
    entries: list[EntryDraft] = []
    failed = 0
    for first in range(0, len(facilities), AT_ONCE):
        some = facilities[first : first + AT_ONCE]
        posted, left = _attend(batch, some, on, nights_only)
        entries += posted
        failed += left
    if entries:
        post_entries(entries=entries, actor=None, on=on)
    return {"exceptions": failed, "entries": len(entries)}


def _one_by_one(batch: CloseBatch, facilities: Sequence[int], on: date, nights_only: bool) -> dict[str, int]:
    counts = {"exceptions": 0, "entries": 0}
    for pk in facilities:
        forget(pk)  # where the first try had left it
        try:
            with transaction.atomic():
                one = _attend_and_post(batch, [pk], on, nights_only)
        except Refused as refused:
            _except(batch, Facility.objects.get(pk=pk), refused)
            one = {"exceptions": 1, "entries": 0}
        counts = {name: counts[name] + one[name] for name in counts}
    return counts


def _attend(
    batch: CloseBatch, facilities: Sequence[int], on: date, nights_only: bool
) -> tuple[list[EntryDraft], int]:
    """The entries of some facilities, still to be posted, and how many of these were left behind."""
    locked = Facility.objects.select_for_update(of=("self",)).select_related("fund", "partner", "promise")
    standing = CloseException.objects.filter(facility_id__in=facilities).exclude(state="cured")
    held = list(locked.filter(pk__in=facilities).order_by("pk"))
    behind = set(standing.values_list("facility_id", flat=True))
    roll = call_roll(facilities, on if nights_only else on - timedelta(days=1))
    entries: list[EntryDraft] = []
    steps: list[tuple[Facility, Picture]] = []
    failed = 0
    for facility in held:
        try:
            step = night_step(facility, on, roll) if nights_only else None
            if step is not None:
                steps.append((facility, step))
                continue
            with transaction.atomic():
                drafts = _bring(batch, facility, roll, on, nights_only)
        except OperationalError:
            raise
        except Exception as error:
            failed += 1
            _except(batch, facility, error)
        else:
            entries += drafts
            if facility.pk in behind:
                standing.filter(facility=facility).update(state="cured", cured_on=on)
                if nights_only:
                    see_in_the_morning(facility, on)
    return entries, failed + _write(batch, steps, on)


def _bring(
    batch: CloseBatch, facility: Facility, roll: Roll, on: date, nights_only: bool
) -> list[EntryDraft]:
    """Write what brings one facility to its picture; return its entries, to be posted together."""
    ended = [] if nights_only else availability_ended(facility, on)
    picture = None if nights_only else morning_step(facility, on, roll)
    difference = bring_to(
        facility=facility,
        picture=picture or draw_picture(facility, through=on, end_of_day=nights_only),
        on=on,
        batch_id=batch.pk,
        key=f"facility:{facility.pk}:close:{batch.run.business_date.isoformat()}:{batch.step}",
        kind="correction" if nights_only else "fell_due",
        value_date=on,
        nightly=nights_only,
        pending=[leg for draft in ended for leg in draft.legs],
    )
    return ended + difference.drafts


def _write(batch: CloseBatch, steps: Sequence[tuple[Facility, Picture]], on: date) -> int:
    """Write the nights of many facilities at once; when that cannot be, one by one, and return how many failed."""
    if not steps:
        return 0
    try:
        with transaction.atomic():
            write_steps(steps=steps, on=on, batch_id=batch.pk)
    except OperationalError:
        raise
    except Exception as error:
        if len(steps) > 1:
            return sum(_write(batch, [step], on) for step in steps)
        _except(batch, steps[0][0], error)
        return 1
    return 0


def availability_ended(facility: Facility, on: date) -> list[EntryDraft]:
    """The undrawn rest goes back to the fund once the availability period is over; its fee falls due by the replay."""
    if facility.availability_end >= on:
        return []
    if facility.state == Facility.State.AVAILABLE:
        move_facility(
            facility=facility,
            state=Facility.State.CLOSED_TO_DRAWDOWN,
            actor=None,
            on=on,
            reason="the availability period is over",
        )
    left = available_commitment(facility)
    if not left:
        return []
    legs = postings.availability_ended(
        currency=facility.currency,
        facility=postings.facility_owner(facility.pk),
        amount=left,
        headroom=facility.promise.headroom,
    )
    key = f"facility:{facility.pk}:availability_ended:{on.isoformat()}"
    return [draft(facility.fund, key=key, kind="availability_ended", legs=legs, on=on)]


def see_in_the_morning(facility: Facility, on: date) -> None:
    """Have a facility that caught up during day `on` attended the morning after: what only a morning does, such as the end
    of its availability, may be among what it missed."""
    Diary.objects.filter(facility=facility).update(attend_on=on + timedelta(days=1))


def _except(batch: CloseBatch, facility: Facility, error: Exception) -> None:
    """Record why a facility was left behind; it is tried again every night and by a button."""
    reason = f"{error}" or type(error).__name__
    if state := sqlstate(error):
        reason = f"{reason} ({state})"
    forget(facility.pk)
    # Until it is cured every night and morning tries it again.
    Diary.objects.filter(facility=facility).update(attend_on=batch.run.business_date)
    standing = CloseException.objects.filter(facility=facility).exclude(state="cured").first()
    if standing is None:
        CloseException.objects.create(
            run=batch.run, facility=facility, since=batch.run.business_date, reason=reason[:2000]
        )
    else:
        standing.reason, standing.attempts, standing.state = reason[:2000], standing.attempts + 1, "open"
        standing.save(update_fields=["reason", "attempts", "state"])
