"""What an analyst may do with an application: each act with its form, calling one service."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from django import forms
from django.utils import timezone

from loanfund.facilities.models import FundPolicy
from loanfund.office.committee.seen import SeenForm, SeenReasonForm
from loanfund.office.operations.acts import Act, Done, Entries
from loanfund.office.operations.fields import DayField, ReasonForm
from loanfund.office.operations.seat import Gate, Seat
from loanfund.origination import services
from loanfund.origination.models import Application, ApplicationDocument, Question
from loanfund.origination.selectors.applications import LENDERS
from loanfund.parties import roles
from loanfund.parties.models import KybPaper, Partner, StoredFile, User
from loanfund.parties.services import approve_kyb, decide_paper, set_watch_list, store_file

POINTS = [(str(n), str(n)) for n in range(1, 6)]


class AssignForm(forms.Form):
    """Who takes care of it."""

    analyst = forms.ModelChoiceField(
        label="Analyst", queryset=User.objects.none(), empty_label="Choose an analyst"
    )

    def __init__(self, *args: Any, analysts: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["analyst"].queryset = analysts  # type: ignore[attr-defined] # a ModelChoiceField has one


class QuestionForm(forms.Form):
    """One question to the partner."""

    text = forms.CharField(label="Question", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))
    due_on = DayField(
        label="Answer by", required=False, help_text="Left empty, the policy's number of days counts."
    )
    file = forms.FileField(label="File", required=False)


class AnswerForm(forms.Form):
    """A reply from the lender's side."""

    text = forms.CharField(label="Reply", max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))


class MemoForm(forms.Form):
    """The judgement in words."""

    body = forms.CharField(
        label="Credit memo",
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="Saved as the next version; the ones before it stay readable.",
    )


