"""Posting the night to the ledger, one entry a fund, and proving the books before the date moves."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from loanfund.audit.selectors import chain_head
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.services import post_entries
from loanfund.servicing import postings
from loanfund.servicing.close.plain import by_hash
from loanfund.servicing.models import CloseRun


def post_night(run: CloseRun) -> dict[str, Any]:
    """One entry for the night of the whole fund: interest, default interest and commitment fee, as its batches counted
    them when they wrote them. `prove` sums the rows themselves."""
    fund, on = run.fund, run.business_date
    sums: dict[str, Decimal] = defaultdict(Decimal)
    rows = 0
    for counts in run.batches.filter(step="accrue").values_list("counts", flat=True):
        rows += counts["rows"]
        for kind, posted in counts["earned"].items():
            sums[kind] += Decimal(posted)
    legs = postings.daily_accrual(currency=fund.currency, **sums)
    entry = EntryDraft(
        key=f"fund:{fund.pk}:accrual:{fund.currency}:{on.isoformat()}:0",
        kind="daily_accrual",
        book_id=fund.book_id,
        booking_date=on,
        value_date=on,
        legs=legs,
        cause=f"close:{run.pk}",
    )
    post_entries(entries=[entry] if legs else [], actor=None, on=on)
    return {"rows": rows} | {kind: str(amount) for kind, amount in sorted(sums.items())}


_TRIAL = """
SELECT a.family, sum(b.debit - b.credit), count(*) FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
WHERE a.book_id = %s GROUP BY a.family HAVING sum(b.debit - b.credit) <> 0
"""
_LEDGER_DAY = """
SELECT a.kind, sum(m.debit - m.credit) FROM ledger_daymovement m JOIN ledger_account a ON a.id = m.account_id
WHERE a.book_id = %s AND m.booking_date = %s AND a.owner = ''
    AND a.kind IN ('ACCRUED_INTEREST', 'ACCRUED_DEFAULT_INTEREST', 'ACCRUED_COMMITMENT_FEE')
GROUP BY a.kind
"""
_SUB_DAY = """
WITH of_the_fund AS (SELECT id FROM facilities_facility WHERE fund_id = %(fund)s)
SELECT kind, sum(amount) FROM (
    SELECT 'ACCRUED_INTEREST' AS kind, sum(x.posted) AS amount FROM servicing_accrual x
    WHERE x.accrual_date = %(on)s AND x.booking_date = %(on)s AND x.facility_id IN (SELECT id FROM of_the_fund)
    UNION ALL
    SELECT 'ACCRUED_INTEREST', sum(x.posted) FROM servicing_accrual x
    WHERE x.booking_date = %(on)s AND x.booking_date <> x.accrual_date AND x.facility_id IN (SELECT id FROM of_the_fund)
    UNION ALL
    SELECT CASE x.kind WHEN 'default_interest' THEN 'ACCRUED_DEFAULT_INTEREST' ELSE 'ACCRUED_COMMITMENT_FEE' END,
        sum(x.posted) FROM (
            SELECT facility_id, kind, posted FROM servicing_facilityaccrual
            WHERE accrual_date = %(on)s AND booking_date = %(on)s
            UNION ALL
            SELECT facility_id, kind, posted FROM servicing_facilityaccrual
            WHERE booking_date = %(on)s AND booking_date <> accrual_date
        ) x WHERE x.facility_id IN (SELECT id FROM of_the_fund)
    GROUP BY x.kind
    UNION ALL
    SELECT c.kind, sum(c.amount) FROM servicing_controlposting c
    WHERE c.booking_date = %(on)s AND c.facility_id IN (SELECT id FROM of_the_fund)
        AND c.kind IN ('ACCRUED_INTEREST', 'ACCRUED_DEFAULT_INTEREST', 'ACCRUED_COMMITMENT_FEE')
    GROUP BY c.kind
) parts GROUP BY kind
"""
_WITHOUT_ROW = """
SELECT a.loan_id FROM servicing_accrual a
WHERE a.accrual_date = %(before)s AND a.sequence = 0 AND a.principal > 0
    AND a.facility_id IN (SELECT id FROM facilities_facility WHERE fund_id = %(fund)s)
    AND NOT EXISTS (SELECT FROM servicing_accrual b
        WHERE b.accrual_date = %(on)s AND b.loan_id = a.loan_id AND b.sequence = 0)
"""
_MISSED = """
SELECT count(*) FROM servicing_loan l
WHERE l.id = ANY (%(loans)s)
    AND NOT EXISTS (SELECT FROM servicing_closeexception e
        WHERE e.facility_id = l.facility_id AND e.state <> 'cured')
    AND EXISTS (SELECT FROM ledger_account ac JOIN ledger_balance b ON b.account_id = ac.id
        WHERE ac.owner = 'loan:' || l.id AND ac.kind IN ('LOAN_PRINCIPAL', 'CAPITALISED_INTEREST')
            AND b.debit > b.credit)
    AND NOT EXISTS (SELECT FROM servicing_diary d WHERE d.facility_id = l.facility_id AND d.attend_on <= %(after)s)
"""


def prove(run: CloseRun) -> tuple[dict[str, Any], list[str]]:
    """Counts, and a sentence for everything that does not hold: trial balance, sub-ledger against ledger, every loan."""
    fund, on = run.fund, run.business_date
    place: dict[str, Any] = {
        "fund": fund.pk,
        "on": on,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1),
    }
    broken = []
    with connection.cursor() as cursor:
        cursor.execute(_TRIAL, [fund.book_id])
        for family, off, _ in cursor.fetchall():
            broken.append(f"The trial balance of family {family} is off by {off}.")
        cursor.execute(_LEDGER_DAY, [fund.book_id, on])
        ledger = {kind: amount for kind, amount in cursor.fetchall() if amount}
        with by_hash(cursor):
            cursor.execute(_SUB_DAY, place)
            beneath = {kind: amount for kind, amount in cursor.fetchall() if amount}
            cursor.execute(_WITHOUT_ROW, place)
            without = [pk for (pk,) in cursor.fetchall()]
        for kind in sorted({*ledger, *beneath}):
            if ledger.get(kind, 0) != beneath.get(kind, 0):
                broken.append(
                    f"{kind} moved by {ledger.get(kind, 0)} in the ledger on {on}, by {beneath.get(kind, 0)} beneath it."
                )
        cursor.execute(_MISSED, place | {"loans": without})
        (missed,) = cursor.fetchone()
        if missed:
            broken.append(f"{missed} loans have no accrual row for {on} and no exception that says why.")
    head = chain_head()
    CloseRun.objects.filter(pk=run.pk).update(chain_head=str(head))
    return {"ledger": {kind: str(amount) for kind, amount in ledger.items()}, "chain_head": head.seq}, broken
