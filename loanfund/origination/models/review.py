"""The analyst's work: questions and answers, the credit memo, the scorecard."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from loanfund.audit.models import AppendOnly
from loanfund.origination.models.applications import Application
from loanfund.parties.models import StoredFile


class Question(AppendOnly):
    """Something the analyst wants to know, with the day by which an answer is asked."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="questions")
    text = models.TextField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_on = models.DateField()
    due_on = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(text=""), name="origination_question_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.application} question {self.pk}"


class Answer(AppendOnly):
    """A reply to a question, from either side."""

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    from_partner = models.BooleanField()
    on = models.DateField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(text=""), name="origination_answer_says_something"),
        ]

    def __str__(self) -> str:
        return f"answer to {self.question}"


class ThreadFile(AppendOnly):
    """A file that came with a question or with an answer."""

    question = models.ForeignKey(
        Question, null=True, blank=True, on_delete=models.PROTECT, related_name="files"
    )
    answer = models.ForeignKey(Answer, null=True, blank=True, on_delete=models.PROTECT, related_name="files")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")

    class Meta(AppendOnly.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(question__isnull=True) ^ Q(answer__isnull=True),
                name="origination_threadfile_of_one_message",
            ),
        ]

    def __str__(self) -> str:
        return str(self.file)


class CreditMemo(AppendOnly):
    """One version of the analyst's written judgement. A change is a new version."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="memos")
    version = models.PositiveIntegerField()
    body = models.TextField()
    digest = models.CharField(max_length=64)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_on = models.DateField()

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["application", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "version"], name="origination_creditmemo_version_once"
            ),
            models.CheckConstraint(condition=~Q(body=""), name="origination_creditmemo_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.application} memo {self.version}"


class Scorecard(AppendOnly):
    """The criteria of the policy, each with points of 1 to 5 and a reason; `score` is their weighted mean."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="scorecards")
    version = models.PositiveIntegerField()
    lines = models.JSONField()
    score = models.DecimalField(max_digits=6, decimal_places=4)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_on = models.DateField()

    class Meta(AppendOnly.Meta):
        ordering: ClassVar = ["application", "-version"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["application", "version"], name="origination_scorecard_version_once"
            ),
            models.CheckConstraint(
                condition=Q(score__gte=1) & Q(score__lte=5), name="origination_scorecard_score_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} scorecard {self.version}"
