"""The forms from an application to a signed offer."""

from typing import Any

from django import forms

from loanfund.origination.models import Application
from loanfund.portal.applying.fields import FilesField, MoneyField, RecordsField
from loanfund.portal.company.forms import FileField, day_field
from loanfund.portal.confirming import CodeField

LONGEST_TENOR = 600
PROFILES = [
    (value, words[0].upper() + words[1:]) for value, words in Application.Profile.choices
]  # fmt: skip
NUMBER = "This is no whole number. Write how many months, such as 12."


def months_field(label: str, least: int, **changes: Any) -> forms.IntegerField:
    """A number of months."""
    return forms.IntegerField(
        label=label,
        min_value=least,
        max_value=LONGEST_TENOR,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "invalid": NUMBER,
            "min_value": f"Give {least} or more months.",
            "max_value": f"Give at most {LONGEST_TENOR} months.",
        },
        **changes,
    )


class SeenForm(forms.Form):
    """A form that carries what it was filled from, so that another tab's newer words are not written over unseen."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class RequestForm(SeenForm):
    """How much, for how long, repaid how."""

    amount = MoneyField(label="Amount")
    tenor_months = months_field("Months until the last repayment", 1)
    profile = forms.ChoiceField(label="How it is repaid", choices=PROFILES)
    interest_only_months = months_field(
        "Months of interest only at the beginning", 0, required=False, help_text="0 when there are none."
    )
    revolving = forms.BooleanField(
        label="Revolving: what is repaid may be drawn again",
        required=False,
        help_text="Only with one repayment at the end.",
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].label = f"Amount in {currency}"

    def clean_interest_only_months(self) -> int:
        """None typed is none meant."""
        return self.cleaned_data["interest_only_months"] or 0

    def clean(self) -> dict[str, Any]:
        entries = super().clean() or {}
        waits = entries.get("interest_only_months") or 0
        if entries.get("profile") == Application.Profile.INTEREST_ONLY and not waits:
            self.add_error("interest_only_months", "Say for how many months only interest is paid.")
        return entries


class NewForm(RequestForm):
    """What an application begins with."""

    purpose = forms.CharField(
        label="What the money is for",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="In a few sentences: what it pays for, and from what it is repaid.",
    )
    field_order = ("amount", "tenor_months", "profile", "interest_only_months", "revolving", "purpose")


class PurposeForm(SeenForm):
    """What it is for, and what the company had before the event."""

    purpose = NewForm.base_fields["purpose"]
    net_assets = MoneyField(label="Net assets at the snapshot", required=False)
    compensation = MoneyField(
        label="Compensation received already",
        required=False,
        help_text="What an exchange, an insurer or anybody else gave for the same losses. 0 when nothing.",
    )

    def __init__(self, *args: Any, currency: str, snapshot: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["net_assets"].label = f"Net assets at the snapshot, in {currency}"
        self.fields[
            "net_assets"
        ].help_text = f"Assets less debts on {snapshot}; the statement among your papers proves it."
        self.fields["compensation"].label = f"Compensation received already, in {currency}"


class RecordsForm(forms.Form):
    """The liquidations as CSV."""

    file = RecordsField(
        label="CSV file", widget=forms.FileInput(attrs={"accept": ".csv"}), help_text="UTF-8, at most 64 MB."
    )


class ApplicationPaperForm(forms.Form):
    """One paper of the application."""

    file = FileField(
        label="File",
        help_text="PDF, PNG, JPEG, CSV or XLSX, at most 20 MB.",
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg,.csv,.xlsx"}),
    )
    expires_on = day_field("Valid until", help_text="Leave it out when the paper does not run out.")


class TermsForm(RequestForm):
    """Terms to look at; nothing is kept."""

    seen = None  # type: ignore[assignment] # Django's way to leave an inherited field out
    revolving = None  # type: ignore[assignment] # as above


class ReasonForm(forms.Form):
    """Why something ends."""

    reason = forms.CharField(
        label="Why",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="The lender reads it.",
    )


class AnswerForm(forms.Form):
    """An answer to the lender's question."""

    text = forms.CharField(label="Your answer", max_length=10_000, widget=forms.Textarea(attrs={"rows": 6}))
    attached = FilesField(
        label="Files",
        required=False,
        help_text="Up to five: PDF, PNG, JPEG, CSV or XLSX, at most 20 MB each.",
    )


class SignForm(forms.Form):
    """One signatory's acceptance of the text whose digest the form carries."""

    seen = forms.CharField(widget=forms.HiddenInput)
    signed_name = forms.CharField(
        label="Your full name, as signature",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    code = CodeField(each_time=True)
