"""Who owns the company in the end: the people, their shares, and a picture of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from loanfund.parties import selectors
from loanfund.parties.models import BeneficialOwner
from loanfund.parties.services import add_beneficial_owner, end_beneficial_owner
from loanfund.parties.services.rights import EDITORS
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.forms import OwnerForm, country_name
from loanfund.portal.company.sending import changed_by, press, send

ROW, TOP, WIDTH, LEFT = 58, 62, 360, 34
LETTERS = 30
"""How many letters of a name fit beside its share."""


@dataclass(frozen=True)
class Box:
    """One box of the picture, in the picture's own units: its top, its middle, and how far its bar reaches."""

    name: str
    share: Decimal
    top: int
    bar: int
    colour: str

    @property
    def middle(self) -> int:
        return self.top + 22


@dataclass(frozen=True)
class OwnershipChart:
    """The company above, its owners beneath, each with a bar as long as the share."""

    boxes: tuple[Box, ...]
    height: int

    @property
    def trunk(self) -> int:
        """Where the line down from the company ends."""
        return self.boxes[-1].middle if self.boxes else TOP


def ownership_chart(owners: Sequence[BeneficialOwner]) -> OwnershipChart:
    """The picture of the owners in the order given, and what of the company is not named yet."""
    named = [(owner.name, owner.share, "c1") for owner in owners]
    rest = Decimal(100) - sum((owner.share for owner in owners), Decimal(0))
    rows = [*named, *([("not named yet", rest, "c6")] if rest > 0 else [])]
    room = WIDTH - LEFT
    boxes = tuple(
        Box(
            name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…",
            share,
            TOP + number * ROW,
            max(int(share * room / 100), 2),
            colour,
        )
        for number, (name, share, colour) in enumerate(rows)
    )
    return OwnershipChart(boxes, TOP + len(boxes) * ROW)


@partner_page
def owners(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The beneficial owners, and whether their shares add up."""
    found = list(selectors.owners_of(visit.partner))
    held = sum((owner.share for owner in found), Decimal(0))
    context = {
        "owners": [(owner, country_name(owner.country)) for owner in found],
        "held": held,
        "rest": Decimal(100) - held,
        "chart": ownership_chart(found),
        "may_change": visit.may(*EDITORS),
    }
    return show(request, visit, "portal/company/owners.html", context)


@partner_page
@changed_by(*EDITORS)
def name_owner(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Name one more owner."""
    form = OwnerForm(request.POST or None, on=visit.on)
    back = reverse("portal:owners", args=[visit.partner.number])

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        owner = add_beneficial_owner(partner=visit.partner, **entries, actor=visit.user, on=visit.on)
        return f"{owner.name} is named with {owner.share.normalize():f} %.", back

    answer = send(request, form, act, back=back) if request.method == "POST" else None
    return answer or show(
        request,
        visit,
        "portal/company/one_form.html",
        {
            "title": "Name an owner",
            "lead": "A natural person who owns part of the company in the end, however many companies stand between.",
            "form": form,
            "submit": "Name this owner",
            "back": back,
            "back_words": "Owners",
            "barred": "" if visit.may(*EDITORS) else "As a viewer you read only. Ask a preparer or an owner.",
        },
        status=422 if form.is_bound else 200,
    )


@partner_page
@changed_by(*EDITORS)
@require_POST
def end_owner(request: HttpRequest, visit: Visit, owner: int) -> HttpResponse:
    """This person no longer owns part of the company."""
    found = get_object_or_404(selectors.owners_of(visit.partner), pk=owner)

    def act() -> str:
        end_beneficial_owner(owner=found, actor=visit.user, on=visit.on)
        return f"{found.name} is no longer among the owners."

    return press(request, act, to=reverse("portal:owners", args=[visit.partner.number]))
