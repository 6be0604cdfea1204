"""One click from a figure to what made it: its movements, the entry of each, the event, the document and the people."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.audit.words import words_of
from loanfund.calculation.periods import Tenor, add_tenor
from loanfund.ledger.models import AccountKind as K
from loanfund.office.operations.history import Told
from loanfund.office.operations.seat import Seat, take_seat
from loanfund.office.pages import PAGES, page, show
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reporting.reports import REPORTS, Report
from loanfund.reporting.reports.forecasts import rung_days
from loanfund.reporting.selectors import Trail, explain_entry, explain_figure
from loanfund.reporting.selectors.figures import BORROWERS, FUND
from loanfund.reporting.statement import Line, LineKind, Statement
from loanfund.servicing.models import BankImportRow, CashPairSide, HandJournal

READERS = (roles.FINANCE, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER, roles.AUDITOR)
ONE_DAY = timedelta(days=1)
_EMPTY_DECIMALS = re.compile(r"\b(\d+\.\d\d\d*?)0+$")
"""An amount as an event stores it has twelve decimals; a reader wants those that say something, two at least."""
_PAIR = re.compile(r"\bCP-\d+\b")
FEES = (K.ARRANGEMENT_FEE_INCOME, K.PREPAYMENT_FEE_INCOME, K.LATE_FEE_INCOME)
EARNED = (K.INTEREST_INCOME, K.DEFAULT_INTEREST_INCOME, K.COMMITMENT_FEE_INCOME, *FEES, K.RECOVERY_INCOME)
ACCRUED = (K.ACCRUED_INTEREST, K.ACCRUED_DEFAULT_INTEREST, K.ACCRUED_COMMITMENT_FEE)
OTHER_DUE = (K.DEFAULT_INTEREST_DUE, K.FEES_DUE, K.COSTS_DUE)
DUE = (K.LOAN_PRINCIPAL, K.CAPITALISED_INTEREST, K.INTEREST_DUE, *OTHER_DUE)

STANDING: dict[str, dict[str, tuple[K, ...]]] = {
    "arrears": {
        "principal": (K.LOAN_PRINCIPAL,),
        "capitalised": (K.CAPITALISED_INTEREST,),
        "accrued": ACCRUED,
        "interest_due": (K.INTEREST_DUE,),
        "other_due": OTHER_DUE,
        "unapplied": (K.UNAPPLIED, K.OVER_LIMIT),
        "owed": (*DUE, *ACCRUED, K.UNAPPLIED, K.OVER_LIMIT),
    },
    "utilisation": {
        "drawn": (K.M_DRAWN,),
        "earmarked": (K.M_EARMARKED,),
        "undrawn": (K.M_UNDRAWN,),
        "repaid": (K.M_REPAID,),
        "written_off": (K.M_WRITTEN_OFF,),
    },
    "unapplied": {"amount": (K.UNAPPLIED, K.OVER_LIMIT)},
}
"""Figures as of a day, by report and column: the kinds of account that they are made of, of the row's facility."""

INCOME: dict[str, tuple[K, ...]] = {
    "interest": (K.INTEREST_INCOME,),
    "default_interest": (K.DEFAULT_INTEREST_INCOME,),
    "commitment_fee": (K.COMMITMENT_FEE_INCOME,),
    "other_fees": FEES,
    "recovered": (K.RECOVERY_INCOME,),
    "total": EARNED,
}
BY_LABEL = {kind.label: kind for kind in K}


def figure_href(
    kinds: Sequence[K], *, of: str, first_day: date, last_day: date, back: str, part: str = ""
) -> str:
    """The page that explains what moved these accounts of one party in a span of booking dates."""
    asked = {
        "account": [kind.value for kind in kinds],
        "of": of,
        "first_day": first_day.isoformat(),
        "last_day": last_day.isoformat(),
        "from": back,
        **({"part": part} if part else {}),
    }
    return f"{reverse('admin:explain')}?{urlencode(asked, doseq=True)}"


def line_href(line: Line) -> str:
    """Where a statement's line is explained: the nights of its month for interest, else what changed the debt that day."""
    day = line.booking_date
    if line.kind is LineKind.INTEREST and line.loan:
        return nights_href(line.loan, day.replace(day=1), day)
    kinds = (*DUE, *ACCRUED, K.UNAPPLIED, K.OVER_LIMIT)
    return figure_href(kinds, of=line.facility, first_day=day, last_day=day, back="")


