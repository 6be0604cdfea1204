"""A refund that was approved may turn out not to be paid."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("facilities", "0005_regrouping"),
        ("servicing", "0008_cash_pairs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="refund",
            name="servicing_refund_approved_by_a_second_person",
        ),
        migrations.AlterField(
            model_name="refund",
            name="state",
            field=models.CharField(
                choices=[
                    ("proposed", "Proposed"),
                    ("approved", "Approved"),
                    ("paid", "Paid"),
                    ("refused", "Refused"),
                    ("failed", "Not paid"),
                ],
                default="proposed",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["approved", "paid", "failed"]), _negated=True),
                    ("checker__isnull", False),
                    _connector="OR",
                ),
                name="servicing_refund_approved_by_a_second_person",
            ),
        ),
    ]
