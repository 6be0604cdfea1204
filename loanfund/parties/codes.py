"""What allauth's forms of the second factor ask for, and that a code counts once for as long as it is accepted."""

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.core.cache import cache

from loanfund.parties.models import User


def use_up(user: User, code: str) -> None:
    """Remember an app's code as used through all the seconds in which its digits are accepted; invalid when it was.

    allauth remembers it for one period, and accepts it in the tolerated ones before and after too.
    """
    accepted = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)
    digits = "".join(filter(str.isalnum, code))
    if not cache.add(f"second-factor:used:{user.pk}:{digits}", 1, timeout=accepted):
        raise get_adapter().validation_error("incorrect_code")


class CountsOnce(BaseAuthenticateForm):
    """A code of an app, which counts once, or a recovery code."""

    def clean_code(self) -> str:
        """The code. Invalid when it does not fit, or was used before."""
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP:
            use_up(self.user, code)
        return code


class SigningInForm(CountsOnce, AuthenticateForm):
    """The code when signing in (MFA_FORMS, authenticate)."""


class ConfirmingForm(CountsOnce, ReauthenticateForm):
    """The code when somebody who is signed in shows once more that it is they (MFA_FORMS, reauthenticate)."""


class SettingUpForm(ActivateTOTPForm):
    """The first code of a new authenticator app (MFA_FORMS, activate_totp): it does not sign in as well."""

    def clean_code(self) -> str:
        """The code. Invalid when it is not the new app's."""
        code: str = super().clean_code()
        use_up(self.user, code)
        return code


class KeyForm(AddWebAuthnForm):
    """Adding a passkey or security key, in words of ours (MFA_FORMS, add_webauthn)."""

    name = forms.CharField(required=False, max_length=60, label="Your name for it")
    passwordless = forms.BooleanField(
        label="Let it sign me in by itself",
        required=False,
        help_text="Then it asks for your fingerprint, face or PIN, and no password is typed. Without this it is asked for "
        "beside the password.",
    )
