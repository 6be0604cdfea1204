"""What goes wrong, as RFC 9457 problem details: one sentence that a person can act on, and the field it is about."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from loanfund.audit.errors import InFlight, OtherContent, Refused

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be read",
    401: "No key, or none in force",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "No such format",
    409: "Not now",
    413: "Too large",
    415: "Unsupported media type",
    422: "Refused",
    429: "Too many requests",
}
STATUSES = {
    "not_found": 404,
    "forbidden": 403,
    "right": 403,
    "four_eyes": 403,
    "state": 409,
    "digest": 409,
    "close_running": 409,
}
"""The status of a refusal by its code; 422 for any other."""


class ProblemRenderer(JSONRenderer):
    """JSON under the media type of problem details."""

    media_type = MEDIA_TYPE
    format = "problem"


def problem(status: int, detail: str, **more: Any) -> dict[str, Any]:
    """The body of a problem: type, title, status, detail, and what else is known (field, code, errors)."""
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    return body | {name: value for name, value in more.items() if value}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error that has an explanation, explained; others stay a 500."""
    found = _problem_of(error)
    if found is None:
        return None
    set_rollback()
    response = Response(found, status=found["status"])
    for name, value in _headers(error):
        response[name] = value
    request = context.get("request")
    if request is not None:
        # finalize_response takes the renderer from the request: a CSV that is refused is no CSV.
        request.accepted_renderer, request.accepted_media_type = ProblemRenderer(), MEDIA_TYPE
    return response


def _problem_of(error: Exception) -> dict[str, Any] | None:
    if isinstance(error, Refused):
        status = 409 if isinstance(error, InFlight) else STATUSES.get(error.code, 422)
        code = error.code or ("other_content" if isinstance(error, OtherContent) else "")
        return problem(status, error.sentence, field=error.field, code=code)
    if isinstance(error, Http404):
        return problem(404, "There is nothing here under this name for your company.")
    if isinstance(error, PermissionDenied):
        return problem(403, "This is not allowed to you.")
    if isinstance(error, exceptions.ValidationError):
        errors = list(_errors(error.detail))
        first = errors[0]
        many = errors if len(errors) > 1 else None
        return problem(422, first["detail"], field=first["field"], errors=many)
    if isinstance(error, exceptions.APIException):
        return problem(error.status_code, _first(error.detail))
    return None


def _errors(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _errors(inner, field if name == "non_field_errors" else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _errors(inner, field)
    else:
        yield {"field": field, "detail": str(detail)}


def _first(detail: Any) -> str:
    return next(_errors(detail))["detail"]


def _headers(error: Exception) -> Iterator[tuple[str, str]]:
    asks = getattr(error, "auth_header", None)
    if asks:
        yield "WWW-Authenticate", asks
    wait = getattr(error, "wait", None)
    if wait:
        yield "Retry-After", str(int(wait) + 1)


@csrf_exempt
def nowhere(request: HttpRequest, rest: str = "") -> JsonResponse:
    """An address that the API does not have."""
    body = problem(404, "The API has no such address. See /api/v1/openapi.json.")
    return JsonResponse(body, status=404, content_type=MEDIA_TYPE)
