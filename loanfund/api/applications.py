"""Applying: start, fill in, show papers and losses, hand in, answer questions, read what became of it and the offer."""

from typing import Any

from django.db import models
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from loanfund.api.documents import KEYED, PAGED, REFUSALS, page_of
from loanfund.api.frame import PartnerView
from loanfund.api.money import AmountText, Money
from loanfund.facilities.selectors import policy_in_force
from loanfund.origination import services
from loanfund.origination.models import Application, ApplicationDocument, LiquidationUpload, Offer
from loanfund.origination.rights import PREPARES, SIGNS
from loanfund.origination.selectors import applications_of, latest, thread, unanswered
from loanfund.origination.services.applications import missing_papers
from loanfund.parties.services import store_file


class ApplicationInput(serializers.Serializer[Any]):
    """What an application asks for. Amounts are in the fund's currency."""

    amount = AmountText()
    purpose = serializers.CharField(max_length=4000)
    tenor_months = serializers.IntegerField(min_value=1, max_value=600)
    profile = serializers.ChoiceField(Application.Profile.choices)
    interest_only_months = serializers.IntegerField(min_value=0, max_value=600, required=False)
    revolving = serializers.BooleanField(required=False)
    net_assets = AmountText(required=False, help_text="held at the programme's snapshot")
    compensation = AmountText(required=False, help_text="already received for the same losses")


class ApplicationRow(serializers.ModelSerializer[Application]):
    """An application in a list."""

    amount = Money(currency="fund.currency")
    approved_amount = Money(currency="fund.currency", allow_null=True)
    facility = serializers.CharField(source="facility.number", allow_null=True, read_only=True)

    class Meta:
        model = Application
        fields: tuple[str, ...] = (
            "number", "state", "state_since", "amount", "approved_amount", "purpose", "tenor_months", "profile",
            "interest_only_months", "revolving", "created_on", "submitted_on", "information_due_on", "facility",
        )  # fmt: skip


class PaperShape(serializers.ModelSerializer[ApplicationDocument]):
    """A paper of an application, and what the analyst found."""

    name = serializers.CharField(source="file.name", read_only=True)
    sha256 = serializers.CharField(source="file.sha256", read_only=True)

    class Meta:
        model = ApplicationDocument
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "name",
            "sha256",
            "state",
            "uploaded_on",
            "expires_on",
            "note",
        )


class ApplicationShape(ApplicationRow):
    """One application with its papers, what is missing, and what its losses come to."""

    net_assets = Money(currency="fund.currency", allow_null=True)
    compensation = Money(currency="fund.currency")
    papers = PaperShape(source="documents", many=True, read_only=True)
    missing = serializers.SerializerMethodField()
    assessment = serializers.SerializerMethodField()
    open_questions = serializers.SerializerMethodField()

    class Meta(ApplicationRow.Meta):
        fields: tuple[str, ...] = (
            *ApplicationRow.Meta.fields, "net_assets", "compensation", "papers", "missing", "assessment", "open_questions",
        )  # fmt: skip

    def get_missing(self, application: Application) -> list[str]:
        policy = policy_in_force(application.fund, application.fund.business_date)
        labels = missing_papers(application, policy)
        return labels if application.uploads.exists() else [*labels, "Liquidation records as CSV"]

    def get_assessment(self, application: Application) -> list[dict[str, Any]]:
        """The lines of the newest assessment: rule, label, figure, line, result, sentence. They only inform."""
        assessment = latest(application).assessment
        lines: list[dict[str, Any]] = assessment.lines if assessment else []
        return lines

    def get_open_questions(self, application: Application) -> int:
        return unanswered(application).count()


class PaperInput(serializers.Serializer[Any]):
    """A paper as multipart/form-data: PDF, PNG, JPEG, CSV or XLSX."""

    kind = serializers.SlugField(max_length=60)
    file = serializers.FileField()
    expires_on = serializers.DateField(required=False)


class RecordsInput(serializers.Serializer[Any]):
    """Liquidation records as multipart/form-data: one CSV with the documented columns."""

    file = serializers.FileField()


