"""`manage.py close_day --fund CODE [--date D | --through D]`: close business days of a fund in this process."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Fund
from loanfund.servicing import services


class Command(BaseCommand):
    """The same steps and batches as the nightly close; workers may help while it runs."""

    help = (
        "Close the fund's business date, or every day through a date, in order. A closed day again is free."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fund", required=True, help="the fund's code")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--date", type=date.fromisoformat, help="the business date to close (YYYY-MM-DD)")
        which.add_argument("--through", type=date.fromisoformat, help="close every day up to this one")

    def handle(self, *args: Any, **options: Any) -> None:
        fund = Fund.objects.filter(code=options["fund"]).first()
        if fund is None:
            codes = ", ".join(Fund.objects.values_list("code", flat=True)) or "none yet"
            raise CommandError(f"There is no fund {options['fund']}. Known: {codes}.")
        try:
            if options["through"]:
                closed = services.close_through(fund=fund, through=options["through"])
            else:
                closed = int(
                    services.close_day(fund=fund, on=options["date"] or fund.business_date) is not None
                )
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        fund.refresh_from_db()
        self.stdout.write(f"{closed} days closed. The business date of {fund.name} is {fund.business_date}.")
