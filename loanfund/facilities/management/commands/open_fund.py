from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.facilities.programme import programme_values
from loanfund.facilities.services import open_fund, propose_policy
from loanfund.parties.models import User


class Command(BaseCommand):
    help = (
        "Opens a fund with its capital paid in, and proposes the programme's policy for it. The policy rules once "
        "another administrator or a chair has confirmed it in the office."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--name", required=True)
        parser.add_argument("--size", required=True, help="such as 100000000")
        parser.add_argument("--administrator", required=True, help="the address of who opens it")
        parser.add_argument("--currency", default="USD")
        parser.add_argument("--calendar", default="US-FED")
        parser.add_argument("--time-zone", default="UTC")
        parser.add_argument("--receipt-cut-off", default="17:00", help="time of day in the time zone")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email=options["administrator"].lower()).first()
        if person is None:
            raise CommandError(
                f"Nobody signs in as {options['administrator']}; manage.py add_staff makes people."
            )
        try:
            size, cut_off = Decimal(options["size"]), time.fromisoformat(options["receipt_cut_off"])
        except (InvalidOperation, ValueError) as error:
            raise CommandError("Give the size as 100000000 and the cut-off as 17:00.") from error
        today = timezone.localdate()
        try:
            with transaction.atomic():
                fund = open_fund(
                    code=options["code"],
                    name=options["name"],
                    currency=options["currency"],
                    size=size,
                    calendar=options["calendar"],
                    receipt_cut_off=cut_off,
                    time_zone=options["time_zone"],
                    actor=person,
                    on=today,
                )
                propose_policy(
                    fund=fund, values=programme_values(), effective_from=today, actor=person, on=today
                )
        except Refused as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(
            f"{fund.name} is open on {today}. Its policy waits for another administrator or the chair."
        )
