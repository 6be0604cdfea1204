"""What is kept of a sign-in: a line in the audit log, and word to the person."""

from datetime import datetime

from django.db import transaction

from loanfund.audit.services import record
from loanfund.parties.browsers import browser_words
from loanfund.parties.models import User
from loanfund.parties.services.notices import notify


@transaction.atomic
def note_sign_in(*, person: User, address: str, browser: str, now: datetime) -> None:
    """Record that somebody signed in, and tell them, so that one that was not theirs is noticed."""
    where = browser_words(browser)
    record(
        actor=person,
        action="user.signed_in",
        obj=person,
        on=now.date(),
        after={"address": address, "browser": browser[:200] or where},
    )
    notify(
        recipients=[person],
        kind="signed_in",
        key=f"signed-in:{now.isoformat()}",
        subject="You signed in",
        body=f"Somebody signed in with your name on {now.day} {now:%b %Y at %H:%M} UTC from {address}, with {where}. "
        "If it was not you, change your password and tell us.",
        on=now.date(),
    )
