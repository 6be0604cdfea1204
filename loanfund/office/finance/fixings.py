"""Fixings of reference rates: loaded from the publisher's file, or typed by one person and read again by another."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import DayField, ReasonForm
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.reference.models import FixingProposal, RateFixing, ReferenceRate
from loanfund.reference.services import confirm_fixing, import_fixings, propose_fixing, refuse_fixing

State = FixingProposal.State
PER_CENT = Decimal(100)
MOST_BYTES = 5_000_000


def per_cent_field(**kwargs: Any) -> forms.DecimalField:
    """A rate in per cent as it is published, such as 3.63."""
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.DecimalField(
        label="Rate, %",
        max_digits=14,
        decimal_places=8,
        widget=widget,
        help_text="As published, such as 3.63.",
        **kwargs,
    )


class RateForm(forms.Form):
    """Which reference rate."""

    rate = forms.ChoiceField(label="Reference rate")

    def __init__(self, *args: Any, rates: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["rate"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(code, code) for code in rates]


class ProposeForm(RateForm):
    """One fixing typed by hand, with where it was read."""

    day = DayField(label="Day")
    percent = per_cent_field()
    source = forms.CharField(
        label="Where you read it",
        max_length=300,
        help_text="The page and the time, so that another can look.",
    )


class FileForm(RateForm):
    """The publisher's file."""

    file = forms.FileField(label="CSV file")
    source = forms.CharField(label="Where it comes from", max_length=300)

    def clean_file(self) -> str:
        """The file's text; an error says what is wrong with it."""
        uploaded = self.cleaned_data["file"]
        if uploaded.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB. Split it.")
        try:
            return str(uploaded.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise forms.ValidationError(
                "The file is not text in UTF-8. Export it as CSV once more."
            ) from error


class OneDayForm(forms.Form):
    """Which fixing a report leads to."""

    rate = forms.CharField(max_length=20)
    day = DayField()


class ReadAgainForm(forms.Form):
    """The rate as the second person reads it, without seeing what the first one typed."""

    percent = per_cent_field()


@page("fixings/", name="fixings", readers=DESK, actors=DESK, menu="Fixings", section="Finance")
def fixings(request: HttpRequest) -> HttpResponse:
    """The newest fixings, those that wait for a second reader, and the forms to add some."""
    seat = take_seat(request)
    rates = list(ReferenceRate.objects.values_list("code", flat=True))
    waiting = list(FixingProposal.objects.filter(state=State.PROPOSED).select_related("rate", "maker"))
    desk = Desk(request, [*_new(seat, rates), *(act for row in waiting for act in _decide(seat, row))])
    if (answer := desk.answer()) is not None:
        return answer
    rows = RateFixing.objects.select_related("rate", "recorded_by").order_by("-date", "-known_at")
    one = OneDayForm(request.GET)
    if one.is_valid():
        rows = rows.filter(rate__code=one.cleaned_data["rate"], date=one.cleaned_data["day"])
    context = {
        "desk": desk,
        "waiting": [
            (
                row,
                desk.offer(f"confirm-{row.pk}"),
                desk.offer(f"refuse-{row.pk}"),
                row.maker_id == seat.user.pk,
            )
            for row in waiting
        ],
        "one": one.cleaned_data if one.is_valid() else None,
        "listing": listed(request, rows, search=("rate__code", "source"), per_page=30),
    }
    return show(request, "office/finance/fixings.html", context, title="Fixings", status=desk.status)


def _new(seat: Seat, rates: list[str]) -> Iterator[Act]:
    right = seat.holds(*DESK)
    yield Act(
        "import",
        "Load the file",
        partial(_import, seat),
        right=right,
        ready=bool(rates),
        form=FileForm,
        title="Load a file",
        says="The New York Fed's or FRED's own CSV. All of it is taken, or nothing.",
        arguments={"rates": rates},
    )
    yield Act(
        "propose",
        "Put it forward",
        partial(_propose, seat),
        right=right,
        ready=bool(rates),
        form=ProposeForm,
        title="Type one by hand",
        says="It counts once another person has read the same figure.",
        arguments={"rates": rates, "initial": {"day": seat.on}},
    )


def _decide(seat: Seat, row: FixingProposal) -> Iterator[Act]:
    right, ready = seat.holds(*DESK), seat.second(row.maker_id)
    yield Act(
        f"confirm-{row.pk}",
        "Confirm",
        partial(_confirm, seat, row),
        right=right,
        ready=ready,
        form=ReadAgainForm,
        says="Look at the source and type what you read.",
        inline=True,
    )
    yield Act(
        f"refuse-{row.pk}",
        "Refuse",
        partial(_refuse, seat, row),
        right=right,
        ready=ready,
        form=ReasonForm,
        danger=True,
        inline=True,
    )


def _import(seat: Seat, entries: Entries) -> Done:
    result = import_fixings(
        text=entries["file"],
        code=entries["rate"],
        source=entries["source"],
        known_at=timezone.now(),
        actor=seat.user,
        on=seat.on,
    )
    return Done(f"{entries['rate']}: {result}.")


def _propose(seat: Seat, entries: Entries) -> Done:
    propose_fixing(
        code=entries["rate"],
        day=entries["day"],
        percent=entries["percent"],
        source=entries["source"],
        actor=seat.user,
        on=seat.on,
    )
    return Done("The fixing is put forward. Another person reads it again.")


def _confirm(seat: Seat, row: FixingProposal, entries: Entries) -> Done:
    confirm_fixing(
        proposal=row, percent=entries["percent"], known_at=timezone.now(), actor=seat.user, on=seat.on
    )
    return Done(f"{row.rate.code} of {row.date:%d %B %Y} is confirmed.")


def _refuse(seat: Seat, row: FixingProposal, entries: Entries) -> Done:
    refuse_fixing(proposal=row, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done("The fixing is refused.")
