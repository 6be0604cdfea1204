from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Statements, exports and proofs."""

    name = "loanfund.reporting"
    label = "reporting"
    verbose_name = "Reporting"
    default_auto_field = "django.db.models.BigAutoField"
