"""The first page of a partner: where the application is, how much may be drawn, what is owed and why, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.parties.checklist import papers_wanted
from loanfund.parties.models import SettlementAccount
from loanfund.parties.selectors import notices_of
from loanfund.parties.services.rights import EDITORS
from loanfund.parties.services.settlement import SIGNERS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.links import page_of
from loanfund.portal.company.standing import (
    ApplicationLine,
    FacilityLine,
    application_lines,
    facility_lines,
)
from loanfund.portal.company.words import day_words
from loanfund.servicing.models import Instruction
from loanfund.servicing.rights import CONSENTED

ZERO = Decimal(0)
LATEST = 5
"""How many notices the page shows."""


@dataclass(frozen=True)
class Task:
    """Something that waits for this person: what, why or until when, and where to do it."""

    title: str
    detail: str
    href: str
    action: str
    tone: str = "warn"


@partner_page
def overview(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Where the company stands with the fund."""
    applications = application_lines(visit.partner, visit.user)
    facilities = facility_lines(visit.partner, visit.fund)
    standing = _standing(visit)
    number = visit.partner.number
    context = {
        "applications": [(line, page_of(number, line.application.number)) for line in applications],
        "facilities": [(line, page_of(number, line.facility.number)) for line in facilities],
        "tasks": [
            *_application_tasks(visit, applications),
            *_facility_tasks(visit, facilities),
            *(_consent_tasks(visit) if standing.changes else ()),
            *_company_tasks(visit, standing),
        ],
        "notices": notices_of(visit.user, visit.partner).defer("body", "last_error")[:LATEST],
        "may_apply": visit.may(*EDITORS),
        **_figures(facilities),
    }
    return show(request, visit, "portal/company/overview.html", context)


def _figures(facilities: Sequence[FacilityLine]) -> dict[str, Any]:
    """The four figures over the page, each of all facilities together."""
    payments = [line.payments for line in facilities]
    upcoming = min((one.next_due for one in payments if one.next_due), default=None)
    following = [one for one in payments if one.next_due == upcoming and upcoming is not None]
    return {
        "drawable": sum((line.drawable for line in facilities), ZERO),
        "owed": sum((line.owed for line in facilities), ZERO),
        "next_due": upcoming,
        "next_amount": sum((one.next_amount for one in following), ZERO),
        "next_estimated": any(one.estimated for one in following),
        "arrears": sum((one.arrears for one in payments), ZERO),
        "days_past_due": max((one.days_past_due for one in payments), default=0),
        "unknown": [line for line in facilities if line.payments.unknown],
    }


def _application_tasks(visit: Visit, lines: Sequence[ApplicationLine]) -> list[Task]:
    tasks = []
    for line in lines:
        number = line.application.number
        href = page_of(visit.partner.number, number)
        due = line.application.information_due_on
        if line.questions and visit.may(*EDITORS):
            asked = "a question" if line.questions == 1 else f"{line.questions} questions"
            until = "The analyst waits for it."
            if due:
                late = due < visit.on
                until = f"{'Was asked' if late else 'Asked'} for by {day_words(due)}."
            tasks.append(Task(f"Answer {asked} on {number}", until, href, "Answer"))
        if line.application.state == "draft" and visit.may(*EDITORS):
            tasks.append(Task(f"Finish {number}", "It is a draft until you submit it.", href, "Go on", ""))
        if line.offer is not None and visit.may(*SIGNERS) and not line.signed_by_me:
            expires = line.offer.expires_on
            until = f"It can be signed until {day_words(expires)}." if expires else ""
            tasks.append(Task(f"Sign the offer of {number}", until, href, "Read and sign"))
    return tasks


def _facility_tasks(visit: Visit, lines: Sequence[FacilityLine]) -> list[Task]:
    tasks = []
    for line in lines:
        number = line.facility.number
        href = page_of(visit.partner.number, number)
        if line.payments.arrears:
            days = line.payments.days_past_due
            late = f"Late for {days} day{'' if days == 1 else 's'}. Default interest runs until it is paid."
            tasks.append(Task(f"Pay what is overdue on {number}", late, href, "See what is owed", "bad"))
        if line.missing and line.undrawn:
            noun = "condition is" if line.missing == 1 else "conditions are"
            tasks.append(
                Task(
                    f"{line.missing} {noun} missing on {number}",
                    "The first drawdown waits for them.",
                    href,
                    "See which",
                )
            )
    return tasks


