"""Who holds which of the lender's roles: changed by two administrators, the one who gets the role being neither."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q

from loanfund.audit.models import Sealed
from loanfund.parties.models.people import FourEyes, User


class RoleChange(FourEyes, Sealed):
    """The roles that a person of the lender is to hold from its confirmation on: all of them, not those added."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "waiting to be confirmed"
        CONFIRMED = "confirmed", "confirmed"
        REFUSED = "refused", "refused"

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="role_changes")
    roles_before = models.JSONField()
    roles_after = models.JSONField()
    reason = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(person=F("maker")) & (Q(checker__isnull=True) | ~Q(person=F("checker"))),
                name="parties_rolechange_never_ones_own",
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", checker__isnull=True)
                | (~Q(state="proposed") & Q(checker__isnull=False)),
                name="parties_rolechange_decided_by_checker",
            ),
            models.UniqueConstraint(
                fields=["person"], condition=Q(state="proposed"), name="parties_rolechange_one_open"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="decided_stays",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__state="proposed"),
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"roles of {self.person}"
