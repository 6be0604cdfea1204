"""Forms that say which text the person had before them, so that nobody agrees to another."""

from django import forms

from loanfund.office.operations.fields import ReasonForm


class SeenForm(forms.Form):
    """The digest of what the page showed."""

    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)


class SeenReasonForm(SeenForm, ReasonForm):
    """The same with a reason."""
