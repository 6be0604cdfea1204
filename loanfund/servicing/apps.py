from django.apps import AppConfig


class ServicingConfig(AppConfig):
    """Drawdowns, loans, receipts and the close of business."""

    name = "loanfund.servicing"
    label = "servicing"
    verbose_name = "Servicing"
    default_auto_field = "django.db.models.BigAutoField"
