"""What every view of the API has: the caller's partner, the business date, problems, limits, and one try a key."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework import exceptions
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from loanfund.api.authentication import BearerKey, MayWrite
from loanfund.api.problems import answer
from loanfund.audit.errors import Refused
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.audit.retry import retrying
from loanfund.facilities.models import Fund
from loanfund.parties.models import ApiKey, Partner, User
from loanfund.parties.services.rights import require_place

KEY_HEADER = "Idempotency-Key"
LONGEST_KEY = 120


class Negotiation(DefaultContentNegotiation):
    """A format that nobody offers is not acceptable, rather than not found."""

    def filter_renderers(self, renderers: Any, format: str) -> list[BaseRenderer]:  # noqa: A002 - DRF's name
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            offered = ", ".join(renderer.format for renderer in renderers)
            raise exceptions.NotAcceptable(f"There is no format {format} here. Choose one of {offered}.")
        return found


class Pages(CursorPagination):
    """Newest first; a page says where the next one begins, whatever is added meanwhile."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class KeyThrottle(SimpleRateThrottle):
    """So many requests a minute for each key; without a key, for each address."""

    scope = "key"
    THROTTLE_RATES = {"key": "300/min"}

    def get_cache_key(self, request: Request, view: APIView) -> str:
        key = request.auth
        ident = f"key-{key.pk}" if isinstance(key, ApiKey) else self.get_ident(request)
        return f"throttle-{self.scope}-{ident}"


class WriteThrottle(KeyThrottle):
    """Fewer that change something."""

    scope = "write"
    THROTTLE_RATES = {"write": "60/min"}

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method in {"GET", "HEAD", "OPTIONS"} or super().allow_request(request, view)


class PartnerView(APIView):
    """A view for the partner whose key it is. Nothing of any other partner is ever looked at."""

    authentication_classes = (BearerKey,)
    permission_classes = (IsAuthenticated, MayWrite)
    throttle_classes = (KeyThrottle, WriteThrottle)
    content_negotiation_class = Negotiation
    parser_classes: tuple[type[BaseParser], ...] = (JSONParser,)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        return answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """A NUL in an address is the name of nothing, and no question to the database may hold one."""
        super().initial(request, *args, **kwargs)
        if "\x00" in request.path or any("\x00" in value for value in request.query_params.values()):
            raise Http404

    @property
    def key(self) -> ApiKey:
        key = self.request.auth
        assert isinstance(key, ApiKey)
        return key

    @property
    def partner(self) -> Partner:
        return self.key.partner

    @property
    def actor(self) -> User:
        return self.key.user

    @property
    def fund(self) -> Fund:
        """The fund that lends. A 404 before it is opened."""
        fund = Fund.objects.order_by("pk").first()
        if fund is None:
            raise Http404
        return fund

    @property
    def on(self) -> date:
        """The business date, by which every service goes."""
        return self.fund.business_date

    def mine(self, rows: QuerySet[Any], **which: object) -> Any:
        """The one row among the partner's own; a 404 for another partner's as for none."""
        found = rows.filter(**which).first()
        if found is None:
            raise Http404
        return found

    def must_hold(self, roles: tuple[str, ...], to: str) -> None:
        """A 403 unless the key's person has one of these places at the partner; `to` completes "You may not ..."."""
        try:
            require_place(actor=self.actor, partner=self.partner, roles=roles, to=to)
        except Refused as refused:
            raise exceptions.PermissionDenied(refused.sentence) from refused

    def page(self, rows: QuerySet[Any], shape: type[BaseSerializer[Any]]) -> Response:
        """One page of rows, {next, previous, results}, with the addresses of its neighbours."""
        pages = Pages()
        found = pages.paginate_queryset(rows, self.request, view=self)
        return pages.get_paginated_response(shape(found, many=True).data)

    def read(self, shape: type[Serializer[Any]], *, some: bool = False) -> dict[str, Any]:
        """What was sent, checked; `some` lets fields be left out. A field nobody knows is refused, not passed over."""
        if not isinstance(self.request.data, dict):
            raise exceptions.ParseError("Send an object with named fields.")
        sent = shape(data=self.request.data, partial=some)
        unknown = set(self.request.data) - set(sent.fields)
        if unknown:
            raise exceptions.ValidationError({sorted(unknown)[0]: "There is no such field here."})
        sent.is_valid(raise_exception=True)
        values: dict[str, Any] = sent.validated_data
        return values

    def once(self, act: Callable[[], Model], shape: type[BaseSerializer[Any]], status: int = 200) -> Response:
        """Do a thing for the first request with this Idempotency-Key; answer every later one the same.

        The key's row is written in the transaction of the thing itself. 400 without a key, 409 while the first request is
        still being worked on, 422 when the key came with another request. A request that is refused leaves its key free.
        """
        sender = self.sender()

        def first() -> Answer:
            return Answer(status, dict(shape(act()).data))

        same = partial(once, scope=f"api_key:{self.key.pk}", key=sender, digest=self._digest(), act=first)
        given = retrying(same)
        response = Response(given.body, status=given.status)
        if given.repeated:
            response["Idempotency-Replayed"] = "true"
        return response

    def sender(self) -> str:
        """The Idempotency-Key that was sent; a 400 without one."""
        sender = self.request.headers.get(KEY_HEADER, "").strip()
        if not 1 <= len(sender) <= LONGEST_KEY or not sender.isprintable():
            raise exceptions.ParseError(
                f"Send a header {KEY_HEADER} with a value of your own, up to {LONGEST_KEY} characters, new for each "
                "new request and the same when you send a request again."
            )
        return sender

    def request_key(self) -> str:
        """A key of this request for services that keep one themselves: as unique as the caller's, in 64 characters."""
        return content_digest(f"api_key:{self.key.pk}", self.sender())

    def _digest(self) -> str:
        """Over method, address and what was sent. A form's boundary differs each time, so its fields are taken."""
        parts: list[str | bytes] = [self.request.method or "", self.request.path]
        data: Any = self.request.data
        for name in sorted(data) if isinstance(data, dict) else ():
            value = data[name]
            if hasattr(value, "read"):
                value.seek(0)
                parts += [name, str(value.name), value.read()]
                value.seek(0)
            else:
                parts += [name, repr(value)]
        return content_digest(*parts)
