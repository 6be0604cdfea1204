from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The double-entry book."""

    name = "loanfund.ledger"
    label = "ledger"
    verbose_name = "Ledger"
    default_auto_field = "django.db.models.BigAutoField"
