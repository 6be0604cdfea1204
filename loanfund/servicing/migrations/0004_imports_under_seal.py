"""What a bank's file said is written once and comes under seal (after this migration, by its models); a line says what
became of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("servicing", "0003_close_control_day")]

    operations = [
        migrations.AddConstraint(
            model_name="bankimportrow",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome", ""), _negated=True),
                name="servicing_bankimportrow_outcome_said",
            ),
        ),
    ]
