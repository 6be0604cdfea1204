from django.apps import AppConfig

from loanfund.facilities.hooks import START_OF_DAY


class FacilitiesConfig(AppConfig):
    """Funds, policies, facilities and their terms."""

    name = "loanfund.facilities"
    label = "facilities"
    verbose_name = "Facilities"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Services need the models, which exist only once every app is loaded.
        from loanfund.facilities.services.policies import start_of_day  # noqa: PLC0415

        START_OF_DAY["facilities: policy limits"] = start_of_day
