"""Parts of the OpenAPI document that many views share."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

TITLE = "Loan fund: the partner's interface"
DESCRIPTION = (
    "Everything a partner does with the fund, for its own systems. A key belongs to one partner and to one of its people, "
    "and can do what that person can do there. Money is a string with its currency. Every POST carries an Idempotency-Key."
)
SETTINGS: dict[str, Any] = {
    "TITLE": TITLE,
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ApplicationState": "loanfund.origination.models.states.State",
        "PaperState": "loanfund.origination.models.ApplicationDocument.State",
        "OfferState": "loanfund.origination.models.Offer.State",
        "DrawdownState": "loanfund.servicing.models.Drawdown.State",
        "FacilityState": "loanfund.facilities.models.Facility.State",
        "AccountState": "loanfund.parties.models.SettlementAccount.State",
    },
    "AUTHENTICATION_WHITELIST": ["loanfund.api.authentication.BearerKey"],
}


class Problem(serializers.Serializer[Any]):
    """RFC 9457 problem details: `detail` is a sentence that a person can act on, `field` the input it is about."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    field = serializers.CharField(required=False)
    code = serializers.CharField(required=False)
    errors = serializers.ListField(  # type: ignore[assignment] # DRF takes a field of this name
        child=serializers.DictField(), required=False
    )


PAGED = [
    OpenApiParameter("cursor", str, description="From `next` or `previous` of another page."),
    OpenApiParameter("page_size", int, description="Up to 200; 50 unless told."),
]


def page_of(shape: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """One page of a list: the addresses of its neighbours and its rows."""
    return inline_serializer(
        shape.__name__.removesuffix("Shape").removesuffix("Row") + "Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": shape(many=True),
        },
    )


KEYED = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="A value of your own, new for each new request and the same when you send one again: it acts once.",
)
PROBLEM = "application/problem+json"
REFUSALS: dict[Any, Any] = {
    (status, PROBLEM): OpenApiResponse(Problem, description=words)
    for status, words in {
        400: "The request cannot be read, or has no Idempotency-Key.",
        401: "No key, or none in force.",
        403: "The key's person may not do this, or the key may only read.",
        404: "The partner has nothing under this name.",
        409: "Not in this state, or the same request is still being worked on.",
        422: "Refused: `detail` says what to do, `field` names the input.",
        429: "Too many requests: wait for Retry-After seconds.",
    }.items()
}
