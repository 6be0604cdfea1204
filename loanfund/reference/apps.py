from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ReferenceConfig(AppConfig):
    """Holidays and reference rates."""

    name = "loanfund.reference"
    label = "reference"
    verbose_name = "Reference"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # What is loaded are models, which exist only once every app is loaded.
        from loanfund.reference.services import ensure_after_migrate  # noqa: PLC0415

        post_migrate.connect(ensure_after_migrate, sender=self)
