"""Keys with which the partner's own systems use the API: made by a signatory, shown once, ended at any time."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from loanfund.parties.models import ApiKey
from loanfund.parties.services import make_api_key, revoke_api_key
from loanfund.parties.services.keys import MAKERS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.forms import day_field
from loanfund.portal.company.sending import changed_by, press, send
from loanfund.portal.confirming import confirmed, with_code

SCOPES = (
    (ApiKey.Scope.READ, "Read: facilities, loans, what is due, statements"),
    (ApiKey.Scope.WRITE, "Read and write: apply and ask for drawdowns too"),
)


class KeyForm(forms.Form):
    """One more key."""

    label = forms.CharField(
        label="Your name for it", max_length=80, help_text="Such as the system that uses it: Treasury ERP."
    )
    scope = forms.ChoiceField(label="What it may do", choices=SCOPES)
    last_day = day_field(
        "Last day it works", help_text="Leave it empty for a key that works until you end it."
    )


@partner_page
def keys(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The partner's keys: those in force, and those that ended."""
    now = timezone.now()
    rows = [_row(key, now) for key in visit.partner.api_keys.select_related("user")]
    context = {
        "rows": [row for row in rows if row["open"]],
        "past": [row for row in rows if not row["open"]],
        "may_change": visit.may(*MAKERS),
    }
    return show(request, visit, "portal/company/keys.html", context)


def _row(key: ApiKey, now: datetime) -> dict[str, Any]:
    """A key and how it stands."""
    over = key.expires_at is not None and key.expires_at <= now
    words, tone = ("in force", "ok")
    if key.revoked_at is not None or over:
        words, tone = ("ended", "") if key.revoked_at is not None else ("run out", "")
    return {"key": key, "words": words, "tone": tone, "open": words == "in force"}


@partner_page
@changed_by(*MAKERS)
@confirmed
def make_key(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Make a key and show it, this once; sending the form again shows that it was made, not the key."""
    form = with_code(request, visit, KeyForm(request.POST or None))
    back = reverse("portal:keys", args=[visit.partner.number])
    made: list[tuple[ApiKey, str]] = []

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        made.append(
            make_api_key(
                partner=visit.partner,
                label=entries["label"],
                scope=entries["scope"],
                expires_at=_end_of(visit, entries["last_day"]),
                actor=visit.user,
                on=visit.on,
                now=timezone.now(),
            )
        )
        said = f"{entries['label']} is made. A key is shown only once: whoever missed it ends it and makes another."
        return said, back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    if answer is not None and made:
        key, secret = made[0]
        context = {"key": key, "secret": secret, "back": back}
        return show(request, visit, "portal/company/key_made.html", context)
    barred = "" if visit.may(*MAKERS) else "Only an owner or a signatory makes keys."
    context = {
        "title": "Make an API key",
        "lead": "A key does what you may do here, for one of your systems. It dies when you leave the company.",
        "form": form,
        "submit": "Make the key",
        "back": back,
        "back_words": "API keys",
        "barred": barred,
    }
    status = 422 if form.is_bound else 200
    return answer or show(request, visit, "portal/company/one_form.html", context, status=status)


def _end_of(visit: Visit, day: Any) -> datetime | None:
    """The end of a day in the fund's time zone; None for no day."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(visit.fund.time_zone))


@partner_page
@changed_by(*MAKERS)
@require_POST
def end_key(request: HttpRequest, visit: Visit, key: int) -> HttpResponse:
    """End a key at once."""
    found = get_object_or_404(ApiKey, pk=key, partner=visit.partner)

    def act() -> str:
        revoke_api_key(key=found, actor=visit.user, on=visit.on, now=timezone.now())
        return f"{found.label} has ended. Whatever still sends it is turned away."

    return press(request, act, to=reverse("portal:keys", args=[visit.partner.number]))
