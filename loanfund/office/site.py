"""The admin site of the lender's own people."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from loanfund.facilities.models import Fund
from loanfund.office.committee.home import today
from loanfund.office.pages import PAGES, SECTIONS
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.second_factor import has_second_factor
from loanfund.parties.selectors import has_role

READERS: dict[str, tuple[str, ...]] = {"ledger": (roles.FINANCE, roles.AUDITOR)}
"""Who reads the records of an app in the stock admin; the administrator and the auditor where nobody is named."""


class _Shown:
    """What the stock admin does with every record here: it shows it to the roles that read it, and never writes."""

    opts: Any

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        readers = READERS.get(self.opts.app_label, (roles.ADMINISTRATOR, roles.AUDITOR))
        return isinstance(request.user, User) and has_role(request.user, *readers)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfficeSite(admin.AdminSite):
    """Staff sign in where everybody does, and see nothing of the office without a second factor."""

    site_header = "Loan fund office"
    site_title = "Loan fund office"
    index_title = "Today"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register records to be shown: whatever their own admin allows, by this site nobody writes them."""
        plain = admin_class or admin.ModelAdmin
        shown = [type(one.__name__, (_Shown, one), {}) for one in plain.inlines]
        ours = type(plain.__name__, (_Shown, plain), {"inlines": shown, "actions": None})
        super().register(model_or_iterable, ours, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) and isinstance(user, User) and has_second_factor(user)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Our own pages stand before the stock ones, whose catch-all would swallow them."""
        ours: list[URLResolver | URLPattern] = [
            path(one.path, self.admin_view(one.view), name=one.name) for one in PAGES
        ]
        return ours + super().get_urls()

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the office shows: the business date, and the pages this person may open."""
        context: dict[str, Any] = super().each_context(request)
        fund = Fund.objects.order_by("pk").first()
        held = (
            set(request.user.groups.values_list("name", flat=True))
            if request.user.is_authenticated
            else set()
        )
        return context | {"business_date": fund and fund.business_date, "office_menu": menu(held)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Today: the home page of whoever is signed in."""
        return super().index(request, {**today(request), **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        user = request.user
        if user.is_active and user.is_staff and not has_second_factor(user):
            messages.warning(request, "The office asks for a second factor: set one up, then go on.")
            return redirect("mfa_index")
        answer: HttpResponseBase = secure_admin_login(super().login)(request, extra_context)
        assert isinstance(answer, HttpResponse)
        return answer


def menu(held: set[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """For a person with these roles: each section that is not empty, with (word, address) of its pages."""
    found: dict[str, list[tuple[str, str]]] = {section: [] for section in SECTIONS}
    for one in PAGES:
        if one.menu and held & {*one.readers, *one.actors, roles.AUDITOR}:
            found[one.section].append((one.menu, reverse(f"admin:{one.name}")))
    return [(section, pages) for section, pages in found.items() if pages]