def statement_hrefs(statement: Statement, opened_on: date) -> dict[str, str]:
    """Where the figures at the head of a statement are explained; none for a single loan's, whose accruals are booked with
    its facility's."""
    if statement.scope.startswith("LN-"):
        return {}
    owed = (*DUE, *ACCRUED, K.UNAPPLIED, K.OVER_LIMIT)
    of, first, last = statement.scope, statement.first_day, statement.last_day
    found = {
        "closing": figure_href(owed, of=of, first_day=opened_on, last_day=last, back=""),
        "interest": figure_href(
            (K.ACCRUED_INTEREST,), of=of, first_day=first, last_day=last, back="", part="nights"
        ),
    }
    if first > opened_on:
        found["opening"] = figure_href(owed, of=of, first_day=opened_on, last_day=first - ONE_DAY, back="")
    return found


def nights_href(loan: str, first_day: date, last_day: date) -> str:
    """The page that explains these nights of a loan."""
    span = urlencode({"first_day": first_day.isoformat(), "last_day": last_day.isoformat()})
    return f"{reverse('admin:loan', args=[loan])}?{span}#nights"


def cell_href(
    made: Report, opened_on: date, asked: Mapping[str, Any], column: str, row: Mapping[str, Any]
) -> str:
    """Where one figure of a report is explained; empty where the row's own links do, or nothing booked is behind it."""
    slug = made.slug
    if slug in STANDING and column in STANDING[slug] and row.get("facility"):
        kinds = STANDING[slug][column]
        return figure_href(kinds, of=row["facility"], first_day=opened_on, last_day=asked["as_of"], back=slug)
    if slug == "trial-balance" and column not in {"set", "code", "account", "owner"}:
        kind, whose = BY_LABEL[row["account"]], FUND if asked.get("detail") == "account" else ""
        first = asked.get("since") or opened_on
        return figure_href(
            (kind,), of=row["owner"] or whose, first_day=first, last_day=asked["as_of"], back=slug
        )
    if slug == "accrual-roll-forward" and column in {"opening", "accrued", "due", "corrections", "closing"}:
        first = opened_on if column in {"opening", "closing"} else asked["first_day"]
        last = asked["first_day"] - ONE_DAY if column == "opening" else asked["last_day"]
        if last < opened_on:
            return ""
        kinds = (BY_LABEL[row["what"]],)
        part = "" if column in {"opening", "closing"} else column
        return figure_href(kinds, of=row["facility"], first_day=first, last_day=last, back=slug, part=part)
    if slug == "income" and column in INCOME:
        first = date.fromisoformat(f"{row['month']}-01")
        last = (first + timedelta(days=31)).replace(day=1) - ONE_DAY
        return figure_href(
            INCOME[column],
            of=row["partner"],
            first_day=max(first, asked["first_day"]),
            last_day=min(last, asked["last_day"]),
            back=slug,
        )
    if slug in AHEAD:
        return _ahead_href(slug, opened_on, asked, column, row)
    if slug == "fixings" and column == "value":
        days = urlencode({"rate": row["reference"], "day": row["date"].isoformat()})
        return f"{reverse('admin:fixings')}?{days}"
    if column.startswith("late_") or column == "commitment":
        return reverse("admin:facility", args=[row["facility"]])
    if slug == "reconciliation" and column == "standing" and (named := _PAIR.search(str(row["standing"]))):
        return reverse("admin:pair", args=[named[0]])
    if slug == "accruals" and column in {"principal", "rate", "interest_exact", "posted"}:
        return nights_href(row["loan"], row["night"], row["night"])
    if slug == "closed-loans" and column == "interest":
        return nights_href(row["loan"], row["disbursed_on"], row["closed_on"])
    return _own_page(slug, column, row)


def _own_page(slug: str, column: str, row: Mapping[str, Any]) -> str:
    """Of a list, the page of the thing that a row is about."""
    if column in LEGS.get(slug, ()):
        return reverse("admin:entry", args=[int(str(row.get("entry") or row["journal"]).removeprefix("JE-"))])
    if slug == "receipts" and column in {"amount", "assigned"}:
        return reverse("admin:receipt", args=[row["receipt"]])
    if (slug == "closed-loans" and column in PAID) or (slug == "dues" and column == "amount" and row["loan"]):
        return reverse("admin:loan", args=[row["loan"]])
    if slug == "dues" and column == "amount":
        return reverse("admin:facility", args=[row["facility"]])
    return ""


