"""`manage.py ensure_reference`: calendars, reference rates and the fixings that come with the project."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from loanfund.reference.services import ensure_calendars, ensure_reference_rates, ensure_shipped_fixings


class Command(BaseCommand):
    help = "Load calendars, reference rates and the shipped SOFR fixings, as far as they are not there yet."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        days, rates = ensure_calendars(), ensure_reference_rates()
        fixings = ensure_shipped_fixings(known_at=now, on=now.date())
        self.stdout.write(f"{days} holidays and {rates} reference rates added; fixings: {fixings}")
