"""The desk of conditions precedent: evidence put in by one person, checked by another, before money moves."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django import forms
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from loanfund.facilities.models import ConditionEvidence, ConditionPrecedent, Facility
from loanfund.facilities.services import accept_evidence, refuse_evidence, show_condition
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.seat import CREDIT, DESK, MAKERS_AND_CHECKERS, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.services import store_file
from loanfund.parties.serving import attachment
from loanfund.servicing.models import Drawdown

ASKED = (Drawdown.State.REQUESTED, Drawdown.State.APPROVED)


class EvidenceForm(forms.Form):
    """What shows that a condition is met: a file, a note, or both."""

    def __init__(self, *args: Any, drawdowns: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if drawdowns is None:
            del self.fields["drawdown"]
        else:
            choices = [("", "Choose the drawdown"), *[(number, number) for number in drawdowns]]
            self.fields["drawdown"] = forms.ChoiceField(label="Drawdown", choices=choices)
            self.order_fields(["drawdown", "file", "note"])

    drawdown = forms.ChoiceField()
    file = forms.FileField(label="Paper", required=False, help_text="PDF, PNG or JPEG")
    note = forms.CharField(
        label="How it is met", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )


@page(
    "facilities/<str:number>/conditions/",
    name="conditions",
    readers=(*DESK, *CREDIT),
    actors=MAKERS_AND_CHECKERS,
)
def conditions(request: HttpRequest, number: str) -> HttpResponse:
    """Every condition of one facility with its evidence."""
    seat = take_seat(request)
    facility = get_object_or_404(Facility.objects.select_related("partner"), fund=seat.fund, number=number)
    found = list(
        facility.conditions.prefetch_related("evidence__maker", "evidence__checker", "evidence__file")
    )
    asked = list(facility.drawdowns.filter(state__in=ASKED).values_list("number", flat=True))
    desk = Desk(request, [act for one in found for act in _acts(seat, one, asked)])
    if (answer := desk.answer()) is not None:
        return answer
    rows = [
        {
            "condition": one,
            "show": desk.offer(f"show-{one.pk}"),
            "evidence": [
                {
                    "row": evidence,
                    "accept": desk.offer(f"accept-{evidence.pk}"),
                    "refuse": desk.offer(f"refuse-{evidence.pk}"),
                    "own": evidence.maker_id == seat.user.pk,
                }
                for evidence in one.evidence.all()
            ],
        }
        for one in found
    ]
    trail = [("Facilities", reverse("admin:facilities")), (number, reverse("admin:facility", args=[number]))]
    context = {"facility": facility, "rows": rows, "asked": asked, "trail": trail}
    return show(
        request,
        "office/operations/conditions.html",
        context,
        title=f"Conditions precedent of {number}",
        status=desk.status,
    )


def _acts(seat: Seat, condition: ConditionPrecedent, asked: list[str]) -> Iterator[Act]:
    each = condition.scope == ConditionPrecedent.Scope.EACH
    standing = {
        row.drawdown for row in condition.evidence.all() if row.state != ConditionEvidence.State.REFUSED
    }
    missing = [number for number in asked if number not in standing]
    yield Act(
        name=f"show-{condition.pk}",
        words="Put evidence forward",
        do=partial(_show, seat, condition),
        right=seat.holds(roles.OPERATIONS_MAKER),
        ready=condition.state == ConditionPrecedent.State.OPEN and (bool(missing) if each else not standing),
        form=EvidenceForm,
        arguments={"drawdowns": missing if each else None},
    )
    for evidence in condition.evidence.all():
        open_for_me = evidence.state == ConditionEvidence.State.PROPOSED and seat.second(evidence.maker_id)
        checker = seat.holds(roles.OPERATIONS_CHECKER)
        yield Act(
            name=f"accept-{evidence.pk}",
            words="Accept",
            do=partial(_accept, seat, evidence),
            right=checker,
            ready=open_for_me,
        )
        yield Act(
            name=f"refuse-{evidence.pk}",
            words="Refuse",
            do=partial(_refuse, seat, evidence),
            right=checker,
            ready=open_for_me,
            form=ReasonForm,
            danger=True,
        )


def _show(seat: Seat, condition: ConditionPrecedent, entries: Entries) -> Done:
    uploaded, file = entries["file"], None
    if uploaded is not None:
        file = store_file(
            name=uploaded.name,
            size=uploaded.size,
            content=uploaded,
            partner=condition.facility.partner,
            actor=seat.user,
            on=seat.on,
            now=timezone.now(),
        )
    show_condition(
        condition=condition,
        actor=seat.user,
        on=seat.on,
        file=file,
        note=entries["note"],
        drawdown=entries.get("drawdown", ""),
    )
    return Done("The evidence is in. Another person checks it.")


def _accept(seat: Seat, evidence: ConditionEvidence, entries: Entries) -> Done:
    accept_evidence(evidence=evidence, actor=seat.user, on=seat.on)
    return Done("The condition is met.")


def _refuse(seat: Seat, evidence: ConditionEvidence, entries: Entries) -> Done:
    refuse_evidence(evidence=evidence, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The evidence is refused; other evidence may follow.")


@page("evidence/<int:key>/file/", name="evidence_file", readers=(*DESK, *CREDIT))
def evidence_file(request: HttpRequest, key: int) -> FileResponse:
    """The paper of one piece of evidence."""
    evidence = get_object_or_404(ConditionEvidence.objects.select_related("file"), pk=key, file__isnull=False)
    assert evidence.file is not None
    return attachment(evidence.file)
