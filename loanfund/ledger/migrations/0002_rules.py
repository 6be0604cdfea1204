"""The rules of the book, held by the database.

A trigger on a statement sees all legs of an entry at once, because all legs of an entry come in one INSERT; a constraint
trigger cannot have a transition table, so nothing here is checked late except a header that never got its legs.

Locks are taken in one order: accounts by name, headers by key, balances by account id, the audit chain at commit.
"""

from django.db import migrations

CHART = """
ALTER TABLE ledger_account
    ADD CONSTRAINT ledger_account_family CHECK (family = CASE
        WHEN kind NOT LIKE 'M\\_%' THEN 0
        WHEN kind IN ('M_LIMIT', 'M_HEADROOM', 'M_PROMISED', 'M_OVER_HEADROOM') THEN 2
        ELSE 1 END),
    ADD CONSTRAINT ledger_account_normal_side CHECK (normal_side = CASE WHEN kind IN (
        'BANK_OVERDRAFT', 'UNAPPLIED', 'REFUNDS_IN_TRANSIT', 'LOSS_ALLOWANCE', 'INTEREST_SUSPENSE',
        'INTEREST_INCOME', 'DEFAULT_INTEREST_INCOME', 'COMMITMENT_FEE_INCOME', 'ARRANGEMENT_FEE_INCOME',
        'PREPAYMENT_FEE_INCOME', 'LATE_FEE_INCOME', 'RECOVERY_INCOME', 'COSTS_RECHARGED', 'FUND_CAPITAL',
        'M_SIZE', 'M_OVER_LIMIT', 'M_LIMIT', 'M_OVER_HEADROOM') THEN 'C' ELSE 'D' END),
    ADD CONSTRAINT ledger_account_never_negative CHECK (minimum IS NOT NULL AND minimum >= 0 OR kind NOT IN (
        'CASH', 'LOAN_PRINCIPAL', 'CAPITALISED_INTEREST', 'UNAPPLIED', 'DISBURSEMENTS_IN_TRANSIT', 'REFUNDS_IN_TRANSIT',
        'M_AVAILABLE', 'M_RESERVED', 'M_UNDRAWN', 'M_EARMARKED', 'M_DRAWN', 'M_REPAID', 'M_WRITTEN_OFF',
        'M_HEADROOM', 'M_PROMISED'));
"""

CHART_UNDO = """
ALTER TABLE ledger_account
    DROP CONSTRAINT ledger_account_family,
    DROP CONSTRAINT ledger_account_normal_side,
    DROP CONSTRAINT ledger_account_never_negative;
"""

ACCOUNTS = """
CREATE FUNCTION ledger_account_opened() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_RELID <> 'public.ledger_account'::regclass THEN
        RAISE EXCEPTION 'ledger_account_opened belongs to the accounts alone.' USING ERRCODE = 'LF009';
    END IF;
    INSERT INTO ledger_balance (account_id, debit, credit) SELECT id, 0, 0 FROM opened;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_account_opened AFTER INSERT ON ledger_account REFERENCING NEW TABLE AS opened
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_account_opened();
"""

PERIODS = """
CREATE FUNCTION ledger_period_closes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last date;
BEGIN
    PERFORM pg_advisory_xact_lock(8315, NEW.book_id::int);
    SELECT max(ends_on) INTO last FROM ledger_accountingperiod WHERE book_id = NEW.book_id;
    IF NEW.starts_on <> last + 1 THEN
        RAISE EXCEPTION 'The books are closed up to %: the next period to close starts on %.', last, last + 1
            USING ERRCODE = 'LF004';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_period_closes BEFORE INSERT ON ledger_accountingperiod
    FOR EACH ROW EXECUTE FUNCTION ledger_period_closes();

-- A shared lock per book makes closing wait for whoever is booking, and booking wait for whoever closes.
CREATE FUNCTION ledger_entry_in_open_period() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    bad record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8315, b.book_id::int) FROM (SELECT DISTINCT book_id FROM added) b;
    SELECT a.key, a.booking_date, p.ends_on INTO bad
    FROM added a JOIN ledger_accountingperiod p ON p.book_id = a.book_id AND p.ends_on >= a.booking_date
    ORDER BY p.ends_on DESC LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The books are closed up to %: entry % cannot be booked on %. Book it on a later date.',
            bad.ends_on, bad.key, bad.booking_date USING ERRCODE = 'LF004';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_in_open_period AFTER INSERT ON ledger_journalentry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_in_open_period();

CREATE FUNCTION ledger_entry_has_legs() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM public.ledger_posting WHERE entry_id = NEW.id LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Entry % has no legs: an entry and its % legs are posted together.', NEW.key, NEW.leg_count
            USING ERRCODE = 'LF002';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_has_legs AFTER INSERT ON ledger_journalentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_has_legs();
"""

