from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from loanfund.audit.errors import Refused
from loanfund.parties.services import in_doubt, settle_in_doubt


class Command(BaseCommand):
    help = (
        "Lists mails that were handed to the mail server without an answer. Look for their Message-ID in its log, then "
        "say which went out and which did not; the others go out again after four hours under the same Message-ID."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--arrived", type=int, nargs="+", default=[], metavar="NUMBER")
        parser.add_argument("--again", type=int, nargs="+", default=[], metavar="NUMBER")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        decided = [(pk, True) for pk in options["arrived"]] + [(pk, False) for pk in options["again"]]
        for pk, arrived in decided:
            try:
                notice = settle_in_doubt(notice_id=pk, arrived=arrived, on=now.date(), now=now)
            except Refused as refusal:
                raise CommandError(refusal.sentence) from refusal
            self.stdout.write(f"{pk} {notice.subject}: {notice.get_state_display()}")
        for notice in in_doubt(now).select_related("recipient"):
            to = notice.recipient.email if notice.recipient else notice.address
            self.stdout.write(
                f"{notice.pk} <notice-{notice.pk}@loanfund> to {to}: {notice.subject}. "
                f"Goes out again at {notice.claimed_until:%d %B %Y %H:%M} UTC. {notice.last_error}"
            )
