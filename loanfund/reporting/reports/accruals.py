"""What was earned: the roll-forward of accrued interest, income by partner and month, every night, fixings used."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from psycopg import sql

from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import DayMovement
from loanfund.reporting.reports.chart import INCOME
from loanfund.reporting.reports.ledgers import SHOWN
from loanfund.reporting.reports.report import (
    BOOKS,
    LENDERS,
    PERIOD,
    ZERO,
    Cell,
    Check,
    Column,
    Kind,
    Report,
    ReportSpec,
    fetched,
    first_rows,
    period_words,
    report_of,
)

ONE_DAY = timedelta(days=1)

ROLL = """
WITH moved AS (
    SELECT facility_id, 'ACCRUED_INTEREST' AS kind, booking_date, posted AS amount, sequence > 0 AS corrected, true AS earned
    FROM servicing_accrual WHERE booking_date <= %(last_day)s
    UNION ALL
    SELECT facility_id, CASE kind WHEN 'default_interest' THEN 'ACCRUED_DEFAULT_INTEREST' ELSE 'ACCRUED_COMMITMENT_FEE' END,
        booking_date, posted, sequence > 0, true
    FROM servicing_facilityaccrual WHERE booking_date <= %(last_day)s
    UNION ALL
    SELECT c.facility_id, c.kind, c.booking_date, c.amount,
        c.value_date < c.booking_date AND coalesce(e.kind, '') LIKE '%%back_valued', false
    FROM servicing_controlposting c LEFT JOIN ledger_journalentry e ON e.key = c.entry_key
    WHERE c.booking_date <= %(last_day)s
        AND c.kind IN ('ACCRUED_INTEREST', 'ACCRUED_DEFAULT_INTEREST', 'ACCRUED_COMMITMENT_FEE')
)
SELECT p.number, f.number, m.kind,
    coalesce(sum(amount) FILTER (WHERE booking_date < %(first_day)s), 0),
    coalesce(sum(amount) FILTER (WHERE booking_date >= %(first_day)s AND earned AND NOT corrected), 0),
    coalesce(sum(amount) FILTER (WHERE booking_date >= %(first_day)s AND NOT earned AND NOT corrected), 0),
    coalesce(sum(amount) FILTER (WHERE booking_date >= %(first_day)s AND corrected), 0),
    coalesce(sum(amount), 0)
FROM moved m JOIN facilities_facility f ON f.id = m.facility_id JOIN parties_partner p ON p.id = f.partner_id
WHERE f.fund_id = %(fund)s
GROUP BY 1, 2, 3 ORDER BY 2, 3
"""


def roll_forward(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """Opening + accrued - fell due + corrections = closing, by facility and kind; the closing tied to the ledger."""
    columns = (
        Column("partner", "Partner", Kind.PARTNER),
        Column("facility", "Facility", Kind.FACILITY),
        Column("what", "What"),
        Column("opening", "Opening", Kind.MONEY, total=True),
        Column("accrued", "Accrued", Kind.MONEY, total=True),
        Column("due", "Fell due or was settled", Kind.MONEY, total=True),
        Column("corrections", "Corrections", Kind.MONEY, total=True),
        Column("closing", "Closing", Kind.MONEY, total=True),
    )
    rows: list[tuple[Cell, ...]] = []
    closing: dict[str, Decimal] = defaultdict(Decimal)
    for partner, facility, kind, *amounts in fetched(
        ROLL, first_day=first_day, last_day=last_day, fund=fund.pk
    ):
        rows.append((partner, facility, K(kind).label, *amounts))
        closing[kind] += amounts[-1]
    kinds = (K.ACCRUED_INTEREST, K.ACCRUED_DEFAULT_INTEREST, K.ACCRUED_COMMITMENT_FEE)
    booked = ledger_balances(fund, last_day, kinds)
    checks = tuple(Check(kind.label, closing[kind], booked[kind]) for kind in kinds)
    spec = ("accrual-roll-forward", "Accrual roll-forward")
    return report_of(spec, fund, period_words(fund, first_day, last_day), columns, rows, checks=checks)


def ledger_balances(
    fund: Fund, day: date, kinds: tuple[K, ...], since: date | None = None
) -> dict[K, Decimal]:
    """Debits less credits of each kind of account at the end of a booking date, or of the days since another."""
    found: dict[K, Decimal] = dict.fromkeys(kinds, ZERO)
    days = DayMovement.objects.filter(
        account__book_id=fund.book_id, account__kind__in=kinds, booking_date__lte=day
    )
    if since is not None:
        days = days.filter(booking_date__gte=since)
    for kind, debit, credit in days.values_list("account__kind", "debit", "credit"):
        found[K(kind)] += debit - credit
    return found


EARNED = """
WITH earned AS (
    SELECT facility_id, date_trunc('month', booking_date)::date AS month,
        CASE WHEN suspended THEN 'INTEREST_SUSPENSE' ELSE 'INTEREST_INCOME' END AS kind, posted AS amount
    FROM servicing_accrual WHERE booking_date BETWEEN %(first_day)s AND %(last_day)s
    UNION ALL
    SELECT facility_id, date_trunc('month', booking_date)::date, CASE WHEN suspended THEN 'INTEREST_SUSPENSE'
        WHEN kind = 'default_interest' THEN 'DEFAULT_INTEREST_INCOME' ELSE 'COMMITMENT_FEE_INCOME' END, posted
    FROM servicing_facilityaccrual WHERE booking_date BETWEEN %(first_day)s AND %(last_day)s
    UNION ALL
    SELECT facility_id, date_trunc('month', booking_date)::date, kind, amount
    FROM servicing_controlposting WHERE booking_date BETWEEN %(first_day)s AND %(last_day)s AND kind = ANY (%(kinds)s)
    UNION ALL
    SELECT substr(b.owner, 10)::bigint, date_trunc('month', e.booking_date)::date, a.kind,
        CASE p.side WHEN 'C' THEN p.amount ELSE -p.amount END
    FROM ledger_journalentry e
    JOIN ledger_posting p ON p.entry_id = e.id
    JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'ARRANGEMENT_FEE_INCOME'
    CROSS JOIN LATERAL (
        SELECT x.owner FROM ledger_posting q JOIN ledger_account x ON x.id = q.account_id
        WHERE q.entry_id = e.id AND x.kind = 'FEES_DUE' AND x.owner LIKE 'facility:%%' LIMIT 1
    ) b
    WHERE e.booking_date BETWEEN %(first_day)s AND %(last_day)s AND e.book_id = %(book)s
)
SELECT p.number, p.legal_name, to_char(month, 'YYYY-MM'),
    coalesce(sum(amount) FILTER (WHERE kind = 'INTEREST_INCOME'), 0),
    coalesce(sum(amount) FILTER (WHERE kind = 'DEFAULT_INTEREST_INCOME'), 0),
    coalesce(sum(amount) FILTER (WHERE kind = 'COMMITMENT_FEE_INCOME'), 0),
    coalesce(sum(amount) FILTER (WHERE kind = ANY (%(fees)s)), 0),
    coalesce(sum(amount) FILTER (WHERE kind = 'RECOVERY_INCOME'), 0),
    sum(amount) FILTER (WHERE kind <> 'INTEREST_SUSPENSE')
