from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("facilities", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="fundpolicy",
            name="decision_validity_days",
            field=models.PositiveSmallIntegerField(default=60),
            preserve_default=False,
        ),
        migrations.RemoveConstraint(model_name="fundpolicy", name="facilities_fundpolicy_offer_positive"),
        migrations.AddConstraint(
            model_name="fundpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("signatories_needed__gt", 0),
                    ("offer_validity_days__gt", 0),
                    ("decision_validity_days__gt", 0),
                ),
                name="facilities_fundpolicy_offer_positive",
            ),
        ),
    ]
