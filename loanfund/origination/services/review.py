"""The analyst's questions and the partner's answers, the credit memo, the scorecard."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.canonical import digest
from loanfund.facilities.selectors import policy_in_force
from loanfund.origination.models import Answer, Application, CreditMemo, Question, Scorecard, ThreadFile
from loanfund.origination.models.states import FINAL, State
from loanfund.origination.rights import PREPARES, is_member, must_have_role
from loanfund.origination.services.applications import information_due
from loanfund.origination.services.moves import locked_application, move, must_say
from loanfund.parties.models import StoredFile, User
from loanfund.parties.roles import ANALYST
from loanfund.parties.selectors import has_role
from loanfund.parties.services import notify, notify_partner

BEING_WEIGHED = {State.CHECKING, State.INFORMATION_REQUESTED}
POINTS = range(1, 6)


@transaction.atomic
def ask_question(
    *,
    application: Application,
    text: str,
    actor: User,
    on: date,
    files: Sequence[StoredFile] = (),
    due_on: date | None = None,
) -> Question:
    """Ask the partner something; the application waits for information until it answers.

    The day by which an answer is asked for is the policy's, or `due_on`. The partner is told.
    """
    must_have_role(actor, ANALYST)
    said = must_say(text, "what you want to know", "text")
    locked = locked_application(application)
    if locked.state not in BEING_WEIGHED:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; questions are asked in the completeness check.",
            code="state",
        )
    due = due_on or information_due(policy_in_force(locked.fund, on), on)
    if due < on:
        raise Refused(f"Give a day from {on} on.", field="due_on")
    question = Question.objects.create(application=locked, text=said, asked_by=actor, asked_on=on, due_on=due)
    ThreadFile.objects.bulk_create(ThreadFile(question=question, file=file) for file in files)
    if locked.state == State.CHECKING:
        locked.information_due_on = due
        move(locked, "request_information", actor=actor, on=on, fields=("information_due_on",))
    record(
        actor=actor, action="question.asked", obj=locked, on=on, after={"question": question.pk, "text": said}
    )
    notify_partner(
        partner=locked.partner,
        kind="question",
        key=f"question:{question.pk}",
        subject=f"A question about {locked.number}",
        body=f"{said}\n\nPlease answer by {due.day} {due:%B %Y}.",
        on=on,
    )
    return question


@transaction.atomic
def answer_question(
    *, question: Question, text: str, actor: User, on: date, files: Sequence[StoredFile] = ()
) -> Answer:
    """Reply to a question, from either side. When the partner has answered every question the check goes on."""
    said = must_say(text, "your answer", "text")
    locked = locked_application(question.application)
    from_partner = is_member(actor, locked.partner, *PREPARES)
    if not from_partner and not has_role(actor, ANALYST):
        raise Refused("This is for an analyst, or for the applicant's own people.", code="forbidden")
    if locked.state in FINAL:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; its questions are closed.", code="state"
        )
    if any(file.partner_id not in {None, locked.partner_id} for file in files):
        raise Refused("This file belongs to another partner.", field="files")
    answer = Answer.objects.create(question=question, text=said, by=actor, from_partner=from_partner, on=on)
    ThreadFile.objects.bulk_create(ThreadFile(answer=answer, file=file) for file in files)
    after = {"question": question.pk, "answer": answer.pk, "text": said}
    record(actor=actor, action="question.answered", obj=locked, on=on, after=after)
    if from_partner and locked.analyst is not None:
        notify(
            recipients=[locked.analyst],
            kind="answer",
            key=f"answer:{answer.pk}",
            subject=f"{locked.number}: a question is answered",
            body=said,
            on=on,
        )
    unanswered = locked.questions.exclude(answers__from_partner=True)
    if from_partner and locked.state == State.INFORMATION_REQUESTED and not unanswered.exists():
        move(locked, "answer_information", actor=actor, on=on)
    return answer


@transaction.atomic
def resume_check(*, application: Application, reason: str, actor: User, on: date) -> Application:
    """The analyst goes on without waiting for an answer, saying why."""
    must_have_role(actor, ANALYST)
    said = must_say(reason, "why the check goes on without an answer")
    locked = locked_application(application)
    move(locked, "resume_check", actor=actor, on=on, reason=said)
    return locked


@transaction.atomic
def write_memo(*, application: Application, body: str, actor: User, on: date) -> CreditMemo:
    """Write the next version of the credit memo. Refused once the application is decided."""
    must_have_role(actor, ANALYST)
    said = must_say(body, "what you found", "body")
    locked = _weighed(application)
    last = locked.memos.aggregate(last=Max("version"))["last"] or 0
    memo = CreditMemo.objects.create(
        application=locked,
        version=last + 1,
        body=said,
        digest=digest({"body": said}),
        author=actor,
        written_on=on,
    )
    record(
        actor=actor,
        action="memo.written",
        obj=locked,
        on=on,
        after={"version": memo.version, "digest": memo.digest},
    )
    return memo


@transaction.atomic
def score_application(
    *, application: Application, points: Mapping[str, tuple[int, str]], actor: User, on: date
) -> Scorecard:
    """Score an application by the policy's criteria: `points` is {criterion key: (1 to 5, the reason)}.

    The score is the weighted mean, to four decimals. Refused when a criterion is missing or unknown.
    """
    must_have_role(actor, ANALYST)
    locked = _weighed(application)
    criteria = policy_in_force(locked.fund, on).scorecard
    unknown = set(points) - {item["key"] for item in criteria}
    if unknown or not criteria:
        raise Refused(
            f"The policy's scorecard has no {', '.join(sorted(unknown)) or 'criteria'}.", field="points"
        )
    lines = [_scored(item, points) for item in criteria]
    weight = sum(line["weight"] for line in lines)
    score = Decimal(sum(line["weight"] * line["points"] for line in lines)) / weight
    last = locked.scorecards.aggregate(last=Max("version"))["last"] or 0
    card = Scorecard.objects.create(
        application=locked,
        version=last + 1,
        lines=lines,
        score=score.quantize(Decimal("0.0001"), ROUND_HALF_UP),
        made_by=actor,
        made_on=on,
    )
    record(
        actor=actor,
        action="application.scored",
        obj=locked,
        on=on,
        after={"version": card.version, "score": card.score},
    )
    return card


def _scored(item: Mapping[str, Any], points: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    if item["key"] not in points:
        raise Refused(f"Give points for “{item['label']}”.", field=item["key"])
    given, reason = points[item["key"]]
    if given not in POINTS:
        raise Refused(f"Give 1 to 5 points for “{item['label']}”.", field=item["key"])
    said = must_say(reason, f"why “{item['label']}” has {given} points", item["key"])
    return {
        "key": item["key"],
        "label": item["label"],
        "weight": item["weight"],
        "points": given,
        "reason": said,
    }


def _weighed(application: Application) -> Application:
    locked = locked_application(application)
    if locked.state not in {State.SUBMITTED, *BEING_WEIGHED, State.TABLED, State.VOTING}:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; it is not being weighed.", code="state"
        )
    return locked
