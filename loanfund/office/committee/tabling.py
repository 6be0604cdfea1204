"""Writing a proposal: the terms on the left, what they come to on the right, before anything is tabled."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.facilities.selectors import policy_in_force
from loanfund.office.committee.dealing import DealForm, condition_lines
from loanfund.office.committee.reviewing import gate
from loanfund.office.committee.weighing import deal_of, previewed, weighed
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination import services
from loanfund.origination.models import Application, Proposal
from loanfund.origination.models.states import State
from loanfund.origination.selectors import allowed_actions, allowed_on_proposal
from loanfund.origination.term_words import term_rows
from loanfund.origination.terms import as_money
from loanfund.parties import roles


@page(
    "applications/<str:number>/table/",
    name="table_application",
    readers=(roles.ANALYST,),
    actors=(roles.ANALYST,),
)
def table_application(request: HttpRequest, number: str) -> HttpResponse:
    """Put an application to the committee."""
    seat = take_seat(request)
    found = Application.objects.select_related("fund", "partner__group").exclude(state=State.DRAFT)
    one = get_object_or_404(found, fund=seat.fund, number=number)
    allowed = allowed_actions(one, seat.user)
    deal = deal_of(one, seat.on)
    policy = policy_in_force(seat.fund, seat.on)
    act = Act(
        "table",
        "Put it to the committee",
        partial(_table, seat, one),
        **gate(seat, one, allowed, "table"),
        form=DealForm,
        look="Show what it comes to",
        says="Once tabled the text cannot be edited; only another proposal can take its place.",
        arguments={
            "application": one,
            "deal": deal,
            "initial": {
                "amount": as_money(one.amount, seat.fund.currency),
                "conditions": condition_lines(policy.conditions_precedent),
            },
        },
    )
    return _written(request, seat, one, act, title=f"Proposal for {one.number}", deal=deal)


@page(
    "proposals/<str:number>/replace/",
    name="replace_proposal",
    readers=(roles.ANALYST,),
    actors=(roles.ANALYST,),
)
def replace_proposal(request: HttpRequest, number: str) -> HttpResponse:
    """Table another text in a proposal's place."""
    seat = take_seat(request)
    old = get_object_or_404(
        Proposal.objects.select_related("application__fund", "application__partner__group", "committee"),
        committee__fund=seat.fund,
        number=number,
        application__isnull=False,
    )
    one = old.application
    assert one is not None
    allowed = allowed_on_proposal(old, seat.user, seat.on)
    act = Act(
        "replace",
        "Table this in its place",
        partial(_replace, seat, old),
        right=seat.holds(roles.ANALYST),
        ready="replace_proposal" in allowed,
        form=DealForm,
        look="Show what it comes to",
        says=f"{old.number} and every ballot on it become void, and voting begins afresh.",
        arguments={
            "application": one,
            "deal": old.terms,
            "fixed": True,
            "initial": {
                "amount": as_money(old.amount or one.amount, seat.fund.currency),
                "summary": old.summary,
                "conditions": condition_lines(old.conditions),
            },
        },
    )
    return _written(request, seat, one, act, title=f"Replace {old.number}", deal=old.terms)


def _written(
    request: HttpRequest, seat: Seat, one: Application, act: Act, *, title: str, deal: dict[str, Any]
) -> HttpResponse:
    desk = Desk(request, [act])
    looking = "look" in request.POST and desk.sent is not None
    if not looking and (answer := desk.answer()) is not None:
        return answer
    form = desk.forms[act.name]
    assert isinstance(form, DealForm)
    amount = one.amount
    if looking and form.is_valid():
        amount = form.cleaned_data["amount"]
        deal = {**deal, **form.changes()}
    come_to = previewed(seat.fund, amount, deal, seat.on)
    context = {
        "application": one,
        "code": seat.fund.currency,
        "act": act,
        "form": form,
        "offered": act.ready,
        "deal": come_to,
        "deal_rows": term_rows(come_to.terms),
        "weighed": weighed(one, amount, seat.on),
        "trail": [
            ("Applications", reverse("admin:queue")),
            (one.number, reverse("admin:application", args=[one.number])),
        ],
    }
    status = desk.status if form.errors or not looking else 200
    return show(request, "office/committee/table.html", context, title=title, status=status)


def _wording(entries: Entries) -> dict[str, Any]:
    form = entries["form"]
    assert isinstance(form, DealForm)
    return {
        "summary": entries["summary"],
        "amount": entries["amount"],
        "conditions": entries["conditions"],
        "terms": form.changes(),
    }


def _table(seat: Seat, one: Application, entries: Entries) -> Done:
    made = services.table_proposal(
        application=one,
        committee=entries["committee"],
        meeting=entries["meeting"],
        actor=seat.user,
        on=seat.on,
        **_wording(entries),
    )
    return Done(f"{made.number} is before the committee.", to=reverse("admin:proposal", args=[made.number]))


def _replace(seat: Seat, old: Proposal, entries: Entries) -> Done:
    wording = _wording(entries)
    # The new text starts from the policy again: what the old one had changed is handed over with the new changes.
    wording["terms"] = {**old.terms, **wording["terms"]}
    made = services.replace_proposal(proposal=old, actor=seat.user, on=seat.on, **wording)
    return Done(
        f"{made.number} stands in place of {old.number}.", to=reverse("admin:proposal", args=[made.number])
    )
