from django.apps import AppConfig


class PortalConfig(AppConfig):
    """The partner's pages."""

    name = "loanfund.portal"
    label = "portal"
    verbose_name = "Portal"
    default_auto_field = "django.db.models.BigAutoField"