LEGS = {
    "general-ledger": {"debit", "credit"},
    "journal-import": {"journal", "debit", "credit"},
    "reconciliation": {"in_book"},
}
"""The columns that lead to a row's entry of the ledger."""
PAID = {"lent", "principal_paid", "interest_paid", "waived", "written_off"}
AHEAD = {"maturity-ladder", "cash-forecast"}
PARTS = {"principal": "principal", "interest": "interest", "other": "other", "total": "all"}


def dues_href(asked: Mapping[str, Any], column: str, first: date | None, last: date | None) -> str:
    """The list of the dues that a figure ahead is the sum of."""
    days = {"due_from": first, "due_until": last}
    sent = {name: day.isoformat() for name, day in days.items() if day}
    given = {"as_of": asked["as_of"].isoformat(), "component": PARTS[column], **sent}
    return f"{reverse('admin:report', args=['dues'])}?{urlencode(given)}"


def _ahead_href(
    slug: str, opened_on: date, asked: Mapping[str, Any], column: str, row: Mapping[str, Any]
) -> str:
    as_of: date = asked["as_of"]
    if slug == "maturity-ladder":
        return dues_href(asked, column, *rung_days(as_of, row["due"])) if column in PARTS else ""
    first = date.fromisoformat(f"{row['month']}-01")
    if column in PARTS:
        end = add_tenor(as_of, Tenor(int(asked.get("months") or 12), "M"))
        last = (first + timedelta(days=31)).replace(day=1) - ONE_DAY
        return dues_href(asked, column, max(first, as_of + ONE_DAY), min(last, end))
    if column == "out":
        return f"{reverse('admin:drawdowns')}?state=all"
    if column == "opening" and first <= as_of:
        return figure_href(
            (K.CASH, K.BANK_OVERDRAFT), of=FUND, first_day=opened_on, last_day=as_of, back=slug
        )
    return ""


def total_href(made: Report, opened_on: date, asked: Mapping[str, Any], column: str) -> str:
    """Where a column's total is explained: the movements of the same kinds of account of everybody, the dues of all days,
    the legs or the accounts beneath; else the rows themselves, which stand above it."""
    slug = made.slug
    if "as_of" in asked and (found := _total_standing(slug, opened_on, asked, column)):
        return found
    if "first_day" in asked and (found := _total_moved(slug, opened_on, asked, column)):
        return found
    return "#rows"


def _total_standing(slug: str, opened_on: date, asked: Mapping[str, Any], column: str) -> str:
    as_of: date = asked["as_of"]
    if slug in STANDING and column in STANDING[slug]:
        kinds, whose = STANDING[slug][column], BORROWERS if slug == "arrears" else ""
        return figure_href(kinds, of=whose, first_day=opened_on, last_day=as_of, back=slug)
    if slug == "trial-balance":
        days = {"first_day": max(asked.get("since") or opened_on, opened_on), "last_day": as_of}
        return _report_href("general-ledger", **days, family=asked.get("family") or "all")
    if slug == "maturity-ladder" and column in PARTS:
        return dues_href(asked, column, None, None)
    if slug == "cash-forecast" and column in PARTS:
        end = add_tenor(as_of, Tenor(int(asked.get("months") or 12), "M"))
        return dues_href(asked, column, as_of + ONE_DAY, end)
    if slug == "cash-forecast":
        return f"{reverse('admin:drawdowns')}?state=all"
    return reverse("admin:facilities") if column == "commitment" else ""


def _total_moved(slug: str, opened_on: date, asked: Mapping[str, Any], column: str) -> str:
    first, last = asked["first_day"], asked["last_day"]
    if slug == "income" and column in INCOME:
        return figure_href(INCOME[column], of="", first_day=first, last_day=last, back=slug)
    if slug == "accrual-roll-forward" and column in {"opening", "closing"}:
        end = first - ONE_DAY if column == "opening" else last
        return (
            figure_href(ACCRUED, of="", first_day=opened_on, last_day=end, back=slug)
            if end >= opened_on
            else ""
        )
    if slug == "accrual-roll-forward":
        return figure_href(ACCRUED, of="", first_day=first, last_day=last, back=slug, part=column)
    if slug == "accruals":
        kinds = (K.ACCRUED_INTEREST,)
        return figure_href(kinds, of="", first_day=first, last_day=last, back=slug, part="nights")
    if slug in {"general-ledger", "journal-import"}:
        family = "money" if slug == "journal-import" else asked.get("family") or "money"
        return _report_href("trial-balance", since=first, as_of=last, family=family)
    if slug == "reconciliation" and column == "in_book":
        return figure_href((K.CASH, K.BANK_OVERDRAFT), of=FUND, first_day=first, last_day=last, back=slug)
    return reverse("admin:receipt_import") if slug == "reconciliation" else ""