class RecordsShape(serializers.ModelSerializer[LiquidationUpload]):
    """What was taken in."""

    class Meta:
        model = LiquidationUpload
        fields: tuple[str, ...] = ("file_name", "row_count", "file_sha256", "uploaded_on")


class ReasonInput(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=300)


class QuestionShape(serializers.Serializer[Any]):
    """One message of the thread: a question, or an answer to it (`answers` names the question)."""

    id = serializers.IntegerField(source="question.pk")
    kind = serializers.SerializerMethodField()
    from_partner = serializers.BooleanField()
    text = serializers.CharField()
    on = serializers.DateField()
    due_on = serializers.DateField(source="question.due_on")

    def get_kind(self, message: Any) -> str:
        return "answer" if message.answer else "question"


class AnswerInput(serializers.Serializer[Any]):
    """An answer to a question of the analyst."""

    text = serializers.CharField(max_length=10_000)


class AnswerShape(serializers.Serializer[Any]):
    """The answer as it was kept."""

    question = serializers.IntegerField(source="question_id")
    text = serializers.CharField()
    on = serializers.DateField()


class OfferRow(serializers.ModelSerializer[Offer]):
    """An offer in a list. It is signed in the portal, by people."""

    amount = Money(currency="application.fund.currency")
    application = serializers.CharField(source="application.number", read_only=True)

    class Meta:
        model = Offer
        fields: tuple[str, ...] = (
            "number",
            "application",
            "state",
            "amount",
            "sent_on",
            "expires_on",
            "closed_on",
            "digest",
        )


class OfferShape(OfferRow):
    """An offer with its whole text: terms, schedule, fees and conditions, under its digest."""

    document = serializers.JSONField(read_only=True)

    class Meta(OfferRow.Meta):
        fields: tuple[str, ...] = (*OfferRow.Meta.fields, "document")


class ApplicationView(PartnerView):
    """A view about one of the partner's applications."""

    def application(self, number: str) -> Application:
        found: Application = self.mine(applications_of(self.partner), number=number)
        return found


