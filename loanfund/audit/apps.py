from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    """What was done, by whom, in a chain that shows any later change."""

    name = "loanfund.audit"
    label = "audit"
    verbose_name = "Audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The protection needs the models, which exist only once every app is loaded.
        from loanfund.audit.protection import protect_after_migrate  # noqa: PLC0415

        post_migrate.connect(protect_after_migrate, sender=self)
