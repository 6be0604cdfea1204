"""Between the rows of a facility and the fold of `calculation`: stored events in, the picture of its books out."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Max

from loanfund.audit.errors import Refused
from loanfund.calculation import events as happened
from loanfund.calculation import history as told
from loanfund.calculation.events import KINDS
from loanfund.calculation.facility import advance, replay
from loanfund.calculation.history import History, How, history_of
from loanfund.calculation.money import Rounding, from_units12, minor_to_decimal
from loanfund.calculation.rates import Fixings
from loanfund.calculation.state import LoanState, State
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.facilities.models import Facility
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.ledger.models import AccountKind
from loanfund.reference.selectors import Stamp, calendar, database_id, newest_fixing
from loanfund.servicing.events import NewEvent, stored
from loanfund.servicing.factors import class_id, factors_on, rate_of
from loanfund.servicing.models import Event, Loan
from loanfund.servicing.picture import ZERO, DueLine, FacilityNight, Night, NightState, Period, Picture, Share

ONE_DAY = timedelta(days=1)
PER_LOAN = frozenset({"LOAN_PRINCIPAL", "CAPITALISED_INTEREST", "INTEREST_DUE", "DEFAULT_INTEREST_DUE"})


def terms_of(facility: Facility) -> FacilityTerms:
    """The terms as signed; amendments are events."""
    signed = facility.terms.order_by("version")[0]
    return FacilityTerms.from_document(signed.document, calendar)


def known_events(facility: Facility, *, through: date) -> list[happened.Event]:
    """The stored events of a facility that count by day `through`, as calculation reads them.

    What is known in advance, such as a prepayment notice for next month, counts when its day comes.
    """
    rows = facility.events.filter(kind__in=KINDS, value_date__lte=through).order_by("number")
    return [stored(row) for row in rows]


def tell(
    facility: Facility,
    *,
    through: date,
    end_of_day: bool = False,
    extra: Sequence[NewEvent] = (),
    booked_on: date | None = None,
    fixings: Fixings | None = None,
) -> History:
    """The facility's whole history: through the start of day `through` with that day's events, or with its night too.

    `extra` are events that are not stored, as if booked on `booked_on`: a what-if. `fixings` are those that are known on
    `through` unless others are given, as for a day to come.
    Refused with calculation's sentence when the events cannot be.
    """
    events = known_events(facility, through=through)
    # Booked today, as they would be: what a correction adds to a due is late only from then.
    made = [replace(new.event, booked_on=booked_on or through) for new in extra]
    events += [event for event in made if event.value_date <= through]
    known = fixings or factors_on(through, end_of_day=end_of_day).fixings
    try:
        return replay(terms_of(facility), events, known, through, with_night=end_of_day)
    except ValueError as error:
        raise Refused(f"{facility.number}: {error}") from error


def draw_picture(facility: Facility, *, through: date, end_of_day: bool = False) -> Picture:
    """What the books of a facility should say at the start of day `through` with that day's events; with `end_of_day`
    its night is in as well."""
    history = tell(facility, through=through, end_of_day=end_of_day)
    if not end_of_day:
        _keep(facility, Kept(through, _stamp(facility), history))
    return Painter(facility, history).picture(through, end_of_day)


@dataclass(frozen=True)
class Kept:
    """Where a facility stood at the start of `day` with its events, so that the next day is one step and no replay.

    Kept in this process only, and good only while the facility's events and the fixings are those of its `stamp`.
    `step` is set when the history holds no more than the one day that led here, `quiet` when that morning brought nothing.
    """

    day: date
    stamp: tuple[object, ...]
    history: History
    step: bool = False
    quiet: bool = False


_KEPT: OrderedDict[int, Kept] = OrderedDict()
MOST_KEPT = 5_000


def _stamp(facility: Facility) -> tuple[object, ...]:
    return _stamps([facility.pk], newest_fixing())[facility.pk]


def _stamps(facilities: Sequence[int], fixing: Stamp) -> dict[int, tuple[object, ...]]:
    counted = Event.objects.filter(facility_id__in=facilities).values_list("facility_id")
    seen = {pk: (n, newest) for pk, n, newest in counted.annotate(count=Count("pk"), newest=Max("pk"))}
    return {pk: (*fixing, *seen.get(pk, (0, None))) for pk in facilities}


@dataclass(frozen=True)
class Roll:
    """What a few statements read of many facilities at once. Good for as long as they are locked.

    `fixing` stands for the newest one; `stamps` change with it and with a facility's events; `coming` are its events of a
    value date after the day that was asked for, in order; `loans` the ids of its loans by number.
    """

    fixing: Stamp
    stamps: dict[int, tuple[object, ...]]
    coming: dict[int, list[Event]]
    loans: dict[int, dict[str, int]]


def call_roll(facilities: Sequence[int], after: date) -> Roll:
    """Read what steps into and out of the night of a day need; `after` is the last day that is told already."""
    coming: dict[int, list[Event]] = {}
    events = Event.objects.filter(facility_id__in=facilities, value_date__gt=after)
    for event in events.order_by("number"):
        coming.setdefault(event.facility_id, []).append(event)
    loans: dict[int, dict[str, int]] = {}
    of_these = Loan.objects.filter(facility_id__in=facilities)
    for pk, number, loan in of_these.values_list("facility_id", "number", "pk"):
        loans.setdefault(pk, {})[number] = loan
    fixing = newest_fixing()
    return Roll(fixing, _stamps(facilities, fixing), coming, loans)


def _keep(facility: Facility, kept: Kept) -> None:
    _KEPT[facility.pk] = kept
    _KEPT.move_to_end(facility.pk)
    if len(_KEPT) > MOST_KEPT:
        _KEPT.popitem(last=False)


def forget(facility_id: int) -> None:
    """Know no longer where a facility stands: what was worked out did not reach its books."""
    _KEPT.pop(facility_id, None)


def _kept(facility: Facility, day: date, roll: Roll) -> Kept | None:
    kept = _KEPT.get(facility.pk)
    if kept is None or kept.day != day or kept.stamp != roll.stamps[facility.pk]:
        return None
    return kept


def night_step(facility: Facility, on: date, roll: Roll) -> Picture | None:
    """Only the rows of the night of `on`, by one step from where the facility is known to stand; None when it must be
    replayed. `roll` was called after `on`."""
    kept = _kept(facility, on, roll)
    if kept is None or any(
        night.estimated for night in kept.history.nights[-len(kept.history.state.loans) :]
    ):
        return None
    planned = [
        stored(row)
        for row in roll.coming.get(facility.pk, [])
        if row.kind in KINDS and row.value_date == on + ONE_DAY
    ]
    try:
        factors = factors_on(on, end_of_day=True, newest=roll.fixing)
        state, record = advance(kept.history.state, planned, factors)
    except ValueError as error:
        raise Refused(f"{facility.number}: {error}") from error
    history = history_of(state, record)
    quiet = not (planned or history.shares or history.periods or facility.availability_end == on)
    quiet = quiet and not any(due.due_date > on for due in history.dues)
    _keep(facility, Kept(on + ONE_DAY, kept.stamp, history, step=True, quiet=quiet))
    return Painter(facility, history, roll).night_step(on, quiet=quiet)


def quiet_morning(facility_id: int, on: date) -> bool:
    """Whether this process just took the step into day `on` of a facility and found that the morning brings nothing."""
    kept = _KEPT.get(facility_id)
    same = kept is not None and kept.day == on and kept.stamp[0] == database_id()
    return same and kept is not None and kept.quiet


def morning_step(facility: Facility, on: date, roll: Roll) -> Picture | None:
    """What the start of day `on` adds, where the step that ended the night before is known; None when it must be
    replayed. `roll` was called after the day before."""
    kept = _kept(facility, on, roll)
    if kept is None or not kept.step:
        return None
    return Painter(facility, kept.history, roll).morning_step(on)


class Painter:
    """Turns a history, which names loans by number and counts in minor units, into rows and balances."""

    def __init__(self, facility: Facility, history: History, roll: Roll | None = None) -> None:
        self.facility, self.history, self.state = facility, history, history.state
        self.currency = history.state.terms.currency
        self.roll = roll
        self.loans: dict[str, int] = (
            dict(facility.loans.values_list("number", "pk"))
            if roll is None
            else roll.loans.get(facility.pk, {})
        )
        self.classes: dict[int, int] = {}

    def money(self, minor: int) -> Decimal:
        return minor_to_decimal(minor, self.currency)

    def loan(self, name: str) -> int | None:
        return self.loans[name] if name else None

    def picture(self, through: date, end_of_day: bool) -> Picture:
        history = self.history
        last = through if end_of_day else through - ONE_DAY
        return Picture(
            since=self.facility.signed_on,
            through=last,
            nights=tuple(self.night(one) for one in history.nights),
            facility_nights=tuple(self.facility_night(one) for one in history.facility_nights),
            dues=tuple(self.due(one) for one in history.dues),
            shares=self.shares(),
            periods=self.periods(),
            owned=self.owned(),
            control={AccountKind(kind): amount for kind, amount in history.control().items()},
            drawn=self.money(self.state.drawn),
            written_off=self.money(self.lost()),
            recovered=self.money(min(self.state.totals["recovered"], self.lost())),
            attend_on=attend_on(history, last + ONE_DAY, self.planned(last)),
        )

    def night_step(self, on: date, *, quiet: bool) -> Picture:
        """Only the rows of one night. A morning that is not `quiet` is attended, though nothing may be left to do after
        it: a sum that falls due and is paid from what is held on account."""
        history = self.history
        step = self.step(
            since=on,
            through=on,
            nights=tuple(self.night(one) for one in history.nights),
            facility_nights=tuple(self.facility_night(one) for one in history.facility_nights),
        )
        return step if quiet else replace(step, attend_on=on + ONE_DAY)

    def morning_step(self, on: date) -> Picture:
        """What one start of day added, and the balances it led to."""
        history = self.history
        return self.step(
            since=on,
            through=on - ONE_DAY,
            dues=tuple(self.due(one) for one in history.dues if one.due_date == on),
            shares=self.shares(),
            periods=self.periods(),
            owned=self.owned(),
            control={AccountKind(kind): amount for kind, amount in history.control().items()},
            drawn=self.money(self.state.drawn),
            written_off=self.money(self.lost()),
        )

    def step(self, *, since: date, through: date, **given: Any) -> Picture:
        empty: dict[str, Any] = dict.fromkeys(("nights", "facility_nights", "dues", "shares", "periods"), ())
        nothing: dict[str, Any] = {"owned": {}, "control": {}, "drawn": ZERO, "written_off": ZERO}
        return Picture(
            since=since,
            through=through,
            attend_on=attend_on(self.history, self.state.day, self.planned(through)),
            partial=True,
            **empty | nothing | given,
        )

    def periods(self) -> tuple[Period, ...]:
        return tuple(
            Period(
                self.loans[name],
                one.start,
                one.end,
                one.payment_date,
                one.unadjusted_start,
                one.unadjusted_end,
            )
            for name, one in self.history.periods
        )

    def night(self, one: told.Night) -> Night:
        growth = one.growth
        pk = self.classes.get(id(growth))
        if pk is None:
            pk = self.classes[id(growth)] = class_id(growth.key)
        n1, d1 = growth.fraction(one.on + ONE_DAY)
        n0, d0 = growth.fraction(one.on)
        base_num, base_den = growth.at(one.piece_start)
        return Night(
            loan_id=self.loans[one.loan],
            on=one.on,
            principal=self.money(one.principal),
            rate=rate_of(growth, one.on),
            num=n1 * d0 - n0 * d1 if d0 != d1 else n1 - n0,
            den=d0 * d1 if d0 != d1 else d1,
            exact=from_units12(one.units),
            posted=self.money(one.posted),
            estimated=one.estimated,
            suspended=one.suspended,
            state=NightState(
                pk, from_units12(one.period_units), base_num, base_den, from_units12(one.base_units)
            ),
        )

    def facility_night(self, one: told.FacilityNight) -> FacilityNight:
        return FacilityNight(
            kind=one.kind,
            subject=one.subject,
            on=one.on,
            on_amount=self.money(one.on_amount),
            rate=Decimal(told.rate_text(one.rate)),
            exact=from_units12(one.units),
            posted=self.money(one.posted),
            suspended=one.suspended,
        )

    def due(self, one: told.DueRow) -> DueLine:
        return DueLine(
            one.key,
            one.component.value,
            self.loan(one.loan),
            self.money(one.amount),
            one.due_date,
            one.payable_from,
        )

    def shares(self) -> tuple[Share, ...]:
        """Allocations, those of one source to one due on one day added up."""
        sums: dict[tuple[str, str, str, str, date, int | None], int] = {}
        for one in self.history.shares:
            place = (
                one.source,
                one.due_key,
                one.component.value,
                one.how.value,
                one.value_date,
                self.loan(one.loan),
            )
            sums[place] = sums.get(place, 0) + one.amount
        return tuple(
            Share(source, due, component, how, day, loan, self.money(amount))
            for (source, due, component, how, day, loan), amount in sums.items()
        )

    def owned(self) -> dict[tuple[AccountKind, str], Decimal]:
        whole = facility_owner(self.facility.pk)
        return {
            (AccountKind(kind), loan_owner(self.loans[name]) if name and kind in PER_LOAN else whole): amount
            for (kind, name), amount in self.history.owned().items()
        }

    def planned(self, last: date) -> list[date]:
        """The value dates of events that are known and have not come yet."""
        if self.roll is not None:
            return [event.value_date for event in self.roll.coming.get(self.facility.pk, [])]
        return list(self.facility.events.filter(value_date__gt=last).values_list("value_date", flat=True))

    def lost(self) -> int:
        """Lent principal given up: waived or written off."""
        gone = (How.WAIVED, How.WRITTEN_OFF)
        return sum(
            one.amount - one.capitalised
            for one in self.history.shares
            if one.component is Component.PRINCIPAL and one.how in gone
        )


def attend_on(history: History, day: date, planned: Iterable[date] = ()) -> date:
    """The next day, `day` or later, that needs more than the plain accrual of its night.

    `planned` are days on which events that are known already will count.
    """
    state = history.state
    newest = {night.loan: night for night in history.nights[-len(state.loans) :]} if state.loans else {}
    always = (
        any(due.outstanding for due in state.dues.values())
        or bool(state.notices and state.unapplied)
        or any(night.estimated for night in newest.values())
        or state.terms.rounding is not Rounding.HALF_UP
        or _fee_accrues(state)
        or any(
            not _follows(newest.get(loan.name), loan, day) for loan in state.loans.values() if not loan.done
        )
    )
    if always:
        return day
    days = [state.terms.availability_end + ONE_DAY, *planned, *_steps(state)]
    if state.fee is not None:
        days.append(state.fee.ends)
    for loan in state.loans.values():
        for one in loan.open:
            days += [one.period.end, one.period.payment_date]
    return min((one for one in days if one >= day), default=date.max - ONE_DAY)


def _follows(night: told.Night | None, loan: LoanState, day: date) -> bool:
    """Whether the night of `day` simply continues the piece that the night before it stood in."""
    if night is None or night.on != day - ONE_DAY or not loan.open:
        return False
    one = loan.open[-1]
    return not one.ended and (night.piece_start, night.growth.key.start) == (
        one.pieces[-1].start,
        one.period.start,
    )


def _steps(state: State) -> list[date]:
    """The days on which another rate begins."""
    rate: Any = state.rate
    found = []
    if hasattr(rate, "until"):
        found.append(rate.until)
        rate = rate.then
    return found + [begins for begins, _ in getattr(rate, "steps", ())]


def _fee_accrues(state: State) -> bool:
    """Whether the commitment fee has nights to write; of a fee period that begins today the first night will say."""
    fee = state.fee
    return bool(state.terms.commitment_fee and fee is not None and (not fee.pieces or fee.pieces[-1][1]))


def figures(history: History) -> dict[str, Any]:
    """What a person compares before and after: balances, dues that are open, and what conservation says."""
    document = history.to_document()
    return {
        "balances": document["balances"],
        "dues": [due for due in document["dues"] if due["outstanding"].strip("0.")],
        "unapplied": str(minor_to_decimal(history.state.unapplied, history.state.terms.currency)),
        "conservation": document["conservation"],
    }
