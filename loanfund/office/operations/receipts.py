"""The receipts desk: what came in, entered by hand or from a file, waiting for a second person or for its place."""

from functools import partial
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import AmountField, DayField
from loanfund.office.operations.lists import listed
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles
from loanfund.parties.templatetags.money import money
from loanfund.reporting.selectors.arrivals import locked_lines
from loanfund.servicing import rights, services
from loanfund.servicing.bank_files import COLUMNS
from loanfund.servicing.models import BankImport, Receipt
from loanfund.servicing.selectors.receipts import BELONGS_TO_NOBODY, with_placed

State = Receipt.State
KEEPERS = (roles.OPERATIONS_MAKER, roles.FINANCE)
TONES = {State.ENTERED: "warn", State.BOOKED: "ok", State.REVERSED: "bad", State.REJECTED: "bad"}
PAYERS_WORDS = {"reference", "sender", "hash"}
"""Columns of a file whose values are long."""
MOST_BYTES = 5_000_000
ENTERED = Q(receipt__isnull=False)
MONEY_OUT = Q(receipt__isnull=True, cells__amount__startswith="-")
NOT_ENTERED = Q(receipt__isnull=True) & ~Q(cells__amount__startswith="-")
CHOICES = [
    ("entered", "To book", Q(state=State.ENTERED)),
    ("held", "Held, belongs to nobody yet", BELONGS_TO_NOBODY),
    ("booked", "Booked", Q(state=State.BOOKED)),
    ("ended", "Rejected or reversed", Q(state__in=[State.REJECTED, State.REVERSED])),
    ("all", "All", Q()),
]
SEARCHED = (
    "number",
    "reference",
    "sender",
    "facility__number",
    "facility__partner__legal_name",
    "transfer_hash",
)


@page("receipts/", name="receipts", readers=DESK, menu="Receipts", section="Operations")
def receipts(request: HttpRequest) -> HttpResponse:
    """Every receipt, those that wait for a second person first."""
    seat = take_seat(request)
    rows = Receipt.objects.filter(fund=seat.fund).select_related("facility__partner", "maker", "checker")
    rows = with_placed(rows).order_by("-value_date", "-id")
    listing = listed(request, rows, choices=CHOICES, search=SEARCHED)
    for row in listing.page:
        row.tone = TONES[State(row.state)]
    context = {"listing": listing, "may_enter": seat.may(rights.ENTER_RECEIPT)}
    return show(request, "office/operations/receipts.html", context, title="Receipts")


class EnterForm(forms.Form):
    """Money that arrived, as the bank or the chain tells it."""

    amount = AmountField(label="Amount")
    value_date = DayField(label="Value date")
    reference = forms.CharField(
        label="Reference",
        max_length=140,
        required=False,
        help_text="As the payer wrote it. A facility, loan or drawdown number in it finds the facility.",
    )
    sender = forms.CharField(label="Sender's account or wallet", max_length=140, required=False)
    facility = forms.CharField(
        label="Facility",
        max_length=20,
        required=False,
        help_text="Such as FAC-0003. Leave it empty to match by the reference; what matches nothing is held.",
    )
    transfer_hash = forms.CharField(
        label="Transaction hash", max_length=140, required=False, help_text="For a stablecoin transfer."
    )
    asset = forms.CharField(
        label="Asset, if not the fund's currency", max_length=10, required=False, help_text="Such as USDC."
    )
    asset_rate = AmountField(
        label="Rate", required=False, help_text="Units of the fund's currency for one of the asset."
    )


