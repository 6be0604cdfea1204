"""What a borrower does under its agreement by its own notice, and what it consents to: each with its state and answer."""

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.facilities.models import FacilityTerms
from loanfund.facilities.selectors import current_terms
from loanfund.facilities.wording import in_words, read_terms
from loanfund.parties.services.settlement import SIGNERS
from loanfund.parties.templatetags.money import amount
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.borrowing.finding import facility_of, instruction_of, loan_of
from loanfund.portal.borrowing.forms import CancelForm, PrepayForm, ReasonForm
from loanfund.portal.company.sending import changed_by, send
from loanfund.portal.confirming import confirmed, with_code
from loanfund.servicing.models import Instruction
from loanfund.servicing.selectors import allowed_on_instruction, available_commitment
from loanfund.servicing.services import consent_to_instruction, propose_instruction, refuse_instruction

ONLY_SIGNERS = "Only an owner or a signatory may do this."


@partner_page
@changed_by(*SIGNERS)
@confirmed
def prepay(request: HttpRequest, visit: Visit, loan: str) -> HttpResponse:
    """Give notice that part of a loan will be paid early."""
    found = loan_of(visit, loan)
    asked = {name: request.GET[name] for name in ("amount", "value_date", "effect") if name in request.GET}
    form = PrepayForm(request.POST or None, code=found.currency, initial=asked or {"value_date": visit.on})
    form = with_code(request, visit, form)
    number = visit.partner.number

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        made = propose_instruction(
            kind=Instruction.Kind.PREPAYMENT,
            facility=found.facility,
            loan=found,
            value_date=entries["value_date"],
            amount=entries["amount"],
            details={"effect": str(entries["effect"])},
            reason=f"Notice of prepayment of {found.number} by the borrower.",
            actor=visit.user,
            on=visit.on,
        )
        to = reverse("portal:instruction", args=[number, found.facility.number, made.number])
        return f"{made.number} is with the lender. Pay the amount on its day.", to

    back = reverse("portal:loan", args=[number, found.number])
    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": f"Prepay {found.number}",
            "lead": "The lender confirms the notice; the money counts from the day it arrives.",
            "form": form,
            "submit": "Give notice",
            "back": back,
            "back_words": found.number,
            "barred": "" if visit.may(*SIGNERS) else ONLY_SIGNERS,
        },
        status=422 if form.is_bound else 200,
    )


@partner_page
@changed_by(*SIGNERS)
@confirmed
def cancel_commitment(request: HttpRequest, visit: Visit, facility: str) -> HttpResponse:
    """Give notice that undrawn commitment is no longer needed."""
    found = facility_of(visit, facility)
    left = available_commitment(found)
    form = CancelForm(
        request.POST or None, code=found.currency, initial={"amount": amount(left, found.currency)}
    )
    form = with_code(request, visit, form)
    number = visit.partner.number

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        made = propose_instruction(
            kind=Instruction.Kind.CANCELLATION,
            facility=found,
            value_date=visit.on,
            amount=entries["amount"],
            reason=entries["reason"],
            actor=visit.user,
            on=visit.on,
        )
        to = reverse("portal:instruction", args=[number, found.number, made.number])
        return f"{made.number} is with the lender.", to

    back = reverse("portal:facility", args=[number, found.number])
    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": f"Cancel commitment of {found.number}",
            "danger": True,
            "lead": "What you cancel can never be drawn, and no commitment fee accrues on it from then on.",
            "form": form,
            "submit": "Give notice",
            "back": back,
            "back_words": found.number,
            "barred": "" if visit.may(*SIGNERS) else ONLY_SIGNERS,
        },
        status=422 if form.is_bound else 200,
    )


@partner_page
@changed_by(*SIGNERS)
@confirmed
def instruction(request: HttpRequest, visit: Visit, facility: str, instruction: str) -> HttpResponse:
    """A change to the facility: what it would do, its state, and the company's consent or withdrawal."""
    found = instruction_of(visit, facility, instruction)
    here = reverse("portal:instruction", args=[visit.partner.number, facility, instruction])
    may = allowed_on_instruction(found, visit.user)
    form = ReasonForm(request.POST if "withdraw" in request.POST else None)
    consenting = with_code(request, visit, Form(request.POST if "consent" in request.POST else None))

    def consent(_: dict[str, Any]) -> tuple[str, str]:
        consent_to_instruction(
            instruction=found, seen_digest=request.POST.get("seen", ""), actor=visit.user, on=visit.on
        )
        return f"Your company consents to {found.number}.", here

    def withdraw(entries: dict[str, Any]) -> tuple[str, str]:
        refuse_instruction(instruction=found, reason=entries["reason"], actor=visit.user, on=visit.on)
        return f"{found.number} is withdrawn.", here

    consents = "consent" in request.POST
    sent = (consenting, consent) if consents else (form, withdraw)
    answer = send(request, *sent, back=here) if request.method == "POST" else None
    context = {
        "instruction": found,
        "form": form,
        "consenting": consenting,
        "may_consent": "consent_to_instruction" in may,
        "may_withdraw": "refuse_instruction" in may and found.maker_id == visit.user.pk,
        "changes": _changes(found),
    }
    return answer or show(
        request, visit, "portal/borrowing/instruction.html", context, status=422 if sent[0].is_bound else 200
    )


def _changes(instruction: Instruction) -> list[tuple[str, str, str]]:
    """For an amendment: each term that changes, as it is and as it would be, in words."""
    if instruction.kind != Instruction.Kind.AMENDMENT:
        return []
    now = dict(in_words(read_terms(current_terms(instruction.facility))))
    proposed = FacilityTerms(facility=instruction.facility, document=instruction.details["terms"])
    then = dict(in_words(read_terms(proposed)))
    names = [*now, *(name for name in then if name not in now)]
    return [
        (name, now.get(name, "none"), then.get(name, "none"))
        for name in names
        if now.get(name) != then.get(name)
    ]