class ScoreForm(forms.Form):
    """Points and a reason for every criterion of the policy."""

    def __init__(self, *args: Any, criteria: list[Mapping[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for item in criteria:
            self.fields[item["key"]] = forms.ChoiceField(
                label=f"{item['label']} (weight {item['weight']})",
                choices=[("", "Points"), *POINTS],
                help_text=item.get("guide", ""),
            )
            self.fields[f"why_{item['key']}"] = forms.CharField(
                label=f"Why: {item['label']}", max_length=500, widget=forms.Textarea(attrs={"rows": 2})
            )


class UntilForm(forms.Form):
    """How long an approval of the company's papers is good."""

    valid_until = DayField(label="Good until", help_text="The papers are asked for anew after this day.")


class WatchForm(ReasonForm):
    """Why a partner goes onto the watch-list, or comes off it."""


def gate(seat: Seat, application: Application, allowed: set[str], action: str) -> Gate:
    """Whether the person's roles allow an action at all, and whether it can be taken now."""
    return Gate(right=seat.holds(*LENDERS[action][1]), ready=action in allowed)


def review_acts(seat: Seat, application: Application, policy: FundPolicy, allowed: set[str]) -> Iterator[Act]:
    """The acts on the application itself, the next step first."""
    open_to = partial(gate, seat, application, allowed)
    yield Act(
        "start",
        "Start the check",
        partial(_start, seat, application),
        **open_to("start_check"),
        title="Take it up",
        says="It becomes yours, unless another analyst has it. The partner sees that the check has begun.",
    )
    yield Act(
        "resume",
        "Go on without an answer",
        partial(_resume, seat, application),
        **open_to("resume_check"),
        form=ReasonForm,
        title="Go on with the check",
        says="The questions stay open in the record.",
    )
    analysts = User.objects.filter(groups__name=roles.ANALYST, is_active=True).order_by("name")
    yield Act(
        "assign",
        "Assign",
        partial(_assign, seat, application),
        **open_to("assign"),
        form=AssignForm,
        title="Assign to an analyst",
        arguments={"analysts": analysts, "initial": {"analyst": application.analyst_id}},
    )
    yield Act(
        "assess",
        "Assess anew",
        partial(_assess, seat, application),
        **open_to("assess_impact"),
        form=ReasonForm,
        title="Assess the impact anew",
        says="By today's policy and the newest records, as a further version.",
        inline=True,
    )
    yield from _written(seat, application, policy, allowed)


def _written(seat: Seat, application: Application, policy: FundPolicy, allowed: set[str]) -> Iterator[Act]:
    """What the analyst writes about it, or to the partner."""
    open_to = partial(gate, seat, application, allowed)
    yield Act(
        "return",
        "Return to the partner",
        partial(_return, seat, application),
        **open_to("return_to_partner"),
        form=ReasonForm,
        danger=True,
        title="Return to the partner",
        says="The application becomes a draft again. The partner reads the reason.",
    )
    yield Act(
        "ask",
        "Ask the partner",
        partial(_ask, seat, application),
        **open_to("ask_question"),
        form=QuestionForm,
        title="Ask a question",
        inline=True,
    )
    memo = application.memos.first()
    yield Act(
        "memo",
        "Save as a new version",
        partial(_memo, seat, application),
        **open_to("write_memo"),
        form=MemoForm,
        inline=True,
        arguments={"initial": {"body": memo.body if memo else ""}},
    )
    yield Act(
        "score",
        "Save the scorecard",
        partial(_score, seat, application),
        **open_to("score"),
        form=ScoreForm,
        inline=True,
        arguments={"criteria": policy.scorecard},
    )


def document_acts(seat: Seat, document: ApplicationDocument, allowed: set[str]) -> Iterator[Act]:
    """Accept or refuse one paper of the application; not by whoever put it in."""
    opened = gate(seat, document.application, allowed, "check_document")
    mine = document.uploaded_by_id == seat.user.pk
    pending = document.state == ApplicationDocument.State.PENDING
    ready = opened["ready"] and pending and not mine
    yield Act(
        f"accept-document-{document.pk}",
        "Accept",
        partial(_check_document, seat, document, accepted=True),
        right=opened["right"],
        ready=ready,
        inline=True,
    )
    yield Act(
        f"refuse-document-{document.pk}",
        "Refuse",
        partial(_check_document, seat, document, accepted=False),
        right=opened["right"],
        ready=ready,
        form=ReasonForm,
        danger=True,
        inline=True,
    )


def paper_acts(seat: Seat, paper: KybPaper) -> Iterator[Act]:
    """Accept or refuse one paper about the company; not by whoever put it in."""
    right = seat.holds(roles.ANALYST)
    ready = paper.state == KybPaper.State.PROPOSED and seat.second(paper.maker_id)
    yield Act(
        f"accept-paper-{paper.pk}",
        "Accept",
        partial(_decide_paper, seat, paper, accept=True),
        right=right,
        ready=ready,
        form=SeenForm,
        arguments={"initial": {"seen": paper.proposed_digest}},
        inline=True,
    )
    yield Act(
        f"refuse-paper-{paper.pk}",
        "Refuse",
        partial(_decide_paper, seat, paper, accept=False),
        right=right,
        ready=ready,
        form=SeenReasonForm,
        arguments={"initial": {"seen": paper.proposed_digest}},
        danger=True,
        inline=True,
    )


def company_acts(seat: Seat, partner: Partner, *, required: tuple[str, ...]) -> Iterator[Act]:
    """Approve what is known of the company; put it on the watch-list or take it off."""
    analyst = seat.holds(roles.ANALYST)
    yield Act(
        "approve-kyb",
        "Approve the company",
        partial(_approve_kyb, seat, partner, required),
        right=analyst,
        form=UntilForm,
        inline=True,
        title="Approve the company's papers",
    )
    yield Act(
        "watch",
        "Take off the watch-list" if partner.watch_listed else "Put on the watch-list",
        partial(_watch, seat, partner),
        right=analyst,
        form=WatchForm,
        inline=True,
    )


def answer_acts(
    seat: Seat, application: Application, questions: list[Question], allowed: set[str]
) -> Iterator[Act]:
    """A reply to each question from the lender's side."""
    for question in questions:
        yield Act(
            f"answer-{question.pk}",
            "Reply",
            partial(_answer, seat, question),
            **gate(seat, application, allowed, "answer_question"),
            form=AnswerForm,
            inline=True,
        )


def _start(seat: Seat, application: Application, entries: Entries) -> Done:
    services.start_check(application=application, actor=seat.user, on=seat.on)
    return Done(f"{application.number} is in your check.")


def _resume(seat: Seat, application: Application, entries: Entries) -> Done:
    services.resume_check(application=application, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The check goes on.")


def _assign(seat: Seat, application: Application, entries: Entries) -> Done:
    services.assign_analyst(application=application, analyst=entries["analyst"], actor=seat.user, on=seat.on)
    return Done(f"{application.number} is with {entries['analyst']}.")


def _assess(seat: Seat, application: Application, entries: Entries) -> Done:
    made = services.assess_impact(
        application=application, reason=entries["reason"], actor=seat.user, on=seat.on
    )
    return Done(f"The impact is assessed anew, as version {made.version}.")


def _return(seat: Seat, application: Application, entries: Entries) -> Done:
    services.return_to_partner(application=application, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"{application.number} is with the partner as a draft again.")


def _ask(seat: Seat, application: Application, entries: Entries) -> Done:
    question = services.ask_question(
        application=application,
        text=entries["text"],
        due_on=entries["due_on"],
        files=_stored(seat, application, entries["file"]),
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"The partner is asked, with an answer due on {question.due_on:%d %B %Y}.")


def _stored(seat: Seat, application: Application, uploaded: Any) -> list[StoredFile]:
    if uploaded is None:
        return []
    kept = store_file(
        name=uploaded.name,
        size=uploaded.size,
        content=uploaded,
        partner=application.partner,
        actor=seat.user,
        on=seat.on,
        now=timezone.now(),
    )
    return [kept]


def _answer(seat: Seat, question: Question, entries: Entries) -> Done:
    services.answer_question(question=question, text=entries["text"], actor=seat.user, on=seat.on)
    return Done("Your reply stands in the thread.")


def _memo(seat: Seat, application: Application, entries: Entries) -> Done:
    memo = services.write_memo(application=application, body=entries["body"], actor=seat.user, on=seat.on)
    return Done(f"The credit memo is saved as version {memo.version}.")


def _score(seat: Seat, application: Application, entries: Entries) -> Done:
    keys = [name.removeprefix("why_") for name in entries if name.startswith("why_")]
    card = services.score_application(
        application=application,
        points={key: (int(entries[key]), entries[f"why_{key}"]) for key in keys},
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"The scorecard comes to {card.score:.2f} of 5.")


def _check_document(seat: Seat, document: ApplicationDocument, entries: Entries, *, accepted: bool) -> Done:
    services.check_document(
        document=document, accepted=accepted, note=entries.get("reason", ""), actor=seat.user, on=seat.on
    )
    return Done("The paper is accepted." if accepted else "The paper is refused; the partner may replace it.")


def _decide_paper(seat: Seat, paper: KybPaper, entries: Entries, *, accept: bool) -> Done:
    decide_paper(
        paper=paper,
        accept=accept,
        seen_digest=entries["seen"],
        reason=entries.get("reason", ""),
        actor=seat.user,
        on=seat.on,
        now=timezone.now(),
    )
    return Done("The paper is accepted." if accept else "The paper is refused; the partner is told why.")


def _approve_kyb(seat: Seat, partner: Partner, required: tuple[str, ...], entries: Entries) -> Done:
    approve_kyb(
        partner=partner,
        valid_until=entries["valid_until"],
        required=required,
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"{partner.legal_name} is approved until {entries['valid_until']:%d %B %Y}.")


def _watch(seat: Seat, partner: Partner, entries: Entries) -> Done:
    watched = not partner.watch_listed
    set_watch_list(partner=partner, watched=watched, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The partner is on the watch-list." if watched else "The partner is off the watch-list.")
