from django.apps import AppConfig


class OriginationConfig(AppConfig):
    """From an application to an accepted offer."""

    name = "loanfund.origination"
    label = "origination"
    verbose_name = "Origination"
    default_auto_field = "django.db.models.BigAutoField"
