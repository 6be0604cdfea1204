"""`ledger_post`: the one way into the book, as one call to the database.

It opens missing accounts, inserts all headers in one statement and all legs in one more, and audits once. A key that is
already there with the same content posts nothing; with other content it is refused. The caller
has summed legs by account and side. Plans are kept for the session, made while a table may still be empty: lookups by
key are written so (LATERAL, OFFSET 0, no sequential scans) that the planner cannot turn them into a pass over the table.
"""

from django.db import migrations

DIGEST = """
-- What makes two entries the same. A leg that went over the limit counts for the account it was meant for.
CREATE FUNCTION ledger_entry_digest(entry bigint) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(record_send(ROW(e.book_id, e.kind, e.value_date, (
        SELECT string_agg(x.leg, ''::bytea ORDER BY x.leg) FROM (
            SELECT record_send(ROW(a.kind::text, a.owner, a.currency::text, p.side::text, trim_scale(sum(p.amount)))) AS leg
            FROM ledger_posting p JOIN ledger_account a ON a.id = coalesce(p.instead_of_id, p.account_id)
            WHERE p.entry_id = e.id GROUP BY a.id, p.side) x))))
    FROM ledger_journalentry e WHERE e.id = entry
$$;
"""

BALANCE = """
-- A function keeps its plan for the session: reading a balance costs a look-up, not a look-up and the planning of it.
CREATE FUNCTION ledger_balance_of(book bigint, kind_ text, owner_ text, currency_ text)
RETURNS numeric LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT round(CASE a.normal_side WHEN 'D' THEN b.debit - b.credit ELSE b.credit - b.debit END, a.decimals)
        FROM ledger_account a, LATERAL (SELECT * FROM ledger_balance WHERE account_id = a.id OFFSET 0) b
        WHERE a.book_id = book AND a.kind = kind_ AND a.owner = owner_ AND a.currency = currency_);
END $$;
"""

