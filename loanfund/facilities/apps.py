from django.apps import AppConfig


class FacilitiesConfig(AppConfig):
    """Funds, policies, facilities and their terms."""

    name = "loanfund.facilities"
    label = "facilities"
    verbose_name = "Facilities"
    default_auto_field = "django.db.models.BigAutoField"