def _report_href(slug: str, **asked: Any) -> str:
    sent = {name: value.isoformat() if isinstance(value, date) else value for name, value in asked.items()}
    return f"{reverse('admin:report', args=[slug])}?{urlencode(sent)}"


@page("explain/", name="explain", readers=READERS)
def explain(request: HttpRequest) -> HttpResponse:
    """The movements behind one figure of a report, newest first, each leading to its entry."""
    seat = take_seat(request)
    slug = request.GET.get("from", "")
    slug = slug if slug in REPORTS else ""
    try:
        figure = explain_figure(
            seat.fund,
            kinds=request.GET.getlist("account"),
            of=request.GET.get("of", ""),
            part=request.GET.get("part", ""),
            first_day=date.fromisoformat(request.GET.get("first_day", "")),
            last_day=date.fromisoformat(request.GET.get("last_day", "")),
        )
    except (Refused, ValueError) as refused:
        raise Http404("There is no such figure.") from refused
    trail = [("Reports", reverse("admin:reports"))]
    return show(
        request,
        "office/finance/explain.html",
        {"figure": figure, "code": seat.fund.currency, "trail": trail, "slug": slug},
        title="What makes this figure",
    )


@page("entries/<int:key>/", name="entry", readers=READERS)
def entry(request: HttpRequest, key: int) -> HttpResponse:
    """One entry of the ledger: its legs, what caused it, the event that was read, and everyone who had a hand in it."""
    seat = take_seat(request)
    try:
        found = explain_entry(key)
    except Refused as refused:
        raise Http404(refused.sentence) from refused
    names = dict(
        User.objects.filter(email__in={step.actor for step in found.steps}).values_list("email", "name")
    )
    context = {
        "entry": found,
        "legs": [(leg, _page_of(seat, leg.owner)) for leg in found.legs],
        "people": [
            Told(words_of(step.action), step.at, names.get(step.actor, step.actor), step.reason, "")
            for step in found.steps
        ],
        "facts": _facts(found.event or {}),
        "source": _opened(seat, *found.origin),
        "papers": list(_papers(found)),
        "nights": _nights_of(found),
        "code": seat.fund.currency,
        "trail": [("Reports", reverse("admin:reports"))],
    }
    return show(request, "office/finance/entry.html", context, title=f"Entry {found.entry}: {found.kind}")


def _nights_of(found: Trail) -> str:
    """The list of the nights that a close's entry of accruals is the sum of."""
    if found.kind != "daily accrual":
        return ""
    return _report_href("accruals", first_day=found.booking_date, last_day=found.booking_date)


def _papers(found: Trail) -> Iterator[tuple[str, str]]:
    """What an auditor asks to see: the bank's or the chain's line, the paper of an entry by hand, the pair of two people."""
    kind, number = found.origin
    row = BankImportRow.objects.filter(receipt__number=number).select_related("bank_import").first()
    if kind == "receipt" and row is not None:
        yield (
            f"{row.bank_import.name}, line {row.line}",
            reverse("admin:receipt_imported", args=[row.bank_import_id]),
        )
    journal = HandJournal.objects.filter(number=number).select_related("document").first()
    if kind == "journal" and journal is not None and journal.document is not None:
        yield journal.document.name, reverse("admin:journal_paper", args=[number])
    for side in CashPairSide.objects.filter(entry_id=found.entry, live=True).select_related("pair"):
        yield f"{side.pair.number}, {side.pair.reason}", reverse("admin:pair", args=[side.pair.number])


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """An event's document as words and values; what is nested is written in one line."""
    return [
        (str(name).replace("_", " ").capitalize(), _EMPTY_DECIMALS.sub(r"\1", str(value)))
        for name, value in document.items()
        if value not in (None, "", [], {})
    ]


PLACES = {"FAC": "facility", "LN": "loan", "APP": "application"}


def _page_of(seat: Seat, number: str) -> str:
    """The page of whose account a leg is, when this person may open it."""
    name = PLACES.get(number.partition("-")[0], "")
    return _opened(seat, name, number)


def _opened(seat: Seat, name: str, number: str) -> str:
    """The page of a thing by its kind and number; empty when it has none, or none that this person may open."""
    known = next((one for one in PAGES if one.name == name), None)
    if known is None or not seat.holds(*known.readers, *known.actors, roles.AUDITOR):
        return ""
    return reverse(f"admin:{name}", args=[number])
