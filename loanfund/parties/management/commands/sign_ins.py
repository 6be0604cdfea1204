from typing import Any

from django.core.management.base import BaseCommand, CommandError

from loanfund.audit.errors import Refused
from loanfund.parties.models import User
from loanfund.parties.second_factor import DEMO_PASSWORD, demo_people
from loanfund.parties.selectors import places_of


def role_of(person: User) -> str:
    names = [group.name for group in person.groups.all()]
    return ", ".join(sorted(names) or [f"{place.role} at {place.partner}" for place in places_of(person)])


class Command(BaseCommand):
    help = "Lists the demo's people with how to sign in, one a role."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            people = demo_people()
        except Refused as refusal:
            raise CommandError(refusal.sentence) from refusal
        seen: dict[str, User] = {}
        for person in people:
            role = role_of(person)
            # Of the many partners' people one of each role is enough to look around.
            seen.setdefault(role if person.is_staff else role.partition(" at ")[0], person)
        if not seen:
            self.stdout.write("There is nobody to sign in as yet: manage.py demo loads the portfolio.")
            return
        for person in seen.values():
            self.stdout.write(f"  {person.email:<38} {role_of(person)}")
        self.stdout.write(f"  password: {DEMO_PASSWORD}    code: manage.py demo_code ADDRESS")
