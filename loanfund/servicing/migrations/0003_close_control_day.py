"""The close proves one day's shares of the control accounts without reading those of every other day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("servicing", "0002_close_batch_index")]

    operations = [
        migrations.AddIndex(
            model_name="controlposting",
            index=models.Index(fields=["booking_date"], name="servicing_controlposting_day"),
        ),
    ]
