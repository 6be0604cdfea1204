"""A conflict is declared by the member whose interest it is, and by nobody else."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("origination", "0006_ballots_of_members")]

    operations = [
        migrations.AddConstraint(
            model_name="conflictdeclaration",
            constraint=models.CheckConstraint(
                condition=models.Q(("declared_by", models.F("user"))),
                name="origination_conflictdeclaration_of_oneself",
            ),
        ),
    ]
