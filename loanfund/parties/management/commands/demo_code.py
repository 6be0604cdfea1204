from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from loanfund.audit.errors import Refused
from loanfund.parties.second_factor import demo_code


class Command(BaseCommand):
    help = "Prints the code that a demo person's authenticator shows now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the person's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(demo_code(options["user"]))
        except Refused as refusal:
            raise CommandError(refusal.sentence) from refusal