FROM earned JOIN facilities_facility f ON f.id = facility_id JOIN parties_partner p ON p.id = f.partner_id
WHERE f.fund_id = %(fund)s
GROUP BY 1, 2, month HAVING bool_or(kind <> 'INTEREST_SUSPENSE') ORDER BY 1, month
"""
FEES = (K.ARRANGEMENT_FEE_INCOME, K.PREPAYMENT_FEE_INCOME, K.LATE_FEE_INCOME)


def income(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """Income by partner and month of booking; what is in suspense is not income. Tied to the ledger's income accounts."""
    columns = (
        Column("partner", "Partner", Kind.PARTNER),
        Column("name", "Name"),
        Column("month", "Month"),
        Column("interest", "Interest", Kind.MONEY, total=True),
        Column("default_interest", "Default interest", Kind.MONEY, total=True),
        Column("commitment_fee", "Commitment fee", Kind.MONEY, total=True),
        Column("other_fees", "Other fees", Kind.MONEY, total=True),
        Column("recovered", "Recovered", Kind.MONEY, total=True),
        Column("total", "Total", Kind.MONEY, total=True),
    )
    rows = fetched(
        EARNED,
        first_day=first_day,
        last_day=last_day,
        kinds=[kind.value for kind in INCOME],
        fees=[kind.value for kind in FEES],
        fund=fund.pk,
        book=fund.book_id,
    )
    booked = -sum(ledger_balances(fund, last_day, INCOME, since=first_day).values(), ZERO)
    shown = sum((row[-1] for row in rows), ZERO)
    spec = ("income", "Income by partner and month")
    words = period_words(fund, first_day, last_day)
    return report_of(spec, fund, words, columns, rows, checks=(Check("Income accounts", shown, booked),))


NIGHTS = """
WITH loans AS MATERIALIZED (
    SELECT l.id, l.number AS loan, f.number AS facility
    FROM servicing_loan l JOIN facilities_facility f ON f.id = l.facility_id WHERE f.fund_id = {fund}
)
SELECT a.accrual_date, a.booking_date, l.facility, l.loan, a.sequence,
    round(a.principal, {places}), a.rate, a.num || '/' || a.den AS fraction, a.exact, round(a.posted, {places}) AS posted,
    CASE WHEN a.estimated THEN 'estimated' END, CASE WHEN a.suspended THEN 'suspended' END
FROM servicing_accrual a JOIN loans l ON l.id = a.loan_id
WHERE a.booking_date BETWEEN {first} AND {last}
"""
NIGHT_COLUMNS = (
    Column("night", "Night of", Kind.DATE),
    Column("booking_date", "Booked", Kind.DATE),
    Column("facility", "Facility", Kind.FACILITY),
    Column("loan", "Loan", Kind.LOAN),
    Column("sequence", "Sequence", Kind.INT),
    Column("principal", "Principal", Kind.MONEY),
    Column("rate", "Rate a year", Kind.RATE),
    Column("fraction", "Fraction"),
    Column("interest_exact", "Interest, exact", Kind.EXACT),
    Column("posted", "Posted", Kind.MONEY, total=True),
    Column("estimated", "Estimated"),
    Column("suspended", "Suspended"),
)


