"""`manage.py grant_app_role`: apply the protection of every table, as the owner of the database."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from loanfund.audit.protection import protect


class Command(BaseCommand):
    """Migrate does this by itself; on its own it repairs rights that somebody changed by hand."""

    help = "Grant the application's role what it may do, revoke the rest, and install the triggers and seals."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default="default", help="the connection of the tables' owner")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seen = protect(using=options["database"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{seen} tables protected; role {settings.APP_ROLE} owns none of them.")
