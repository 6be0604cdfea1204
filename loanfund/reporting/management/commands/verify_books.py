"""`manage.py verify_books`: prove the books, or name each break."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from loanfund.reporting.verification import verify_books


class Command(BaseCommand):
    help = "Prove that every invariant of the books holds; name each row that breaks one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--allow-empty",
            action="store_true",
            help="do not count a check as failed because it saw no rows (a fund without business yet)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        findings = verify_books()
        for finding in findings:
            good = finding.holds if options["allow_empty"] else finding.passed
            failed += not good
            mark = "ok    " if good else "FAILED"
            empty = "" if finding.rows_seen else "  saw no rows: nothing was proven"
            self.stdout.write(f"{mark} {finding.rows_seen:>10,} rows  {finding.check}{empty}")
            for broken in finding.breaks:
                self.stdout.write(f"         {broken.object}: {broken.sentence}")
        if failed:
            raise CommandError(f"{failed} of {len(findings)} checks failed.")
        self.stdout.write(f"All {len(findings)} checks hold.")
