"""A fund's policy in words and as text to edit: every line with its name, so that two versions can be laid side by side."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from loanfund.facilities.models import FundPolicy
from loanfund.facilities.selectors.exposure import segment_words
from loanfund.facilities.services.policies import AMOUNTS, LISTS, MOMENTS, SWITCHES, WHOLE
from loanfund.office.operations.fields import AmountField, DayField
from loanfund.parties.templatetags.money import grouped, percent

LABELS = {
    "partner_limit": "Limit of one partner",
    "group_limit": "Limit of one connected group",
    "min_ticket": "Smallest facility",
    "max_ticket": "Largest facility",
    "drawdown_minimum": "Smallest drawdown",
    "drawdown_multiple": "Drawdowns in multiples of",
    "min_loss": "Least loss in the event window",
    "min_loss_ratio": "Least loss ratio",
    "window_start": "Event window opens",
    "window_end": "Event window closes",
    "snapshot_at": "Snapshot of net assets",
    "max_tenor_months": "Longest tenor, months",
    "drawdown_notice_days": "Notice of a drawdown, business days",
    "signatories_needed": "Signatories needed",
    "offer_validity_days": "An offer holds, days",
    "information_days": "Answers within, days",
    "decision_validity_days": "A decision holds, days",
    "subtract_compensation": "Earlier compensation is subtracted",
    "recycle_repaid": "Repaid principal may be lent again",
}
OPTIONAL = ("partner_limit", "group_limit", "max_ticket")
EDITED = (*(name for name in AMOUNTS if name != "min_loss_ratio"), *WHOLE)


@dataclass(frozen=True)
class Line:
    """One line of a policy as text."""

    label: str
    text: str


@dataclass(frozen=True)
class Changed:
    """One line that differs between two versions; empty text where a version has none."""

    label: str
    before: str
    after: str


def lines_of(policy: FundPolicy) -> list[Line]:
    """Every line of a policy in words, always in the same order."""
    return list(_lines(policy))


def _lines(policy: FundPolicy) -> Iterator[Line]:
    for name in (*AMOUNTS, *WHOLE, *MOMENTS, *SWITCHES):
        yield Line(LABELS[name], _text(name, getattr(policy, name)))
    for segment in policy.segment_limits.all():
        yield Line(f"Limit of {segment_words(segment.segment)}", _plain(segment.amount))
    for tenor in policy.tenor_limits.all():
        yield Line(f"Limit of loans over {tenor.over_months} months", _plain(tenor.amount))
    for row in policy.matrix.all():
        upto = f"up to {_plain(row.up_to)}" if row.up_to is not None else "any amount"
        words = f"{row.members_needed} vote, {row.approvals_needed} approve"
        yield Line(
            f"Votes, {row.segment or 'any segment'}, {upto}",
            words + (", the chair casts" if row.chair_casts else ""),
        )
    for kind in policy.reserved_to_committee:
        yield Line(f"Reserved to the committee: {kind.replace('_', ' ')}", "yes")
    for number, condition in enumerate(policy.conditions_precedent, start=1):
        yield Line(f"Condition precedent {number}", f"{condition['text']} ({condition['scope']})")
    for paper in policy.required_papers:
        yield Line(f"Required paper: {paper['label']}", "yes")
    for score in policy.scorecard:
        yield Line(f"Score: {score['label']}", f"weight {score['weight']}")
    for name, value in policy.pricing.items():
        yield Line(
            f"Pricing: {name.replace('_', ' ')}",
            json.dumps(value) if isinstance(value, dict | list) else str(value),
        )


def _text(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if name == "min_loss_ratio":
        return percent(value)
    if isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%d %b %Y, %H:%M} UTC" if isinstance(value, datetime) else str(value)


def _plain(value: Decimal) -> str:
    return grouped(value, 0 if value == value.to_integral_value() else 2)


def differences(before: FundPolicy | None, after: FundPolicy) -> list[Changed]:
    """The lines in which two versions differ, in their order."""
    old = {line.label: line.text for line in lines_of(before)} if before is not None else {}
    new = {line.label: line.text for line in lines_of(after)}
    labels = [*new, *(label for label in old if label not in new)]
    return [
        Changed(label, old.get(label, ""), new.get(label, ""))
        for label in labels
        if old.get(label) != new.get(label)
    ]


class PolicyForm(forms.Form):
    """A next version of the policy: what is asked most often as fields, the rest as in the version it starts from."""

    effective_from = DayField(label="Takes effect on")
    segment_limits = forms.CharField(
        label="Segment limits",
        required=False,
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false"}),
        help_text="One a line: the segment, a colon, the amount.",
    )
    tenor_limits = forms.CharField(
        label="Tenor limits",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One a line: over how many months, a colon, the amount.",
    )

    def __init__(self, *args: Any, start: FundPolicy, on: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start = start
        for name in EDITED:
            field = AmountField if name in AMOUNTS else forms.IntegerField
            value = getattr(start, name)
            self.fields[name] = field(
                label=LABELS[name],
                required=name not in OPTIONAL,
                initial=_plain(value) if isinstance(value, Decimal) else value,
                help_text="Empty is no limit." if name in OPTIONAL else "",
            )
        self.fields["min_loss_ratio"] = forms.DecimalField(
            label="Least loss ratio, %",
            max_digits=7,
            decimal_places=4,
            initial=f"{(start.min_loss_ratio * 100).normalize():f}",
        )
        for name in SWITCHES:
            self.fields[name] = forms.BooleanField(
                label=LABELS[name], required=False, initial=getattr(start, name)
            )
        self.fields["effective_from"].initial = on
        self.fields["segment_limits"].initial = "\n".join(
            f"{row.segment}: {_plain(row.amount)}" for row in start.segment_limits.all()
        )
        self.fields["tenor_limits"].initial = "\n".join(
            f"{row.over_months}: {_plain(row.amount)}" for row in start.tenor_limits.all()
        )
        self.order_fields(
            ["effective_from", *EDITED, "min_loss_ratio", "segment_limits", "tenor_limits", *SWITCHES]
        )

    def clean_segment_limits(self) -> dict[str, Decimal]:
        """Amounts by segment."""
        return _table(self.cleaned_data["segment_limits"])

    def clean_tenor_limits(self) -> dict[int, Decimal]:
        """Amounts by months."""
        try:
            return {
                int(months): amount for months, amount in _table(self.cleaned_data["tenor_limits"]).items()
            }
        except ValueError as error:
            raise forms.ValidationError("Write each line as 12: 60,000,000.") from error

    def values(self) -> dict[str, Any]:
        """The whole policy as its service takes it."""
        entries = self.cleaned_data
        kept = {name: getattr(self.start, name) for name in (*MOMENTS, *LISTS)}
        edited = {name: entries[name] for name in (*EDITED, *SWITCHES, "segment_limits", "tenor_limits")}
        matrix = [
            {
                "segment": row.segment,
                "up_to": row.up_to,
                "members_needed": row.members_needed,
                "approvals_needed": row.approvals_needed,
                "chair_casts": row.chair_casts,
            }
            for row in self.start.matrix.all()
        ]
        return kept | edited | {"min_loss_ratio": entries["min_loss_ratio"] / 100, "matrix": matrix}


def _table(text: str) -> dict[str, Decimal]:
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, _, amount = line.partition(":")
        try:
            found[name.strip().lower().replace(" ", "_")] = Decimal(amount.replace(",", "").strip())
        except InvalidOperation as error:
            raise forms.ValidationError(f"“{line[:60]}” is no name, colon and amount.") from error
    return found
