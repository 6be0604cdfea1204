"""The log of every change: searched over all objects, read line by line, taken out as CSV."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.audit.models import AuditEvent
from loanfund.audit.templatetags.acts import kind_of_object
from loanfund.audit.words import acts_like
from loanfund.office.committee.log_names import numbered, with_names
from loanfund.office.operations.fields import DayField
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reporting.csv_format import safe_text

ROWS = 50
MOST = 10_000
"""The pages lead so far back; beyond it one narrows the search, so that a page costs the same however long the log is."""
COLUMNS = (
    "id",
    "at",
    "business_date",
    "actor",
    "action",
    "object_type",
    "object_id",
    "reason",
    "before",
    "after",
)


class LogForm(forms.Form):
    """What narrows the log. A word is looked for in who, what, which object and why."""

    q = forms.CharField(label="Who, what, which or why", required=False, max_length=100)
    kind = forms.CharField(label="Kind of object", required=False, max_length=100)
    since = DayField(label="Business date from", required=False)
    until = DayField(label="Business date to", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = AuditEvent.objects.order_by("object_type").values_list("object_type", flat=True).distinct()
        named = sorted((kind_of_object(kind), kind) for kind in kinds if kind)
        choices = [("", "Any"), *[(kind, name) for name, kind in named]]
        self.fields["kind"] = forms.ChoiceField(label="Kind of object", required=False, choices=choices)
        self.order_fields(["q", "kind", "since", "until"])
        for name, field in self.fields.items():
            field.widget.attrs["id"] = f"log-{name}"


@page("log/", name="log", readers=(roles.ADMINISTRATOR,), menu="Log of changes", section="Administration")
def log(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Every change, the newest first; with `?csv` the whole of what was found as a file."""
    form = LogForm(request.GET or None)
    found = _found(form)
    if "csv" in request.GET:
        answer = StreamingHttpResponse(_csv(found), content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = 'attachment; filename="log.csv"'
        return answer
    kept = {name: str(value) for name, value in request.GET.items() if name != "page" and value}
    listing = Paginator(found[:MOST], ROWS).get_page(request.GET.get("page"))
    query = urlencode(kept) + "&" if kept else ""
    context = {
        "form": form,
        "listing": listing,
        "rows": with_names(listing, _reader(request)),
        "query": query,
        "narrowed": bool(kept),
    }
    return show(request, "office/committee/log.html", context, title="Log of changes")


@page("log/<int:key>/", name="log_event", readers=(roles.ADMINISTRATOR,))
def log_event(request: HttpRequest, key: int) -> HttpResponse:
    """One change: the values before it and after it, side by side."""
    event = get_object_or_404(AuditEvent, pk=key)
    before, after = event.before or {}, event.after or {}
    old, new = dict(_leaves(before)), dict(_leaves(after))
    rows = [(name, old.get(name, "–"), new.get(name, "–")) for name in dict.fromkeys([*old, *new])]
    ((_, named),) = with_names([event], _reader(request))
    same = AuditEvent.objects.filter(object_type=event.object_type, object_id=event.object_id)
    context = {
        "event": event,
        "named": named,
        "rows": rows,
        "exact": json.dumps({"before": event.before, "after": event.after}, ensure_ascii=False, indent=2),
        "others": same.exclude(pk=key).order_by("-id")[:20] if event.object_id else [],
        "trail": [("Log of changes", reverse("admin:log"))],
    }
    return show(request, "office/committee/log_event.html", context, title=f"Change {event.pk}")


def _reader(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every single value, in the order in which it was written, under the words that lead to it."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name).replace("_", " ")))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for place, inner in enumerate(value, start=1):
            yield from _leaves(inner, (*path, str(place)))
    elif path:
        yield ", ".join(path).capitalize(), _said(value)


def _said(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _found(form: LogForm) -> QuerySet[AuditEvent]:
    found = AuditEvent.objects.order_by("-id")
    form.is_valid()
    asked = getattr(form, "cleaned_data", {})
    if words := asked.get("q"):
        found = found.filter(
            Q(actor__icontains=words)
            | Q(action__icontains=words)
            | Q(action__in=acts_like(words))
            | Q(reason__icontains=words)
            | Q(object_id=words)
            | numbered(words)
            | Q(after__icontains=words)
        )
    if kind := asked.get("kind"):
        found = found.filter(object_type=kind)
    if since := asked.get("since"):
        found = found.filter(on__gte=since)
    if until := asked.get("until"):
        found = found.filter(on__lte=until)
    return found


def _csv(found: QuerySet[AuditEvent]) -> Iterator[str]:
    """UTF-8 CSV with CRLF line ends, a line a change, the newest first; nothing in it runs as a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")

    def line(cells: tuple[Any, ...]) -> str:
        writer.writerow(cells)
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    yield line(COLUMNS)
    for event in found.iterator(chunk_size=2000):
        texts = (event.actor, event.action, event.object_type, event.object_id, event.reason)
        values = [
            json.dumps(value, ensure_ascii=False) if value else "" for value in (event.before, event.after)
        ]
        yield line(
            (
                event.pk,
                event.at.isoformat(),
                event.on.isoformat(),
                *[safe_text(text) for text in (*texts, *values)],
            )
        )
