"""`manage.py demo`: put the demo portfolio on the books, once, through the services that people use."""

import time
from itertools import chain
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from loanfund.facilities.models import Facility, Fund
from loanfund.office.demo.play import Demo, loaded
from loanfund.office.demo.script import BUSINESS_DATE
from loanfund.origination.models import Application
from loanfund.parties.second_factor import give_demo_password, give_demo_second_factor
from loanfund.servicing.models import Loan


class Command(BaseCommand):
    help = "Load the demo portfolio: a 100 million fund from 14 October 2025 to 21 August 2026."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=20251014, help="same seed, same books")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(
                "The demo has known passwords: it is loaded only with DEBUG on, as `make run` sets it."
            )
        if loaded():
            self.stdout.write("The demo portfolio is on the books already; nothing was changed.")
            return
        if Fund.objects.exists():
            raise CommandError("There is a fund in this database. The demo goes into an empty one only.")
        began = time.monotonic()
        demo = Demo(options["seed"])
        demo.open()
        demo.play(BUSINESS_DATE)
        everybody = [*demo.staff.values(), *chain.from_iterable(demo.people.values())]
        give_demo_password(everybody)
        for person in everybody:
            give_demo_second_factor(person)
        self.stdout.write(
            f"Demo portfolio on the books after {time.monotonic() - began:.0f} s: {len(demo.partners)} partners, "
            f"{Application.objects.count()} applications, {Facility.objects.count()} facilities, "
            f"{Loan.objects.count()} loans; business date {demo.today:%d %B %Y}."
        )
