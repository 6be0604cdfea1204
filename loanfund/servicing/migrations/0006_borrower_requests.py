"""What borrowers ask for and tell, with the answers."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0005_regrouping"),
        ("parties", "0004_notices_to_an_address"),
        ("servicing", "0005_hand_journals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BorrowerRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=20, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment_holiday", "payment holiday"),
                            ("refund", "refund"),
                            ("payment_report", "report of a payment"),
                            ("balance_confirmation", "balance confirmation"),
                        ],
                        max_length=20,
                    ),
                ),
                ("amount", models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True)),
                ("day", models.DateField()),
                ("until", models.DateField(blank=True, null=True)),
                ("reference", models.CharField(blank=True, max_length=140)),
                ("text", models.CharField(blank=True, max_length=1000)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "with the lender"),
                            ("answered", "answered"),
                            ("declined", "declined"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("asked_on", models.DateField()),
                ("answer", models.CharField(blank=True, max_length=1000)),
                ("answered_on", models.DateField(blank=True, null=True)),
                (
                    "answered_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "confirmation",
                    models.OneToOneField(
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
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="facilities.facility",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="parties.storedfile",
                    ),
                ),
                (
                    "instruction",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="request",
                        to="servicing.instruction",
                    ),
                ),
                (
                    "loan",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="servicing.loan",
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="servicing.receipt",
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="request",
                        to="servicing.refund",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__gt", 0),
                            models.Q(
                                ("amount__isnull", True),
                                ("kind__in", ["payment_holiday", "balance_confirmation"]),
                            ),
                            _connector="OR",
                        ),
                        name="servicing_borrowerrequest_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("kind", "payment_holiday"),
                                ("loan__isnull", False),
                                ("until__gt", models.F("day")),
                            ),
                            models.Q(
                                models.Q(("kind", "payment_holiday"), _negated=True),
                                ("loan__isnull", True),
                                ("until__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="servicing_borrowerrequest_holiday_of_a_loan",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "payment_report"), _negated=True),
                            models.Q(("reference", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="servicing_borrowerrequest_report_with_reference",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["answered", "declined"]), _negated=True),
                            models.Q(
                                ("answered_by__isnull", False),
                                ("answered_on__isnull", False),
                                models.Q(("answer", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="servicing_borrowerrequest_answer_by_somebody",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "payment_report"), ("state__in", ["open", "answered"])),
                        fields=("facility", "reference", "amount"),
                        name="servicing_borrowerrequest_payment_reported_once",
                    ),
                ],
            },
        ),
    ]
