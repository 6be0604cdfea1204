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

CREATE FUNCTION ledger_entry_has_legs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_posting WHERE entry_id = NEW.id AND line = NEW.leg_count) THEN
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

CREATE FUNCTION ledger_legs_posted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    bad record;
BEGIN
    IF TG_RELID <> 'public.ledger_posting'::regclass THEN
        RAISE EXCEPTION 'ledger_legs_posted belongs to the postings alone.' USING ERRCODE = 'LF009';
    END IF;

    SELECT l.entry_id, e.key, e.leg_count, count(*) AS present INTO bad
    FROM legs l LEFT JOIN ledger_journalentry e ON e.id = l.entry_id
    GROUP BY l.entry_id, e.id
    HAVING e.id IS NULL OR count(*) <> e.leg_count OR max(l.line) <> e.leg_count LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % has % legs, its header says %: all legs of an entry are posted together.',
            coalesce(bad.key, bad.entry_id::text), bad.present, coalesce(bad.leg_count, 0) USING ERRCODE = 'LF002';
    END IF;

    SELECT e.key, a.currency, sum(CASE l.side WHEN 'D' THEN l.amount ELSE -l.amount END) AS off,
        bool_or(a.id IS NULL OR a.book_id <> e.book_id) AS foreign_account,
        bool_or(scale(trim_scale(l.amount)) > a.decimals) AS too_fine INTO bad
    FROM legs l JOIN ledger_journalentry e ON e.id = l.entry_id LEFT JOIN ledger_account a ON a.id = l.account_id
    GROUP BY e.id, a.currency, a.family
    HAVING sum(CASE l.side WHEN 'D' THEN l.amount ELSE -l.amount END) <> 0
        OR bool_or(a.id IS NULL OR a.book_id <> e.book_id) OR bool_or(scale(trim_scale(l.amount)) > a.decimals) LIMIT 1;
    IF FOUND THEN
        IF bad.foreign_account THEN
            RAISE EXCEPTION 'Entry % has a leg on an account that is not in its book.', bad.key USING ERRCODE = 'LF001';
        ELSIF bad.too_fine THEN
            RAISE EXCEPTION 'Entry % has an amount finer than % allows.', bad.key, bad.currency USING ERRCODE = 'LF001';
        END IF;
        RAISE EXCEPTION 'Entry % does not balance: debits and credits in % differ by %.', bad.key, bad.currency,
            trim_scale(bad.off) USING ERRCODE = 'LF001';
    END IF;

    PERFORM ledger_lock_balances(ARRAY(SELECT DISTINCT account_id FROM legs));
    WITH moved AS (
        SELECT account_id, coalesce(sum(amount) FILTER (WHERE side = 'D'), 0) AS debit,
            coalesce(sum(amount) FILTER (WHERE side = 'C'), 0) AS credit
        FROM legs GROUP BY account_id
    ), kept AS (
        UPDATE ledger_balance b SET debit = b.debit + m.debit, credit = b.credit + m.credit
        FROM moved m WHERE m.account_id = b.account_id
        RETURNING b.account_id, b.debit, b.credit, m.debit - m.credit AS change
    )
    SELECT a.kind, a.owner, a.currency, a.minimum, a.maximum, trim_scale(k.change * s.sign) AS change,
        trim_scale((k.debit - k.credit) * s.sign) AS after INTO bad
    FROM kept k JOIN ledger_account a ON a.id = k.account_id,
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

    INSERT INTO ledger_daymovement AS d (account_id, booking_date, debit, credit)
    SELECT l.account_id, e.booking_date, coalesce(sum(l.amount) FILTER (WHERE l.side = 'D'), 0),
        coalesce(sum(l.amount) FILTER (WHERE l.side = 'C'), 0)
    FROM legs l JOIN ledger_journalentry e ON e.id = l.entry_id
    GROUP BY l.account_id, e.booking_date
    ON CONFLICT (account_id, booking_date)
        DO UPDATE SET debit = d.debit + EXCLUDED.debit, credit = d.credit + EXCLUDED.credit;
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
