"""What is asked for besides address and password when a person registers."""

from django import forms
from django.http import HttpRequest

from loanfund.parties.models import User


class PersonForm(forms.Form):
    """The base of the sign-up form (ACCOUNT_SIGNUP_FORM_CLASS)."""

    name = forms.CharField(
        max_length=120,
        label="Your name",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ["name", "email", "password1", "password2"]

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth once the user is made."""
        user.name = self.cleaned_data["name"].strip()
        user.save(update_fields=["name"])
