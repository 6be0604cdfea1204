"""What a statement says was held at its end."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("servicing", "0006_borrower_requests")]

    operations = [
        migrations.CreateModel(
            name="ClosingBalance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                (
                    "bank_import",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="closing",
                        to="servicing.bankimport",
                    ),
                ),
            ],
            options={"ordering": ["day", "id"]},
        ),
    ]
