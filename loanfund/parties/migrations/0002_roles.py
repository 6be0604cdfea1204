"""The lender's roles exist on every database, under the same names."""

from django.db import migrations

ROLES = [
    "Analyst",
    "Committee member",
    "Chair",
    "Operations maker",
    "Operations checker",
    "Finance",
    "Auditor",
    "Administrator",
]


def make(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.using(schema_editor.connection.alias).get_or_create(name=name)


def remove(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    group.objects.using(schema_editor.connection.alias).filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [("parties", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(make, remove)]
