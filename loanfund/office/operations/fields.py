"""Fields that the desk's forms have in common: amounts, days, reasons, references."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class AmountField(forms.DecimalField):
    """An amount of money as people type it, 1,250,000.00 or 1250000; at most 18 digits before the point.

    How many decimals the currency has is the service's to say.
    """

    default_error_messages = {
        "invalid": "Enter an amount such as 250,000.00.",
        "max_digits": "This amount is too large.",
        "max_whole_digits": "This amount is too large.",
        "max_decimal_places": "This amount has too many decimals.",
    }
    widget = forms.TextInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=30, decimal_places=12, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal", "autocomplete": "off"}

    def to_python(self, value: object) -> Any:
        return super().to_python(value.replace(",", "").strip() if isinstance(value, str) else value)


class DayField(forms.DateField):
    """A calendar day, chosen or typed as YYYY-MM-DD."""

    default_error_messages = {"invalid": "Enter a day such as 2026-08-21."}

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        super().__init__(widget=widget, input_formats=["%Y-%m-%d"], **kwargs)


class NumberField(forms.CharField):
    """The number of something, such as FAC-0001, found by `find` among what may be named here."""

    def __init__(self, *, missing: str, **kwargs: Any) -> None:
        self.missing = missing
        super().__init__(max_length=20, **kwargs)
        self.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean(self, value: Any) -> str:
        return str(super().clean(value)).strip().upper()

    def absent(self, number: str) -> ValidationError:
        """What to say when nothing has the number."""
        return ValidationError(self.missing % {"number": number})


class ReasonForm(forms.Form):
    """Why, for the record."""

    reason = forms.CharField(label="Reason", max_length=300, widget=forms.Textarea(attrs={"rows": 2}))
