"""The audit log in the admin: to read, for whoever holds the right to view it. Nobody adds, changes or deletes there."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from loanfund.audit.models import AuditEvent


class ReadOnlyAdmin(admin.ModelAdmin):
    """Pages that show and never write, superusers included; the base of every admin over append-only rows."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows beneath another's page, to read."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what to which object, and what it was before and after."""

    list_display = ["at", "on", "actor", "action", "object_type", "object_id", "reason"]
    list_filter = ["on", "object_type"]
    search_fields = ["=actor", "=action", "=object_id"]
    ordering = ["-id"]
    show_full_result_count = False
