"""Borrowing: facilities and what is left under them, drawdowns, what is owed and what will be."""

from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from loanfund.api.applications import ReasonInput
from loanfund.api.documents import KEYED, PAGED, REFUSALS, page_of
from loanfund.api.frame import PartnerView
from loanfund.api.money import AmountText, Money, money
from loanfund.facilities.models import Facility
from loanfund.parties.models import SettlementAccount
from loanfund.parties.selectors import usable_accounts
from loanfund.reporting.selectors import dues_ahead
from loanfund.servicing import rights, services
from loanfund.servicing.models import Drawdown, Loan
from loanfund.servicing.selectors import available_commitment, dues, principal, unapplied


class FacilityRow(serializers.ModelSerializer[Facility]):
    """A facility: one agreement, and what can still be drawn under it."""

    commitment = Money()
    available_commitment = serializers.SerializerMethodField()

    class Meta:
        model = Facility
        fields: tuple[str, ...] = (
            "number", "state", "purpose", "revolving", "commitment", "available_commitment", "signed_on",
            "availability_start", "availability_end", "maturity", "event_of_default",
        )  # fmt: skip

    def get_available_commitment(self, facility: Facility) -> dict[str, str]:
        return money(available_commitment(facility), facility.currency)


class LoanShape(serializers.ModelSerializer[Loan]):
    """A loan: the principal outstanding from one drawdown."""

    amount = Money()
    principal = serializers.SerializerMethodField()
    drawdown = serializers.CharField(source="drawdown.number", allow_null=True, read_only=True)

    class Meta:
        model = Loan
        fields: tuple[str, ...] = ("number", "drawdown", "amount", "principal", "disbursed_on", "maturity")

    def get_principal(self, loan: Loan) -> dict[str, str]:
        return money(principal(loan), loan.currency)


class FacilityShape(FacilityRow):
    """A facility with its loans and what is held for it unapplied."""

    loans = LoanShape(many=True, read_only=True)
    unapplied = serializers.SerializerMethodField()

    class Meta(FacilityRow.Meta):
        fields: tuple[str, ...] = (*FacilityRow.Meta.fields, "unapplied", "loans")

    def get_unapplied(self, facility: Facility) -> dict[str, str]:
        return money(unapplied(facility), facility.currency)


class DueShape(serializers.Serializer[Any]):
    """A sum that is due and not yet paid in full."""

    key = serializers.CharField()
    component = serializers.CharField()
    loan = serializers.CharField(source="loan.number", default=None, allow_null=True)
    due_date = serializers.DateField()
    days_past_due = serializers.IntegerField()
    amount = serializers.SerializerMethodField()
    outstanding = serializers.SerializerMethodField()

    def get_amount(self, due: Any) -> dict[str, str]:
        return money(due.amount, self.context["currency"])

    def get_outstanding(self, due: Any) -> dict[str, str]:
        return money(due.outstanding, self.context["currency"])


class AheadShape(serializers.Serializer[Any]):
    """A sum that will fall due if nothing else happens and each due is paid on its day.

    `estimated` says that it rests on a rate that is not published yet.
    """

    due_date = serializers.DateField()
    component = serializers.CharField()
    loan = serializers.CharField()
    amount = serializers.SerializerMethodField()
    estimated = serializers.BooleanField()

    def get_amount(self, due: Any) -> dict[str, str]:
        return money(due.amount, self.context["currency"])


class DrawdownShape(serializers.ModelSerializer[Drawdown]):
    """A request to borrow and what became of it."""

    facility = serializers.CharField(source="facility.number", read_only=True)
    amount = Money()
    settlement_account = serializers.IntegerField(
        source="settlement_account_id", read_only=True, allow_null=True
    )
    loan = serializers.CharField(source="loan.number", allow_null=True, read_only=True)

    class Meta:
        model = Drawdown
        fields: tuple[str, ...] = (
            "number", "facility", "state", "amount", "wanted_on", "purpose", "settlement_account", "requested_on",
            "approved_on", "released_on", "settled_on", "value_date", "reference", "reason", "loan",
        )  # fmt: skip


class DrawdownInput(serializers.Serializer[Any]):
    """A request to borrow. It is paid to a confirmed settlement account of the partner, which has to be named."""

    amount = AmountText()
    wanted_on = serializers.DateField(help_text="a business day with the notice that the agreement asks for")
    settlement_account = serializers.IntegerField(help_text="the id of a confirmed account, usable by now")
    purpose = serializers.CharField(max_length=2000, required=False, default="")


class FacilityView(PartnerView):
    """A view about one of the partner's facilities."""

    def facilities(self) -> models.QuerySet[Facility]:
        found: models.QuerySet[Facility] = self.partner.facilities.select_related("fund", "partner")
        return found.order_by("-id")

    def facility(self, number: str) -> Facility:
        found: Facility = self.mine(self.facilities(), number=number)
        return found


