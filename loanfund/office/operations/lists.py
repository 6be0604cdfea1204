"""Lists that stay quick however long they are: a page of rows, a filter by state, a search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest

ROWS = 40


@dataclass(frozen=True)
class Listing:
    """One page of rows, the choices of the filter with the one taken, the words searched for, and the query of both
    for links to other pages (ending in & when not empty)."""

    page: Page[Any]
    choices: list[tuple[str, str]]
    taken: str
    words: str
    query: str


def listed(
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    choices: Sequence[tuple[str, str, Q]] = (),
    search: Sequence[str] = (),
    kept: Sequence[str] = (),
    per_page: int = ROWS,
) -> Listing:
    """A page of `rows` by the request's `state`, `q` and `page`.

    `choices` are (value, words, condition), the first taken when none is asked for; `search` the fields looked into,
    `kept` other entries of the request that narrow the rows already and stay on the links to further pages.
    """
    asked = request.GET.get("state", "")
    known = {value: condition for value, _, condition in choices}
    taken = asked if asked in known else (choices[0][0] if choices else "")
    if taken:
        rows = rows.filter(known[taken])
    words = request.GET.get("q", "").strip()[:100]
    if words and search:
        found = Q()
        for name in search:
            found |= Q(**{f"{name}__icontains": words})
        rows = rows.filter(found)
    asked_for = {name: value for name, value in (("state", taken), ("q", words)) if value}
    asked_for |= {name: request.GET[name] for name in kept if request.GET.get(name)}
    query = urlencode(asked_for) + "&" if asked_for else ""
    page = Paginator(rows, per_page).get_page(request.GET.get("page"))
    return Listing(page, [(value, label) for value, label, _ in choices], taken, words, query)
