from importlib import import_module

from django.apps import AppConfig


class PartiesConfig(AppConfig):
    """Users, partners, their people and papers."""

    name = "loanfund.parties"
    label = "parties"
    verbose_name = "Parties"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import_module("loanfund.parties.signals")
