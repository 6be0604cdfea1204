from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class OfficeConfig(AppConfig):
    """The lender's admin site."""

    name = "loanfund.office"
    label = "office"
    verbose_name = "Office"
    default_auto_field = "django.db.models.BigAutoField"


class OfficeAdminConfig(AdminConfig):
    """Puts our own admin site in the place of Django's, so that every `admin.register` lands there."""

    default = False
    default_site = "loanfund.office.site.OfficeSite"
