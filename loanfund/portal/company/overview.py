"""The first page of a partner: where the application is, how much may be drawn, what is owed and why, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.parties.checklist import papers_wanted
from loanfund.parties.models import SettlementAccount
from loanfund.parties.selectors import notices_of, owned_share
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
    number = visit.partner.number
    context = {
        "applications": [(line, page_of(number, line.application.number)) for line in applications],
        "facilities": [(line, page_of(number, line.facility.number)) for line in facilities],
        "tasks": [
            *_application_tasks(visit, applications),
            *_facility_tasks(visit, facilities),
            *_consent_tasks(visit),
            *_company_tasks(visit),
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


def _consent_tasks(visit: Visit) -> list[Task]:
    """Changes of facilities that wait for somebody who binds the company. One query for them, none for others."""
    if not visit.may(*SIGNERS):
        return []
    asked = Instruction.objects.filter(
        facility__partner=visit.partner,
        state=Instruction.State.PROPOSED,
        kind__in=CONSENTED,
        consent_by__isnull=True,
    )
    return [
        Task(
            f"Consent to a change of {one.facility.number}",
            f"{one.get_kind_display().capitalize()}, from {day_words(one.value_date)}.",
            reverse("portal:instruction", args=[visit.partner.number, one.facility.number, one.number]),
            "Read it",
        )
        for one in asked.select_related("facility").order_by("id")
    ]


def _company_tasks(visit: Visit) -> list[Task]:
    """Papers, owners and accounts that wait. Three queries at most."""
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
        share = owned_share(visit.partner)
        if share < 100:
            tasks.append(
                Task(
                    "Name the owners of the company",
                    f"Their shares add up to {share.normalize():f} % so far.",
                    reverse("portal:owners", args=[number]),
                    "Name them",
                )
            )
    if visit.may(*SIGNERS):
        named = SettlementAccount.objects.filter(
            partner=visit.partner, state=SettlementAccount.State.PROPOSED
        )
        for account in named.exclude(maker=visit.user).select_related("maker"):
            tasks.append(
                Task(
                    f"Confirm the account {account.label}",
                    f"{account.maker.name} named it; a second person has to look.",
                    reverse("portal:account", args=[number, account.pk]),
                    "Look at it",
                )
            )
    return tasks
