"""The partner itself and its settlement accounts, to read."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loanfund.api.documents import PAGED, REFUSALS, page_of
from loanfund.api.frame import PartnerView
from loanfund.parties.models import Partner, SettlementAccount


class PartnerShape(serializers.ModelSerializer[Partner]):
    """The company whose key it is, and the business date that all days here go by."""

    business_date = serializers.SerializerMethodField()

    class Meta:
        model = Partner
        fields = ("number", "legal_name", "country", "kyb_status", "kyb_valid_until", "business_date")

    def get_business_date(self, partner: Partner) -> str:
        return str(self.context["on"])


class AccountShape(serializers.ModelSerializer[SettlementAccount]):
    """Where drawdowns can be paid. An account is used from `usable_from` on, once it is confirmed."""

    class Meta:
        model = SettlementAccount
        fields = (
            "id", "kind", "label", "currency", "holder", "institution", "address", "state", "usable_from",
        )  # fmt: skip


class PartnerPage(PartnerView):
    """Who am I, and what day is it."""

    @extend_schema(operation_id="partner", tags=["company"], responses={200: PartnerShape, **REFUSALS})
    def get(self, request: Request) -> Response:
        return Response(PartnerShape(self.partner, context={"on": self.on}).data)


class Accounts(PartnerView):
    """Settlement accounts. They are named and confirmed in the portal, by two people."""

    @extend_schema(
        operation_id="settlement_accounts",
        tags=["company"],
        parameters=PAGED,
        responses={200: page_of(AccountShape), **REFUSALS},
    )
    def get(self, request: Request) -> Response:
        rows = SettlementAccount.objects.filter(partner=self.partner)
        return self.page(rows, AccountShape)
