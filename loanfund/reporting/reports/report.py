"""A report as a value: columns, rows and totals, whatever it is about, so that one page and one writer show any of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from loanfund.audit.errors import Refused
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Fund
from loanfund.parties import roles

Cell = str | int | bool | date | datetime | Decimal | None
ZERO = Decimal(0)


class Kind(StrEnum):
    """What a column holds. Money has the fund's decimals; `EXACT` has twelve; a rate is a fraction a year (0.03 is 3 %); a
    share is a fraction of a whole. The last five are numbers of things that have a page of their own."""

    TEXT = "text"
    DATE = "date"
    MOMENT = "moment"
    INT = "int"
    MONEY = "money"
    EXACT = "exact"
    RATE = "rate"
    SHARE = "share"
    PARTNER = "partner"
    FACILITY = "facility"
    LOAN = "loan"
    RECEIPT = "receipt"
    ENTRY = "entry"


@dataclass(frozen=True)
class Column:
    """One column: its name in a CSV, its heading, what it holds, and whether its sum means something."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    total: bool = False


@dataclass(frozen=True)
class Check:
    """One sum of a report beside the same figure of the ledger, or of what `against` names: `difference` is zero when they
    tie."""

    what: str
    report: Decimal
    ledger: Decimal
    against: str = "the ledger"

    @property
    def difference(self) -> Decimal:
        return self.report - self.ledger


@dataclass(frozen=True)
class Report:
    """A report's content. `cut` says that there are more rows than are held here: only the files have them all, and `sums`
    adds them all up. `broken` names what does not tie and has no sum of its own: what it is, and a sentence."""

    slug: str
    title: str
    fund: str
    currency: str
    decimals: int
    period: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    cut: bool = False
    sums: Callable[[], Mapping[str, Decimal]] | None = None
    broken: tuple[tuple[str, str], ...] = ()

    @property
    def totals(self) -> dict[str, Decimal]:
        """The sum of each column that has one, by the column's name, of all rows whether they are held here or not."""
        if self.sums is not None:
            return dict(self.sums())
        return {
            column.name: sum((row[index] or ZERO for row in self.rows), ZERO)  # type: ignore[misc] # money only
            for index, column in enumerate(self.columns)
            if column.total
        }


@dataclass(frozen=True)
class Parameter:
    """What a report asks: its name, its label, and a date or a tuple of choices. A day that `may_be_ahead` can be any day,
    and be left out."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()
    may_be_ahead: bool = False


AS_OF = (Parameter("as_of", "As of the end of"),)
PERIOD = (Parameter("first_day", "First booking date"), Parameter("last_day", "Last booking date"))
LENDERS = (roles.FINANCE, roles.AUDITOR, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
BOOKS = (roles.FINANCE, roles.AUDITOR)

Build = Callable[..., Report]
Query = Callable[..., sql.Composed]


@dataclass(frozen=True)
class ReportSpec:
    """A report that can be asked for. `build(fund, **values)` gives it; `query`, of a large one, gives the SELECT that is
    streamed, with the same columns; `hashed` says that it is read within `hash_joins`. `rights` are the lender's roles
    that may read it."""

    slug: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    rights: tuple[str, ...]
    build: Build
    query: Query | None = None
    columns: tuple[Column, ...] = field(default=())
    hashed: bool = False

    def values(self, fund: Fund, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as the report takes them: dates from dates or ISO text. Refused, naming the field."""
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            value = given.get(parameter.name)
            if parameter.choices:
                found[parameter.name] = _chosen(parameter, value)
                continue
            if parameter.may_be_ahead:
                found[parameter.name] = _day(parameter, value) if value else None
                continue
            day = _day(parameter, value)
            if not fund.opened_on <= day <= fund.business_date:
                raise Refused(
                    f"Choose a day from {fund.opened_on:%d %B %Y} to {fund.business_date:%d %B %Y}.",
                    field=parameter.name,
                )
            found[parameter.name] = day
        if "first_day" in found and found["first_day"] > found["last_day"]:
            raise Refused("The period ends before it begins.", field="last_day")
        return found


def _day(parameter: Parameter, value: Any) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value or ""))
    except ValueError as error:
        raise Refused(f"{parameter.label}: give a date such as 2026-03-31.", field=parameter.name) from error


def _chosen(parameter: Parameter, value: Any) -> str:
    known = [name for name, _ in parameter.choices]
    if value in (None, ""):
        return known[0]
    if value not in known:
        raise Refused(f"{parameter.label}: choose one of {', '.join(known)}.", field=parameter.name)
    return str(value)


@contextmanager
def hash_joins() -> Iterator[None]:
    """A transaction in which each table is read once, however few rows the planner expects, and no query is compiled.

    What was booked since the last ANALYZE is no row to it: it would walk through all loans for each of a night's rows.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL jit = off")
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_nestloop = on")


def fetched(query: str | sql.Composed, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query with named parameters."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def first_rows(
    every: sql.Composed, order: str, most: int, columns: Sequence[Column], *, hashed: bool = False
) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    """The first rows of a large report in an order, and what a `Report` is told when there are more: a note, and how to add
    up all. `hashed` reads within `hash_joins`."""
    first = sql.SQL("{} ORDER BY {} LIMIT {}").format(every, sql.SQL(order), sql.Literal(most + 1))
    with hash_joins() if hashed else nullcontext():
        rows = fetched(first)
    if len(rows) <= most:
        return rows, {}
    note = f"The first {most:,} rows are shown; the files have all, and the totals are of all."
    return rows[:most], {"notes": (note,), "cut": True, "sums": partial(_added, every, columns, hashed)}


def _added(every: sql.Composed, columns: Sequence[Column], hashed: bool) -> dict[str, Decimal]:
    """The totals of all rows of a large report, which the database adds up."""
    names = [column.name for column in columns if column.total]
    sums = sql.SQL(", ").join(sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier(name)) for name in names)
    with hash_joins() if hashed else nullcontext():
        (totals,) = fetched(sql.SQL("SELECT {} FROM ({}) AS every").format(sums, every))
    return dict(zip(names, totals, strict=True))


def report_of(
    spec: tuple[str, str],
    fund: Fund,
    period: str,
    columns: tuple[Column, ...],
    rows: Sequence[tuple[Cell, ...]],
    **more: Any,
) -> Report:
    """A report of a fund; `spec` is its slug and title. Money gets the currency's decimals, which it has in the book."""
    decimals = currency_of(fund.currency).decimals
    places = Decimal(1).scaleb(-decimals)
    money = {index for index, column in enumerate(columns) if column.kind is Kind.MONEY}
    exact = [
        tuple(
            cell.quantize(places) if index in money and isinstance(cell, Decimal) else cell
            for index, cell in enumerate(row)
        )
        for row in rows
    ]
    return Report(*spec, fund.name, fund.currency, decimals, period, columns, exact, **more)


def as_of_words(fund: Fund, day: date) -> str:
    """How a report says its day; one that is not over yet says so."""
    still = "" if day < fund.business_date else " (the day is not closed yet)"
    return f"as of the end of {day:%d %B %Y}{still}"


def period_words(fund: Fund, first_day: date, last_day: date) -> str:
    """How a report says its booking dates."""
    still = "" if last_day < fund.business_date else " (its last day is not closed yet)"
    return f"booked {first_day:%d %B %Y} to {last_day:%d %B %Y}{still}"
