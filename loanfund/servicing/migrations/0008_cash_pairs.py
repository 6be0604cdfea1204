"""What people said belongs together on statements and in the book: no pair is kept whose two sides differ."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

RULES = """
-- At commit: a pair's lines and its movements both sum to its amount, and each movement moved that much cash of the fund.
CREATE FUNCTION servicing_cash_pair_ties() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    told record;
    wrong record;
BEGIN
    SELECT p.number, p.undoes_id, p.amount,
        count(s.line_id) AS lines, coalesce(sum(s.amount) FILTER (WHERE s.line_id IS NOT NULL), 0) AS listed,
        count(s.entry_id) AS entries, coalesce(sum(s.amount) FILTER (WHERE s.entry_id IS NOT NULL), 0) AS moved
    INTO told FROM servicing_cashpair p LEFT JOIN servicing_cashpairside s ON s.pair_id = p.id
    WHERE p.id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint GROUP BY p.id;
    IF told.undoes_id IS NULL AND (told.listed <> told.amount OR told.moved <> told.amount
            OR least(told.lines, told.entries) <> 1) THEN
        RAISE EXCEPTION 'Pair % has % on statements and % in the book.', told.number, told.listed, told.moved
            USING ERRCODE = 'LF007';
    END IF;
    IF told.undoes_id IS NOT NULL AND told.lines + told.entries > 0 THEN
        RAISE EXCEPTION 'Pair % takes another one back and has sides of its own.', told.number USING ERRCODE = 'LF007';
    END IF;
    SELECT s.entry_id INTO wrong FROM servicing_cashpairside s JOIN servicing_cashpair p ON p.id = s.pair_id
    WHERE s.pair_id = (to_jsonb(NEW) ->> TG_ARGV[0])::bigint AND s.entry_id IS NOT NULL AND s.amount <> coalesce((
        SELECT sum(CASE l.side WHEN 'D' THEN l.amount ELSE -l.amount END)
        FROM ledger_posting l JOIN ledger_account a ON a.id = l.account_id JOIN facilities_fund f ON f.book_id = a.book_id
        WHERE l.entry_id = s.entry_id AND f.id = p.fund_id AND a.kind IN ('CASH', 'BANK_OVERDRAFT')), 0) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % did not move what pair % says.', wrong.entry_id, told.number USING ERRCODE = 'LF007';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER servicing_cashpair_ties AFTER INSERT OR UPDATE ON servicing_cashpair
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION servicing_cash_pair_ties('id');
CREATE CONSTRAINT TRIGGER servicing_cashpairside_ties AFTER INSERT OR UPDATE ON servicing_cashpairside
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION servicing_cash_pair_ties('pair_id');
"""
UNDO = """
DROP TRIGGER servicing_cashpair_ties ON servicing_cashpair;
DROP TRIGGER servicing_cashpairside_ties ON servicing_cashpairside;
DROP FUNCTION servicing_cash_pair_ties;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0005_regrouping"),
        ("ledger", "0003_post"),
        ("servicing", "0007_closing_balances"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CashPair",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("proposed_digest", models.CharField(blank=True, max_length=64)),
                ("number", models.CharField(max_length=20, unique=True)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("reason", models.CharField(max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("confirmed", "Confirmed"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                            ("undone", "Undone"),
                        ],
                        default="proposed",
                        max_length=10,
                    ),
                ),
                ("refusal_reason", models.CharField(blank=True, max_length=300)),
                ("proposed_on", models.DateField()),
                ("confirmed_on", models.DateField(blank=True, null=True)),
                (
                    "checker",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "fund",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cash_pairs",
                        to="facilities.fund",
                    ),
                ),
                (
                    "maker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undoings",
                        to="servicing.cashpair",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="CashPairSide",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("live", models.BooleanField(default=True)),
                (
                    "entry",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.journalentry",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pair_sides",
                        to="servicing.bankimportrow",
                    ),
                ),
                (
                    "pair",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sides",
                        to="servicing.cashpair",
                    ),
                ),
            ],
            options={
                "ordering": ["pair", "id"],
            },
        ),
        migrations.AddConstraint(
            model_name="cashpair",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("checker__isnull", True),
                    models.Q(("checker", models.F("maker")), _negated=True),
                    _connector="OR",
                ),
                name="servicing_cashpair_four_eyes",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpair",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("checker__isnull", True), ("checked_at__isnull", False), _connector="XOR"
                ),
                name="servicing_cashpair_checked_at_with_checker",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpair",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="servicing_cashpair_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpair",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["confirmed", "undone"]), _negated=True),
                    models.Q(("checker__isnull", False), ("confirmed_on__isnull", False)),
                    _connector="OR",
                ),
                name="servicing_cashpair_confirmed_by_a_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpair",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("undoes__isnull", True), models.Q(("state", "undone"), _negated=True), _connector="OR"
                ),
                name="servicing_cashpair_undoing_stays",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpair",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["proposed", "confirmed"])),
                fields=("undoes",),
                name="servicing_cashpair_undone_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpairside",
            constraint=models.CheckConstraint(
                condition=models.Q(("line__isnull", True), ("entry__isnull", True), _connector="XOR"),
                name="servicing_cashpairside_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpairside",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount", 0), _negated=True), name="servicing_cashpairside_amount"
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpairside",
            constraint=models.UniqueConstraint(
                condition=models.Q(("live", True)), fields=("line",), name="servicing_cashpairside_line_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="cashpairside",
            constraint=models.UniqueConstraint(
                condition=models.Q(("live", True)),
                fields=("entry",),
                name="servicing_cashpairside_entry_once",
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]
