"""What must hold in servicing at any moment, each a small function; a break names the row as "table:key"."""

from typing import Any

from django.db import connection, transaction

from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.facilities.models import Facility
from loanfund.servicing.balances import CONTROL
from loanfund.servicing.engine import bring_to
from loanfund.servicing.fold import draw_picture
from loanfund.servicing.models import CloseRun

SAMPLE = 40
"""How many facilities one check replays; which ones turns with the number of close runs, so that all get their turn."""


def _rows(sql: str, params: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


_BENEATH = """
WITH parts AS (
    SELECT f.fund_id, 'ACCRUED_INTEREST' AS kind, sum(a.posted) AS amount, count(*) AS n
    FROM servicing_accrual a JOIN facilities_facility f ON f.id = a.facility_id GROUP BY f.fund_id
    UNION ALL
    SELECT f.fund_id, CASE WHEN a.suspended THEN 'INTEREST_SUSPENSE' ELSE 'INTEREST_INCOME' END, sum(a.posted), 0
    FROM servicing_accrual a JOIN facilities_facility f ON f.id = a.facility_id GROUP BY f.fund_id, a.suspended
    UNION ALL
    SELECT f.fund_id, CASE a.kind WHEN 'default_interest' THEN 'ACCRUED_DEFAULT_INTEREST'
        ELSE 'ACCRUED_COMMITMENT_FEE' END, sum(a.posted), count(*)
    FROM servicing_facilityaccrual a JOIN facilities_facility f ON f.id = a.facility_id GROUP BY f.fund_id, a.kind
    UNION ALL
    SELECT f.fund_id, CASE WHEN a.suspended THEN 'INTEREST_SUSPENSE' WHEN a.kind = 'default_interest'
        THEN 'DEFAULT_INTEREST_INCOME' ELSE 'COMMITMENT_FEE_INCOME' END, sum(a.posted), 0
    FROM servicing_facilityaccrual a JOIN facilities_facility f ON f.id = a.facility_id
    GROUP BY f.fund_id, a.kind, a.suspended
    UNION ALL
    SELECT f.fund_id, c.kind, sum(c.amount), count(*)
    FROM servicing_controlposting c JOIN facilities_facility f ON f.id = c.facility_id GROUP BY f.fund_id, c.kind
    UNION ALL
    SELECT fund.id, 'IMPAIRMENT_EXPENSE', sum(b.credit - b.debit), 0
    FROM facilities_fund fund JOIN ledger_account a ON a.book_id = fund.book_id JOIN ledger_balance b ON b.account_id = a.id
    WHERE a.kind = 'LOSS_ALLOWANCE' GROUP BY fund.id
), beneath AS (
    SELECT fund_id, kind, sum(amount) AS amount, sum(n) AS n FROM parts GROUP BY fund_id, kind
), ledger AS (
    SELECT fund.id AS fund_id, a.kind, sum(CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END * (b.debit - b.credit)) AS amount
    FROM facilities_fund fund JOIN ledger_account a ON a.book_id = fund.book_id JOIN ledger_balance b ON b.account_id = a.id
    WHERE a.kind = ANY (%(kinds)s) AND a.owner = '' GROUP BY fund.id, a.kind
)
SELECT coalesce(b.fund_id, l.fund_id), coalesce(b.kind, l.kind), coalesce(b.amount, 0), coalesce(l.amount, 0),
    coalesce(b.n, 0)
FROM beneath b FULL JOIN ledger l ON l.fund_id = b.fund_id AND l.kind = b.kind
"""


def sub_ledger_equals_ledger() -> Finding:
    """For each control account of each fund: the accrual rows and shares beneath it add up to its balance; the expense for
    losses to what was written off and the allowances held."""
    running = set(CloseRun.objects.exclude(state=CloseRun.State.DONE).values_list("fund_id", flat=True))
    rows = _rows(_BENEATH, {"kinds": [kind.value for kind in CONTROL]})
    breaks = [
        Break(f"facilities_fund:{fund}", f"{kind}: the sub-ledger says {beneath}, the ledger {ledger}.")
        for fund, kind, beneath, ledger, _ in rows
        if beneath != ledger and fund not in running
    ]
    return Finding("sub-ledger equals ledger", int(sum(row[4] for row in rows)), breaks)


def dues_equal_ledger() -> Finding:
    """What is outstanding of each loan's or facility's dues is the balance of its due account."""
    rows = _rows("""
        WITH open AS (
            SELECT x.facility_id, x.loan_id, x.component, sum(x.amount) AS amount, count(*) AS n FROM (
                SELECT facility_id, loan_id, component, amount FROM servicing_due
                UNION ALL SELECT facility_id, loan_id, component, -amount FROM servicing_allocation
            ) x WHERE x.component <> 'principal' GROUP BY 1, 2, 3
        ), owned AS (
            SELECT CASE WHEN component IN ('interest', 'default_interest') AND loan_id IS NOT NULL
                THEN 'loan:' || loan_id
                ELSE 'facility:' || facility_id END AS owner,
                upper(component) || '_DUE' AS kind, sum(amount) AS amount, sum(n) AS n FROM open GROUP BY 1, 2
        ), ledger AS (
            SELECT a.owner, a.kind, sum(b.debit - b.credit) AS amount
            FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
            WHERE a.kind IN ('INTEREST_DUE', 'DEFAULT_INTEREST_DUE', 'FEES_DUE', 'COSTS_DUE')
                AND (a.owner NOT LIKE 'facility:%%' OR EXISTS (
                    SELECT FROM servicing_diary d WHERE 'facility:' || d.facility_id = a.owner))
            GROUP BY 1, 2
        )
        SELECT coalesce(o.owner, l.owner), coalesce(o.kind, l.kind), coalesce(o.amount, 0), coalesce(l.amount, 0),
            coalesce(o.n, 0)
        FROM owned o FULL JOIN ledger l ON l.owner = o.owner AND l.kind = o.kind""")
    breaks = [
        Break(
            f"servicing_due:{owner}",
            f"{kind} of {owner}: the dues leave {beneath}, the ledger says {ledger}.",
        )
        for owner, kind, beneath, ledger, _ in rows
        if beneath != ledger
    ]
    return Finding("dues equal ledger", int(sum(row[4] for row in rows)), breaks)


def no_due_is_overpaid() -> Finding:
    """Nothing was allocated to a due beyond its amount, nor to a due that is not there."""
    rows = _rows("""
        SELECT a.facility_id, a.due_key, sum(a.amount), coalesce((SELECT sum(d.amount) FROM servicing_due d
            WHERE d.facility_id = a.facility_id AND d.key = a.due_key), 0)
        FROM servicing_allocation a WHERE a.how <> 'written_off' GROUP BY 1, 2""")
    breaks = [
        Break(f"servicing_due:{key}", f"{paid} was allocated to {key} of {due}.")
        for _, key, paid, due in rows
        if paid > due
    ]
    (dues,) = _rows("SELECT count(*) FROM servicing_due")[0]
    return Finding("no due is overpaid", int(dues), breaks)


def no_night_is_missing() -> Finding:
    """Between a loan's first and last accrual row every night has its first row."""
    rows = _rows("""
        SELECT loan_id, min(accrual_date), max(accrual_date), count(*) FROM servicing_accrual WHERE sequence = 0
        GROUP BY loan_id HAVING count(*) <> max(accrual_date) - min(accrual_date) + 1""")
    (seen,) = _rows("SELECT count(*) FROM servicing_accrual WHERE sequence = 0")[0]
    breaks = [
        Break(f"servicing_loan:{loan}", f"Loan {loan} has {count} nights from {first} to {last}.")
        for loan, first, last, count in rows
    ]
    return Finding("no night is missing", int(seen), breaks)


def booked_equals_replayed() -> Finding:
    """A sample of facilities is replayed from its events: no row and no account would have to change."""
    done = CloseRun.objects.filter(state=CloseRun.State.DONE).count()
    facilities = list(
        Facility.objects.exclude(fund__close_runs__state__in=["open", "stopped"])
        .exclude(close_exceptions__state__in=["open", "retry"])
        .filter(diary__isnull=False)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    first = done * SAMPLE % max(len(facilities), 1)
    sample = (facilities[first:] + facilities[:first])[:SAMPLE]
    breaks = []
    for pk in sample:
        facility = Facility.objects.select_related("fund", "promise").get(pk=pk)
        on = facility.fund.business_date
        with transaction.atomic():
            difference = bring_to(
                facility=facility,
                picture=draw_picture(facility, through=on),
                on=on,
                batch_id=0,
                key="invariant",
                kind="invariant",
                value_date=on,
            )
            transaction.set_rollback(True)
        if difference.rows or difference.drafts:
            breaks.append(
                Break(
                    f"facilities_facility:{pk}",
                    f"{facility.number} is not booked as its replay says: {difference.counts or 'its balances'} differ.",
                )
            )
    return Finding("booked equals replayed", len(sample), breaks)


def hand_pairs_tie() -> Finding:
    """The lines and the movements of every pair made by hand sum to its amount, each movement moved as much cash of the
    fund, and a line of a receipt that stands is in none. Counted: lines of statements, each in one pair at most."""
    rows = _rows("""
        WITH sides AS (
            SELECT s.pair_id, s.line_id, s.entry_id, s.amount, s.live, coalesce((
                SELECT sum(CASE l.side WHEN 'D' THEN l.amount ELSE -l.amount END)
                FROM ledger_posting l JOIN ledger_account a ON a.id = l.account_id
                WHERE l.entry_id = s.entry_id AND a.kind IN ('CASH', 'BANK_OVERDRAFT')), 0) AS moved, r.number AS receipt
            FROM servicing_cashpairside s LEFT JOIN servicing_bankimportrow b ON b.id = s.line_id
            LEFT JOIN servicing_receipt r ON r.id = b.receipt_id AND r.state <> 'rejected'
        )
        SELECT p.id, p.number, p.amount, coalesce(sum(s.amount) FILTER (WHERE s.line_id IS NOT NULL), 0),
            coalesce(sum(s.moved) FILTER (WHERE s.entry_id IS NOT NULL), 0),
            coalesce(bool_or(s.entry_id IS NOT NULL AND s.moved <> s.amount), false),
            coalesce(max(s.receipt) FILTER (WHERE s.live), ''),
            coalesce(bool_or(s.live <> (p.state IN ('proposed', 'confirmed'))), false)
        FROM servicing_cashpair p LEFT JOIN sides s ON s.pair_id = p.id WHERE p.undoes_id IS NULL GROUP BY p.id
        ORDER BY p.id""")
    (lines,) = _rows("SELECT count(*) FROM servicing_bankimportrow")[0]
    breaks = []
    for key, number, amount, listed, moved, other, receipt, stale in rows:
        if listed != amount or moved != amount or other:
            sentence = f"{number} is of {amount}: its lines say {listed}, its movements {moved}."
        elif receipt:
            sentence = f"{number} has a line that is {receipt} itself."
        elif stale:
            sentence = f"{number} holds lines or movements that its state does not."
        else:
            continue
        breaks.append(Break(f"servicing_cashpair:{key}", sentence))
    return Finding("pairs by hand tie", int(lines), breaks)


_CASH_TOLD = """
WITH told AS (
    SELECT 'servicing_receipt:' || id AS place, number, 'receipt:' || id AS cause,
        CASE state WHEN 'booked' THEN amount ELSE 0 END AS amount FROM servicing_receipt
    UNION ALL
    SELECT 'servicing_refund:' || id, number, 'refund:' || id, CASE state WHEN 'paid' THEN -amount ELSE 0 END
    FROM servicing_refund
    UNION ALL
    SELECT 'servicing_drawdown:' || id, number, 'drawdown:' || id,
        CASE WHEN state IN ('released', 'settled') THEN -amount ELSE 0 END FROM servicing_drawdown
), moved AS (
    SELECT e.cause, sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END) AS amount
    FROM ledger_account a JOIN ledger_posting p ON p.account_id = a.id JOIN ledger_journalentry e ON e.id = p.entry_id
    WHERE a.kind IN ('CASH', 'BANK_OVERDRAFT') GROUP BY e.cause
)
SELECT told.place, told.number, told.amount, coalesce(moved.amount, 0) FROM told LEFT JOIN moved USING (cause)
"""


def cash_moved_as_told() -> Finding:
    """Cash holds all of each receipt that is booked and nothing of one that the bank took back, and has lost what was
    released to borrowers and paid as refunds."""
    rows = _rows(_CASH_TOLD)
    breaks = [
        Break(place, f"{number} moved {moved} of cash in the book; as it stands it should have moved {told}.")
        for place, number, told, moved in rows
        if told != moved
    ]
    return Finding("cash moved as told", len(rows), breaks)


INVARIANTS: list[Invariant] = [
    sub_ledger_equals_ledger,
    dues_equal_ledger,
    no_due_is_overpaid,
    no_night_is_missing,
    booked_equals_replayed,
    hand_pairs_tie,
    cash_moved_as_told,
]
