"""Entries that people make by hand: one proposes, another books."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0005_regrouping"),
        ("parties", "0004_notices_to_an_address"),
        ("servicing", "0004_imports_under_seal"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HandJournal",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("capital_paid_in", "capital paid in"),
                            ("capital_paid_out", "capital paid out"),
                            ("bank_charge", "bank charge"),
                            ("allowance", "allowance for a loss"),
                            ("allowance_released", "allowance released"),
                        ],
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=10)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("value_date", models.DateField()),
                ("reference", models.CharField(max_length=140)),
                ("reason", models.CharField(max_length=300)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("booked", "Booked"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="proposed",
                        max_length=10,
                    ),
                ),
                ("refusal_reason", models.CharField(blank=True, max_length=300)),
                ("proposed_on", models.DateField()),
                ("booked_on", models.DateField(blank=True, null=True)),
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
                    "document",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.storedfile",
                    ),
                ),
                (
                    "facility",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hand_journals",
                        to="facilities.facility",
                    ),
                ),
                (
                    "fund",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="hand_journals",
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
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("checker__isnull", True),
                            models.Q(("checker", models.F("maker")), _negated=True),
                            _connector="OR",
                        ),
                        name="servicing_handjournal_four_eyes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("checker__isnull", True), ("checked_at__isnull", False), _connector="XOR"
                        ),
                        name="servicing_handjournal_checked_at_with_checker",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="servicing_handjournal_amount_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["allowance", "allowance_released"]),
                            ("facility__isnull", True),
                            _connector="XOR",
                        ),
                        name="servicing_handjournal_allowance_of_a_facility",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "booked"), _negated=True),
                            models.Q(("booked_on__isnull", False), ("checker__isnull", False)),
                            _connector="OR",
                        ),
                        name="servicing_handjournal_booked_by_a_second_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reason", ""), _negated=True),
                            models.Q(("reference", ""), _negated=True),
                        ),
                        name="servicing_handjournal_says_why",
                    ),
                ],
            },
        ),
    ]
