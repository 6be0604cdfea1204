"""Who calls: a partner's key in `Authorization: Bearer`. No cookie counts here, so no request can be forged by a page."""

from typing import TYPE_CHECKING

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from loanfund.parties.models import ApiKey, User
from loanfund.parties.selectors import key_in_force
from loanfund.parties.services.keys import key_digest

if TYPE_CHECKING:
    from rest_framework.views import APIView

NOT_KNOWN = "This key is not known, was revoked or has run out. Make a new one in the portal, under Company."


class BearerKey(BaseAuthentication):
    """The key's person acts for the key's partner, with the rights of their place there today."""

    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """(person, key); None when no Authorization is sent. AuthenticationFailed for a key not in force."""
        words = get_authorization_header(request).split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != self.keyword:
            raise AuthenticationFailed("Send the key as: Authorization: Bearer lf_...")
        key = key_in_force(key_digest(words[1].decode("latin-1")), timezone.now())
        if key is None:
            raise AuthenticationFailed(NOT_KNOWN)
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="loan fund"'


class BearerKeyScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it."""

    target_class = "loanfund.api.authentication.BearerKey"
    name = "partnerKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A partner's API key, made in the portal under Company. It is shown once.",
        }


class MayWrite(BasePermission):
    """A key that may only read changes nothing."""

    message = "This key may only read. Make one that may also write."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        key = request.auth
        return request.method in SAFE_METHODS or (isinstance(key, ApiKey) and key.scope == ApiKey.Scope.WRITE)
