"""What borrowers are told without having asked: a payment comes near, a sum is late, a rate is set.

Worked out on a worker after the day has begun, a facility at a time, so that a close never waits for it. What was looked
at is kept, so a killed worker goes on where it was; a notice's key says what is told, so that it is told once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from loanfund.audit.errors import InFlight, Refused
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.audit.models import IdempotencyKey
from loanfund.calculation.money import currency
from loanfund.facilities.models import Facility, FacilityTerms, Fund
from loanfund.facilities.selectors import current_terms
from loanfund.parties.services import notify_partner
from loanfund.parties.services.settlement import SIGNERS
from loanfund.servicing import rights
from loanfund.servicing.models import Instruction, InterestPeriod
from loanfund.servicing.selectors import Arrear, ScheduleRow, Status, arrears, schedule_of

FIRST, SECOND = 10, 3
"""Days before a payment on which it is told."""
ROUND = 500
"""Facilities looked at in one go."""
SCOPE = "servicing:told"
ANSWERED = rights.CONSENTED | {Instruction.Kind.PREPAYMENT, Instruction.Kind.CANCELLATION}
"""Changes that a borrower gives notice of or consents to."""
FLOATS = {"floating", "overnight"}
ZERO = Decimal(0)


def tell_day(*, fund: Fund, on: date) -> bool:
    """Tell the fund's partners what business date `on` has to tell; False while something is left for another go.

    A look that was missed because several days were closed at once is made up for: what is told is still to come.
    """
    day = f"day:{fund.pk}:{on}"
    if _kept([day]):
        return True
    looks = _looks(fund, on)
    done = _kept(looks)
    left = [key for key in looks if key not in done]
    told = [_once(key, partial(_look, looks[key], on)) for key in left[:ROUND]]
    if len(left) > ROUND or not all(told):
        return False
    rest: dict[str, Callable[[], None]] = {
        f"late:{fund.pk}:{on}": partial(_late, fund, on),
        day: lambda: None,
    }
    return all(_once(key, act) for key, act in rest.items())


def _kept(keys: Iterable[str]) -> set[str]:
    return set(IdempotencyKey.objects.filter(scope=SCOPE, key__in=list(keys)).values_list("key", flat=True))


def _once(key: str, act: Callable[[], None]) -> bool:
    """Whether the act is done, now or before; not while another worker is at it, or what it needs is not known yet."""

    def do() -> Answer:
        act()
        return Answer(200, None)

    try:
        once(scope=SCOPE, key=key, digest=content_digest(key), act=do)
    except (InFlight, Refused):
        return False
    return True


def _looks(fund: Fund, on: date) -> dict[str, int]:
    """The facilities to be looked at, by a key for each reason: a payment comes near; a period has begun whose rate was
    fixed for it in advance, until its fixing is published; nothing is drawn yet, but fees fall due all the same."""
    periods = InterestPeriod.objects.filter(loan__facility__fund=fund)
    near = periods.filter(payment_date__range=(on, on + timedelta(days=FIRST)))
    begun = dict(
        periods.filter(start__range=(on - timedelta(days=FIRST), on)).values_list(
            "loan__facility_id", "start"
        )
    )
    found: dict[str, int] = {}
    for facility, day in near.values_list("loan__facility_id", "payment_date").distinct():
        found[f"{facility}:{day}:{_stage((day - on).days)}"] = facility
    undrawn = Facility.objects.filter(fund=fund, state=Facility.State.AVAILABLE, loans__isnull=True)
    found |= {f"{facility}:{on}:undrawn": facility for facility in undrawn.values_list("pk", flat=True)}
    newest = FacilityTerms.objects.filter(facility_id__in=begun).order_by("facility_id", "-version")
    for facility, rate in newest.distinct("facility_id").values_list("facility_id", "document__rate"):
        if "floating" in _kinds(rate):
            found[f"{facility}:{begun[facility]}:begun:{on}"] = facility
    return found


def _kinds(rate: dict[str, Any]) -> set[str]:
    """The kind of a rate, and of that which follows a time without interest."""
    return {rate["kind"], rate.get("then", {}).get("kind", "")}


def _stage(days: int) -> int:
    """Which of the two reminders, or 0 for the day itself."""
    return FIRST if days > SECOND else SECOND if days else 0


def _look(facility_id: int, on: date) -> None:
    facility = Facility.objects.select_related("partner", "fund").get(pk=facility_id)
    rows = schedule_of(facility)
    _coming(facility, rows, on)
    _rates(facility, rows, on)


def _coming(facility: Facility, rows: Sequence[ScheduleRow], on: date) -> None:
    """Each payment of the next days, with what it is made of."""
    by_day: dict[date, list[ScheduleRow]] = defaultdict(list)
    for row in rows:
        if row.status is Status.COMING and on < row.due_date <= on + timedelta(days=FIRST):
            by_day[row.due_date].append(row)
    for day, parts in by_day.items():
        amount = sum((part.outstanding for part in parts), ZERO)
        if amount <= 0:
            continue
        days = (day - on).days
        when = "tomorrow" if days == 1 else f"in {days} days"
        made = {
            "interest": sum((part.interest for part in parts), ZERO),
            "principal": sum((part.principal for part in parts), ZERO),
            "fees and other sums": sum((part.other for part in parts), ZERO),
        }
        parts_words = ", ".join(f"{name} {_words(facility, value)}" for name, value in made.items() if value)
        estimate = any(part.estimated for part in parts)
        _tell(
            facility,
            "payment_due",
            f"payment-due:{facility.pk}:{day}:{_stage(days)}",
            f"{facility.number}: {_words(facility, amount)} is due {when}",
            f"On {_day(day)} {_words(facility, amount)} falls due under {facility.number}: {parts_words}. "
            + ("It is an estimate until the last rate is published. " if estimate else "")
            + f"Name {facility.number} in the payment, so that it is booked at once.",
            on,
        )


def _rates(facility: Facility, rows: Sequence[ScheduleRow], on: date) -> None:
    """The rate of each period that runs or has just ended, once every fixing it rests on is published."""
    if not _kinds(current_terms(facility).document["rate"]) & FLOATS:
        return
    for row in rows:
        if row.period_start is None or row.period_end is None or row.rate is None or row.estimated:
            continue
        if row.period_start <= on <= row.period_end + timedelta(days=FIRST):
            first, last = _day(row.period_start), _day(row.period_end)
            _tell(
                facility,
                "rate_set",
                f"rate-set:{facility.pk}:{row.loan}:{row.period_start}",
                f"{row.loan}: the rate from {first} to {last} is {row.rate * 100:.4f} % a year",
                f"The rate of {row.loan} under {facility.number} for the interest period from {first} to {last} is set: "
                f"{row.rate * 100:.4f} % a year, margin included. The portal shows the fixings it rests on, day by day.",
                on,
                link=f"/partners/{facility.partner.number}/loans/{row.loan}/",
            )


def _late(fund: Fund, on: date) -> None:
    """Once for each facility and each oldest sum that is late."""
    by_facility: dict[int, list[Arrear]] = defaultdict(list)
    for arrear in arrears(fund):
        by_facility[arrear.facility.pk].append(arrear)
    for late in by_facility.values():
        facility, oldest = late[0].facility, min(one.oldest_due for one in late)
        amount = _words(facility, sum((one.amount for one in late), ZERO))
        days = max(one.days_past_due for one in late)
        _tell(
            facility,
            "late",
            f"late:{facility.pk}:{oldest}",
            f"{facility.number}: {amount} is late",
            f"{amount} under {facility.number} has not arrived. The oldest part was due on {_day(oldest)}, "
            f"{days} day{'' if days == 1 else 's'} ago. Pay it now, naming {facility.number}, or report the payment "
            "in the portal if you have sent it. Late sums bear interest as the agreement says.",
            on,
        )


def tell_proposed(instruction: Instruction, on: date) -> None:
    """Tell those who bind the borrower that a change waits for their consent; nothing for other changes."""
    facility = instruction.facility
    if instruction.kind not in rights.CONSENTED:
        return
    notify_partner(
        partner=facility.partner,
        kind="consent_asked",
        key=f"instruction:{instruction.pk}:proposed",
        subject=f"{instruction.number}: your consent to a change of {facility.number} is asked for",
        body=f"{instruction.get_kind_display().capitalize()} of {facility.number}, from {_day(instruction.value_date)}: "
        f"{instruction.reason} Read what changes, term by term, and consent if you agree; without it nothing changes.",
        link=_page_of(instruction),
        roles=SIGNERS,
        on=on,
    )


def tell_decided(instruction: Instruction, on: date) -> None:
    """Tell the borrower what became of a notice of its own, or of a change it consented to."""
    if instruction.kind not in ANSWERED or instruction.state == Instruction.State.WITHDRAWN:
        return
    booked = instruction.state == Instruction.State.BOOKED
    what = f"{instruction.get_kind_display()} of {instruction.facility.number}"
    notify_partner(
        partner=instruction.facility.partner,
        kind="instruction_decided",
        key=f"instruction:{instruction.pk}:{instruction.state}",
        subject=f"{instruction.number}: the {what} is {'booked' if booked else 'refused'}",
        body=f"The {what} counts from {_day(instruction.value_date)}. The portal shows the schedule as it is now."
        if booked
        else f"The lender refused the {what}: {instruction.refusal_reason}",
        link=_page_of(instruction),
        on=on,
    )


def _page_of(instruction: Instruction) -> str:
    facility = instruction.facility
    return f"/partners/{facility.partner.number}/facilities/{facility.number}/requests/{instruction.number}/"


def _tell(
    facility: Facility, kind: str, key: str, subject: str, body: str, on: date, *, link: str = ""
) -> None:
    way = link or f"/partners/{facility.partner.number}/facilities/{facility.number}/payments/"
    notify_partner(partner=facility.partner, kind=kind, key=key, subject=subject, body=body, on=on, link=way)


def _words(facility: Facility, amount: Decimal) -> str:
    return f"{amount:,.{currency(facility.currency).decimals}f} {facility.currency}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
