"""What is lent: outstanding and arrears by age, commitments and their use, loans that are closed."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind as K
from loanfund.reporting.reports.accruals import ledger_balances
from loanfund.reporting.reports.report import (
    AS_OF,
    LENDERS,
    PERIOD,
    ZERO,
    Cell,
    Check,
    Column,
    Kind,
    Report,
    ReportSpec,
    as_of_words,
    fetched,
    period_words,
    report_of,
)

BANDS = (("not yet late", 0), ("1 to 30 days", 30), ("31 to 60 days", 60), ("61 to 90 days", 90))
OWED = (
    K.LOAN_PRINCIPAL, K.CAPITALISED_INTEREST, K.INTEREST_DUE, K.DEFAULT_INTEREST_DUE, K.FEES_DUE, K.COSTS_DUE,
)  # fmt: skip
ACCRUED = (K.ACCRUED_INTEREST, K.ACCRUED_DEFAULT_INTEREST, K.ACCRUED_COMMITMENT_FEE)
HELD = (K.UNAPPLIED, K.OVER_LIMIT)

STANDING = """
WITH owned AS (
    SELECT coalesce(l.facility_id, f.id) AS facility_id, a.kind, sum(d.debit - d.credit) AS amount
    FROM ledger_account a
    JOIN ledger_daymovement d ON d.account_id = a.id AND d.booking_date <= %(as_of)s
    LEFT JOIN servicing_loan l ON a.owner = 'loan:' || l.id
    LEFT JOIN facilities_facility f ON a.owner = 'facility:' || f.id
    WHERE a.book_id = %(book)s AND a.kind = ANY (%(owned)s) AND (l.id IS NOT NULL OR f.id IS NOT NULL)
    GROUP BY 1, 2
    UNION ALL
    SELECT facility_id, 'ACCRUED_INTEREST', sum(posted) FROM servicing_accrual WHERE booking_date <= %(as_of)s GROUP BY 1
    UNION ALL
    SELECT facility_id, CASE kind WHEN 'default_interest' THEN 'ACCRUED_DEFAULT_INTEREST' ELSE 'ACCRUED_COMMITMENT_FEE' END,
        sum(posted) FROM servicing_facilityaccrual WHERE booking_date <= %(as_of)s GROUP BY 1, 2
    UNION ALL
    SELECT facility_id, kind, sum(amount) FROM servicing_controlposting
    WHERE booking_date <= %(as_of)s AND kind = ANY (%(accrued)s) GROUP BY 1, 2
)
SELECT o.facility_id, o.kind, sum(o.amount) FROM owned o JOIN facilities_facility f ON f.id = o.facility_id
WHERE f.fund_id = %(fund)s GROUP BY 1, 2
"""

LATE = """
WITH asked AS (
    SELECT facility_id, key, sum(amount) AS amount, %(as_of)s - greatest(min(due_date), max(payable_from)) AS late
    FROM servicing_due WHERE booking_date <= %(as_of)s AND due_date <= %(as_of)s GROUP BY 1, 2
), paid AS (
    SELECT facility_id, due_key, sum(amount) AS amount FROM servicing_allocation
    WHERE booking_date <= %(as_of)s GROUP BY 1, 2
)
SELECT a.facility_id, greatest(a.late, 0), sum(a.amount - coalesce(p.amount, 0))
FROM asked a LEFT JOIN paid p ON p.facility_id = a.facility_id AND p.due_key = a.key
JOIN facilities_facility f ON f.id = a.facility_id
WHERE f.fund_id = %(fund)s AND a.amount <> coalesce(p.amount, 0) GROUP BY 1, 2
"""

Sums = dict[int, dict[str, Decimal]]


def standing(fund: Fund, as_of: date) -> Sums:
    """What each facility owes at the end of a booking date, by kind of account, debits less credits."""
    found: Sums = defaultdict(lambda: defaultdict(Decimal))
    owned = [kind.value for kind in (*OWED, *HELD)]
    accrued = [kind.value for kind in ACCRUED]
    for facility, kind, amount in fetched(
        STANDING, as_of=as_of, book=fund.book_id, fund=fund.pk, owned=owned, accrued=accrued
    ):
        found[facility][kind] += amount
    return found


def arrears(fund: Fund, *, as_of: date) -> Report:
    """What each facility owes, and how old what is due and unpaid is. The first five money columns make up `owed`."""
    sums, late = standing(fund, as_of), defaultdict[int, dict[str, Decimal]](lambda: defaultdict(Decimal))
    oldest: dict[int, int] = defaultdict(int)
    for facility, days, amount in fetched(LATE, as_of=as_of, fund=fund.pk):
        late[facility][_band(days)] += amount
        oldest[facility] = max(oldest[facility], days)
    columns = (
        Column("partner", "Partner", Kind.PARTNER),
        Column("name", "Name"),
        Column("facility", "Facility", Kind.FACILITY),
        Column("principal", "Principal", Kind.MONEY, total=True),
        Column("capitalised", "Capitalised", Kind.MONEY, total=True),
        Column("accrued", "Accrued", Kind.MONEY, total=True),
        Column("interest_due", "Interest due", Kind.MONEY, total=True),
        Column("other_due", "Other due", Kind.MONEY, total=True),
        Column("unapplied", "Held unapplied", Kind.MONEY, total=True),
        Column("owed", "Owed", Kind.MONEY, total=True),
        *(
            Column(f"late_{index}", f"Due, {band}", Kind.MONEY, total=True)
            for index, (band, _) in enumerate(BANDS)
        ),
        Column("late_4", "Due, over 90 days", Kind.MONEY, total=True),
        Column("days", "Days past due", Kind.INT),
    )
    rows: list[tuple[Cell, ...]] = []
    signed = fund.facilities.filter(signed_on__lte=as_of).select_related("partner").order_by("number")
    for facility in signed:
        one = sums[facility.pk]
        accrued = sum((one[kind] for kind in ACCRUED), ZERO)
        other = one[K.DEFAULT_INTEREST_DUE] + one[K.FEES_DUE] + one[K.COSTS_DUE]
        held = -sum((one[kind] for kind in HELD), ZERO)
        owed = (
            one[K.LOAN_PRINCIPAL] + one[K.CAPITALISED_INTEREST] + accrued + one[K.INTEREST_DUE] + other - held
        )
        bands = [late[facility.pk][name] for name in (*(band for band, _ in BANDS), "over 90 days")]
        rows.append(
            (
                facility.partner.number, facility.partner.legal_name, facility.number, one[K.LOAN_PRINCIPAL],
                one[K.CAPITALISED_INTEREST], accrued, one[K.INTEREST_DUE], other, held, owed, *bands,
                oldest[facility.pk],
            )
        )  # fmt: skip
    booked = ledger_balances(fund, as_of, (*OWED, *ACCRUED))
    shown = sum((one[kind] for one in sums.values() for kind in (*OWED, *ACCRUED)), ZERO)
    checks = (Check("Owed before what is held unapplied", shown, sum(booked.values(), ZERO)),)
    spec = ("arrears", "Outstanding and arrears by age")
    return report_of(spec, fund, as_of_words(fund, as_of), columns, rows, checks=checks)


def _band(days: int) -> str:
    return next((band for band, most in BANDS if days <= most), "over 90 days")


USE = """
SELECT f.number, p.number, p.legal_name, f.revolving, f.signed_on, f.availability_end, f.maturity, f.commitment, a.kind,
    coalesce(sum(d.debit - d.credit), 0)
