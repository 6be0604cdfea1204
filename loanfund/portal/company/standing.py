"""Where a partner stands with the fund, at one glance: a fixed number of queries, however much there is to tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q

from loanfund.audit.errors import Refused
from loanfund.facilities.models import ConditionPrecedent, Facility, Fund
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.ledger.chart import normal_side
from loanfund.ledger.models import AccountKind, Balance
from loanfund.origination.models import Application, Offer
from loanfund.origination.models.states import FINAL, State
from loanfund.parties.models import Partner, User
from loanfund.servicing.selectors import Status, schedule_of

ZERO = Decimal(0)
OWED = (AccountKind.LOAN_PRINCIPAL, AccountKind.CAPITALISED_INTEREST)
KEEP_SECONDS = 26 * 3600
"""A day's payments are kept until the business date has moved on for certain."""
WAITING = {
    State.DRAFT: ("you: it is not submitted yet", "warn"),
    State.SUBMITTED: ("an analyst of the lender to take it up", "info"),
    State.CHECKING: ("the lender's check of its papers and figures", "info"),
    State.INFORMATION_REQUESTED: ("your answer to the analyst", "warn"),
    State.TABLED: ("the committee to open its vote", "info"),
    State.VOTING: ("the committee's vote", "info"),
    State.APPROVED: ("the lender's offer", "ok"),
    State.OFFERED: ("your signatures under the offer", "warn"),
}
"""Whom or what an application waits for, and its tone."""


@dataclass(frozen=True)
class ApplicationLine:
    """An application that is not ended: what it waits for, its unanswered questions and the offer to be signed, if any."""

    application: Application
    waits_for: str
    tone: str
    questions: int
    offer: Offer | None
    signed_by_me: bool


def application_lines(partner: Partner, person: User) -> list[ApplicationLine]:
    """The partner's applications that are not ended, newest first. One query, and two more while an offer stands."""
    found = list(
        Application.objects.filter(partner=partner)
        .exclude(state__in=list(FINAL))
        .annotate(
            asked=Count("questions", distinct=True),
            answered=Count("questions", filter=Q(questions__answers__from_partner=True), distinct=True),
        )
        .order_by("-id")
    )
    offers = _offers_to_sign(found)
    lines = []
    for application in found:
        words, tone = WAITING[State(application.state)]
        offer = offers.get(application.pk)
        signed = offer is not None and any(one.user_id == person.pk for one in offer.signatures.all())
        lines.append(
            ApplicationLine(application, words, tone, application.asked - application.answered, offer, signed)
        )
    return lines


def _offers_to_sign(applications: Iterable[Application]) -> dict[int, Offer]:
    """The offers that wait for signatures, by application."""
    offered = [one.pk for one in applications if one.state == State.OFFERED]
    if not offered:
        return {}
    sent = Offer.objects.filter(application__in=offered, state=Offer.State.SENT).defer("document")
    return {offer.application_id: offer for offer in sent.prefetch_related("signatures")}


@dataclass(frozen=True)
class Payments:
    """What is late on a facility and what comes next, in its currency. `unknown` says why neither can be told."""

    next_due: date | None = None
    next_amount: Decimal = ZERO
    estimated: bool = False
    arrears: Decimal = ZERO
    days_past_due: int = 0
    unknown: str = ""


@dataclass(frozen=True)
class FacilityLine:
    """A facility with what may be drawn today, what is owed as principal, and its payments."""

    facility: Facility
    undrawn: Decimal
    drawable: Decimal
    owed: Decimal
    missing: int
    payments: Payments


@dataclass(frozen=True)
class _Facts:
    """Of one facility: its loans' keys, its conditions open before the first drawdown, and the keys of the newest thing
    that happened to it and of the newest fixing of all."""

    loans: list[int]
    missing: int
    newest_event: int | None
    newest_fixing: int | None


# By hand: the partner's first page is the one most often asked for, and Django takes five times as long to write this.
FACTS = """
SELECT facility.id,
       ARRAY(SELECT loan.id FROM servicing_loan loan WHERE loan.facility_id = facility.id),
       (SELECT count(*) FROM facilities_conditionprecedent condition
         WHERE condition.facility_id = facility.id AND condition.state = %s AND condition.scope = %s),
       (SELECT max(event.id) FROM servicing_event event WHERE event.facility_id = facility.id),
       (SELECT max(fixing.id) FROM reference_ratefixing fixing)
  FROM unnest(%s::bigint[]) AS facility (id)
"""


