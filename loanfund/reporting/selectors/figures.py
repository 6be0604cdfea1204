"""What a figure of a report is made of: every movement behind it, each with the entry that booked it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility, Fund
from loanfund.ledger.chart import normal_side
from loanfund.ledger.models import AccountKind as K
from loanfund.ledger.models import JournalEntry
from loanfund.origination.models import Application
from loanfund.parties.models import Partner
from loanfund.reporting.selectors.references import references
from loanfund.servicing.models import Loan

ZERO = Decimal(0)
FUND = "fund"
"""Stands for the accounts that are nobody's but the fund's."""
BORROWERS = "borrowers"
"""Stands for everybody, without the money held that nobody is known for."""
SHOWN = 500
"""So many of the newest movements are shown; the count and the sum are of all."""

_FUND = """
SELECT e.booking_date, e.value_date, replace(e.kind, '_', ' ') AS what,
    coalesce(l.number, f.number, p.number, a.owner) AS whose, e.id AS entry,
    CASE p0.side WHEN %(side)s THEN p0.amount ELSE -p0.amount END AS amount, '' AS part
FROM ledger_account a
JOIN ledger_posting p0 ON p0.account_id = a.id
JOIN ledger_journalentry e ON e.id = p0.entry_id
LEFT JOIN servicing_loan l ON a.owner = 'loan:' || l.id
LEFT JOIN facilities_facility f ON a.owner = 'facility:' || f.id
LEFT JOIN parties_partner p ON a.owner = 'partner:' || p.id
WHERE a.book_id = %(book)s AND a.kind = ANY (%(kinds)s) AND e.booking_date BETWEEN %(first)s AND %(last)s
"""
_KNOWN = f"{_FUND} AND NOT (a.owner = '' AND a.kind IN ('UNAPPLIED', 'OVER_LIMIT'))"
_OWNED = f"{_FUND} AND a.owner = ANY (%(owners)s)"
_SHARES = """
SELECT c.booking_date, c.value_date, replace(coalesce(e.kind, c.kind), '_', ' ') AS what, f.number AS whose, e.id AS entry,
    c.amount, CASE WHEN c.value_date < c.booking_date AND coalesce(e.kind, '') LIKE '%%back_valued' THEN 'corrections'
        ELSE 'due' END AS part
FROM servicing_controlposting c
JOIN facilities_facility f ON f.id = c.facility_id
LEFT JOIN ledger_journalentry e ON e.key = c.entry_key
WHERE c.facility_id = ANY (%(facilities)s) AND c.kind = ANY (%(kinds)s) AND c.booking_date BETWEEN %(first)s AND %(last)s
UNION ALL
SELECT n.booking_date, n.night, 'night of ' || to_char(n.night, 'FMDD Mon YYYY') || n.extra, n.whose,
    coalesce(c.id, v.id), n.posted, CASE n.extra WHEN '' THEN 'accrued' ELSE 'corrections' END
FROM (
    SELECT a.booking_date, a.accrual_date AS night, CASE WHEN a.sequence > 0 THEN ', corrected' ELSE '' END AS extra,
        l.number AS whose, a.posted, a.batch_id,
        CASE WHEN a.suspended THEN 'INTEREST_SUSPENSE' ELSE 'INTEREST_INCOME' END AS income, 'ACCRUED_INTEREST' AS asset
    FROM servicing_accrual a JOIN servicing_loan l ON l.id = a.loan_id
    WHERE a.facility_id = ANY (%(facilities)s) AND a.booking_date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT a.booking_date, a.accrual_date, CASE WHEN a.sequence > 0 THEN ', corrected' ELSE '' END, f.number,
        a.posted, a.batch_id,
        CASE WHEN a.suspended THEN 'INTEREST_SUSPENSE' WHEN a.kind = 'default_interest' THEN 'DEFAULT_INTEREST_INCOME'
            ELSE 'COMMITMENT_FEE_INCOME' END,
        CASE a.kind WHEN 'default_interest' THEN 'ACCRUED_DEFAULT_INTEREST' ELSE 'ACCRUED_COMMITMENT_FEE' END
    FROM servicing_facilityaccrual a JOIN facilities_facility f ON f.id = a.facility_id
    WHERE a.facility_id = ANY (%(facilities)s) AND a.booking_date BETWEEN %(first)s AND %(last)s
) n
LEFT JOIN (
    SELECT booking_date, max(id) AS id FROM ledger_journalentry
    WHERE book_id = %(book)s AND kind = 'daily_accrual' GROUP BY 1
) c ON n.batch_id >= 0 AND c.booking_date = n.booking_date
LEFT JOIN servicing_event w ON n.batch_id < 0 AND w.id = -n.batch_id
LEFT JOIN ledger_journalentry v ON v.key = 'facility:' || w.facility_id || ':event:' || w.number
WHERE n.income = ANY (%(kinds)s) OR n.asset = ANY (%(kinds)s)
UNION ALL
SELECT e.booking_date, e.value_date, replace(e.kind, '_', ' '), f.number, e.id,
    CASE p.side WHEN 'C' THEN p.amount ELSE -p.amount END, ''
