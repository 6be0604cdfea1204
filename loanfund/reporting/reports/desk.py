"""What waits for somebody: money held unapplied, and facilities that a close had to leave behind."""

from datetime import date

from loanfund.facilities.models import Fund
from loanfund.ledger.models import AccountKind as K
from loanfund.reporting.reports.accruals import ledger_balances
from loanfund.reporting.reports.report import (
    AS_OF,
    LENDERS,
    PERIOD,
    ZERO,
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

HELD = """
SELECT coalesce(p.number, ''), coalesce(p.legal_name, CASE a.owner WHEN '' THEN 'nobody known yet' ELSE a.owner END),
    coalesce(f.number, ''), min(d.booking_date) FILTER (WHERE d.credit > 0), max(d.booking_date), sum(d.credit - d.debit)
FROM ledger_account a
JOIN ledger_daymovement d ON d.account_id = a.id AND d.booking_date <= %(as_of)s
LEFT JOIN facilities_facility f ON a.owner = 'facility:' || f.id
LEFT JOIN parties_partner p ON p.id = f.partner_id OR a.owner = 'partner:' || p.id
WHERE a.book_id = %(book)s AND a.kind = 'UNAPPLIED'
GROUP BY a.owner, p.id, f.id HAVING sum(d.credit - d.debit) <> 0 ORDER BY 3, 1
"""
LOOSE = """
SELECT r.number, r.reference, r.sender, r.value_date, r.booked_on, r.amount - coalesce((
        SELECT sum(s.amount) FROM servicing_receiptshare s JOIN servicing_event e ON e.id = s.event_id
        WHERE s.receipt_id = r.id AND e.booking_date <= %(as_of)s
    ), 0) - coalesce((
        SELECT sum(x.amount) FROM servicing_refund x
        WHERE x.receipt_id = r.id AND x.approved_on <= %(as_of)s AND x.state <> 'refused'
    ), 0) AS left_over
FROM servicing_receipt r
WHERE r.fund_id = %(fund)s AND r.booked_on <= %(as_of)s AND (r.reversed_on IS NULL OR r.reversed_on > %(as_of)s)
ORDER BY r.value_date, r.number
"""


def unapplied(fund: Fund, *, as_of: date) -> Report:
    """Money held that has paid nothing yet: each facility's in one row, each receipt that nobody is known for in its own."""
    columns = (
        Column("partner", "Partner", Kind.PARTNER),
        Column("name", "Name"),
        Column("facility", "Facility", Kind.FACILITY),
        Column("receipt", "Receipt", Kind.RECEIPT),
        Column("reference", "Reference"),
        Column("since", "Since", Kind.DATE),
        Column("days", "Days held", Kind.INT),
        Column("amount", "Held", Kind.MONEY, total=True),
    )
    rows = []
    for partner, name, facility, first, last, amount in fetched(HELD, as_of=as_of, book=fund.book_id):
        if facility or partner:
            since = last if last else first
            rows.append((partner, name, facility, "", "", since, (as_of - since).days, amount))
    for receipt, reference, sender, _value_date, booked_on, left in fetched(LOOSE, as_of=as_of, fund=fund.pk):
        if left:
            rows.append(
                (
                    "",
                    sender or "nobody known yet",
                    "",
                    receipt,
                    reference,
                    booked_on,
                    (as_of - booked_on).days,
                    left,
                )
            )
    booked = -ledger_balances(fund, as_of, (K.UNAPPLIED,))[K.UNAPPLIED]
    shown = sum((row[-1] for row in rows), ZERO)
    checks = (Check("Unapplied receipts", shown, booked),)
    spec = ("unapplied", "Unapplied receipts")
    return report_of(spec, fund, as_of_words(fund, as_of), columns, rows, checks=checks)


RECEIVED = """
SELECT r.number, r.value_date, r.booked_on, r.reference, r.sender, r.transfer_hash, r.match_reason,
    coalesce(string_agg(f.number, ' ' ORDER BY f.number), ''), m.email, c.email, r.reversed_on, r.asset,
    r.asset_amount, r.asset_rate, r.amount,
    coalesce(sum(s.amount), 0)
FROM servicing_receipt r
JOIN parties_user m ON m.id = r.maker_id
LEFT JOIN parties_user c ON c.id = r.checker_id
LEFT JOIN servicing_event e ON e.booking_date <= %(last_day)s
    AND e.id IN (SELECT x.event_id FROM servicing_receiptshare x WHERE x.receipt_id = r.id)
LEFT JOIN servicing_receiptshare s ON s.event_id = e.id
LEFT JOIN facilities_facility f ON f.id = s.facility_id
WHERE r.fund_id = %(fund)s AND (
    r.booked_on BETWEEN %(first_day)s AND %(last_day)s OR r.reversed_on BETWEEN %(first_day)s AND %(last_day)s
)
GROUP BY r.id, m.id, c.id ORDER BY r.booked_on, r.number
"""


def receipts(fund: Fund, *, first_day: date, last_day: date) -> Report:
    """Every receipt booked or reversed in a period: where it was found to belong, why, and by which two people."""
    columns = (
        Column("receipt", "Receipt", Kind.RECEIPT),
        Column("value_date", "Value", Kind.DATE),
        Column("booked_on", "Booked", Kind.DATE),
        Column("reference", "Reference"),
        Column("sender", "Sender"),
        Column("transfer_hash", "Transfer hash"),
        Column("why", "Matched because"),
        Column("facilities", "Facilities"),
        Column("entered_by", "Entered by"),
        Column("booked_by", "Booked by"),
        Column("reversed_on", "Reversed", Kind.DATE),
        Column("asset", "Asset"),
        Column("asset_amount", "Amount of the asset", Kind.EXACT),
        Column("asset_rate", "Rate", Kind.EXACT),
        Column("amount", "Amount", Kind.MONEY, total=True),
        Column("assigned", "Assigned", Kind.MONEY, total=True),
    )
    rows = fetched(RECEIVED, first_day=first_day, last_day=last_day, fund=fund.pk)
    still = [(*row[:10], row[10] if row[10] and row[10] <= last_day else None, *row[11:]) for row in rows]
    booked = sum((row[14] for row in still if row[2] and first_day <= row[2] <= last_day), ZERO)
    (came,) = fetched(CAME, first_day=first_day, last_day=last_day, book=fund.book_id)[0]
    checks = (Check("Receipts booked", booked, came),)
    spec = ("receipts", "Receipts")
    return report_of(spec, fund, period_words(fund, first_day, last_day), columns, still, checks=checks)


CAME = """
SELECT coalesce(sum(p.amount), 0) FROM ledger_journalentry e
JOIN ledger_posting p ON p.entry_id = e.id AND p.side = 'D'
JOIN ledger_account a ON a.id = p.account_id AND a.kind IN ('CASH', 'BANK_OVERDRAFT')
WHERE e.book_id = %(book)s AND e.kind = 'receipt_booked' AND e.booking_date BETWEEN %(first_day)s AND %(last_day)s
"""

LEFT_BEHIND = """
SELECT r.business_date, f.number, p.number, p.legal_name, x.since, x.reason, x.attempts,
    CASE WHEN x.cured_on IS NOT NULL AND x.cured_on <= %(as_of)s THEN x.cured_on END
FROM servicing_closeexception x
JOIN servicing_closerun r ON r.id = x.run_id
JOIN facilities_facility f ON f.id = x.facility_id
JOIN parties_partner p ON p.id = f.partner_id
WHERE f.fund_id = %(fund)s AND r.business_date <= %(as_of)s
ORDER BY (x.cured_on IS NOT NULL AND x.cured_on <= %(as_of)s), r.business_date DESC, f.number
"""


def exceptions(fund: Fund, *, as_of: date) -> Report:
    """Every facility that a close could not take by a day: since which night it lagged, why, and whether it was cured."""
    columns = (
        Column("close", "Close of", Kind.DATE),
        Column("facility", "Facility", Kind.FACILITY),
        Column("partner", "Partner", Kind.PARTNER),
        Column("name", "Name"),
        Column("since", "Nights missing since", Kind.DATE),
        Column("reason", "Reason"),
        Column("attempts", "Attempts", Kind.INT),
        Column("cured_on", "Cured", Kind.DATE),
    )
    rows = fetched(LEFT_BEHIND, as_of=as_of, fund=fund.pk)
    still = sum(row[-1] is None for row in rows)
    notes = (f"{still} still open." if still else "None is open.",)
    spec = ("exceptions", "Exceptions of the close")
    return report_of(spec, fund, as_of_words(fund, as_of), columns, rows, notes=notes)


SPECS = (
    ReportSpec(
        "receipts",
        "Receipts",
        "Every receipt booked or reversed, where it belongs, why, and by which two people; tied to the cash that came in.",
        PERIOD,
        LENDERS,
        receipts,
    ),
    ReportSpec(
        "unapplied",
        "Unapplied receipts",
        "Money held that has paid nothing yet, and since when; tied to the ledger.",
        AS_OF,
        LENDERS,
        unapplied,
    ),
    ReportSpec(
        "exceptions",
        "Exceptions of the close",
        "Facilities that a close could not take, why, and whether they were cured.",
        AS_OF,
        LENDERS,
        exceptions,
    ),
)
