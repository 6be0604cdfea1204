"""The form in which a proposal is written: how much, on which terms, under which conditions."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from loanfund.office.operations.fields import AmountField
from loanfund.origination.models import Application, Committee, Meeting

PERCENTS = {
    "rate": "Interest rate, % a year",
    "margin": "Margin over the reference, % a year",
    "default_margin": "Default margin, % a year",
    "arrangement_fee": "Arrangement fee, % of the amount",
    "commitment_fee": "Commitment fee, % a year of the undrawn part",
    "prepayment_fee": "Prepayment fee, % of what is prepaid",
    "balloon": "Balloon, % of the amount",
}
MONTHS = {
    "tenor_months": "Tenor, months",
    "interest_only_months": "Interest only, months",
    "interest_free_months": "Interest free, months",
    "capitalised_months": "Interest capitalised, months",
    "availability_months": "Drawdowns for, months",
    "grace_days": "Days of grace",
}
PERIODS = [("1M", "monthly"), ("3M", "every three months"), ("6M", "every six months"), ("12M", "yearly")]
SCOPES = {"first": "before the first drawdown", "each": "before each drawdown"}


def as_percent(fraction: Any) -> Decimal | None:
    """A fraction as text in per cent for a field: "0.0325" is 3.25."""
    if fraction in (None, ""):
        return None
    return (Decimal(str(fraction)) * 100).normalize() + 0


class PercentField(forms.DecimalField):
    """A rate typed in per cent; cleaned to the fraction that a deal holds, as text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=9, decimal_places=6, required=False, **kwargs)
        self.widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        typed = value.replace("%", "").strip() if isinstance(value, str) else value
        found = super().clean(typed)
        return None if found is None else format((found / 100).normalize(), "f")


class DealForm(forms.Form):
    """What is put to the committee about an application. What is left as it stands is the policy's or the partner's."""

    committee = forms.ModelChoiceField(label="Committee", queryset=Committee.objects.none())
    meeting = forms.ModelChoiceField(
        label="Meeting", queryset=Meeting.objects.none(), required=False, empty_label="By circulation"
    )
    amount = AmountField(label="Amount to approve", help_text="The amount asked for, or less.")
    summary = forms.CharField(
        label="What the committee is asked, and why",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    profile = forms.ChoiceField(label="Repayment", choices=Application.Profile.choices)
    period = forms.ChoiceField(label="Interest period", choices=PERIODS)
    reference = forms.CharField(
        label="Reference rate",
        required=False,
        max_length=20,
        help_text="SOFR, say, with a margin in place of a fixed rate. Empty for a fixed rate.",
    )
    conditions = forms.CharField(
        label="Conditions precedent",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One a line. Begin a line with “each:” for what is needed before every drawdown.",
    )

    def __init__(
        self,
        *args: Any,
        application: Application,
        deal: Mapping[str, Any],
        fixed: bool = False,
        **kwargs: Any,
    ) -> None:
        self.deal = dict(deal)
        super().__init__(*args, **kwargs)
        for key, label in PERCENTS.items():
            self.fields[key] = PercentField(label=label, initial=as_percent(deal.get(key)))
        for key, label in MONTHS.items():
            self.fields[key] = forms.IntegerField(
                label=label, required=False, min_value=0, max_value=999, initial=deal.get(key, 0)
            )
        for key in ("profile", "period", "reference"):
            self.fields[key].initial = deal.get(key, "")
        if fixed:
            del self.fields["committee"], self.fields["meeting"]
        else:
            committees = Committee.objects.filter(fund=application.fund)
            self.fields["committee"].queryset = committees  # type: ignore[attr-defined] # a ModelChoiceField has one
            self.fields["committee"].initial = committees.first()
            meetings = Meeting.objects.filter(
                committee__fund=application.fund, held_on__gte=application.fund.business_date
            )
            self.fields["meeting"].queryset = meetings  # type: ignore[attr-defined] # likewise
        self.order_fields(
            [
                "committee",
                "meeting",
                "amount",
                "summary",
                "rate",
                "reference",
                "margin",
                "tenor_months",
                "profile",
            ]
        )

    def clean_reference(self) -> str:
        return str(self.cleaned_data["reference"]).strip().upper()

    def clean_conditions(self) -> list[dict[str, str]]:
        found = []
        for line in self.cleaned_data["conditions"].splitlines():
            text, scope = line.strip(), "first"
            if text.lower().startswith("each:"):
                text, scope = text[5:].strip(), "each"
            if text:
                found.append({"text": text, "scope": scope})
        if any(len(one["text"]) > 300 for one in found):
            raise ValidationError("Keep each condition to 300 characters.")
        return found

    def changes(self) -> dict[str, Any]:
        """What differs from the deal as it stood, as the service takes it. None takes a term away."""
        entries = self.cleaned_data
        changed: dict[str, Any] = {}
        for key in (*PERCENTS, *MONTHS, "profile", "period", "reference"):
            value = entries.get(key)
            if key in MONTHS:
                value = value or 0
            before = self.deal.get(key)
            if _same(value, before):
                continue
            changed[key] = value if value != "" else None
        if entries.get("reference") and "rate" in self.deal:
            changed["rate"] = None
        return changed


def _same(value: Any, before: Any) -> bool:
    if value in (None, "", 0) and before in (None, "", 0, "0"):
        return True
    try:
        return Decimal(str(value)) == Decimal(str(before))
    except ArithmeticError:
        return bool(value == before)


def condition_lines(conditions: list[dict[str, str]]) -> str:
    """Conditions as the form's text, one a line."""
    return "\n".join(("each: " if one.get("scope") == "each" else "") + one["text"] for one in conditions)