def nights_query(fund: Fund, *, first_day: date, last_day: date) -> sql.Composed:
    """Every accrual row booked in a period; in no order, so that a million rows stream at once."""
    return sql.SQL(NIGHTS).format(
        places=sql.Literal(currency_of(fund.currency).decimals),
        fund=sql.Literal(fund.pk),
        first=sql.Literal(first_day),
        last=sql.Literal(last_day),
    )


def nights(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """The accrual rows of a period, by night and loan: what every figure of interest is explained by."""
    query = nights_query(fund, first_day=first_day, last_day=last_day)
    rows, more = first_rows(query, "1, 4, 5", SHOWN, NIGHT_COLUMNS, hashed=True)
    spec = ("accruals", "Accruals, night by night")
    words = period_words(fund, first_day, last_day)
    return report_of(spec, fund, words, NIGHT_COLUMNS, rows, **more)


USED = """
WITH used AS (
    SELECT c.document->'rate'->>'reference' AS code, min(a.accrual_date) AS first_night, max(a.accrual_date) AS last_night,
        count(*) AS nights, count(*) FILTER (WHERE a.estimated) AS estimated
    FROM servicing_accrual a JOIN servicing_accrualclass c ON c.id = a.accrual_class_id
    JOIN facilities_facility f ON f.id = a.facility_id
    WHERE f.fund_id = %(fund)s AND a.booking_date BETWEEN %(first_day)s AND %(last_day)s
        AND c.document->'rate' ? 'reference'
    GROUP BY 1
), known AS (
    SELECT DISTINCT ON (x.rate_id, x.date) x.rate_id, x.date, x.value, x.published_at, x.known_at, x.source,
        count(*) OVER (PARTITION BY x.rate_id, x.date) AS versions
    FROM reference_ratefixing x ORDER BY x.rate_id, x.date, x.known_at DESC, x.id DESC
)
SELECT u.code, k.date, k.value, k.published_at, k.known_at, k.source, k.versions
FROM used u JOIN reference_referencerate r ON r.code = u.code JOIN known k ON k.rate_id = r.id
WHERE k.date BETWEEN u.first_night - 14 AND u.last_night
ORDER BY 1, 2
"""


def fixings_used(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """The fixings that the period's nights could read, two weeks of lookback included, and when each was learnt."""
    columns = (
        Column("reference", "Reference"),
        Column("date", "Day", Kind.DATE),
        Column("value", "Value", Kind.RATE),
        Column("published_at", "Published", Kind.MOMENT),
        Column("known_at", "Learnt", Kind.MOMENT),
        Column("source", "Source"),
        Column("versions", "Versions", Kind.INT),
    )
    rows = fetched(USED, first_day=first_day, last_day=last_day, fund=fund.pk)
    guessed = fetched(
        "SELECT count(*) FROM servicing_accrual a JOIN facilities_facility f ON f.id = a.facility_id"
        " WHERE f.fund_id = %(fund)s AND a.estimated AND a.booking_date BETWEEN %(first_day)s AND %(last_day)s",
        fund=fund.pk,
        first_day=first_day,
        last_day=last_day,
    )[0][0]
    notes = (f"{guessed:,} nights booked in the period rest on an estimated fixing.",) if guessed else ()
    spec = ("fixings", "Fixings used")
    return report_of(spec, fund, period_words(fund, first_day, last_day), columns, rows, notes=notes)


SPECS = (
    ReportSpec(
        "accrual-roll-forward",
        "Accrual roll-forward",
        "Opening + accrued - fell due + corrections = closing, by facility; tied to the ledger.",
        PERIOD,
        BOOKS,
        roll_forward,
    ),
    ReportSpec(
        "income",
        "Income by partner and month",
        "Interest, default interest and fees earned, by partner and month of booking; tied to the ledger.",
        PERIOD,
        BOOKS,
        income,
    ),
    ReportSpec(
        "accruals",
        "Accruals, night by night",
        "Every accrual row with its principal, rate, fraction and exact interest.",
        PERIOD,
        LENDERS,
        nights,
        nights_query,
        NIGHT_COLUMNS,
        hashed=True,
    ),
    ReportSpec(
        "fixings",
        "Fixings used",
        "The values of reference rates behind the period's floating interest, with when each was published and learnt.",
        PERIOD,
        LENDERS,
        fixings_used,
    ),
)
