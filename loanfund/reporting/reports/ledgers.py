"""Trial balance, general ledger, and the general ledger as an accounting package imports it."""

from datetime import date
from decimal import Decimal

from psycopg import sql

from loanfund.audit.errors import Refused
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind, Family
from loanfund.reporting.reports.chart import CODES
from loanfund.reporting.reports.report import (
    AS_OF,
    BOOKS,
    PERIOD,
    ZERO,
    Check,
    Column,
    Kind,
    Parameter,
    Report,
    ReportSpec,
    as_of_words,
    fetched,
    first_rows,
    period_words,
    report_of,
)

SHOWN = 2_000
"""How many rows of a large report are shown on screen and in a workbook's first look; its CSV has them all."""

OWNERS = """
owners AS (
    SELECT 'facility:' || id AS owner, number FROM facilities_facility
    UNION ALL SELECT 'loan:' || id, number FROM servicing_loan
    UNION ALL SELECT 'partner:' || id, number FROM parties_partner
    UNION ALL SELECT 'application:' || id, number FROM origination_application
)"""

TRIAL = f"""
WITH {OWNERS}
SELECT a.kind, a.family, CASE WHEN %(each)s THEN coalesce(o.number, a.owner) ELSE '' END AS whose,
    sum(d.debit), sum(d.credit)
FROM ledger_account a
JOIN ledger_daymovement d ON d.account_id = a.id AND d.booking_date <= %(as_of)s
LEFT JOIN owners o ON o.owner = a.owner
WHERE a.book_id = %(book)s AND d.booking_date >= %(since)s AND (%(all)s OR a.family = 0)
GROUP BY 1, 2, 3 ORDER BY 2, 1, 3
"""  # nosec B608 # our own words only


def trial_balance(
    fund: Fund, *, as_of: date, since: date | None = None, detail: str = "kind", family: str = "all"
) -> Report:
    """Every account with its balance on the side where it stands; debits equal credits in each of the three sets.

    With `since` it is of the days from then on alone: what moved, and where that leaves each account.
    """
    if since is not None and since > as_of:
        raise Refused("This is after the day that the balance is of.", field="since")
    columns = (
        Column("set", "Set"),
        Column("code", "Code"),
        Column("account", "Account"),
        Column("owner", "Of", Kind.FACILITY),
        Column("debits", "All debits", Kind.MONEY, total=True),
        Column("credits", "All credits", Kind.MONEY, total=True),
        Column("debit_balance", "Debit balance", Kind.MONEY, total=True),
        Column("credit_balance", "Credit balance", Kind.MONEY, total=True),
    )
    rows: list[tuple[object, ...]] = []
    sides: dict[int, list[Decimal]] = {one: [ZERO, ZERO] for one in Family.values}
    for kind, kept, owner, debits, credits_ in fetched(
        TRIAL,
        each=detail == "account",
        all=family == "all",
        as_of=as_of,
        since=since or date.min,
        book=fund.book_id,
    ):
        net = debits - credits_
        left, right = max(net, ZERO), max(-net, ZERO)
        sides[kept][0] += left
        sides[kept][1] += right
        account = AccountKind(kind)
        code = CODES.get(account, account.value)
        rows.append((Family(kept).label, code, account.label, owner, debits, credits_, left, right))
    rows.sort(key=lambda row: (row[0] != Family.MONEY.label, row[0], row[1], row[3]))
    checks = tuple(
        Check(f"Debit balances, {Family(kept).label}", left, right, "the credit balances")
        for kept, (left, right) in sides.items()
        if left or right
    )
    words = as_of_words(fund, as_of) if since is None else period_words(fund, since, as_of)
    return report_of(("trial-balance", "Trial balance"), fund, words, columns, rows, checks=checks)  # type: ignore[arg-type] # cells


LEDGER = """
WITH {owners}
SELECT e.booking_date, e.value_date, e.id::text, replace(e.kind, '_', ' '), {code} AS code, {name} AS account,
    coalesce(o.number, a.owner) AS owner,
    CASE p.side WHEN 'D' THEN round(p.amount, {places}) END AS debit,
    CASE p.side WHEN 'C' THEN round(p.amount, {places}) END AS credit,
    {memo} AS text, {cause} AS cause
FROM ledger_journalentry e
JOIN ledger_posting p ON p.entry_id = e.id
JOIN ledger_account a ON a.id = p.account_id
LEFT JOIN owners o ON o.owner = a.owner
WHERE e.book_id = {book} AND e.booking_date BETWEEN {first} AND {last} AND {family}
"""
BOOKED = "e.booking_date, e.id, p.line"
"""The order of booking, of the legs in `LEDGER` and in `IMPORT`."""

LEDGER_COLUMNS = (
    Column("booking_date", "Booked", Kind.DATE),
    Column("value_date", "Value", Kind.DATE),
    Column("entry", "Entry", Kind.ENTRY),
    Column("kind", "Event"),
    Column("code", "Code"),
    Column("account", "Account"),
    Column("owner", "Of", Kind.FACILITY),
    Column("debit", "Debit", Kind.MONEY, total=True),
    Column("credit", "Credit", Kind.MONEY, total=True),
    Column("text", "Text"),
    Column("cause", "From"),
)


def safe(expression: str) -> sql.SQL:
    """An expression of text that no spreadsheet runs as a formula, in SQL as in `csv_format.safe_text`."""
    return sql.SQL(
        f"CASE WHEN {expression} ~ '^[-=+@\\t\\r]' THEN '''' || {expression} ELSE {expression} END"
    )