@page("receipts/enter/", name="receipt_enter", actors=KEEPERS, readers=())
def enter(request: HttpRequest) -> HttpResponse:
    """A receipt entered by hand."""
    seat = take_seat(request)
    act = Act(
        "enter",
        "Enter the receipt",
        partial(_enter, seat),
        right=seat.may(rights.ENTER_RECEIPT),
        form=EnterForm,
        arguments={"initial": {"value_date": seat.on}},
        says=f"Amounts in {seat.fund.currency} unless you name another asset. Another person books what you enter.",
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    trail = [("Receipts", reverse("admin:receipts"))]
    context = {"desk": desk, "trail": trail}
    return show(
        request, "office/operations/one_act.html", context, title="Enter a receipt", status=desk.status
    )


def _enter(seat: Seat, entries: Entries) -> Done:
    del entries["form"]
    number = entries.pop("facility").strip().upper()
    facility = None
    if number:
        facility = facility_numbered(seat, number, "facility")
    asset = entries.pop("asset").strip().upper()
    receipt = services.enter_receipt(
        fund=seat.fund,
        facility=facility,
        asset="" if asset == seat.fund.currency else asset,
        actor=seat.user,
        on=seat.on,
        **entries,
    )
    where = f"for {receipt.facility.number}" if receipt.facility else "for nobody yet"
    said = f"{receipt.number}, {money(receipt.amount, receipt.currency)}, is entered {where}: {receipt.match_reason}."
    return Done(f"{said} Another person books it.", reverse("admin:receipt", args=[receipt.number]))


def facility_numbered(seat: Seat, number: str, field: str) -> Facility:
    """The fund's facility with this number. Refused, naming the field, when there is none."""
    found = Facility.objects.filter(fund=seat.fund, number=number.strip().upper()).first()
    if found is None:
        raise Refused(f"There is no facility {number[:20]}. Give a number such as FAC-0003.", field=field)
    return found


class ImportForm(forms.Form):
    """A file of payments."""

    layout = forms.ChoiceField(label="What the file is", choices=BankImport.Layout.choices)
    file = forms.FileField(label="CSV file")
    closing_balance = AmountField(
        label="Closing balance, if the statement says one",
        required=False,
        help_text="In the fund's currency. The book is compared with it.",
    )
    closing_on = DayField(label="At the end of", required=False)

    def clean_file(self) -> dict[str, Any]:
        """The name and the text of the file; an error says what is wrong with it."""
        uploaded = self.cleaned_data["file"]
        if uploaded.size > MOST_BYTES:
            raise forms.ValidationError("The file is larger than 5 MB. Split it.")
        try:
            return {"name": uploaded.name, "text": uploaded.read().decode("utf-8-sig")}
        except UnicodeDecodeError as error:
            raise forms.ValidationError(
                "The file is not text in UTF-8. Export it as CSV once more."
            ) from error


@page("receipts/import/", name="receipt_import", actors=KEEPERS, readers=DESK)
def import_file(request: HttpRequest) -> HttpResponse:
    """A bank's or a chain's file of payments, and the files imported before."""
    seat = take_seat(request)
    act = Act(
        "import",
        "Import the file",
        partial(_import, seat),
        right=seat.may(rights.ENTER_RECEIPT),
        form=ImportForm,
        says="Money in becomes a receipt that another person books; money out is compared with the book. "
        "What cannot be read is kept and told with its reason.",
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    imports = BankImport.objects.filter(fund=seat.fund).select_related("imported_by", "closing")[:20]
    columns = [(BankImport.Layout(layout).label, ", ".join(names)) for layout, names in COLUMNS.items()]
    context = {
        "desk": desk,
        "imports": imports,
        "columns": columns,
        "code": seat.fund.currency,
        "trail": [("Receipts", reverse("admin:receipts"))],
    }
    title = "Import payments"
    return show(request, "office/operations/import.html", context, title=title, status=desk.status)


def _import(seat: Seat, entries: Entries) -> Done:
    del entries["form"]
    file = entries.pop("file")
    imported = services.import_payments(fund=seat.fund, actor=seat.user, on=seat.on, **file, **entries)
    lines = imported.lines.count()
    entered = imported.lines.filter(ENTERED).count()
    out = imported.lines.filter(MONEY_OUT).count()
    said = f"{entered} of {lines} lines of {imported.name} are entered as receipts"
    said += f", {out} went out." if out else "."
    return Done(said, reverse("admin:receipt_imported", args=[imported.pk]))


@page("receipts/imports/<int:key>/", name="receipt_imported", readers=DESK)
def imported_file(request: HttpRequest, key: int) -> HttpResponse:
    """One imported file, line by line: the receipt it became and how it was matched, or why it was not entered."""
    seat = take_seat(request)
    imported = get_object_or_404(
        BankImport.objects.select_related("imported_by", "closing"), fund=seat.fund, pk=key
    )
    choices = [
        ("refused", "Not entered", NOT_ENTERED),
        ("entered", "Entered", ENTERED),
        ("out", "Money out", MONEY_OUT),
    ]
    all_first = [("all", "All lines", Q()), *choices]
    listing = listed(
        request,
        imported.lines.select_related("receipt__facility").order_by("line"),
        choices=all_first,
        per_page=100,
    )
    names = COLUMNS[imported.layout]
    rows = [
        (line, [(line.cells.get(name, ""), name in PAYERS_WORDS) for name in names]) for line in listing.page
    ]
    context = {
        "imported": imported,
        "listing": listing,
        "names": names,
        "rows": rows,
        "refused": imported.lines.filter(NOT_ENTERED).count(),
        "locked": locked_lines(imported),
        "closing": getattr(imported, "closing", None),
        "code": seat.fund.currency,
        "trail": [("Receipts", reverse("admin:receipts")), ("Import", reverse("admin:receipt_import"))],
    }
    return show(request, "office/operations/imported.html", context, title=imported.name)
