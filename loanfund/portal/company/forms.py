"""The forms of the company's pages."""

from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from loanfund.audit.errors import Refused
from loanfund.calculation.money import currency
from loanfund.parties.models import Membership, Partner, SettlementAccount
from loanfund.parties.services import check_upload

CURRENCIES = ("USD", "USDC", "USDT", "EUR", "GBP")
ROLES = {
    Membership.Role.OWNER: "Owner – everything, people and roles too",
    Membership.Role.SIGNATORY: "Signatory – signs offers, asks for drawdowns, confirms accounts",
    Membership.Role.PREPARER: "Preparer – fills in applications and hands in papers",
    Membership.Role.VIEWER: "Viewer – reads, and changes nothing",
}


@cache
def countries() -> tuple[tuple[str, str], ...]:
    """Every country with its two-letter code, by name (ISO 3166 as the time zone database carries it)."""
    text = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(sorted(((code, name) for code, name in rows), key=lambda row: row[1]))


def country_choices() -> list[tuple[str, str]]:
    """The choices of a country, beginning with none."""
    return [("", "Choose a country"), *countries()]


def country_name(code: str) -> str:
    """The country's name, or its code when nobody knows it."""
    return dict(countries()).get(code, code)


class DayInput(forms.DateInput):
    """A day, picked or typed; a browser that knows neither takes 2026-08-21."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


def day_field(label: str, **changes: Any) -> forms.DateField:
    """A day that may be left out, unless said otherwise."""
    wrong = {"invalid": "This is no day. Write it as year-month-day, such as 2026-08-21."}
    return forms.DateField(
        label=label,
        widget=DayInput(),
        error_messages=wrong,
        **({"required": False} | changes),
    )


def _capital(choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(value, words[0].upper() + words[1:]) for value, words in choices]


class DetailsForm(forms.Form):
    """What a company may change about itself."""

    address = forms.CharField(
        label="Registered address", max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )
    website = forms.URLField(
        label="Website",
        required=False,
        max_length=200,
        assume_scheme="https",
        error_messages={
            "invalid": "This is no address of a website. Write it like https://northlight.example."
        },
    )


class RegisterForm(DetailsForm):
    """A company that wants to borrow."""

    legal_name = forms.CharField(
        label="Legal name", max_length=200, help_text="As it stands in the company register."
    )
    registration_number = forms.CharField(label="Registration number", max_length=60)
    country = forms.ChoiceField(
        label="Country of registration",
        choices=country_choices,
        error_messages={"invalid_choice": "Choose a country from the list."},
    )
    partner_type = forms.ChoiceField(
        label="What the company is",
        choices=[("", "Choose one"), *_capital(Partner.PartnerType.choices)],
        help_text="This settles which papers you are asked for.",
    )
    segment = forms.ChoiceField(
        label="What it mainly does", choices=[("", "Choose one"), *_capital(Partner.Segment.choices)]
    )
    field_order = (
        "legal_name",
        "registration_number",
        "country",
        "partner_type",
        "segment",
        "address",
        "website",
    )


class RoleForm(forms.Form):
    """What a person may do."""

    role = forms.ChoiceField(label="What the person may do", choices=list(ROLES.items()))


class InviteForm(RoleForm):
    """Somebody to act for the company."""

    name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        help_text="The invitation goes there; it works for this address only.",
        error_messages={"invalid": "This is no e-mail address. Write it like ada@northlight.example."},
    )
    field_order = ("name", "email", "role")


class FileField(forms.FileField):
    """An upload that is what its name says, of a kind and a size that can be taken."""

    default_error_messages = {
        "required": "Choose a file.",
        "empty": "The file is empty. Choose it again.",
        "missing": "Choose a file.",
    }

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if isinstance(upload, UploadedFile):
            try:
                check_upload(name=upload.name or "", size=upload.size or 0, content=upload)
            except Refused as refused:
                raise forms.ValidationError(refused.sentence) from refused
        return upload


class PaperForm(forms.Form):
    """One paper of the list."""

    file = FileField(
        label="File",
        help_text="PDF, PNG, JPEG, CSV or XLSX, at most 20 MB.",
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg,.csv,.xlsx"}),
    )
    issued_on = day_field("Issued on", help_text="The day that stands on the paper.")
    expires_on = day_field("Valid until", help_text="Leave it out when the paper does not run out.")

    def clean(self) -> dict[str, Any]:
        entries = super().clean() or {}
        issued, expires = entries.get("issued_on"), entries.get("expires_on")
        if issued and expires and expires < issued:
            self.add_error("expires_on", "The paper cannot run out before it was issued.")
        return entries


class OwnerForm(forms.Form):
    """A natural person who owns part of the company."""

    name = forms.CharField(label="Full name", max_length=200, help_text="As in the passport.")
    country = forms.ChoiceField(label="Country of residence", choices=country_choices)
    born_on = day_field("Date of birth", required=True)
    share = forms.DecimalField(
        label="Share in per cent",
        max_digits=7,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        max_value=Decimal(100),
        help_text="Held directly and through other companies together, such as 37.5.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={
            "invalid": "This is no number. Write the share in per cent, such as 37.5.",
            "min_value": "The share has to be above 0.",
            "max_value": "Nobody owns more than 100 %%.",
            "max_decimal_places": "At most four decimals.",
            "max_digits": "A share has at most three digits before and four after the point.",
            "max_whole_digits": "A share has at most three digits before the point.",
        },
    )
    politically_exposed = forms.BooleanField(
        label="Holds or held a prominent public office, or is close to somebody who does", required=False
    )

    def __init__(self, *args: Any, on: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.on = on

    def clean_born_on(self) -> date:
        born: date = self.cleaned_data["born_on"]
        if born >= self.on:
            raise forms.ValidationError("Nobody is born in the future. Check the year.")
        return born


class AccountForm(forms.Form):
    """Where drawdowns are to be paid."""

    kind = forms.ChoiceField(label="Kind", choices=_capital(SettlementAccount.Kind.choices))
    label = forms.CharField(label="Your name for it", max_length=80, help_text="Such as Main USD account.")
    currency = forms.ChoiceField(label="Currency", choices=[(code, code) for code in CURRENCIES])
    holder = forms.CharField(
        label="Holder", max_length=200, help_text="Has to be the company itself; nothing is paid to others."
    )
    institution = forms.CharField(
        label="Bank or network", max_length=200, help_text="The bank, or for a wallet its network."
    )
    address = forms.CharField(
        label="Account number, IBAN or wallet address",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )

    def clean_currency(self) -> str:
        return currency(self.cleaned_data["currency"]).code


class RefuseForm(forms.Form):
    """Why a second person says no to an account."""

    reason = forms.CharField(label="Why it is refused", max_length=300)