def code_case() -> sql.Composed:
    """The account's number from its kind."""
    parts = [
        sql.SQL(" WHEN {} THEN {}").format(sql.Literal(kind.value), sql.Literal(code))
        for kind, code in CODES.items()
    ]
    return sql.SQL("CASE a.kind{} ELSE a.kind END").format(sql.Composed(parts))


def name_case() -> sql.Composed:
    """The account's name in words from its kind."""
    names = [
        sql.SQL(" WHEN {} THEN {}").format(sql.Literal(kind.value), sql.Literal(kind.label))
        for kind in AccountKind
    ]
    return sql.SQL("CASE a.kind{} END").format(sql.Composed(names))


def ledger_query(fund: Fund, *, first_day: date, last_day: date, family: str = "money") -> sql.Composed:
    """Every leg in the order of booking."""
    return _in_order(_legs(fund, first_day, last_day, family))


def _in_order(legs: sql.Composed) -> sql.Composed:
    return sql.SQL("{} ORDER BY {}").format(legs, sql.SQL(BOOKED))


def _legs(fund: Fund, first_day: date, last_day: date, family: str) -> sql.Composed:
    only = "a.family = 0" if family == "money" else "true"
    return sql.SQL(LEDGER).format(
        owners=sql.SQL(OWNERS),
        code=code_case(),
        name=name_case(),
        places=sql.Literal(currency_of(fund.currency).decimals),
        memo=safe("e.memo"),
        cause=safe("e.cause"),
        book=sql.Literal(fund.book_id),
        first=sql.Literal(first_day),
        last=sql.Literal(last_day),
        family=sql.SQL(only),
    )


def general_ledger(fund: Fund, *, first_day: date, last_day: date, family: str = "money") -> Report:
    """Every leg booked in a period."""
    query = _legs(fund, first_day, last_day, family)
    return _first_rows(("general-ledger", "General ledger"), fund, first_day, last_day, LEDGER_COLUMNS, query)


IMPORT = """
WITH {owners}
SELECT to_char(e.booking_date, 'YYYY-MM-DD') AS date, 'JE-' || lpad(e.id::text, 8, '0') AS journal, {code} AS code,
    {name} AS account, coalesce(o.number, a.owner) AS tracking, {text} AS description,
    CASE p.side WHEN 'D' THEN round(p.amount, {places}) ELSE 0 END AS debit,
    CASE p.side WHEN 'C' THEN round(p.amount, {places}) ELSE 0 END AS credit, a.currency
FROM ledger_journalentry e
JOIN ledger_posting p ON p.entry_id = e.id
JOIN ledger_account a ON a.id = p.account_id
LEFT JOIN owners o ON o.owner = a.owner
WHERE e.book_id = {book} AND e.booking_date BETWEEN {first} AND {last} AND a.family = 0
"""

IMPORT_COLUMNS = (
    Column("date", "Date"),
    Column("journal", "Journal number"),
    Column("account_code", "Account code"),
    Column("account_name", "Account name"),
    Column("tracking", "Tracking"),
    Column("description", "Description"),
    Column("debit", "Debit", Kind.MONEY, total=True),
    Column("credit", "Credit", Kind.MONEY, total=True),
    Column("currency", "Currency"),
)


def import_query(fund: Fund, *, first_day: date, last_day: date) -> sql.Composed:
    """The money accounts' legs as an accounting package's journal import takes them: one row a leg, balanced a journal."""
    return _in_order(_import_legs(fund, first_day, last_day))


def _import_legs(fund: Fund, first_day: date, last_day: date) -> sql.Composed:
    return sql.SQL(IMPORT).format(
        owners=sql.SQL(OWNERS),
        code=code_case(),
        name=name_case(),
        text=safe("trim(replace(e.kind, '_', ' ') || ' ' || e.memo)"),
        places=sql.Literal(currency_of(fund.currency).decimals),
        book=sql.Literal(fund.book_id),
        first=sql.Literal(first_day),
        last=sql.Literal(last_day),
    )


def journal_import(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """The general ledger in the layout of a journal import."""
    query = _import_legs(fund, first_day, last_day)
    spec = ("journal-import", "General ledger for an accounting package")
    return _first_rows(spec, fund, first_day, last_day, IMPORT_COLUMNS, query)


def _first_rows(
    spec: tuple[str, str],
    fund: Fund,
    first_day: date,
    last_day: date,
    columns: tuple[Column, ...],
    query: sql.Composed,
) -> Report:
    rows, more = first_rows(query, BOOKED, SHOWN, columns)
    return report_of(spec, fund, period_words(fund, first_day, last_day), columns, rows, **more)


SPECS = (
    ReportSpec(
        "trial-balance",
        "Trial balance",
        "Every account with its balance, debits beside credits.",
        (
            *AS_OF,
            Parameter("since", "Only what was booked from", may_be_ahead=True),
            Parameter(
                "detail", "One row for", (("kind", "each kind of account"), ("account", "each account"))
            ),
            Parameter("family", "Accounts", (("all", "memorandum too"), ("money", "money only"))),
        ),
        BOOKS,
        trial_balance,
    ),
    ReportSpec(
        "general-ledger",
        "General ledger",
        "Every leg of every entry in the order of booking, with its value date.",
        (
            *PERIOD,
            Parameter("family", "Accounts", (("money", "money only"), ("all", "memorandum too"))),
        ),
        BOOKS,
        general_ledger,
        ledger_query,
        LEDGER_COLUMNS,
    ),
    ReportSpec(
        "journal-import",
        "General ledger for an accounting package",
        "The money accounts' journals in the layout that accounting packages import: one row a leg, numbered accounts.",
        PERIOD,
        BOOKS,
        journal_import,
        import_query,
        IMPORT_COLUMNS,
    ),
)