FROM facilities_facility f
JOIN ledger_account b ON b.owner = 'facility:' || f.id AND b.kind = 'FEES_DUE' AND b.book_id = %(book)s
JOIN ledger_posting q ON q.account_id = b.id
JOIN ledger_journalentry e ON e.id = q.entry_id
JOIN ledger_posting p ON p.entry_id = e.id
JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'ARRANGEMENT_FEE_INCOME' AND a.kind = ANY (%(kinds)s)
WHERE f.id = ANY (%(facilities)s) AND e.booking_date BETWEEN %(first)s AND %(last)s
"""
_OF_PART = "(%(part)s IN ('', part) OR (%(part)s = 'nights' AND starts_with(what, 'night of')))"


@dataclass(frozen=True)
class Movement:
    """One movement behind a figure: above zero where it adds to it. `whose` is the owner of the account, or what the entry
    came from when that is the fund itself; `entry` is the ledger entry that booked it."""

    booking_date: date
    value_date: date
    what: str
    whose: str
    entry: int | None
    amount: Decimal


@dataclass(frozen=True)
class Figure:
    """A figure and what makes it up: the newest movements, how many there are in all, the sum of those
    above zero, and the sum of all."""

    kinds: tuple[K, ...]
    of: str
    first_day: date
    last_day: date
    movements: tuple[Movement, ...]
    count: int
    added: Decimal
    total: Decimal

    @property
    def taken_off(self) -> Decimal:
        return self.added - self.total

    @property
    def more(self) -> int:
        return self.count - len(self.movements)


def explain_figure(
    fund: Fund, *, kinds: Sequence[str], of: str = "", part: str = "", first_day: date, last_day: date
) -> Figure:
    """What moved these kinds of account in a span of booking dates, above zero on the first kind's normal side.

    `of` is the number of a partner, facility, loan or application, an account's owner such as "segment:vault", `FUND` for
    accounts that are the fund's own, `BORROWERS`, or empty for everyone's. `part` keeps only what was "accrued", fell
    "due" or are "corrections" of accrued accounts, or all "nights". Refused for an unknown kind or number, or a span that
    runs backwards.
    """
    if not kinds or any(kind not in K.values for kind in kinds):
        raise Refused("There is no such account.", code="not_found")
    if "\0" in of + part:
        raise Refused("Nothing has such a number.", code="not_found")
    if first_day > last_day:
        raise Refused("The period ends before it begins.", field="last_day")
    asked: dict[str, Any] = {"book": fund.book_id, "kinds": list(kinds), "first": first_day, "last": last_day}
    asked["side"] = normal_side(K(kinds[0]))
    query = _KNOWN if of == BORROWERS else _FUND
    if part and not of:
        query = _SHARES
        asked["facilities"] = list(Facility.objects.filter(fund=fund).values_list("pk", flat=True))
    if of and of != BORROWERS:
        facilities, owners = _owners(fund, of)
        query = f"{_OWNED} UNION ALL {_SHARES}" if facilities else _OWNED
        asked |= {"facilities": facilities, "owners": owners}
    select = "SELECT *, count(*) OVER (), coalesce(sum(amount) FILTER (WHERE amount > 0) OVER (), 0), sum(amount) OVER ()"
    order = f"ORDER BY booking_date DESC, entry DESC, whose LIMIT {SHOWN}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"{select} FROM ({query}) m WHERE {_OF_PART} {order}",  # nosec B608 # our own words only
            asked | {"part": part},
        )
        rows = cursor.fetchall()
    count, added, total = rows[0][7:] if rows else (0, ZERO, ZERO)
    causes = _causes([row[4] for row in rows if not row[3] and row[4]])
    movements = tuple(
        Movement(row[0], row[1], row[2], row[3] or causes.get(row[4], ""), row[4], row[5]) for row in rows
    )
    return Figure(tuple(K(kind) for kind in kinds), of, first_day, last_day, movements, count, added, total)


def _causes(entries: Sequence[int]) -> dict[int, str]:
    """What each entry came from, such as "RC-0085, WIRE-7": whose a movement of the fund's own account is."""
    found = dict(JournalEntry.objects.filter(pk__in=entries).exclude(cause="").values_list("pk", "cause"))
    numbers = references(found.values())
    return {entry: numbers[cause] for entry, cause in found.items() if cause in numbers}


def _owners(fund: Fund, of: str) -> tuple[list[int], list[str]]:
    """The facilities whose shares of the fund's own accounts belong to `of`, and the owners of accounts that are its own."""
    if ":" in of or of == FUND:
        return [], ["" if of == FUND else of]
    loan = Loan.objects.filter(number=of, facility__fund=fund).first()
    if loan is not None:
        return [], [f"loan:{loan.pk}"]
    application = Application.objects.filter(number=of).first()
    if application is not None:
        return [], [f"application:{application.pk}"]
    partner = Partner.objects.filter(number=of).first()
    found = Facility.objects.filter(fund=fund)
    found = found.filter(partner=partner) if partner else found.filter(number=of)
    facilities = list(found.values_list("pk", flat=True))
    if partner is None and not facilities:
        raise Refused(f"Nothing has the number {of}.", code="not_found")
    loans = Loan.objects.filter(facility__in=facilities).values_list("pk", flat=True)
    owners = [*(f"facility:{pk}" for pk in facilities), *(f"loan:{pk}" for pk in loans)]
    return facilities, [*owners, f"partner:{partner.pk}"] if partner else owners
