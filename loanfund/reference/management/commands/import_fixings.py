"""`manage.py import_fixings FILE --rate SOFR`: load published fixings; see docs/fixings.md for the layouts."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.reference.fixing_files import BadFile
from loanfund.reference.services import ensure_calendars, ensure_reference_rates, import_fixings


class Command(BaseCommand):
    help = "Load a CSV of published fixings: ours, the New York Fed's, or FRED's. The same file again adds nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--rate", default="SOFR", help="the reference rate's code (SOFR)")
        parser.add_argument("--source", default="", help="where the file came from (its name)")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        ensure_calendars()
        ensure_reference_rates()
        now = timezone.now()
        try:
            result = import_fixings(
                text=text,
                code=options["rate"],
                source=options["source"] or path.name,
                known_at=now,
                actor=None,
                on=now.date(),
            )
        except BadFile as bad:
            raise CommandError("\n".join(bad.errors)) from bad
        except Refused as refused:
            raise CommandError(refused.sentence) from refused
        self.stdout.write(str(result))