def _facts(facilities: Iterable[Facility]) -> dict[int, _Facts]:
    """What the figures of the facilities need, by facility, in one query."""
    condition = (ConditionPrecedent.State.OPEN.value, ConditionPrecedent.Scope.FIRST.value)
    with connection.cursor() as cursor:
        cursor.execute(FACTS, [*condition, [one.pk for one in facilities]])
        return {pk: _Facts(*found) for pk, *found in cursor.fetchall()}


def facility_lines(partner: Partner, fund: Fund) -> list[FacilityLine]:
    """The partner's facilities that are not closed, by number. Three queries and one look into the cache, while nothing
    has happened to them since the last look; else what one schedule costs more for each that changed.
    """
    facilities = list(
        Facility.objects.filter(partner=partner)
        .exclude(state=Facility.State.CLOSED)
        .select_related("fund")
        .order_by("number")
    )
    if not facilities:
        return []
    facts = _facts(facilities)
    held = _balances(fund, facilities, [pk for one in facts.values() for pk in one.loans])
    payments = _payments(facilities, facts, fund.business_date)
    lines = []
    for facility in facilities:
        undrawn = held.get((AccountKind.M_UNDRAWN, facility_owner(facility.pk)), ZERO)
        owed = sum(
            (held.get((kind, loan_owner(pk)), ZERO) for pk in facts[facility.pk].loans for kind in OWED),
            ZERO,
        )
        lines.append(
            FacilityLine(
                facility,
                undrawn,
                undrawn if _open(facility, fund.business_date) else ZERO,
                owed,
                facts[facility.pk].missing,
                payments[facility.pk],
            )
        )
    return lines


def _open(facility: Facility, on: date) -> bool:
    return (
        facility.state == Facility.State.AVAILABLE
        and facility.availability_start <= on <= facility.availability_end
    )


def _balances(
    fund: Fund, facilities: Iterable[Facility], loans: Iterable[int]
) -> dict[tuple[str, str], Decimal]:
    """The kept balances that matter here, by kind and owner, in one query."""
    owners = [facility_owner(one.pk) for one in facilities] + [loan_owner(pk) for pk in loans]
    rows = Balance.objects.filter(
        account__book_id=fund.book_id,
        account__owner__in=owners,
        account__kind__in=[AccountKind.M_UNDRAWN, *OWED],
    ).values_list("account__kind", "account__owner", "debit", "credit")
    return {
        (kind, owner): debit - credit if normal_side(AccountKind(kind)) == "D" else credit - debit
        for kind, owner, debit, credit in rows
    }


def _payments(facilities: Sequence[Facility], facts: Mapping[int, _Facts], on: date) -> dict[int, Payments]:
    """What is late on each facility and what comes next. Kept under everything it follows from: the business date, the
    newest thing that happened to the facility, and the newest fixing.
    """
    keys = {
        pk: f"portal:payments:1:{number}:{pk}:{on}:{facts[pk].newest_event}:{facts[pk].newest_fixing}"
        for pk, number in ((one.pk, one.number) for one in facilities)
    }
    kept = cache.get_many(keys.values())
    found: dict[int, Payments] = {}
    for facility in facilities:
        values = kept.get(keys[facility.pk])
        if values is None:
            worked_out = _worked_out(facility)
            if not worked_out.unknown:
                cache.set(keys[facility.pk], asdict(worked_out), KEEP_SECONDS)
            found[facility.pk] = worked_out
        else:
            found[facility.pk] = Payments(**values)
    return found


def _worked_out(facility: Facility) -> Payments:
    try:
        rows = schedule_of(facility)
    except Refused as refused:
        return Payments(unknown=refused.sentence)
    coming = [row for row in rows if row.status in {Status.DUE, Status.COMING} and row.outstanding > 0]
    late = [row for row in rows if row.status is Status.OVERDUE]
    upcoming = min((row.due_date for row in coming), default=None)
    following = [row for row in coming if row.due_date == upcoming]
    return Payments(
        next_due=upcoming,
        next_amount=sum((row.outstanding for row in following), ZERO),
        estimated=any(row.estimated for row in following),
        arrears=sum((row.outstanding for row in late), ZERO),
        days_past_due=max((row.days_past_due for row in late), default=0),
    )
