from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class OfficeConfig(AppConfig):
    """The lender's admin site."""

    name = "loanfund.office"
    label = "office"
    verbose_name = "Office"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the office's own pages, so that the site finds them in their table."""
        for desk in ("committee", "operations", "finance"):
            import_module(f"loanfund.office.{desk}.views")


class OfficeAdminConfig(AdminConfig):
    """Puts our own admin site in the place of Django's, so that every `admin.register` lands there."""

    default = False
    default_site = "loanfund.office.site.OfficeSite"