class Applications(PartnerView):
    """The partner's applications, newest first; and a new one."""

    @extend_schema(
        operation_id="applications",
        tags=["applications"],
        parameters=PAGED,
        responses={200: page_of(ApplicationRow), **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        return self.page(applications_of(self.partner), ApplicationRow)

    @extend_schema(
        operation_id="start_application",
        tags=["applications"],
        parameters=[KEYED],
        request=ApplicationInput,
        responses={201: ApplicationShape, **REFUSALS},
    )
    def post(self, request: Request) -> Response:
        self.must_hold(PREPARES, "apply for it")
        values = self.read(ApplicationInput)

        def start() -> Application:
            return services.start_application(
                fund=self.fund, partner=self.partner, values=values, actor=self.actor, on=self.on
            )

        return self.once(start, ApplicationShape, 201)


class OneApplication(ApplicationView):
    """One application: its state, its papers, what is missing; a draft can be changed."""

    @extend_schema(
        operation_id="application", tags=["applications"], responses={200: ApplicationShape, **REFUSALS}
    )
    def get(self, request: Request, number: str) -> Response:
        return Response(ApplicationShape(self.application(number)).data)

    @extend_schema(
        operation_id="edit_application",
        tags=["applications"],
        request=ApplicationInput,
        responses={200: ApplicationShape, **REFUSALS},
    )
    def patch(self, request: Request, number: str) -> Response:
        application = self.application(number)
        self.must_hold(PREPARES, "change its application")
        values = self.read(ApplicationInput, some=True)
        edited = services.edit_application(
            application=application, values=values, actor=self.actor, on=self.on
        )
        return Response(ApplicationShape(edited).data)


class Papers(ApplicationView):
    """Papers of an application. One of the same kind that was not accepted yet is replaced."""

    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="add_paper",
        tags=["applications"],
        parameters=[KEYED],
        request={"multipart/form-data": PaperInput},
        responses={201: PaperShape, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        application = self.application(number)
        self.must_hold(PREPARES, "add papers")
        values = self.read(PaperInput)
        sent = values["file"]

        def attach() -> ApplicationDocument:
            stored = store_file(
                name=sent.name,
                size=sent.size,
                content=sent,
                partner=self.partner,
                actor=self.actor,
                on=self.on,
                now=timezone.now(),
            )
            return services.attach_document(
                application=application,
                kind=values["kind"],
                file=stored,
                expires_on=values.get("expires_on"),
                actor=self.actor,
                on=self.on,
            )

        return self.once(attach, PaperShape, 201)


class Liquidations(ApplicationView):
    """The liquidation records, taken whole in place of those before; the losses are weighed at once."""

    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="upload_liquidations",
        tags=["applications"],
        parameters=[KEYED],
        request={"multipart/form-data": RecordsInput},
        responses={201: RecordsShape, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        application = self.application(number)
        self.must_hold(PREPARES, "upload its liquidations")
        sent = self.read(RecordsInput)["file"]

        def upload() -> LiquidationUpload:
            sent.seek(0)
            return services.import_liquidations(
                application=application,
                content=sent.read(),
                file_name=sent.name,
                actor=self.actor,
                on=self.on,
            )

        return self.once(upload, RecordsShape, 201)


class Submit(ApplicationView):
    """Hand an application in. For an owner or a signatory."""

    @extend_schema(
        operation_id="submit_application",
        tags=["applications"],
        parameters=[KEYED],
        request=None,
        responses={200: ApplicationShape, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        application = self.application(number)
        self.must_hold(SIGNS, "hand in its application")

        def submit() -> models.Model:
            return services.submit_application(application=application, actor=self.actor, on=self.on)

        return self.once(submit, ApplicationShape)


class Withdraw(ApplicationView):
    """Take an application back, at any time before acceptance. For an owner or a signatory."""

    @extend_schema(
        operation_id="withdraw_application",
        tags=["applications"],
        parameters=[KEYED],
        request=ReasonInput,
        responses={200: ApplicationShape, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        application = self.application(number)
        self.must_hold(SIGNS, "withdraw its application")
        reason = self.read(ReasonInput)["reason"]

        def withdraw() -> models.Model:
            return services.withdraw_application(
                application=application, reason=reason, actor=self.actor, on=self.on
            )

        return self.once(withdraw, ApplicationShape)


class Questions(ApplicationView):
    """What the analyst asked and what was answered, in order."""

    @extend_schema(
        operation_id="questions", tags=["applications"], responses={200: QuestionShape(many=True), **REFUSALS}
    )
    def get(self, request: Request, number: str) -> Response:
        return Response(QuestionShape(thread(self.application(number)), many=True).data)


class Answers(ApplicationView):
    """Answer a question."""

    @extend_schema(
        operation_id="answer_question",
        tags=["applications"],
        parameters=[KEYED],
        request=AnswerInput,
        responses={201: AnswerShape, **REFUSALS},
    )
    def post(self, request: Request, number: str, question: int) -> Response:
        asked = self.mine(self.application(number).questions.all(), pk=question)
        self.must_hold(PREPARES, "answer for it")
        text = self.read(AnswerInput)["text"]

        def say() -> models.Model:
            return services.answer_question(question=asked, text=text, actor=self.actor, on=self.on)

        return self.once(say, AnswerShape, 201)


def offers_of(view: PartnerView) -> models.QuerySet[Offer]:
    """The offers that were sent to the partner; one that is still being checked is not shown."""
    unsent = (Offer.State.PREPARED, Offer.State.REFUSED)
    found = Offer.objects.filter(application__partner=view.partner, sent_on__isnull=False)
    return found.exclude(state__in=unsent).select_related("application__fund").order_by("-id")


class Offers(PartnerView):
    """Offers that were sent, newest first."""

    @extend_schema(
        operation_id="offers",
        tags=["offers"],
        parameters=PAGED,
        responses={200: page_of(OfferRow), **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        return self.page(offers_of(self), OfferRow)


class OneOffer(PartnerView):
    """One offer with its exact schedule."""

    @extend_schema(operation_id="offer", tags=["offers"], responses={200: OfferShape, **REFUSALS})
    def get(self, request: Request, number: str) -> Response:
        return Response(OfferShape(self.mine(offers_of(self), number=number)).data)
