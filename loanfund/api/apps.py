from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The partner's REST interface."""

    name = "loanfund.api"
    label = "api"
    verbose_name = "API"
    default_auto_field = "django.db.models.BigAutoField"
