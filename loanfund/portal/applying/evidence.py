"""The liquidation records: a template, the upload checked row by row, and what it comes to under the programme."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.origination.liquidation_files import (
    COLUMNS,
    EXAMPLE,
    BadLiquidations,
    RowError,
    template,
)
from loanfund.origination.models import Application
from loanfund.origination.rights import PREPARES
from loanfund.origination.services import import_liquidations, weigh_impact
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.applying.forms import RecordsForm
from loanfund.portal.applying.standing import OPEN_PAGES, application_at, policy_of
from loanfund.portal.company.sending import changed_by, send

MEANINGS = {
    "time_utc": "when it happened, in UTC, such as 2025-10-10T21:20:05Z",
    "venue": "the exchange or protocol",
    "account": "your account or wallet there",
    "reference": "the venue's own number of the liquidation; each counts once",
    "market": "futures, margin or other",
    "instrument": "what was held, such as BTC-PERP",
    "side": "long or short",
    "quantity": "how much was closed, above zero",
    "price": "at which price",
    "loss": "what was lost, in the fund's currency, without a minus sign",
}


@partner_page
def template_file(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The CSV to fill in, with one example row."""
    answer = HttpResponse(template(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="liquidations.csv"'
    return answer


@partner_page
@changed_by(*PREPARES)
def liquidations(request: HttpRequest, visit: Visit, application: str) -> HttpResponseBase:
    """Upload the records; a file with one wrong row is not taken, and every fault names its line and column."""
    found = application_at(visit, application)
    here = reverse("portal:application_liquidations", args=[visit.partner.number, found.number])
    form = RecordsForm(request.POST or None, request.FILES or None)
    faults: list[RowError] = []
    count = 0

    def act(entries: dict[str, Any]) -> tuple[str, str]:
        nonlocal count
        upload = entries["file"]
        try:
            taken = import_liquidations(
                application=found, content=upload.read(), file_name=upload.name, actor=visit.user, on=visit.on
            )
        except BadLiquidations as bad:
            faults.extend(bad.errors)
            count = bad.count
            raise Refused(_sentence(upload.name, bad), field="file") from bad
        return (
            f"{taken.row_count:,} liquidations from {taken.file_name} are in. This is what they come to.",
            here,
        )

    answer = None
    if request.method == "POST" and found.state in OPEN_PAGES:
        answer = send(request, form, act, back=here)
    context = {
        "application": found,
        "form": form,
        "faults": faults,
        "count": count,
        "upload": found.uploads.select_related("uploaded_by").first(),
        "uploads": found.uploads.count(),
        "lines": weigh_impact(application=found, on=visit.on),
        "policy": policy_of(visit),
        "columns": [(name, MEANINGS[name], example) for name, example in zip(COLUMNS, EXAMPLE, strict=True)],
        "may_change": visit.may(*PREPARES) and found.state in OPEN_PAGES,
    }
    return answer or show(
        request, visit, "portal/applying/liquidations.html", context, status=422 if form.is_bound else 200
    )


def _sentence(name: str, bad: BadLiquidations) -> str:
    things = "one thing is" if bad.count == 1 else f"{bad.count:,} things are"
    return f"Nothing of {name} was taken, because {things} wrong in it. Mend what the list names and upload it again."


def records_of(application: Application) -> str:
    """The newest records in a few words; empty when there are none."""
    upload = application.uploads.first()
    return f"{upload.row_count:,} liquidations from {upload.file_name}" if upload else ""