class Facilities(FacilityView):
    """The partner's facilities, newest first."""

    @extend_schema(
        operation_id="facilities",
        tags=["facilities"],
        parameters=PAGED,
        responses={200: page_of(FacilityRow), **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        return self.page(self.facilities(), FacilityRow)


class OneFacility(FacilityView):
    """One facility with its loans."""

    @extend_schema(operation_id="facility", tags=["facilities"], responses={200: FacilityShape, **REFUSALS})
    def get(self, request: Request, number: str) -> Response:
        return Response(FacilityShape(self.facility(number)).data)


class Dues(FacilityView):
    """What is due now and not paid, oldest first."""

    @extend_schema(operation_id="dues", tags=["facilities"], responses={200: DueShape(many=True), **REFUSALS})
    def get(self, request: Request, number: str) -> Response:
        facility = self.facility(number)
        found = dues(facility, on=facility.fund.business_date)
        return Response(DueShape(found, many=True, context={"currency": facility.currency}).data)


class Schedule(FacilityView):
    """What will fall due until the end, by the function that books it."""

    @extend_schema(
        operation_id="schedule", tags=["facilities"], responses={200: AheadShape(many=True), **REFUSALS}
    )
    def get(self, request: Request, number: str) -> Response:
        facility = self.facility(number)
        found = dues_ahead(facility, facility.fund.business_date)
        return Response(AheadShape(found, many=True, context={"currency": facility.currency}).data)


class Drawdowns(FacilityView):
    """Requests to borrow under one facility; and a new one."""

    @extend_schema(
        operation_id="drawdowns",
        tags=["drawdowns"],
        parameters=PAGED,
        responses={200: page_of(DrawdownShape), **REFUSALS},
    )
    def get(self, request: Request, number: str) -> Response:
        rows = self.facility(number).drawdowns.select_related("facility", "loan").order_by("-id")
        return self.page(rows, DrawdownShape)

    @extend_schema(
        operation_id="request_drawdown",
        tags=["drawdowns"],
        parameters=[KEYED],
        request=DrawdownInput,
        responses={201: DrawdownShape, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        """Ask for a drawdown. For an owner or a signatory; two people of the lender approve and release it."""
        facility = self.facility(number)
        self.must_hold(rights.SIGNERS, rights.REQUEST_DRAWDOWN.to)
        values = self.read(DrawdownInput)
        account = self._account(facility, values["settlement_account"])

        def ask() -> Drawdown:
            return services.request_drawdown(
                facility=facility,
                amount=values["amount"],
                wanted_on=values["wanted_on"],
                purpose=values["purpose"],
                settlement_account=account,
                request_key=self.request_key(),
                actor=self.actor,
                on=self.on,
            )

        return self.once(ask, DrawdownShape, 201)

    def _account(self, facility: Facility, pk: int) -> SettlementAccount:
        usable = usable_accounts(self.partner, facility.currency, self.on).filter(pk=pk).first()
        if usable is None:
            raise ValidationError(
                {
                    "settlement_account": f"Name a confirmed settlement account in {facility.currency} that can be used by "
                    f"now: see /api/v1/settlement-accounts."
                }
            )
        return usable


class DrawdownView(PartnerView):
    """A view about one of the partner's drawdowns."""

    def drawdown(self, number: str) -> Drawdown:
        rows = Drawdown.objects.filter(facility__partner=self.partner)
        found: Drawdown = self.mine(rows.select_related("facility__fund", "loan"), number=number)
        return found


class OneDrawdown(DrawdownView):
    """One drawdown and what became of it."""

    @extend_schema(operation_id="drawdown", tags=["drawdowns"], responses={200: DrawdownShape, **REFUSALS})
    def get(self, request: Request, number: str) -> Response:
        return Response(DrawdownShape(self.drawdown(number)).data)


class CancelDrawdown(DrawdownView):
    """Withdraw a request before it is released. For an owner or a signatory."""

    @extend_schema(
        operation_id="cancel_drawdown",
        tags=["drawdowns"],
        parameters=[KEYED],
        request=ReasonInput,
        responses={200: DrawdownShape, **REFUSALS},
    )
    def post(self, request: Request, number: str) -> Response:
        drawdown = self.drawdown(number)
        self.must_hold(rights.SIGNERS, rights.CANCEL_DRAWDOWN.to)
        reason = self.read(ReasonInput)["reason"]

        def cancel() -> Drawdown:
            return services.cancel_drawdown(drawdown=drawdown, reason=reason, actor=self.actor, on=self.on)

        return self.once(cancel, DrawdownShape)
