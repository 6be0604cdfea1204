"""Where drawdowns are paid: named by one signatory, confirmed by another, used after a cooling period."""

from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from loanfund.parties.models import SettlementAccount
from loanfund.parties.services import (
    confirm_settlement_account,
    propose_settlement_account,
    retire_settlement_account,
)
from loanfund.parties.services.settlement import COOLING_DAYS, SIGNERS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.forms import AccountForm, RefuseForm
from loanfund.portal.company.sending import changed_by, press, send
from loanfund.portal.confirming import confirmed, with_code

State = SettlementAccount.State


@partner_page
def accounts(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The company's accounts and how each stands."""
    found = SettlementAccount.objects.filter(partner=visit.partner).select_related("maker", "checker")
    rows = [_row(account, visit) for account in found.order_by("id")]
    context = {
        "accounts": [row for row in rows if row["open"]],
        "past": [row for row in rows if not row["open"]],
        "may_change": visit.may(*SIGNERS),
        "cooling_days": COOLING_DAYS,
    }
    return show(request, visit, "portal/company/accounts.html", context)


def _row(account: SettlementAccount, visit: Visit) -> dict[str, Any]:
    """An account with what this person may do with it."""
    cooling = account.usable_from is not None and account.usable_from > visit.on
    signs = visit.may(*SIGNERS)
    words, tone = {
        State.PROPOSED: ("to be confirmed", "warn"),
        State.CONFIRMED: ("cooling", "info") if cooling else ("in use", "ok"),
        State.REFUSED: ("refused", "bad"),
        State.RETIRED: ("no longer used", ""),
    }[State(account.state)]
    return {
        "account": account,
        "words": words,
        "tone": tone,
        "cooling": cooling and account.state == State.CONFIRMED,
        "open": account.state in {State.PROPOSED, State.CONFIRMED},
        "may_decide": signs and account.state == State.PROPOSED and account.maker_id != visit.user.pk,
        "may_retire": signs and account.state == State.CONFIRMED,
        "mine": account.state == State.PROPOSED and account.maker_id == visit.user.pk,
    }


@partner_page
@changed_by(*SIGNERS)
@confirmed
def name_account(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Name one more account."""
    form = AccountForm(
        request.POST or None, initial={"holder": visit.partner.legal_name, "currency": visit.fund.currency}
    )
    form = with_code(request, visit, form)
    back = reverse("portal:accounts", args=[visit.partner.number])

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        account = propose_settlement_account(partner=visit.partner, **entries, actor=visit.user, on=visit.on)
        return f"{account.label} is named. A second signatory has to confirm it now.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": "Name a settlement account",
            "lead": f"A second signatory confirms it; {COOLING_DAYS} days later it can be paid to.",
            "form": form,
            "submit": "Name this account",
            "back": back,
            "back_words": "Accounts",
            "barred": "" if visit.may(*SIGNERS) else "Only an owner or a signatory names accounts.",
        },
        status=422 if form.is_bound else 200,
    )


@partner_page
@changed_by(*SIGNERS)
@confirmed
def account(request: HttpRequest, visit: Visit, account: int) -> HttpResponse:
    """One account for the second person: every digit of it, to confirm or to refuse."""
    found = get_object_or_404(
        SettlementAccount.objects.select_related("maker", "checker"), pk=account, partner=visit.partner
    )
    back = reverse("portal:accounts", args=[visit.partner.number])
    refuses = "refuse" in request.POST
    form = RefuseForm(request.POST if refuses else None)
    confirming = with_code(request, visit, Form(None if refuses else request.POST or None))

    def decide(entries: dict[str, Any]) -> tuple[str, str]:
        decided = confirm_settlement_account(
            account=found,
            accept=not refuses,
            cooling_days=COOLING_DAYS,
            reason=entries.get("reason", ""),
            actor=visit.user,
            on=visit.on,
            now=timezone.now(),
        )
        if refuses:
            return f"{found.label} is refused and will not be used.", back
        return f"{found.label} is confirmed. It can be used from {decided.usable_from:%-d %b %Y}.", back

    sent = form if refuses else confirming
    answer = send(request, sent, decide, back=back) if request.method == "POST" else None
    context = {
        **_row(found, visit),
        "form": form,
        "confirming": confirming,
        "back": back,
        "cooling_days": COOLING_DAYS,
    }
    return answer or show(
        request, visit, "portal/company/account.html", context, status=422 if sent.is_bound else 200
    )


@partner_page
@changed_by(*SIGNERS)
@require_POST
def retire_account(request: HttpRequest, visit: Visit, account: int) -> HttpResponse:
    """Take an account out of use."""
    found = get_object_or_404(SettlementAccount, pk=account, partner=visit.partner)

    def act() -> str:
        retire_settlement_account(account=found, actor=visit.user, on=visit.on)
        return f"{found.label} is no longer used."

    return press(request, act, to=reverse("portal:accounts", args=[visit.partner.number]))
