"""How somebody who is signed in shows once more that it is they."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import AnonymousUser

from loanfund.parties.models import User
from loanfund.parties.second_factor import has_second_factor, types_codes


class AccountAdapter(DefaultAccountAdapter):
    """allauth's (ACCOUNT_ADAPTER), with this difference: a second factor is changed with the second factor."""

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        """The ways to confirm, first the usual one. Of a password alone there is no way past a second factor that is set
        up: else who has the password and a browser left open could add a factor of their own."""
        ways: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if isinstance(user, AnonymousUser) or not has_second_factor(user):
            return ways
        factors = [one for one in ways if one["id"] != "reauthenticate"]
        return factors if types_codes(user) else factors[::-1]