def _consents_asked(visit: Visit) -> QuerySet[Instruction]:
    """Changes of facilities that wait for somebody who binds the company."""
    return Instruction.objects.filter(
        facility__partner=visit.partner,
        state=Instruction.State.PROPOSED,
        kind__in=CONSENTED,
        consent_by__isnull=True,
    )


def _accounts_named(visit: Visit) -> QuerySet[SettlementAccount]:
    """Accounts that wait for a second person, who this person may be."""
    return SettlementAccount.objects.filter(
        partner=visit.partner, state=SettlementAccount.State.PROPOSED
    ).exclude(maker=visit.user)


@dataclass(frozen=True)
class _Standing:
    """The per cent of the company that its named owners hold, and whether this person, who may sign, has to look for
    proposed changes of facilities and for accounts that were named."""

    share: Decimal
    changes: bool
    accounts: bool


# By hand, as for the facilities: Django takes ten times as long to write it. The lists themselves are read by Django.
STANDING = """
SELECT coalesce((SELECT sum(owner.share) FROM parties_beneficialowner owner
                  WHERE owner.partner_id = %(partner)s AND owner.ended_on IS NULL), 0),
       EXISTS (SELECT FROM servicing_instruction change JOIN facilities_facility facility ON facility.id = change.facility_id
                WHERE facility.partner_id = %(partner)s AND change.state = %(change)s AND change.consent_by_id IS NULL),
       EXISTS (SELECT FROM parties_settlementaccount account
                WHERE account.partner_id = %(partner)s AND account.state = %(account)s)
"""


def _standing(visit: Visit) -> _Standing:
    """In one query: most companies on most days have nothing of it, and then there is no other."""
    given: dict[str, int | str] = {
        "partner": visit.partner.pk,
        "change": Instruction.State.PROPOSED.value,
        "account": SettlementAccount.State.PROPOSED.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(STANDING, given)
        share, changes, accounts = cursor.fetchall()[0]
    signs = visit.may(*SIGNERS)
    return _Standing(share, signs and changes, signs and accounts)


def _consent_tasks(visit: Visit) -> list[Task]:
    return [
        Task(
            f"Consent to a change of {one.facility.number}",
            f"{one.get_kind_display().capitalize()}, from {day_words(one.value_date)}.",
            reverse("portal:instruction", args=[visit.partner.number, one.facility.number, one.number]),
            "Read it",
        )
        for one in _consents_asked(visit).select_related("facility").order_by("id")
    ]


def _company_tasks(visit: Visit, standing: _Standing) -> list[Task]:
    """Papers, owners and accounts that wait. One query for the papers, one more where an account waits."""
    number, tasks = visit.partner.number, []
    if visit.may(*EDITORS):
        wanted = papers_wanted(visit.partner, visit.on)
        if wanted:
            names = ", ".join(line.label.lower() for line in wanted[:3])
            more = f" and {len(wanted) - 3} more" if len(wanted) > 3 else ""
            noun = "paper" if len(wanted) == 1 else "papers"
            tasks.append(
                Task(
                    f"Hand in {len(wanted)} {noun}",
                    f"{names[0].upper()}{names[1:]}{more}.",
                    reverse("portal:papers", args=[number]),
                    "See the list",
                )
            )
        if standing.share < 100:
            tasks.append(
                Task(
                    "Name the owners of the company",
                    f"Their shares add up to {standing.share.normalize():f} % so far.",
                    reverse("portal:owners", args=[number]),
                    "Name them",
                )
            )
    if standing.accounts:
        for account in _accounts_named(visit).select_related("maker"):
            tasks.append(
                Task(
                    f"Confirm the account {account.label}",
                    f"{account.maker.name} named it; a second person has to look.",
                    reverse("portal:account", args=[number, account.pk]),
                    "Look at it",
                )
            )
    return tasks
