"""The admin site of the lender's own people."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from loanfund.parties.models import User
from loanfund.parties.second_factor import has_second_factor


class OfficeSite(admin.AdminSite):
    """Staff sign in where everybody does, and see nothing of the office without a second factor."""

    site_header = "Loan fund office"
    site_title = "Loan fund office"
    index_title = "Today"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return super().has_permission(request) and isinstance(user, User) and has_second_factor(user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        user = request.user
        if user.is_active and user.is_staff and not has_second_factor(user):
            messages.warning(request, "The office asks for a second factor: set one up, then go on.")
            return redirect("mfa_index")
        answer: HttpResponseBase = secure_admin_login(super().login)(request, extra_context)
        assert isinstance(answer, HttpResponse)
        return answer
