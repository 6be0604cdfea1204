"""The forms of facilities and loans. Amounts are typed as people write them and read to the last cent."""

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from loanfund.calculation.money import currency
from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.parties.models import SettlementAccount
from loanfund.portal.amounts import without_separators
from loanfund.portal.company.forms import FileField, day_field

WHOLE_DIGITS = 15
EFFECTS = {
    PrepaymentEffect.INSTALMENT: "Each later instalment becomes smaller",
    PrepaymentEffect.TERM: "The loan ends earlier",
    PrepaymentEffect.NEXT: "The next instalments are paid by it",
    PrepaymentEffect.LAST: "The last instalments are paid by it",
}


class MoneyField(forms.CharField):
    """An amount above zero in one currency: 1,250,000.50 or 1250000.5. Gives a Decimal."""

    def __init__(self, *, code: str, label: str, **changes: Any) -> None:
        self.currency = currency(code)
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(label=f"{label}, {code}", max_length=60, widget=widget, **changes)

    def clean(self, value: Any) -> Any:
        text = without_separators(str(super().clean(value)))
        if not text:
            return None
        found = re.fullmatch(r"(-?)(\d+)(?:\.(\d*))?", text)
        if found is None:
            raise forms.ValidationError(
                "This is no amount. Write it in digits, such as 250000 or 250,000.00."
            )
        sign, whole, cents = found.groups()
        if sign or not Decimal(f"{whole}.{cents or 0}"):
            raise forms.ValidationError("Give an amount above zero.")
        if len(whole.lstrip("0")) > WHOLE_DIGITS:
            raise forms.ValidationError("This is more money than there is. Check the number of digits.")
        decimals = self.currency.decimals
        # Idle zeros too: 250.000 is a quarter of a million to some.
        if len(cents or "") > decimals:
            raise forms.ValidationError(f"{self.currency.code} has {decimals} decimals. Round the amount.")
        return Decimal(f"{whole}.{(cents or '')[:decimals] or 0}").quantize(Decimal(1).scaleb(-decimals))


class DrawdownForm(forms.Form):
    """A request to borrow."""

    wanted_on = day_field("When you need it", required=True)
    purpose = forms.CharField(
        label="What it is for", max_length=300, widget=forms.Textarea(attrs={"rows": 2}), required=False
    )

    def __init__(self, *args: Any, code: str, accounts: Sequence[SettlementAccount], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(code=code, label="Amount")
        self.accounts = {str(account.pk): account for account in accounts}
        choices = [
            (key, f"{one.label}: {one.institution}, {one.address}") for key, one in self.accounts.items()
        ]
        self.fields["settlement_account"] = forms.ChoiceField(
            label="Where to pay it",
            choices=[("", "Choose an account"), *choices] if len(choices) != 1 else choices,
            help_text="Confirmed accounts of your company whose cooling period is over.",
            error_messages={"invalid_choice": "Choose an account from the list."},
        )
        self.order_fields(["amount", "wanted_on", "settlement_account", "purpose"])

    def clean_settlement_account(self) -> SettlementAccount:
        return self.accounts[self.cleaned_data["settlement_account"]]


class EvidenceForm(forms.Form):
    """What shows that a condition is met."""

    file = FileField(
        label="File",
        required=False,
        help_text="PDF, PNG, JPEG, CSV or XLSX, at most 20 MB.",
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg,.csv,.xlsx"}),
    )
    note = forms.CharField(
        label="How it is met", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean(self) -> dict[str, Any]:
        entries = super().clean() or {}
        if not self.errors and not entries.get("file") and not entries.get("note", "").strip():
            self.add_error("file", "Add the file, or say below how the condition is met.")
        return entries


class ReasonForm(forms.Form):
    """Why something is withdrawn."""

    reason = forms.CharField(label="Why", max_length=300)


class PrepayForm(forms.Form):
    """A prepayment that is tried, or given notice of."""

    value_date = day_field("On", required=True)
    effect = forms.ChoiceField(label="What it changes", choices=list(EFFECTS.items()))

    def __init__(self, *args: Any, code: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(code=code, label="Amount")
        self.order_fields(["amount", "value_date", "effect"])


class CancelForm(forms.Form):
    """Commitment that is no longer needed."""

    reason = forms.CharField(label="Why", max_length=300)

    def __init__(self, *args: Any, code: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(code=code, label="Amount to cancel")
        self.order_fields(["amount", "reason"])


class DaysForm(forms.Form):
    """A first and a last day, both included."""

    first_day = day_field("From", required=True)
    last_day = day_field("To", required=True)

    def clean(self) -> dict[str, Any]:
        entries = super().clean() or {}
        first, last = entries.get("first_day"), entries.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day lies before the first.")
        return entries


class DayForm(forms.Form):
    """One day."""

    on = day_field("On", required=True)


class StatementForm(DaysForm):
    """Of what, for which days, and as what file a statement is wanted."""

    FORMATS = (
        ("pdf", "PDF, to read and to file"),
        ("xlsx", "XLSX, for a spreadsheet"),
        ("csv", "CSV, for a program"),
    )
    of = forms.ChoiceField(label="Of")
    fmt = forms.ChoiceField(label="As", choices=FORMATS)

    def __init__(self, *args: Any, subjects: Sequence[tuple[str, str]], last: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.last = last
        choice = self.fields["of"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = list(subjects)
        self.order_fields(["of", "first_day", "last_day", "fmt"])

    def clean_last_day(self) -> date:
        day: date = self.cleaned_data["last_day"]
        if day > self.last:
            raise forms.ValidationError(
                f"Days are complete up to {self.last.day} {self.last:%b %Y}. Choose that day or an earlier one."
            )
        return day
