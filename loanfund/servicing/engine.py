"""Booked = replayed: append events, replay the facility, and book the difference on the business date.

One function serves the event of today, the back-valued one, the reversal, the cured night and the what-if: the picture
that the replay gives is compared with what is booked, row by row and account by account.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from loanfund.audit.errors import OtherContent
from loanfund.audit.sealing import seal_batch
from loanfund.audit.services import record
from loanfund.facilities.models import Facility
from loanfund.ledger.chart import EntryDraft, Leg
from loanfund.ledger.services import post_entries
from loanfund.parties.models import User
from loanfund.servicing import balances, rows
from loanfund.servicing.events import NewEvent
from loanfund.servicing.fold import draw_picture, figures, tell
from loanfund.servicing.models import Accrual, Diary, Event, FacilityAccrual
from loanfund.servicing.outlook import fixings_ahead
from loanfund.servicing.picture import Picture

ONE_DAY = timedelta(days=1)


@dataclass
class Difference:
    """What bringing one facility's books to its picture took: the entry still to post, and the rows written."""

    drafts: list[EntryDraft] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def append_events(
    *, facility: Facility, events: Sequence[NewEvent], actor: User | None, on: date
) -> list[Event]:
    """Store events in the order given; one whose key is there already is that one, or OtherContent when it differs."""
    last = facility.events.aggregate(last=Max("number"))["last"] or 0
    stored = []
    for new in events:
        there = facility.events.filter(key=new.event.id).first()
        if there is not None:
            if there.document != new.document:
                raise OtherContent(
                    f"Event {new.event.id} of {facility.number} is booked already with another content."
                )
            stored.append(there)
            continue
        last += 1
        stored.append(
            Event.objects.create(
                facility=facility,
                number=last,
                key=new.event.id,
                kind=new.event.kind,
                loan_id=new.loan_id,
                value_date=new.event.value_date,
                booking_date=on,
                document=new.document,
                reverses=new.reverses,
                cause=new.cause,
                actor=actor,
            )
        )
    return stored


@dataclass(frozen=True)
class Prepared:
    """Events stored and rows written for one facility; its entries wait for the one posting call."""

    events: list[Event]
    entries: list[EntryDraft]


def fact_key(facility: Facility, event: Event) -> str:
    """The key of the entry that says what happened in the world with an event, where there is one."""
    return f"facility:{facility.pk}:event:{event.number}:fact"


@transaction.atomic
def book_event(
    *,
    facility: Facility,
    events: Sequence[NewEvent],
    actor: User | None,
    on: date,
    kind: str,
    fact_legs: Sequence[Leg] = (),
    fact_kind: str = "",
    reason: str = "",
) -> list[Event]:
    """Book events of one facility on business date `on`: `prepare_event` and the posting together."""
    prepared = prepare_event(
        facility=facility,
        events=events,
        actor=actor,
        on=on,
        kind=kind,
        fact_legs=fact_legs,
        fact_kind=fact_kind,
        reason=reason,
    )
    post_entries(entries=prepared.entries, actor=actor, on=on)
    return prepared.events


def prepare_event(
    *,
    facility: Facility,
    events: Sequence[NewEvent],
    actor: User | None,
    on: date,
    kind: str,
    fact_legs: Sequence[Leg] = (),
    fact_kind: str = "",
    reason: str = "",
) -> Prepared:
    """Append events, replay the facility, write its rows and draft replayed minus booked as one entry of `kind`.

    The caller holds the fund and the facility (`desk.hold_facility`) and posts the entries, in its one call.
    `fact_legs` are what happened in the world as `postings` says it (cash, money in transit, commitment): an entry of
    their own before the difference. Raises Refused when the events cannot be (calculation's sentence).
    """
    stored = append_events(facility=facility, events=events, actor=actor, on=on)
    leading = stored[0]
    value_date = min(event.value_date for event in stored)
    drafts: list[EntryDraft] = []
    if fact_legs:
        drafts.append(
            EntryDraft(
                key=fact_key(facility, leading),
                kind=fact_kind,
                book_id=facility.fund.book_id,
                booking_date=on,
                value_date=value_date,
                legs=tuple(fact_legs),
                cause=leading.cause,
            )
        )
    difference = bring_to(
        facility=facility,
        picture=draw_picture(facility, through=on),
        on=on,
        batch_id=-leading.pk,
        key=f"facility:{facility.pk}:event:{leading.number}",
        kind=kind if value_date == on else f"{kind}_back_valued",
        value_date=value_date,
        pending=[leg for draft in drafts for leg in draft.legs],
        event=leading,
    )
    record(
        actor=actor,
        action=f"event.{leading.kind}",
        obj=facility,
        on=on,
        after={
            "events": [event.key for event in stored],
            "value_date": value_date,
            "rows": difference.counts,
        },
        reason=reason,
    )
    return Prepared(stored, drafts + difference.drafts)


