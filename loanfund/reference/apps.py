from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """Holidays and reference rates."""

    name = "loanfund.reference"
    label = "reference"
    verbose_name = "Reference"
    default_auto_field = "django.db.models.BigAutoField"
