from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.services import create_person, set_first_roles


class Command(BaseCommand):
    help = (
        "Makes a person of the lender, from the server's own command line: how the first administrators come to be. "
        "Everybody else is given roles in the office, by two of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--role", action="append", choices=roles.ALL, help=f"{roles.ADMINISTRATOR} unless told"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = self._password()
        names = options["role"] or [roles.ADMINISTRATOR]
        today = timezone.localdate()
        try:
            validate_password(password)
            with transaction.atomic():
                person: User = create_person(
                    email=options["email"], name=options["name"], password=password, actor=None, on=today
                )
                set_first_roles(person=person, names=names, on=today)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except Refused as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(
            f"{person.email} is {', '.join(names)}; a second factor is asked for at first sign-in."
        )

    def _password(self) -> str:
        """The first line of standard input, so that it stands in no list of processes and no history of commands."""
        self.stderr.write("Password (one line on standard input): ", ending="")
        return input().rstrip("\r\n")
