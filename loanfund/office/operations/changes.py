"""The forms of instructions: what each kind of change to a running facility asks for, and its details for the service."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms

from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.calculation.rates import FixedRate, FloatingRate, OvernightRate
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.office.operations.fields import AmountField, DayField
from loanfund.servicing.models import Event, Instruction, Loan

Kind = Instruction.Kind
PER_CENT = Decimal(100)
EFFECTS = [
    ("", "As the agreement says"),
    (PrepaymentEffect.INSTALMENT, "Each instalment gets smaller"),
    (PrepaymentEffect.TERM, "The loan ends sooner"),
    (PrepaymentEffect.NEXT, "The next instalments are paid"),
    (PrepaymentEffect.LAST, "The last instalments are paid"),
]
COMPONENTS = [(one.value, one.value.replace("_", " ").capitalize()) for one in Component]
ONE_LOAN = (Kind.PREPAYMENT, Kind.PAYMENT_HOLIDAY, Kind.CAPITALISATION)
MAYBE_ONE_LOAN = (Kind.WAIVER, Kind.WRITE_OFF)
WITH_AMOUNT = (Kind.PREPAYMENT, Kind.CANCELLATION, Kind.WAIVER, Kind.COST, Kind.RECOVERY)
SAYS = {
    Kind.PREPAYMENT: "The borrower repays principal before its day. The interest on that part falls due with it.",
    Kind.CANCELLATION: "Undrawn commitment ends and goes back to the fund.",
    Kind.AMENDMENT: "A new version of the terms. The borrower has to consent to it.",
    Kind.PAYMENT_HOLIDAY: "Instalments of one loan are put off until a day.",
    Kind.CAPITALISATION: "Unpaid interest of one loan becomes principal.",
    Kind.WAIVER: "The lender gives up part of what is due.",
    Kind.COST: "A cost of the lender's that the borrower bears.",
    Kind.ACCELERATION: "Everything falls due at once. Nothing can be drawn afterwards.",
    Kind.NON_ACCRUAL: "Income of the facility goes to suspense, or back to income.",
    Kind.WRITE_OFF: "What is owed is taken off the books. It never becomes available again.",
    Kind.RECOVERY: "Money received on what was written off.",
    Kind.REVERSAL: "One event is undone from its value date.",
}


class ChangeForm(forms.Form):
    """One proposed change. Which fields it has follows from its kind."""

    value_date = DayField(label="Value date")
    reason = forms.CharField(label="Reason", max_length=300, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self,
        *args: Any,
        kind: str,
        loans: list[Loan],
        terms: FacilityTerms,
        events: list[Event],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.terms = kind, terms
        self.loans = {loan.number: loan for loan in loans}
        added: dict[str, forms.Field] = {}
        if kind in ONE_LOAN or kind in MAYBE_ONE_LOAN:
            choices = [(number, number) for number in self.loans]
            if kind in MAYBE_ONE_LOAN:
                choices = [("", "The whole facility"), *choices]
            added["loan"] = forms.ChoiceField(label="Loan", choices=choices, required=kind in ONE_LOAN)
        if kind in WITH_AMOUNT:
            added["amount"] = AmountField(label="Amount")
        added |= _own_fields(kind, terms, events)
        if kind == Kind.REVERSAL:
            del self.fields["value_date"]
        self.fields = added | self.fields

    def details(self) -> dict[str, Any]:
        """The details of the instruction as its service wants them."""
        entries = self.cleaned_data
        if self.kind == Kind.AMENDMENT:
            return {"terms": amended(self.terms, entries)}
        names = {
            Kind.PREPAYMENT: ("effect",),
            Kind.PAYMENT_HOLIDAY: ("until", "capitalise_interest"),
            Kind.WAIVER: ("component",),
            Kind.COST: ("component",),
            Kind.WRITE_OFF: ("cancel_undrawn",),
        }.get(Kind(self.kind), ())
        found = {name: entries[name] for name in names if entries[name] != ""}
        if self.kind == Kind.NON_ACCRUAL:
            found["on"] = entries["on"] == "yes"
        return {
            name: value.isoformat() if isinstance(value, date) else value for name, value in found.items()
        }

    @property
    def loan(self) -> Loan | None:
        """The loan that was chosen, if any."""
        return self.loans.get(self.cleaned_data.get("loan") or "")


def _own_fields(kind: str, terms: FacilityTerms, events: list[Event]) -> dict[str, forms.Field]:
    """The fields that only this kind has."""
    if kind == Kind.PREPAYMENT:
        return {"effect": forms.ChoiceField(label="Effect", choices=EFFECTS, required=False)}
    if kind == Kind.PAYMENT_HOLIDAY:
        return {
            "until": DayField(label="Until"),
            "capitalise_interest": forms.BooleanField(label="Interest becomes principal", required=False),
        }
    if kind in {Kind.WAIVER, Kind.COST}:
        choices = COMPONENTS if kind == Kind.WAIVER else COMPONENTS[:2]
        return {"component": forms.ChoiceField(label="Of", choices=choices)}
    if kind == Kind.NON_ACCRUAL:
        choices = [("yes", "Income goes to suspense"), ("no", "Income is income again")]
        return {"on": forms.ChoiceField(label="From then on", choices=choices)}
    if kind == Kind.WRITE_OFF:
        label = "Undrawn commitment ends as well"
        return {"cancel_undrawn": forms.BooleanField(label=label, required=False, initial=True)}
    if kind == Kind.REVERSAL:
        choices = [
            (event.key, f"{event.kind.replace('_', ' ')}, {event.value_date:%d %b %Y}, {event.key}")
            for event in events
        ]
        return {"event": forms.ChoiceField(label="Event", choices=choices)}
    return _term_fields(terms) if kind == Kind.AMENDMENT else {}


def _term_fields(terms: FacilityTerms) -> dict[str, forms.Field]:
    """The terms that an amendment changes most: each as it stands now."""
    rate: dict[str, forms.Field] = {}
    if isinstance(terms.rate, FixedRate):
        rate["rate"] = _per_cent("Interest, % a year", terms.rate.rate)
    elif isinstance(terms.rate, FloatingRate | OvernightRate):
        rate["margin"] = _per_cent("Margin, % a year", terms.rate.margin)
    return rate | {
        "maturity": DayField(label="Maturity", initial=terms.maturity),
        "default_margin": _per_cent("Default margin, % a year", terms.default_margin),
        "grace_days": forms.IntegerField(
            label="Days of grace", min_value=0, max_value=60, initial=terms.grace_days
        ),
        "commitment_fee": _per_cent("Commitment fee, % a year", terms.commitment_fee),
        "prepayment_fee": _per_cent("Prepayment fee, % of the amount", terms.prepayment_fee),
    }


def _per_cent(label: str, value: Decimal) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_value=100,
        max_digits=12,
        decimal_places=6,
        initial=f"{(value * PER_CENT).normalize():f}",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )


def amended(terms: FacilityTerms, entries: dict[str, Any]) -> dict[str, Any]:
    """The document of the terms with what was entered; rates in per cent become fractions."""
    document = terms.to_document(calendars_by_name=True)
    for name in ("rate", "margin"):
        if name in entries:
            document["rate"] = document["rate"] | {name: _fraction(entries[name])}
    for name in ("default_margin", "commitment_fee", "prepayment_fee"):
        document[name] = _fraction(entries[name])
    return document | {"maturity": entries["maturity"].isoformat(), "grace_days": entries["grace_days"]}


def _fraction(per_cent: Decimal) -> str:
    return f"{(per_cent / PER_CENT).normalize():f}"
