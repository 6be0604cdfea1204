"""The office's own pages beside the stock admin: one table of them, from which addresses, rights and menus follow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from loanfund.facilities.models import Fund
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.selectors import has_role

OfficeView = Callable[..., HttpResponseBase]
SECTIONS = ("Committee room", "Operations", "Finance", "Administration")


@dataclass(frozen=True)
class Page:
    """One page of the office.

    `readers` are the roles that may open it, `actors` those that may send its forms: nobody else, superusers included.
    The auditor reads every page and sends none. `menu` is its word in the menu of `section`; a page without one is
    reached from another.
    """

    path: str
    name: str
    view: OfficeView
    readers: tuple[str, ...]
    actors: tuple[str, ...]
    menu: str
    section: str


PAGES: list[Page] = []


def page(
    path: str,
    *,
    name: str,
    readers: tuple[str, ...] = roles.ALL,
    actors: tuple[str, ...] = (),
    menu: str = "",
    section: str = "",
) -> Callable[[OfficeView], OfficeView]:
    """Put a view into the office at `office/<path>`, as `admin:<name>`, open to these roles and no others."""

    def put(view: OfficeView) -> OfficeView:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            assert isinstance(user, User)
            allowed = actors if request.method == "POST" else (*readers, *actors, roles.AUDITOR)
            if not has_role(user, *allowed):
                raise PermissionDenied("This page is for other roles than yours.")
            return view(request, *args, **kwargs)

        PAGES.append(Page(path, name, guarded, readers, actors, menu, section))
        return guarded

    return put


def the_fund() -> Fund:
    """The fund that the office runs. A 404 before it is opened."""
    fund = Fund.objects.order_by("pk").first()
    if fund is None:
        raise Http404("No fund is open yet.")
    return fund


def may(request: HttpRequest, *names: str) -> bool:
    """Whether the person asking holds one of these roles: which buttons to show."""
    user = request.user
    return isinstance(user, User) and has_role(user, *names)


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    title: str,
    status: int = 200,
) -> HttpResponse:
    """A page in the admin's frame; `title` is its heading."""
    frame = admin.site.each_context(request) | {"title": title}
    return render(request, template, frame | (context or {}), status=status)