FROM facilities_facility f
JOIN parties_partner p ON p.id = f.partner_id
LEFT JOIN ledger_account a ON a.owner = 'facility:' || f.id AND a.book_id = %(book)s AND a.family = 1
LEFT JOIN ledger_daymovement d ON d.account_id = a.id AND d.booking_date <= %(as_of)s
WHERE f.fund_id = %(fund)s AND f.signed_on <= %(as_of)s
GROUP BY f.id, p.id, a.kind ORDER BY f.number
"""


def utilisation(fund: Fund, *, as_of: date) -> Report:
    """What is committed under each facility, what is drawn, asked for and left; drawn over drawn, earmarked and undrawn."""
    columns = (
        Column("facility", "Facility", Kind.FACILITY),
        Column("partner", "Partner", Kind.PARTNER),
        Column("name", "Name"),
        Column("type", "Type"),
        Column("signed_on", "Signed", Kind.DATE),
        Column("availability_end", "Available until", Kind.DATE),
        Column("maturity", "Maturity", Kind.DATE),
        Column("commitment", "Commitment", Kind.MONEY, total=True),
        Column("drawn", "Drawn", Kind.MONEY, total=True),
        Column("earmarked", "Earmarked", Kind.MONEY, total=True),
        Column("undrawn", "Undrawn", Kind.MONEY, total=True),
        Column("repaid", "Repaid, not re-lent", Kind.MONEY, total=True),
        Column("written_off", "Written off", Kind.MONEY, total=True),
        Column("used", "Used", Kind.SHARE),
    )
    grouped: dict[tuple[object, ...], dict[str, Decimal]] = {}
    for *who, kind, amount in fetched(USE, as_of=as_of, book=fund.book_id, fund=fund.pk):
        grouped.setdefault(tuple(who), defaultdict(Decimal))[kind or ""] += amount
    rows: list[tuple[Cell, ...]] = []
    for key, sums in grouped.items():
        number, partner, name, revolving, signed, until, maturity, commitment = key
        promised = sums[K.M_DRAWN] + sums[K.M_EARMARKED] + sums[K.M_UNDRAWN]
        used = (sums[K.M_DRAWN] / promised).quantize(Decimal("0.0001")) if promised else ZERO
        row = (
            number, partner, name, "revolving" if revolving else "term", signed, until, maturity, commitment,
            sums[K.M_DRAWN], sums[K.M_EARMARKED], sums[K.M_UNDRAWN], sums[K.M_REPAID], sums[K.M_WRITTEN_OFF], used,
        )  # fmt: skip
        rows.append(row)  # type: ignore[arg-type] # each is a cell
    kinds = (K.M_DRAWN, K.M_EARMARKED, K.M_UNDRAWN)
    booked = ledger_balances(fund, as_of, kinds)
    shown = [sum((sums[kind] for sums in grouped.values()), ZERO) for kind in kinds]
    checks = tuple(Check(kind.label, one, booked[kind]) for kind, one in zip(kinds, shown, strict=True))
    spec = ("utilisation", "Commitment and utilisation")
    return report_of(spec, fund, as_of_words(fund, as_of), columns, rows, checks=checks)


CLOSED = """
WITH settled AS (
    SELECT loan_id, max(booking_date) AS closed_on,
        sum(amount) FILTER (WHERE component = 'principal' AND how = 'paid') AS principal,
        sum(amount) FILTER (WHERE component <> 'principal' AND how = 'paid') AS interest,
        sum(amount) FILTER (WHERE how = 'waived') AS waived,
        sum(amount) FILTER (WHERE how = 'written_off') AS lost
    FROM servicing_allocation WHERE booking_date <= %(last_day)s AND loan_id IS NOT NULL GROUP BY 1
), owed AS (
    SELECT a.owner, sum(d.debit - d.credit) AS amount FROM ledger_account a
    JOIN ledger_daymovement d ON d.account_id = a.id AND d.booking_date <= %(last_day)s
    WHERE a.book_id = %(book)s AND a.owner LIKE 'loan:%%' GROUP BY 1
), nights AS (
    SELECT loan_id, sum(posted) AS earned, count(DISTINCT accrual_date) AS nights FROM servicing_accrual
    WHERE booking_date <= %(last_day)s GROUP BY 1
)
SELECT p.number, p.legal_name, f.number, l.number, l.disbursed_on, l.maturity, s.closed_on, l.amount, coalesce(n.nights, 0),
    coalesce(n.earned, 0), coalesce(s.principal, 0), coalesce(s.interest, 0), coalesce(s.waived, 0), coalesce(s.lost, 0)
