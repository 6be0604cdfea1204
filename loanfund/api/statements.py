"""Interest statements: as JSON to read, or as the CSV, XLSX or PDF that finance takes out too."""

from typing import Any

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from loanfund.api.documents import REFUSALS
from loanfund.api.frame import PartnerView
from loanfund.reporting.selectors import Subject
from loanfund.reporting.services import FORMATS, export_statement
from loanfund.servicing.models import Loan


class _Ready(BaseRenderer):
    """Names a format that can be asked for; the file is made by reporting."""

    charset = None
    render_style = "binary"


class CsvFile(_Ready):
    media_type, format = "text/csv", "csv"


class XlsxFile(_Ready):
    media_type, format = FORMATS["xlsx"][0], "xlsx"


class PdfFile(_Ready):
    media_type, format = "application/pdf", "pdf"


class Asked(serializers.Serializer[Any]):
    """Which statement: of what, over which booking dates, as known when."""

    of = serializers.CharField(max_length=20, required=False)
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    known_at = serializers.DateTimeField(required=False)
    format = serializers.CharField(required=False)


PARAMETERS = [
    OpenApiParameter(
        "of", str, description="A facility or loan, such as FAC-0001; without it the whole company's."
    ),
    OpenApiParameter("first_day", OpenApiTypes.DATE, required=True, description="First booking date."),
    OpenApiParameter(
        "last_day", OpenApiTypes.DATE, required=True, description="Last booking date; it must be closed."
    ),
    OpenApiParameter(
        "known_at", OpenApiTypes.DATETIME, description="As the books were known at this moment."
    ),
    OpenApiParameter("format", str, enum=["json", "csv", "xlsx", "pdf"], description="Or send Accept."),
]


class StatementFile(PartnerView):
    """The interest statement of the company, a facility or a loan. What was asked for is logged."""

    renderer_classes = (JSONRenderer, CsvFile, XlsxFile, PdfFile)

    @extend_schema(
        operation_id="statement",
        tags=["statements"],
        parameters=PARAMETERS,
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, FORMATS["xlsx"][0]): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY),
            **REFUSALS,
        },
    )
    def get(self, request: Request) -> HttpResponse:
        asked = Asked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        subject = self.subject(values.get("of", ""))
        export = export_statement(
            actor=self.actor,
            on=self.on,
            subject=subject,
            first_day=values["first_day"],
            last_day=values["last_day"],
            fmt=request.accepted_renderer.format,
            known_at=values.get("known_at"),
        )
        answer = HttpResponse(export.bytes, content_type=export.content_type)
        if request.accepted_renderer.format != "json":
            answer["Content-Disposition"] = f'attachment; filename="{export.name}"'
        answer["Digest"] = f"sha-256={export.sha256}"
        answer["Cache-Control"] = "private, no-store"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer

    def subject(self, number: str) -> Subject:
        """The partner, or what is its own under a number."""
        if not number or number == self.partner.number:
            return self.partner
        loans = Loan.objects.filter(facility__partner=self.partner).select_related("facility__fund")
        found = (
            self.partner.facilities.select_related("fund").filter(number=number).first()
            or loans.filter(number=number).first()
        )
        if found is None:
            raise Http404
        return found