LEGS = """
CREATE FUNCTION ledger_lock_balances(accounts bigint[])
RETURNS TABLE (account bigint, debit numeric, credit numeric) LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT b.account_id, b.debit, b.credit FROM ledger_balance b
    WHERE b.account_id = ANY (accounts) ORDER BY b.account_id FOR UPDATE
$$;

-- The plans are kept for the session and must suit two legs and a hundred thousand, on a table however young: each leg
-- looks its entry and account up by key, which OFFSET 0 and the ban on sequential scans make the planner keep to.
CREATE FUNCTION ledger_legs_posted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    bad record;
    overfull boolean;
BEGIN
    IF TG_RELID <> 'public.ledger_posting'::regclass THEN
        RAISE EXCEPTION 'ledger_legs_posted belongs to the postings alone.' USING ERRCODE = 'LF009';
    END IF;

    -- Lines are unique within an entry and count from 1, so none above the header's count and as many as all headers
    -- say together means that every entry has exactly its legs.
    SELECT e.key, a.currency, sum(CASE l.side WHEN 'D' THEN l.amount ELSE -l.amount END) AS off,
        max(l.line) > e.leg_count AS too_many, bool_or(a.book_id IS DISTINCT FROM e.book_id) AS foreign_account,
        bool_or(scale(trim_scale(l.amount)) > a.decimals) AS too_fine INTO bad
    FROM legs l
        JOIN LATERAL (SELECT * FROM ledger_journalentry WHERE id = l.entry_id OFFSET 0) e ON true
        LEFT JOIN LATERAL (SELECT * FROM ledger_account WHERE id = l.account_id OFFSET 0) a ON true
    GROUP BY l.entry_id, e.key, e.leg_count, a.currency, a.family
    HAVING sum(CASE l.side WHEN 'D' THEN l.amount ELSE -l.amount END) <> 0 OR max(l.line) > e.leg_count
        OR bool_or(a.book_id IS DISTINCT FROM e.book_id) OR bool_or(scale(trim_scale(l.amount)) > a.decimals)
    ORDER BY too_many DESC, foreign_account DESC LIMIT 1;
    overfull := FOUND AND bad.too_many;
    IF FOUND AND NOT overfull AND bad.foreign_account THEN
        RAISE EXCEPTION 'Entry % has a leg on an account that is not in its book.', bad.key USING ERRCODE = 'LF001';
    ELSIF FOUND AND NOT overfull AND bad.too_fine THEN
        RAISE EXCEPTION 'Entry % has an amount finer than % allows.', bad.key, bad.currency USING ERRCODE = 'LF001';
    ELSIF FOUND AND NOT overfull THEN
        RAISE EXCEPTION 'Entry % does not balance: debits and credits in % differ by %.', bad.key, bad.currency,
            trim_scale(bad.off) USING ERRCODE = 'LF001';
    END IF;
    SELECT sum(d.legs) AS present, sum(e.leg_count) AS wanted, bool_or(e.id IS NULL) AS headless INTO bad
    FROM (SELECT entry_id, count(*) AS legs FROM legs GROUP BY entry_id) d
        LEFT JOIN LATERAL (SELECT id, leg_count FROM ledger_journalentry WHERE id = d.entry_id OFFSET 0) e ON true;
    IF overfull OR bad.headless OR bad.present <> bad.wanted THEN
        SELECT coalesce(e.key, l.entry_id::text) AS key, count(*) AS present, coalesce(e.leg_count, 0) AS wanted INTO bad
        FROM legs l LEFT JOIN ledger_journalentry e ON e.id = l.entry_id GROUP BY l.entry_id, e.id
        HAVING count(*) IS DISTINCT FROM e.leg_count OR max(l.line) > e.leg_count LIMIT 1;
        RAISE EXCEPTION 'Entry % has % legs, its header says %: all legs of an entry are posted together.',
            bad.key, bad.present, bad.wanted USING ERRCODE = 'LF002';
    END IF;

    PERFORM ledger_lock_balances(ARRAY(SELECT DISTINCT account_id FROM legs));
    WITH moved AS MATERIALIZED (
        SELECT l.account_id, e.booking_date, coalesce(sum(l.amount) FILTER (WHERE l.side = 'D'), 0) AS debit,
            coalesce(sum(l.amount) FILTER (WHERE l.side = 'C'), 0) AS credit
        FROM legs l JOIN LATERAL (SELECT booking_date FROM ledger_journalentry WHERE id = l.entry_id OFFSET 0) e ON true
        GROUP BY l.account_id, e.booking_date
    ), days AS (
        INSERT INTO ledger_daymovement AS d (account_id, booking_date, debit, credit)
        SELECT account_id, booking_date, debit, credit FROM moved
        ON CONFLICT (account_id, booking_date)
            DO UPDATE SET debit = d.debit + EXCLUDED.debit, credit = d.credit + EXCLUDED.credit
    ), kept AS (
        UPDATE ledger_balance b SET debit = b.debit + m.debit, credit = b.credit + m.credit
        FROM (SELECT account_id, sum(debit) AS debit, sum(credit) AS credit FROM moved GROUP BY account_id) m
        WHERE m.account_id = b.account_id
        RETURNING b.account_id, b.debit, b.credit, m.debit - m.credit AS change
    )
    SELECT a.kind, a.owner, a.currency, a.minimum, a.maximum, trim_scale(k.change * s.sign) AS change,
        trim_scale((k.debit - k.credit) * s.sign) AS after INTO bad
    FROM kept k JOIN LATERAL (SELECT * FROM ledger_account WHERE id = k.account_id OFFSET 0) a ON true,
        LATERAL (SELECT CASE a.normal_side WHEN 'D' THEN 1 ELSE -1 END AS sign) s
    WHERE (k.debit - k.credit) * s.sign < a.minimum AND k.change * s.sign < 0
        OR (k.debit - k.credit) * s.sign > a.maximum AND k.change * s.sign > 0
    ORDER BY k.account_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Account % % % would stand at %, past its limit.', bad.kind, bad.owner, bad.currency, bad.after
            USING ERRCODE = 'LF003', DETAIL = json_build_object('kind', bad.kind, 'owner', bad.owner,
                'currency', bad.currency, 'before', (bad.after - bad.change)::text, 'after', bad.after::text,
                'change', bad.change::text, 'minimum', bad.minimum::text, 'maximum', bad.maximum::text)::text;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_legs_posted AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS legs
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_legs_posted();
"""

UNDO = """
DROP TRIGGER ledger_account_opened ON ledger_account;
DROP TRIGGER ledger_period_closes ON ledger_accountingperiod;
DROP TRIGGER ledger_entry_in_open_period ON ledger_journalentry;
DROP TRIGGER ledger_entry_has_legs ON ledger_journalentry;
DROP TRIGGER ledger_legs_posted ON ledger_posting;
DROP FUNCTION ledger_account_opened, ledger_period_closes, ledger_entry_in_open_period, ledger_entry_has_legs,
    ledger_legs_posted, ledger_lock_balances;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("audit", "0002_chain_and_seals")]

    operations = [
        migrations.RunSQL(CHART, CHART_UNDO),
        migrations.RunSQL(ACCOUNTS + PERIODS + LEGS, UNDO),
    ]
