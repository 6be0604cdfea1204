"""What is to come: principal and interest by how far ahead they fall due, and the cash of each month."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from loanfund.calculation.periods import Tenor, add_tenor
from loanfund.facilities.models import Facility, Fund
from loanfund.ledger.models import AccountKind as K
from loanfund.reporting.reports.accruals import ledger_balances
from loanfund.reporting.reports.lending import standing
from loanfund.reporting.reports.report import (
    AS_OF,
    LENDERS,
    ZERO,
    Cell,
    Check,
    Column,
    Kind,
    Parameter,
    Report,
    ReportSpec,
    as_of_words,
    fetched,
    report_of,
)
from loanfund.reporting.selectors import Ahead, dues_ahead

RUNGS = (("up to 1 month", 1), ("1 to 3 months", 3), ("3 to 6 months", 6), ("6 to 12 months", 12),
         ("1 to 2 years", 24), ("2 to 5 years", 60))  # fmt: skip
ONE_DAY = timedelta(days=1)
LAST_RUNG = "over 5 years"
OVERDUE = "due and open"
FORWARD = (
    "Closing cash is the opening cash with what comes in, less what goes out; the month after opens with it. "
    "The first opening is the book's cash."
)
GUESSED = "Floating interest ahead rests on the last rate published by then."
MONTHS = (("12", "12"), ("24", "24"), ("36", "36"))

OPEN = """
SELECT d.facility_id, d.component, sum(d.amount) - coalesce((
    SELECT sum(a.amount) FROM servicing_allocation a WHERE a.facility_id = d.facility_id
        AND a.component = d.component AND a.booking_date <= %(as_of)s
        AND a.due_key IN (SELECT key FROM servicing_due x WHERE x.facility_id = d.facility_id AND x.booking_date <= %(as_of)s
            AND x.due_date <= %(as_of)s)
), 0)
FROM servicing_due d JOIN facilities_facility f ON f.id = d.facility_id
WHERE f.fund_id = %(fund)s AND d.booking_date <= %(as_of)s AND d.due_date <= %(as_of)s
GROUP BY 1, 2
"""


def _signed(fund: Fund, as_of: date) -> list[Facility]:
    return list(fund.facilities.filter(signed_on__lte=as_of).order_by("number"))


def _ahead(fund: Fund, as_of: date) -> list[Ahead]:
    return [due for facility in _signed(fund, as_of) for due in dues_ahead(facility, as_of)]


def maturity_ladder(fund: Fund, *, as_of: date) -> Report:
    """Principal, interest and fees by how far ahead they fall due, each paid on its day; principal ties to the book.

    What is due and open stands on the first rung.
    """
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for _, component, amount in fetched(OPEN, as_of=as_of, fund=fund.pk):
        sums[OVERDUE][component] += amount
    ahead = _ahead(fund, as_of)
    for due in ahead:
        sums[_rung(as_of, due.due_date)][due.component] += due.amount
    columns = (
        Column("due", "Falls due"),
        Column("principal", "Principal", Kind.MONEY, total=True),
        Column("interest", "Interest", Kind.MONEY, total=True),
        Column("other", "Default interest, fees, costs", Kind.MONEY, total=True),
        Column("total", "Total", Kind.MONEY, total=True),
    )
    rows: list[tuple[Cell, ...]] = []
    for name in (OVERDUE, *(rung for rung, _ in RUNGS), LAST_RUNG):
        one = sums[name]
        other = one["default_interest"] + one["fees"] + one["costs"]
        rows.append(
            (name, one["principal"], one["interest"], other, one["principal"] + one["interest"] + other)
        )
    booked = standing(fund, as_of)
    owed = sum((one[K.LOAN_PRINCIPAL] + one[K.CAPITALISED_INTEREST] for one in booked.values()), ZERO)
    falling = sum((one["principal"] for one in sums.values()), ZERO)
    checks = (Check("Principal with what is capitalised", falling, owed),)
    notes = (GUESSED,) if any(due.estimated for due in ahead) else ()
    spec = ("maturity-ladder", "Maturity ladder")
    return report_of(spec, fund, as_of_words(fund, as_of), columns, rows, checks=checks, notes=notes)


COMPONENTS = (
    ("all", "all"),
    ("principal", "principal"),
    ("interest", "interest"),
    ("other", "default interest, fees, costs"),
)


def dues(
    fund: Fund,
    *,
    as_of: date,
    due_from: date | None = None,
    due_until: date | None = None,
    component: str = "all",
) -> Report:
    """Each sum behind the maturity ladder and the cash forecast: what is due and open, and what will fall due.

    What is due and open has no day here, since it counts as of `as_of`; with `due_from` it is left out.
    """
    columns = (
        Column("due_date", "Falls due", Kind.DATE),
        Column("standing", "Standing"),
        Column("facility", "Facility", Kind.FACILITY),
        Column("loan", "Loan", Kind.LOAN),
        Column("component", "What"),
        Column("amount", "Amount", Kind.MONEY, total=True),
        Column("estimated", "Rests on"),
    )
    rows: list[tuple[Cell, ...]] = []
    numbers = dict(fund.facilities.values_list("pk", "number"))
    if due_from is None:
        for facility, name, amount in sorted(fetched(OPEN, as_of=as_of, fund=fund.pk)):
            if amount and component in ("all", _part(name)):
                rows.append((None, OVERDUE, numbers[facility], "", _words(name), amount, ""))
    for facility in _signed(fund, as_of):
        for due in dues_ahead(facility, as_of, until=due_until):
            if (due_from and due.due_date < due_from) or component not in ("all", _part(due.component)):
                continue
            guess = "the last rate published" if due.estimated else ""
            rows.append(
                (due.due_date, "ahead", facility.number, due.loan, _words(due.component), due.amount, guess)
            )
    rows.sort(key=lambda row: (str(row[0] or ""), str(row[2]), str(row[3])))
    return report_of(("dues", "Dues"), fund, as_of_words(fund, as_of), columns, rows)


def _part(component: str) -> str:
    """The column of the ladder and the forecast that a component stands in."""
    return component if component in {"principal", "interest"} else "other"


def _words(component: str) -> str:
    return component.replace("_", " ")


def rung_days(as_of: date, name: str) -> tuple[date | None, date | None]:
    """The first and the last due day of a rung; None where it has none."""
    first = as_of + ONE_DAY
    for rung, months in RUNGS:
        last = add_tenor(as_of, Tenor(months, "M"))
        if rung == name:
            return first, last
        first = last + ONE_DAY
    return (first, None) if name == LAST_RUNG else (None, as_of)


def _rung(as_of: date, day: date) -> str:
    return next((name for name, months in RUNGS if day <= add_tenor(as_of, Tenor(months, "M"))), LAST_RUNG)


def cash_forecast(fund: Fund, *, as_of: date, months: str = "12") -> Report:
    """The fund's cash month by month: what falls due comes in on its day, what is asked for goes out on the day wanted.

    What is already due and open, and what may yet be drawn, is left out: see arrears and utilisation.
    """
    end = add_tenor(as_of, Tenor(int(months), "M"))
    came: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    ahead = [due for due in _ahead(fund, as_of) if due.due_date <= end]
    for due in ahead:
        came[f"{due.due_date:%Y-%m}"][_part(due.component)] += due.amount
    for wanted, amount in fetched(WANTED, as_of=as_of, fund=fund.pk):
        came[f"{max(wanted, as_of):%Y-%m}"]["out"] += amount
    columns = (
        Column("month", "Month"),
        Column("opening", "Opening cash", Kind.MONEY),
        Column("principal", "Principal in", Kind.MONEY, total=True),
        Column("interest", "Interest in", Kind.MONEY, total=True),
        Column("other", "Fees and other in", Kind.MONEY, total=True),
        Column("out", "Drawdowns out", Kind.MONEY, total=True),
        Column("closing", "Closing cash", Kind.MONEY),
    )
    held = ledger_balances(fund, as_of, (K.CASH, K.BANK_OVERDRAFT))
    cash = held[K.CASH] + held[K.BANK_OVERDRAFT]
    rows: list[tuple[Cell, ...]] = []
    day = as_of.replace(day=1)
    while day <= end:
        one = came[f"{day:%Y-%m}"]
        after = cash + one["principal"] + one["interest"] + one["other"] - one["out"]
        rows.append(
            (f"{day:%Y-%m}", cash, one["principal"], one["interest"], one["other"], -one["out"], after)
        )
        cash, day = after, add_tenor(day, Tenor(1, "M"))
    notes = (FORWARD, GUESSED) if any(due.estimated for due in ahead) else (FORWARD,)
    spec = ("cash-forecast", "Cash forecast")
    return report_of(spec, fund, as_of_words(fund, as_of), columns, rows, notes=notes)


WANTED = """
SELECT d.wanted_on, d.amount FROM servicing_drawdown d JOIN facilities_facility f ON f.id = d.facility_id
JOIN ledger_account a ON a.owner = 'facility:' || f.id AND a.kind = 'M_EARMARKED'
WHERE f.fund_id = %(fund)s AND d.requested_on <= %(as_of)s AND d.amount > 0
    AND (d.released_on IS NULL OR d.released_on > %(as_of)s)
    AND (d.settled_on IS NULL OR d.settled_on > %(as_of)s)
    AND NOT EXISTS (
        SELECT FROM audit_auditevent e WHERE e.object_type = 'servicing.drawdown' AND e.object_id = d.id::text
            AND e.action IN ('drawdown.cancelled', 'drawdown.rejected') AND e.on <= %(as_of)s
    )
"""

SPECS = (
    ReportSpec(
        "dues",
        "Dues, one by one",
        "What is due and open and what will fall due, each by itself: what the ladder and the forecast are made of.",
        (
            *AS_OF,
            Parameter("due_from", "Due from", may_be_ahead=True),
            Parameter("due_until", "Due until", may_be_ahead=True),
            Parameter("component", "What", COMPONENTS),
        ),
        LENDERS,
        dues,
    ),
    ReportSpec(
        "maturity-ladder",
        "Maturity ladder",
        "Principal and interest by how far ahead they fall due; principal tied to the ledger.",
        AS_OF,
        LENDERS,
        maturity_ladder,
    ),
    ReportSpec(
        "cash-forecast",
        "Cash forecast",
        "The fund's cash month by month: dues in on their days, drawdowns asked for out.",
        (*AS_OF, Parameter("months", "Months ahead", MONTHS)),
        LENDERS,
        cash_forecast,
    ),
)
