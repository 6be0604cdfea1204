"""Nothing is booked into a month that is locked, whoever writes it."""

from django.db import migrations

GUARD = """
CREATE FUNCTION reporting_entry_in_unlocked_month() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    bad record;
BEGIN
    SELECT a.key, a.booking_date, m.last_day INTO bad
    FROM added a
    JOIN facilities_fund f ON f.book_id = a.book_id
    JOIN reporting_monthlock m ON m.fund_id = f.id AND a.booking_date BETWEEN m.first_day AND m.last_day
    WHERE m.state IN ('locked', 'reopening') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'The month that ends on % is locked: entry % cannot be booked on %. Book it in the open month.',
            bad.last_day, bad.key, bad.booking_date USING ERRCODE = 'LF004';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reporting_entry_in_unlocked_month AFTER INSERT ON ledger_journalentry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION reporting_entry_in_unlocked_month();
"""

UNDO = """
DROP TRIGGER reporting_entry_in_unlocked_month ON ledger_journalentry;
DROP FUNCTION reporting_entry_in_unlocked_month;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("reporting", "0004_month_locks"),
        ("ledger", "0002_rules"),
    ]

    operations = [migrations.RunSQL(GUARD, UNDO)]
