"""What the policy reserves to the committee after signing: an instruction, a limit exceeded, a condition waived."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import ConditionPrecedent, Facility
from loanfund.facilities.selectors import headroom_owners, policy_in_force
from loanfund.facilities.selectors.exposure import owner_label
from loanfund.office.committee.proposals import TONES
from loanfund.office.committee.queue import ROOM
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import AmountField, NumberField
from loanfund.office.operations.seat import MAKERS_AND_CHECKERS, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.origination import services
from loanfund.origination.models import Committee, Meeting, Proposal
from loanfund.parties import roles
from loanfund.servicing.models import Instruction
from loanfund.servicing.services.instructions import content

PROPOSERS = (roles.ANALYST, roles.OPERATIONS_MAKER)


class MatterForm(forms.Form):
    """What every matter has: who decides, when, and why it is asked."""

    committee = forms.ModelChoiceField(label="Committee", queryset=Committee.objects.none(), empty_label=None)
    meeting = forms.ModelChoiceField(
        label="Meeting", queryset=Meeting.objects.none(), required=False, empty_label="By circulation"
    )
    summary = forms.CharField(
        label="What the committee is asked, and why",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, seat: Seat, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seat = seat
        meetings = Meeting.objects.filter(committee__fund=seat.fund, held_on__gte=seat.on)
        self.fields["committee"].queryset = Committee.objects.filter(fund=seat.fund)  # type: ignore[attr-defined] # it has one
        self.fields["meeting"].queryset = meetings  # type: ignore[attr-defined] # likewise


class InstructionForm(MatterForm):
    """An instruction that waits for the committee's leave."""

    instruction = forms.ModelChoiceField(
        label="Instruction", queryset=Instruction.objects.none(), empty_label="Choose an instruction"
    )
    field_order = ("instruction",)

    def __init__(self, *args: Any, waiting: QuerySet[Instruction], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instruction"].queryset = waiting  # type: ignore[attr-defined] # a ModelChoiceField has one
        self.fields["instruction"].label_from_instance = _instruction_words  # type: ignore[attr-defined] # and this


class ConditionForm(MatterForm):
    """An open condition precedent that is to be done without."""

    condition = forms.ModelChoiceField(
        label="Condition", queryset=ConditionPrecedent.objects.none(), empty_label="Choose a condition"
    )
    field_order = ("condition",)

    def __init__(self, *args: Any, conditions: QuerySet[ConditionPrecedent], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["condition"].queryset = conditions  # type: ignore[attr-defined] # a ModelChoiceField has one
        self.fields["condition"].label_from_instance = _condition_words  # type: ignore[attr-defined] # and this


class LimitForm(MatterForm):
    """A limit of the policy that one facility may go past."""

    facility = NumberField(
        label="Facility", missing="There is no facility %(number)s.", help_text="Such as FAC-0007."
    )
    owner = forms.ChoiceField(
        label="Limit",
        choices=[
            ("partner", "the partner's"),
            ("group", "the connected group's"),
            ("segment", "the segment's"),
            ("tenor", "the tenor's"),
        ],
    )
    amount = AmountField(label="Exceeded by up to")
    field_order = ("facility", "owner", "amount")

    def clean(self) -> dict[str, Any]:
        entries = super().clean() or self.cleaned_data
        number = entries.get("facility")
        if number is None:
            return entries
        found = (
            Facility.objects.select_related("fund", "partner")
            .filter(fund=self.seat.fund, number=number)
            .first()
        )
        if found is None:
            self.add_error("facility", f"There is no facility {number}.")
            return entries
        policy = policy_in_force(found.fund, self.seat.on)
        months = (
            (found.maturity.year - found.signed_on.year) * 12 + found.maturity.month - found.signed_on.month
        )
        owners = headroom_owners(policy, partner=found.partner, tenor_months=months)
        key = next((owner for owner in owners if owner.startswith(f"{entries['owner']}:")), None)
        if key is None:
            self.add_error("owner", f"{number} counts against no limit of this kind.")
        entries["of"], entries["key"] = found, key
        return entries


def _instruction_words(one: Any) -> str:
    return f"{one.number}, {one.get_kind_display()}, {one.facility.number} {one.facility.partner.legal_name}"


def _condition_words(one: Any) -> str:
    return f"{one.facility.number} {one.facility.partner.legal_name}: {one.text}"


@page(
    "reserved-matters/",
    name="reserved",
    readers=(*ROOM, *MAKERS_AND_CHECKERS),
    actors=PROPOSERS,
    menu="Reserved matters",
    section="Committee room",
)
def reserved(request: HttpRequest) -> HttpResponse:
    """Put what the policy reserves to the committee before it; and everything that was, with how it went."""
    seat = take_seat(request)
    desk = Desk(request, _acts(seat))
    if (answer := desk.answer()) is not None:
        return answer
    found = (
        Proposal.objects.filter(committee__fund=seat.fund)
        .exclude(kind=Proposal.Kind.APPLICATION)
        .select_related("facility__partner", "proposer")[:50]
    )
    policy = policy_in_force(seat.fund, seat.on)
    kinds = dict(Proposal.Kind.choices)
    context = {
        "desk": desk,
        "rows": [(one, TONES.get(Proposal.State(one.state), "")) for one in found],
        "code": seat.fund.currency,
        "kinds": [str(kinds.get(kind, kind)) for kind in policy.reserved_to_committee],
        "trail": [("Proposals and votes", reverse("admin:proposals"))],
    }
    return show(
        request, "office/committee/reserved.html", context, title="Reserved matters", status=desk.status
    )


def _acts(seat: Seat) -> Iterator[Act]:
    right = seat.holds(*PROPOSERS)
    policy = policy_in_force(seat.fund, seat.on)
    waiting = Instruction.objects.filter(
        facility__fund=seat.fund, state="proposed", kind__in=policy.reserved_to_committee
    )
    yield Act(
        "instruction",
        "Put it to the committee",
        partial(_instruction, seat),
        right=right,
        ready=waiting.exists(),
        form=InstructionForm,
        title="An instruction that waits for leave",
        arguments={
            "seat": seat,
            "waiting": waiting.select_related("facility__partner", "facility__fund", "loan").order_by("-id"),
        },
    )
    conditions = ConditionPrecedent.objects.filter(facility__fund=seat.fund, state="open")
    yield Act(
        "condition",
        "Put it to the committee",
        partial(_condition, seat),
        right=right,
        ready=conditions.exists(),
        form=ConditionForm,
        title="Doing without a condition precedent",
        arguments={
            "seat": seat,
            "conditions": conditions.select_related("facility__partner").order_by("-facility_id", "position"),
        },
    )
    yield Act(
        "limit",
        "Put it to the committee",
        partial(_limit, seat),
        right=right,
        form=LimitForm,
        title="Going past a limit",
        arguments={"seat": seat},
    )


def _tabled(made: Proposal) -> Done:
    return Done(f"{made.number} is before the committee.", to=reverse("admin:proposal", args=[made.number]))


def _instruction(seat: Seat, entries: Entries) -> Done:
    one: Instruction = entries["instruction"]
    document = content(one)
    # The committee's leave names the instruction by its digest: leave for another content would be worth nothing.
    if digest(document) != one.proposed_digest:
        raise Refused(f"{one.number} is not what was proposed. Propose it anew.", field="instruction")
    made = services.propose_reserved(
        facility=one.facility,
        committee=entries["committee"],
        meeting=entries["meeting"],
        kind=one.kind,
        summary=entries["summary"],
        document=document,
        preparer=one.maker,
        amount=one.amount,
        actor=seat.user,
        on=seat.on,
    )
    return _tabled(made)


def _condition(seat: Seat, entries: Entries) -> Done:
    condition: ConditionPrecedent = entries["condition"]
    made = services.propose_reserved(
        facility=condition.facility,
        committee=entries["committee"],
        meeting=entries["meeting"],
        kind=Proposal.Kind.CONDITION_WAIVER,
        summary=entries["summary"],
        document={"condition": condition.position, "text": condition.text},
        preparer=None,
        actor=seat.user,
        on=seat.on,
    )
    return _tabled(made)


def _limit(seat: Seat, entries: Entries) -> Done:
    facility: Facility = entries["of"]
    made = services.propose_reserved(
        facility=facility,
        committee=entries["committee"],
        meeting=entries["meeting"],
        kind=Proposal.Kind.LIMIT_EXCEEDED,
        summary=entries["summary"],
        document={
            "owner": entries["key"],
            "amount": entries["amount"],
            "limit": owner_label(entries["key"], facility.partner),
        },
        amount=entries["amount"],
        preparer=None,
        actor=seat.user,
        on=seat.on,
    )
    return _tabled(made)
