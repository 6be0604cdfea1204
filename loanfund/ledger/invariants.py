"""What must hold in the book at any moment, each a small function; a break names the row as "table:key"."""

from typing import Any

from django.db import connection, transaction

from loanfund.audit.invariants import Break, Finding, Invariant


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def _count(sql: str) -> int:
    return int(_rows(sql)[0][0])


def books_sum_to_zero() -> Finding:
    """Over all accounts of a book, debits equal credits: in each currency, for money, the fund's size and the limits
    apart. For the fund this says that available + reserved + undrawn + earmarked + drawn + repaid + written off, less
    what is over the limit, is its size."""
    rows = _rows("""
        SELECT b.name, a.currency, a.family, sum(k.debit - k.credit), count(*)
        FROM ledger_balance k JOIN ledger_account a ON a.id = k.account_id JOIN ledger_book b ON b.id = a.book_id
        GROUP BY b.name, a.currency, a.family ORDER BY 1, 2, 3""")
    breaks = [
        Break(
            f"ledger_book:{name}",
            f"Book {name}: debits and credits in {currency} differ by {off} (family {family}).",
        )
        for name, currency, family, off, _ in rows
        if off
    ]
    return Finding("books sum to zero", sum(row[4] for row in rows), breaks)


def entries_are_complete_and_balance() -> Finding:
    """Every entry has its legs, no leg is without its entry, and each balances per currency and family.

    One pass sums each entry as a whole; a second sums, per entry, the legs of every currency and family but the one with
    most accounts. Where the whole and all the others are even, that one is even too.
    """
    with transaction.atomic():
        # Read in the order of the index the sums need no memory; hashing a million entries would spill to disk.
        _run("SET LOCAL enable_hashagg = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_sort = off")
        incomplete = _rows("""
            SELECT coalesce(e.id, l.entry_id), e.key, e.leg_count, l.n
            FROM ledger_journalentry e FULL JOIN (
                SELECT entry_id, count(*) AS n, sum(CASE side WHEN 'D' THEN amount ELSE -amount END) AS off
                FROM ledger_posting GROUP BY entry_id) l ON l.entry_id = e.id
            WHERE e.leg_count IS DISTINCT FROM l.n OR l.off <> 0 ORDER BY 1""")
    uneven = _rows("""
        SELECT DISTINCT x.entry_id, e.key, e.leg_count, e.leg_count FROM (
            SELECT p.entry_id FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            WHERE p.account_id = ANY (ARRAY(
                SELECT id FROM ledger_account WHERE (currency, family) <> (
                    SELECT currency, family FROM ledger_account GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT 1)))
            GROUP BY p.entry_id, a.currency, a.family
            HAVING sum(CASE p.side WHEN 'D' THEN p.amount ELSE -p.amount END) <> 0) x
        LEFT JOIN ledger_journalentry e ON e.id = x.entry_id ORDER BY 1""")
    known = {row[0] for row in incomplete}
    breaks = [
        Break(
            f"ledger_journalentry:{entry}",
            f"Entry {key or entry} does not balance."
            if legs == wanted
            else f"Entry {key or entry} has {legs or 0} legs where its header says {wanted or 0}.",
        )
        for entry, key, wanted, legs in incomplete + [row for row in uneven if row[0] not in known]
    ]
    return Finding("entries are complete and balance", _count("SELECT count(*) FROM ledger_posting"), breaks)


def kept_balances_equal_sums() -> Finding:
    """The kept balance and the kept days of every account equal the sums over its postings."""
    rows = _rows("""
        WITH summed AS (
            SELECT account_id, coalesce(sum(amount) FILTER (WHERE side = 'D'), 0) AS debit,
                coalesce(sum(amount) FILTER (WHERE side = 'C'), 0) AS credit
            FROM ledger_posting GROUP BY account_id
        ), days AS (
            SELECT account_id, sum(debit) AS debit, sum(credit) AS credit FROM ledger_daymovement GROUP BY account_id
        )
        SELECT coalesce(k.account_id, s.account_id, d.account_id),
            k.debit, k.credit, s.debit, s.credit, d.debit, d.credit
        FROM ledger_balance k FULL JOIN summed s ON s.account_id = k.account_id
            FULL JOIN days d ON d.account_id = coalesce(k.account_id, s.account_id)
        WHERE k.debit IS DISTINCT FROM coalesce(s.debit, 0) OR k.credit IS DISTINCT FROM coalesce(s.credit, 0)
            OR coalesce(d.debit, 0) <> coalesce(s.debit, 0) OR coalesce(d.credit, 0) <> coalesce(s.credit, 0)
        ORDER BY 1""")
    breaks = [
        Break(
            f"ledger_balance:{account}",
            f"Account {account}: kept {kd} / {kc}, postings are {sd or 0} / {sc or 0}, days {dd or 0} / {dc or 0}.",
        )
        for account, kd, kc, sd, sc, dd, dc in rows
    ]
    return Finding("kept balances equal sums", _count("SELECT count(*) FROM ledger_balance"), breaks)


