"""The objects of the log by the number and the name that people know them by, each with its page."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Cast, Coalesce, NullIf
from django.urls import reverse

from loanfund.audit.models import AuditEvent
from loanfund.audit.templatetags.acts import kind_of_object
from loanfund.office.pages import PAGES
from loanfund.parties import roles
from loanfund.parties.models import User

NUMBER = re.compile(r"[A-Z]{1,5}-\d+", re.IGNORECASE)
OWN = ("number", "version", "legal_name", "name", "title", "business_date")
"""What an object may be called by, in the order in which it is said."""
OF = (
    "proposal", "offer", "drawdown", "receipt", "loan", "application", "condition", "question", "upload", "run", "person",
    "user", "recipient", "partner", "facility", "rate", "committee", "fund",
)  # fmt: skip
"""What an object may belong to, the nearest first."""
PAGE = {
    "facilities.facility": ("facility", "number"),
    "facilities.fundpolicy": ("policy", "version"),
    "ledger.journalentry": ("entry", "pk"),
    "origination.application": ("application", "number"),
    "origination.meeting": ("meeting", "pk"),
    "origination.offer": ("offer", "number"),
    "origination.proposal": ("proposal", "number"),
    "parties.user": ("person", "pk"),
    "reporting.monthrun": ("month_run", "pk"),
    "servicing.borrowerrequest": ("request", "number"),
    "servicing.cashpair": ("pair", "number"),
    "servicing.closerun": ("close", "business_date"),
    "servicing.drawdown": ("drawdown", "number"),
    "servicing.handjournal": ("journal", "number"),
    "servicing.instruction": ("instruction", "number"),
    "servicing.loan": ("loan", "number"),
    "servicing.receipt": ("receipt", "number"),
    "servicing.refund": ("refund", "number"),
}
"""The page of an object, and what its address holds."""
NOTHING = Value("", output_field=TextField())


@dataclass(frozen=True)
class Named:
    """An object of the log in words, and the address of its page, empty when the reader has none."""

    text: str
    address: str = ""


def with_names(events: Iterable[AuditEvent], reader: User) -> list[tuple[AuditEvent, Named]]:
    """Each event with its object. Two queries, however many objects of however many kinds there are."""
    rows = list(events)
    wanted: dict[str, set[str]] = defaultdict(set)
    for event in rows:
        wanted[event.object_type].add(event.object_id)
    asked = [found for kind, keys in wanted.items() if (found := _asked(kind, keys)) is not None]
    held_roles = set(reader.groups.values_list("name", flat=True))
    pages = {kind: _page(kind, held_roles) for kind in wanted}
    named = {}
    for kind, key, called, of, held in asked[0].union(*asked[1:]) if asked else ():
        address = reverse(f"admin:{pages[kind]}", args=[held]) if pages[kind] else ""
        words = (kind_of_object(kind), called or ("" if of else key), of and f"of {of}")
        named[kind, key] = Named(" ".join(word for word in words if word), address)
    return [
        (
            event,
            named.get((event.object_type, event.object_id))
            or Named(f"{kind_of_object(event.object_type)} {event.object_id}".strip()),
        )
        for event in rows
    ]


def numbered(words: str) -> Q:
    """What finds the changes of the objects of this number, such as FAC-0001; finds none by words that are no number."""
    found = Q(pk=None)
    if not NUMBER.fullmatch(words):
        return found
    for model in apps.get_models():
        if isinstance(_field(model, "number"), models.CharField):
            keys = [
                str(pk)
                for pk in model._default_manager.filter(number=words.upper()).values_list("pk", flat=True)
            ]
            if keys:
                found |= Q(object_type=model._meta.label_lower, object_id__in=keys)
    return found


def _asked(kind: str, keys: set[str]) -> models.QuerySet[Any, Any] | None:
    """What these objects of one kind are called: the kind, the key, its own words, those of what it belongs to, and what
    the address of its page holds. None for a kind that there is no more."""
    try:
        model = apps.get_model(kind)
        known = [model._meta.pk.to_python(key) for key in keys]
    except (LookupError, ValueError, ValidationError):
        return None
    held = PAGE.get(kind, ("", "pk"))[1]
    own = [(name, _field(model, name)) for name in OWN]
    belongs = [NullIf(_said(parent), NOTHING) for parent in _parents(model)]
    of = Coalesce(*belongs, NOTHING) if belongs else NOTHING
    found = model._default_manager.filter(pk__in=known).order_by()
    return found.values_list(
        Value(kind, output_field=TextField()),
        Cast("pk", TextField()),
        _said(own),
        of,
        Cast(held, TextField()),
    )


def _said(fields: Iterable[tuple[str, Any]]) -> Func | Value:
    """The values that there are, one after the other."""
    parts = [
        Func(F(path), Value("FMDD Mon YYYY"), function="to_char", output_field=TextField())
        if isinstance(field, models.DateField)
        else NullIf(Cast(path, TextField()), NOTHING)
        for path, field in fields
        if field is not None
    ]
    if not parts:
        return NOTHING
    return Func(Value(", "), *parts, function="concat_ws", output_field=TextField())


def _field(model: type[models.Model], name: str) -> Any:
    return next((field for field in model._meta.concrete_fields if field.name == name), None)


def _parents(model: type[models.Model]) -> Iterator[list[tuple[str, Any]]]:
    """What an object may belong to: of each the paths and fields it is called by. None after one that is always there."""
    for name in OF:
        field = _field(model, name)
        if field is None or field.related_model is None:
            continue
        theirs = [(f"{name}__{one}", _field(field.related_model, one)) for one in OWN]
        if any(found is not None for _, found in theirs):
            yield theirs
            if not field.null:
                return


def _page(kind: str, held: set[str]) -> str:
    """The name of an object's page, when somebody with these roles may open it."""
    name = PAGE.get(kind, ("", ""))[0]
    for page in PAGES:
        if page.name == name and held & {*page.readers, *page.actors, roles.AUDITOR}:
            return name
    return ""
