from django.apps import AppConfig

from loanfund.facilities.hooks import START_OF_DAY


class OriginationConfig(AppConfig):
    """Applications, the committee's decisions and offers."""

    name = "loanfund.origination"
    label = "origination"
    verbose_name = "Origination"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Services need the models, which exist only once every app is loaded.
        from loanfund.origination.services.offers import start_of_day  # noqa: PLC0415

        START_OF_DAY["origination: offers lapse"] = start_of_day
