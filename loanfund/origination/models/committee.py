"""Who decides, on what, and how each of them voted."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly, Sealed
from loanfund.facilities.models import Facility, Fund, FundPolicy
from loanfund.origination.models.applications import AMOUNT, Application
from loanfund.origination.models.evidence import ImpactAssessment
from loanfund.origination.models.review import CreditMemo
from loanfund.parties.models import FourEyes, Partner


class Committee(Sealed):
    """A named group of people who decide for one fund."""

    fund = models.ForeignKey(Fund, on_delete=models.PROTECT, related_name="committees")
    name = models.CharField(max_length=120)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["fund", "name"], name="origination_committee_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class CommitteeMember(FourEyes, Sealed):
    """One person's seat, from a day on and perhaps until a day (the first on which it is no longer held).

    One person proposes the seat and another confirms it; leaving takes two as well, since it can turn a vote.
    """

    class Role(models.TextChoices):
        MEMBER = "member", "member"
        CHAIR = "chair", "chair"

    class State(models.TextChoices):
        PROPOSED = "proposed", "proposed"
        SEATED = "seated", "seated"
        REFUSED = "refused", "refused"

    committee = models.ForeignKey(Committee, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="seats")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    joined_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)
    leave_proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    leave_confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    leave_reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["committee", "role", "joined_on"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(left_on__gte=F("joined_on")),
                name="origination_committeemember_dates_in_order",
            ),
            models.CheckConstraint(
                condition=~Q(state="seated") | Q(checker__isnull=False),
                name="origination_committeemember_seated_by_two",
            ),
            models.CheckConstraint(
                condition=~Q(leave_proposed_by=F("leave_confirmed_by")),
                name="origination_committeemember_leave_by_two",
            ),
            models.CheckConstraint(
                condition=Q(left_on__isnull=True) | Q(leave_confirmed_by__isnull=False),
                name="origination_committeemember_leave_confirmed",
            ),
            models.UniqueConstraint(
                fields=["committee", "user"],
                condition=~Q(state="refused") & Q(left_on__isnull=True),
                name="origination_committeemember_one_seat",
            ),
            models.UniqueConstraint(
                fields=["committee"],
                condition=Q(role="chair", state="seated", left_on__isnull=True),
                name="origination_committeemember_one_chair",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.committee}"


class ConflictDeclaration(AppendOnly):
    """A member's interest in a partner: from then on that member's ballot on it does not count. Never taken back."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conflicts")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="conflicts")
    reason = models.CharField(max_length=500)
    declared_on = models.DateField()
    declared_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta(AppendOnly.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "partner"], name="origination_conflictdeclaration_once"),
            models.CheckConstraint(
                condition=Q(declared_by=F("user")), name="origination_conflictdeclaration_of_oneself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} about {self.partner}"


class Meeting(Sealed):
    """A sitting of the committee: its day, its agenda (the proposals tabled for it) and its minutes."""

    committee = models.ForeignKey(Committee, on_delete=models.PROTECT, related_name="meetings")
    held_on = models.DateField()
    title = models.CharField(max_length=120)
    minutes = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-held_on", "-id"]

    def __str__(self) -> str:
        return f"{self.title}, {self.held_on}"


class Proposal(Sealed):
    """One thing put to the committee, frozen when tabled: `document` is all it rests on, `digest` its sha256.

    It can be changed only by a new proposal (`replaces`), which voids this one and its ballots. The counts needed are
    copied from the policy's matrix when tabled, so a policy change in between does not move the line.
    """

    class Kind(models.TextChoices):
        APPLICATION = "application", "new facility"
        AMENDMENT = "amendment", "amendment of terms"
        PAYMENT_HOLIDAY = "payment_holiday", "payment holiday"
        CAPITALISATION = "capitalisation", "capitalisation of interest"
        WAIVER = "waiver", "waiver"
        ACCELERATION = "acceleration", "acceleration"
        NON_ACCRUAL = "non_accrual", "non-accrual on or off"
        WRITE_OFF = "write_off", "write-off"
        RECOVERY = "recovery", "recovery"
        LIMIT_EXCEEDED = "limit_exceeded", "a limit exceeded"
        CONDITION_WAIVER = "condition_waiver", "waiver of a condition precedent"
        OTHER = "other", "other matter reserved to the committee"

    class State(models.TextChoices):
        TABLED = "tabled", "tabled"
        VOTING = "voting", "voting"
        TIED = "tied", "tied, awaiting the chair"
        APPROVED = "approved", "approved"
        DECLINED = "declined", "declined"
        VOID = "void", "void"

    number = models.CharField(max_length=20, unique=True)
    committee = models.ForeignKey(Committee, on_delete=models.PROTECT, related_name="proposals")
    meeting = models.ForeignKey(
        Meeting, null=True, blank=True, on_delete=models.PROTECT, related_name="proposals"
    )
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.APPLICATION)
    application = models.ForeignKey(
        Application, null=True, blank=True, on_delete=models.PROTECT, related_name="proposals"
    )
    facility = models.ForeignKey(
        Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="proposals"
    )
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.TABLED)
    policy = models.ForeignKey(FundPolicy, on_delete=models.PROTECT, related_name="+")
    memo = models.ForeignKey(CreditMemo, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    assessment = models.ForeignKey(
        ImpactAssessment, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    amount = models.DecimalField(null=True, blank=True, **AMOUNT)
    summary = models.TextField()
    terms = models.JSONField(default=dict)
    conditions = models.JSONField(default=list)
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    members_needed = models.PositiveSmallIntegerField()
    approvals_needed = models.PositiveSmallIntegerField()
    chair_casts = models.BooleanField()
    proposer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="proposals_made"
    )
    preparer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    tabled_on = models.DateField()
    voting_opened_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    void_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    kind="application", application__isnull=False, facility__isnull=True, amount__gt=0
                )
                | (~Q(kind="application") & Q(application__isnull=True, facility__isnull=False)),
                name="origination_proposal_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(approvals_needed__gt=0) & Q(members_needed__gte=F("approvals_needed")),
                name="origination_proposal_quorum_holds_approvals",
            ),
            models.CheckConstraint(
                condition=~Q(state="void") | ~Q(void_reason=""), name="origination_proposal_void_has_reason"
            ),
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(state__in=["tabled", "voting", "tied"]),
                name="origination_proposal_one_open_an_application",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.FSM(
                name="moves",
                field="state",
                transitions=[
                    ("tabled", "voting"),
                    ("tabled", "void"),
                    ("voting", "void"),
                    ("voting", "tied"),
                    ("voting", "approved"),
                    ("voting", "declined"),
                    ("tied", "approved"),
                    ("tied", "declined"),
                    ("tied", "void"),
                ],
            ),
            pgtrigger.Protect(
                name="starts_tabled", operation=pgtrigger.Insert, condition=~pgtrigger.Q(new__state="tabled")
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen",
                fields=[
                    "number", "committee", "kind", "application", "facility", "replaces", "policy", "memo",
                    "assessment", "amount", "summary", "terms", "conditions", "document", "digest", "members_needed",
                    "approvals_needed", "chair_casts", "proposer", "preparer", "tabled_on",
                ],
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.number


class Vote(AppendOnly):
    """One ballot, final when cast. `casting` marks the chair's second ballot after a tie."""

    class Choice(models.TextChoices):
        APPROVE = "approve", "approve"
        DECLINE = "decline", "decline"
        ABSTAIN = "abstain", "abstain"
        RECUSE = "recuse", "recuse"

    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, related_name="votes")
    seat = models.ForeignKey(CommitteeMember, on_delete=models.PROTECT, related_name="votes")
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="votes")
    choice = models.CharField(max_length=10, choices=Choice.choices)
    reason = models.TextField()
    casting = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    cast_on = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["proposal", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["proposal", "voter", "casting"], name="origination_vote_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="origination_vote_reason_given"),
            models.CheckConstraint(
                condition=Q(choice__in=["approve", "decline", "abstain", "recuse"]),
                name="origination_vote_choice_known",
            ),
            models.CheckConstraint(
                condition=Q(casting=False) | Q(choice__in=["approve", "decline"]),
                name="origination_vote_casting_decides",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voter} on {self.proposal}"


class Decision(AppendOnly):
    """What the committee decided, with everything it rests on under one digest. Never changed; an appeal is a new one.

    `votes` is one object a ballot: {member, role, choice, reason, casting, counted, why_not}.
    """

    class Outcome(models.TextChoices):
        APPROVED = "approved", "approved"
        DECLINED = "declined", "declined"

    number = models.CharField(max_length=20, unique=True)
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="decision")
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=500)
    amount = models.DecimalField(null=True, blank=True, **AMOUNT)
    approvals = models.PositiveSmallIntegerField()
    declines = models.PositiveSmallIntegerField()
    abstentions = models.PositiveSmallIntegerField()
    recusals = models.PositiveSmallIntegerField()
    votes = models.JSONField()
    document = models.JSONField()
    proposal_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    audit_head = models.CharField(max_length=100)
    decided_on = models.DateField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(outcome="approved") | Q(approvals__gt=F("declines")),
                name="origination_decision_tie_is_decline",
            ),
        ]

    def __str__(self) -> str:
        return self.number