def bring_to(
    *,
    facility: Facility,
    picture: Picture,
    on: date,
    batch_id: int,
    key: str,
    kind: str,
    value_date: date,
    pending: Iterable[Leg] = (),
    event: Event | None = None,
    nightly: bool = False,
) -> Difference:
    """Write the rows that bring a facility's sub-ledgers to `picture` and draft the entry that brings its accounts there.

    `pending` are legs that are posted with it and count as booked. In a `nightly` close first rows of a night are
    posted by the fund's own entry, all else here. The caller posts the drafts, in its one call.
    """
    accrued = rows.write_nights(facility, picture, on=on, batch_id=batch_id)
    beside = rows.write_facility_nights(facility, picture, on=on, batch_id=batch_id)
    counts = {
        "accruals": accrued.written,
        "facility_accruals": beside.written,
        "dues": rows.write_dues(facility, picture, on=on, event=event),
        "allocations": rows.write_shares(facility, picture, on=on, event=event),
        "periods": rows.write_periods(picture, on=on),
    }
    legs, shares = balances.difference(
        facility,
        picture,
        pending=list(pending),
        posted_here=[accrued.adjusted, beside.adjusted] if nightly else [accrued.every, beside.every],
    )
    drafts = []
    if legs:
        drafts.append(
            EntryDraft(
                key=key,
                kind=kind,
                book_id=facility.fund.book_id,
                booking_date=on,
                value_date=value_date,
                legs=legs,
                cause=event.cause if event is not None else "",
            )
        )
        counts["control"] = rows.write_control(facility, shares, on=on, value_date=value_date, key=key)
    if event is not None:  # a batch of the close seals its rows once, at its end
        _seal(accrued.written, beside.written, batch_id)
    _look_again(facility, picture, adjusted=accrued.adjustments > 0)
    return Difference(drafts, {name: count for name, count in counts.items() if count})


def _look_again(facility: Facility, picture: Picture, *, adjusted: bool) -> None:
    """When the facility has to be looked at next. The set-wise night goes on from a first row, so after an adjustment the
    coming night is drawn from the replay, also when something else is booked on the same day that adjusts nothing."""
    coming = picture.through + ONE_DAY
    diary = Diary.objects.filter(facility=facility).first()
    stands = diary is not None and diary.attend_on == coming
    attend_on = coming if adjusted or stands else picture.attend_on
    if diary is None:
        Diary.objects.create(facility=facility, attend_on=attend_on)
    elif diary.attend_on != attend_on:
        diary.attend_on = attend_on
        diary.save(update_fields=["attend_on"])


def write_steps(*, steps: Sequence[tuple[Facility, Picture]], on: date, batch_id: int) -> None:
    """Write the rows of one night of facilities after a step each; the fund's own entry posts them, and the morning
    brings the balances."""
    rows.write_steps(steps, on=on, batch_id=batch_id)
    by_day: dict[date, list[int]] = defaultdict(list)
    for facility, picture in steps:
        by_day[picture.attend_on].append(facility.pk)
    for day, facilities in by_day.items():
        Diary.objects.filter(facility_id__in=facilities).exclude(attend_on=day).update(attend_on=day)


def _seal(accruals: int, facility_accruals: int, batch_id: int) -> None:
    if accruals:
        seal_batch(Accrual, batch_id)
    if facility_accruals:
        seal_batch(FacilityAccrual, batch_id)


def preview(*, facility: Facility, events: Sequence[NewEvent], on: date) -> dict[str, Any]:
    """The figures without `events` and with them, on the last of their days, not stored, from the function that books."""
    last = max([on, *(new.event.value_date for new in events)])
    # On a day to come no fixing is missing: the last published one stands for those that are not out yet.
    fixings = fixings_ahead(on) if last > on else None
    return {
        "before": figures(tell(facility, through=last, fixings=fixings)),
        "after": figures(tell(facility, through=last, extra=events, booked_on=on, fixings=fixings)),
    }