FROM servicing_loan l
JOIN facilities_facility f ON f.id = l.facility_id
JOIN parties_partner p ON p.id = f.partner_id
JOIN settled s ON s.loan_id = l.id
JOIN owed o ON o.owner = 'loan:' || l.id AND o.amount = 0
LEFT JOIN nights n ON n.loan_id = l.id
WHERE f.fund_id = %(fund)s AND s.closed_on BETWEEN %(first_day)s AND %(last_day)s
ORDER BY s.closed_on, l.number
"""


def closed_loans(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """Loans on which nothing was owed any more at the end of the period, settled for good within it, with their totals."""
    columns = (
        Column("partner", "Partner", Kind.PARTNER),
        Column("name", "Name"),
        Column("facility", "Facility", Kind.FACILITY),
        Column("loan", "Loan", Kind.LOAN),
        Column("disbursed_on", "Disbursed", Kind.DATE),
        Column("maturity", "Maturity", Kind.DATE),
        Column("closed_on", "Closed", Kind.DATE),
        Column("lent", "Lent", Kind.MONEY, total=True),
        Column("nights", "Nights", Kind.INT),
        Column("interest", "Interest earned", Kind.MONEY, total=True),
        Column("principal_paid", "Principal paid", Kind.MONEY, total=True),
        Column("interest_paid", "Interest paid", Kind.MONEY, total=True),
        Column("waived", "Waived", Kind.MONEY, total=True),
        Column("written_off", "Written off", Kind.MONEY, total=True),
    )
    rows = fetched(CLOSED, first_day=first_day, last_day=last_day, book=fund.book_id, fund=fund.pk)
    spec = ("closed-loans", "Closed loans")
    return report_of(spec, fund, period_words(fund, first_day, last_day), columns, rows)


SPECS = (
    ReportSpec(
        "arrears",
        "Outstanding and arrears by age",
        "What each facility owes, by component, and how old what is due and unpaid is; tied to the ledger.",
        AS_OF,
        LENDERS,
        arrears,
    ),
    ReportSpec(
        "utilisation",
        "Commitment and utilisation",
        "What is committed, drawn, asked for and left under each facility; tied to the ledger.",
        AS_OF,
        LENDERS,
        utilisation,
    ),
    ReportSpec(
        "closed-loans",
        "Closed loans",
        "Loans settled for good within the period, with everything they earned and paid.",
        PERIOD,
        LENDERS,
        closed_loans,
    ),
)