def kept_days_equal_sums() -> Finding:
    """The movement kept for each account and booking date equals the sum of that day's postings."""
    rows = _rows("""
        WITH summed AS (
            SELECT p.account_id, e.booking_date, coalesce(sum(p.amount) FILTER (WHERE p.side = 'D'), 0) AS debit,
                coalesce(sum(p.amount) FILTER (WHERE p.side = 'C'), 0) AS credit
            FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id GROUP BY 1, 2
        )
        SELECT account_id, booking_date, d.debit, d.credit, s.debit, s.credit
        FROM ledger_daymovement d FULL JOIN summed s USING (account_id, booking_date)
        WHERE d.debit IS DISTINCT FROM s.debit OR d.credit IS DISTINCT FROM s.credit ORDER BY 1, 2""")
    breaks = [
        Break(
            f"ledger_daymovement:{account}/{day}",
            f"Account {account} on {day}: kept {dd or 0} / {dc or 0}, postings sum to {sd or 0} / {sc or 0}.",
        )
        for account, day, dd, dc, sd, sc in rows
    ]
    return Finding("kept days equal sums", _count("SELECT count(*) FROM ledger_daymovement"), breaks)


def entries_match_their_digests() -> Finding:
    """The content of every entry is the one its key was first posted with."""
    rows = _rows("""
        WITH legs AS (
            SELECT p.entry_id, record_send(ROW(
                a.kind::text, a.owner, a.currency::text, p.side::text, trim_scale(sum(p.amount)))) AS bytes
            FROM ledger_posting p JOIN ledger_account a ON a.id = coalesce(p.instead_of_id, p.account_id)
            GROUP BY p.entry_id, a.id, p.side
        ), content AS (
            SELECT entry_id, string_agg(bytes, ''::bytea ORDER BY bytes) AS bytes FROM legs GROUP BY entry_id
        )
        SELECT e.id, e.key FROM ledger_journalentry e LEFT JOIN content c ON c.entry_id = e.id
        WHERE e.digest IS DISTINCT FROM sha256(record_send(ROW(e.book_id, e.kind, e.value_date, c.bytes)))
        ORDER BY 1""")
    breaks = [
        Break(f"ledger_journalentry:{entry}", f"Entry {key} is not the one that was posted under its key.")
        for entry, key in rows
    ]
    return Finding("entries match their digests", _count("SELECT count(*) FROM ledger_journalentry"), breaks)


def limits_hold() -> Finding:
    """No account stands beyond its own limit."""
    rows = _rows("""
        SELECT a.id, a.kind, a.owner, s.balance, a.minimum, a.maximum
        FROM ledger_account a JOIN ledger_balance k ON k.account_id = a.id, LATERAL (
            SELECT CASE a.normal_side WHEN 'D' THEN k.debit - k.credit ELSE k.credit - k.debit END AS balance) s
        WHERE s.balance < a.minimum OR s.balance > a.maximum ORDER BY 1""")
    breaks = [
        Break(
            f"ledger_account:{account}",
            f"{kind} {owner} stands at {held}, its limits are {least} and {most}.",
        )
        for account, kind, owner, held, least, most in rows
    ]
    return Finding("limits hold", _count("SELECT count(*) FROM ledger_account"), breaks)


def closed_periods_stay_closed() -> Finding:
    """No entry was booked into a period after that was closed, and closed periods follow one another."""
    late = _rows("""
        SELECT e.id, e.key, p.ends_on FROM ledger_journalentry e
        JOIN ledger_accountingperiod p ON p.book_id = e.book_id
            AND e.booking_date BETWEEN p.starts_on AND p.ends_on AND e.known_at > p.closed_at ORDER BY 1""")
    gaps = _rows("""
        SELECT id, starts_on FROM (
            SELECT id, starts_on, lag(ends_on) OVER (PARTITION BY book_id ORDER BY starts_on) AS before
            FROM ledger_accountingperiod) p WHERE starts_on <> before + 1""")
    breaks = [
        Break(f"ledger_journalentry:{entry}", f"Entry {key} was booked into the period closed through {end}.")
        for entry, key, end in late
    ] + [
        Break(f"ledger_accountingperiod:{period}", f"The period from {start} does not follow the one before.")
        for period, start in gaps
    ]
    return Finding("closed periods stay closed", _count("SELECT count(*) FROM ledger_journalentry"), breaks)


INVARIANTS: list[Invariant] = [
    books_sum_to_zero,
    entries_are_complete_and_balance,
    kept_balances_equal_sums,
    kept_days_equal_sums,
    entries_match_their_digests,
    limits_hold,
    closed_periods_stay_closed,
]