POST = """
CREATE FUNCTION ledger_open_accounts(
    books bigint[], kinds text[], owners text[], currencies text[], decimals_ smallint[], sides text[],
    families smallint[], minimums numeric[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    SELECT array_agg(a.id ORDER BY u.n) INTO ids
    FROM unnest(books, kinds, owners, currencies) WITH ORDINALITY u (book, kind, owner, currency, n)
    LEFT JOIN LATERAL (
        SELECT id FROM ledger_account
        WHERE book_id = u.book AND kind = u.kind AND owner = u.owner AND currency = u.currency OFFSET 0) a ON true;
    IF array_position(ids, NULL) IS NULL THEN
        RETURN ids;
    END IF;
    INSERT INTO ledger_account (book_id, kind, owner, currency, decimals, normal_side, family, minimum)
    SELECT u.* FROM unnest(books, kinds, owners, currencies, decimals_, sides, families, minimums)
        u (book, kind, owner, currency, decimals, side, family, minimum)
    ORDER BY u.book, u.kind, u.owner, u.currency
    ON CONFLICT (book_id, kind, owner, currency) DO NOTHING;
    SELECT array_agg(a.id ORDER BY u.n) INTO ids
    FROM unnest(books, kinds, owners, currencies) WITH ORDINALITY u (book, kind, owner, currency, n)
    JOIN LATERAL (
        SELECT id FROM ledger_account
        WHERE book_id = u.book AND kind = u.kind AND owner = u.owner AND currency = u.currency OFFSET 0) a ON true;
    RETURN ids;
END $$;

-- Split legs where an account stands at its limit: what a fact takes below the minimum goes to the over-limit account,
-- and what comes in fills that account's hole first. Balances are on the normal side; `hole` is what lies over the limit.
CREATE FUNCTION ledger_split_legs(
    l_entry int[], l_account int[], l_side text[], l_amount numeric[], l_fact boolean[],
    ids bigint[], over_ids bigint[], sides text[], minimums numeric[], balances numeric[], holes numeric[]
) RETURNS TABLE (entry int, account bigint, side text, amount numeric, instead_of bigint) LANGUAGE plpgsql AS $$
DECLARE
    at int;
    moved numeric;
BEGIN
    FOR i IN 1 .. coalesce(array_length(l_entry, 1), 0) LOOP
        at := l_account[i];
        moved := 0;
        entry := l_entry[i];
        side := l_side[i];
        IF over_ids[at] IS NOT NULL AND side = sides[at] THEN
            moved := least(holes[at], l_amount[i]);
            holes[at] := holes[at] - moved;
        ELSIF over_ids[at] IS NOT NULL AND l_fact[i] THEN
            moved := greatest(l_amount[i] - greatest(balances[at] - minimums[at], 0), 0);
            holes[at] := holes[at] + moved;
        END IF;
        IF moved > 0 THEN
            account := over_ids[at];
            amount := moved;
            instead_of := ids[at];
            RETURN NEXT;
        END IF;
        IF moved < l_amount[i] THEN
            account := ids[at];
            amount := l_amount[i] - moved;
            instead_of := NULL;
            balances[at] := balances[at] + CASE WHEN side = sides[at] THEN amount ELSE -amount END;
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION ledger_post(
    e_book bigint[], e_key text[], e_kind text[], e_booking date[], e_value date[], e_memo text[], e_cause text[],
    l_entry int[], l_account int[], l_side text[], l_amount numeric[], l_fact boolean[],
    a_book bigint[], a_kind text[], a_owner text[], a_currency text[], a_decimals smallint[], a_side text[],
    a_family smallint[], a_minimum numeric[], a_over text[],
    actor_id_ text, actor_ text, on_ date
) RETURNS SETOF ledger_journalentry LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    ids bigint[];
    over_ids bigint[];
    balances numeric[];
    holes numeric[];
    known text[];
    digests bytea[];
    added bigint[];
    other text;
    wanted int;
BEGIN
    ids := ledger_open_accounts(a_book, a_kind, a_owner, a_currency, a_decimals, a_side, a_family, a_minimum);
    IF cardinality(array_remove(a_over, NULL)) > 0 THEN
        SELECT array_agg(o.id ORDER BY u.n) INTO over_ids
        FROM unnest(a_book, a_over, a_owner, a_currency) WITH ORDINALITY u (book, kind, owner, currency, n)
        LEFT JOIN LATERAL (
            SELECT id FROM ledger_account
            WHERE book_id = u.book AND kind = u.kind AND owner = u.owner AND currency = u.currency OFFSET 0) o ON true;
    END IF;
    IF cardinality(array_remove(over_ids, NULL)) > 0 THEN
        WITH kept AS MATERIALIZED (SELECT * FROM ledger_lock_balances(ids || array_remove(over_ids, NULL)))
        SELECT array_agg((b.debit - b.credit) * CASE u.side WHEN 'D' THEN 1 ELSE -1 END ORDER BY u.n),
            array_agg((o.credit - o.debit) * CASE u.side WHEN 'D' THEN 1 ELSE -1 END ORDER BY u.n)
        INTO balances, holes
        FROM unnest(ids, over_ids, a_side) WITH ORDINALITY u (id, over, side, n)
        JOIN kept b ON b.account = u.id LEFT JOIN kept o ON o.account = u.over;
    ELSE
        over_ids := NULL;
        PERFORM ledger_lock_balances(ids);
    END IF;

    -- Whoever posts the same content holds the same balances, so here it is either committed or not begun.
    SELECT array_agg(c.digest ORDER BY c.n) INTO digests FROM (
        SELECT u.n, sha256(record_send(ROW(u.book, u.kind, u.value_date, string_agg(l.bytes, ''::bytea ORDER BY l.bytes)))) AS digest
        FROM unnest(e_book, e_kind, e_value) WITH ORDINALITY u (book, kind, value_date, n)
        JOIN (SELECT l.entry, record_send(ROW(a.kind, a.owner, a.currency, l.side, trim_scale(l.amount))) AS bytes
              FROM unnest(l_entry, l_account, l_side, l_amount) l (entry, account, side, amount)
              JOIN unnest(a_kind, a_owner, a_currency) WITH ORDINALITY a (kind, owner, currency, n) ON a.n = l.account) l
            ON l.entry = u.n
        GROUP BY u.n, u.book, u.kind, u.value_date) c;
    SELECT array_agg(j.key), min(j.key) FILTER (WHERE j.digest <> u.digest) INTO known, other
    FROM unnest(e_key, digests) u (key, digest)
    JOIN LATERAL (SELECT key, digest FROM ledger_journalentry WHERE key = u.key OFFSET 0) j ON true;
    IF other IS NOT NULL THEN
        RAISE EXCEPTION 'Entry % is already in the book with another content: give the new event a key of its own.', other USING ERRCODE = 'LF005';
    END IF;
    wanted := cardinality(e_key) - coalesce(cardinality(known), 0);

    IF wanted > 0 THEN
        IF known IS NOT NULL THEN
            SELECT array_agg(l.entry), array_agg(l.account), array_agg(l.side), array_agg(l.amount), array_agg(l.fact)
            INTO l_entry, l_account, l_side, l_amount, l_fact
            FROM unnest(l_entry, l_account, l_side, l_amount, l_fact) l (entry, account, side, amount, fact)
            JOIN unnest(e_key) WITH ORDINALITY u (key, n) ON u.n = l.entry WHERE u.key <> ALL (known);
        END IF;
        WITH legs AS MATERIALIZED (
            SELECT row_number() OVER () AS n, s.* FROM (
                SELECT l.entry, a.id AS account, l.side, l.amount, NULL::bigint AS instead_of
                FROM unnest(l_entry, l_account, l_side, l_amount) l (entry, account, side, amount)
                JOIN unnest(ids) WITH ORDINALITY a (id, n) ON a.n = l.account
                WHERE over_ids IS NULL
                UNION ALL
                SELECT x.* FROM ledger_split_legs(l_entry, l_account, l_side, l_amount, l_fact,
                    ids, over_ids, a_side, a_minimum, balances, holes) x
                WHERE over_ids IS NOT NULL) s
        ), fresh AS MATERIALIZED (
            SELECT u.*, c.legs FROM unnest(e_book, e_key, digests, e_kind, e_booking, e_value, e_memo, e_cause)
                WITH ORDINALITY u (book, key, digest, kind, booking, value, memo, cause, n)
            JOIN (SELECT l.entry, count(*) AS legs FROM legs l GROUP BY l.entry) c ON c.entry = u.n
        ), headers AS (
            INSERT INTO ledger_journalentry (book_id, key, digest, kind, leg_count, booking_date, value_date, memo, cause)
            SELECT f.book, f.key, f.digest, f.kind, f.legs, f.booking, f.value, f.memo, f.cause
            FROM fresh f ORDER BY f.key
            ON CONFLICT (key) DO NOTHING RETURNING id, key
        ), postings AS (
            INSERT INTO ledger_posting (entry_id, line, account_id, side, amount, instead_of_id)
            SELECT h.id, row_number() OVER (PARTITION BY h.id ORDER BY l.n), l.account, l.side, l.amount, l.instead_of
            FROM legs l JOIN fresh f ON f.n = l.entry JOIN headers h ON h.key = f.key
            ORDER BY l.n
        )
        SELECT array_agg(h.id) INTO added FROM headers h;
        IF cardinality(added) IS DISTINCT FROM wanted THEN
            RAISE EXCEPTION 'An entry of this posting is already in the book with another content.' USING ERRCODE = 'LF005';
        END IF;
        INSERT INTO audit_auditevent ("on", actor_id, actor, action, object_type, object_id, after, reason)
        VALUES (on_, actor_id_, actor_, 'ledger.posted', 'ledger.journalentry', added[1]::text,
            jsonb_build_object('entries', added), '');
    END IF;
    RETURN QUERY SELECT j.* FROM unnest(e_key) WITH ORDINALITY u (key, n)
        JOIN LATERAL (SELECT * FROM ledger_journalentry WHERE key = u.key OFFSET 0) j ON true ORDER BY u.n;
END $$;
"""

UNDO = """
DROP FUNCTION ledger_post, ledger_split_legs, ledger_open_accounts, ledger_balance_of, ledger_entry_digest;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_rules")]

    operations = [
        migrations.RunSQL(DIGEST + BALANCE + POST, UNDO),
    ]
