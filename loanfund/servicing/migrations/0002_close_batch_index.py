"""The rows of a batch are found by a B-tree: a block index knows nothing of rows that were written a moment ago, so that
sealing each batch read the whole night."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("servicing", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="accrual", name="servicing_accrual_batch"),
        migrations.RemoveIndex(model_name="facilityaccrual", name="servicing_facaccrual_batch"),
        migrations.AddIndex(
            model_name="accrual", index=models.Index(fields=["batch_id"], name="servicing_accrual_batch")
        ),
        migrations.AddIndex(
            model_name="facilityaccrual",
            index=models.Index(fields=["batch_id"], name="servicing_facaccrual_batch"),
        ),
    ]
