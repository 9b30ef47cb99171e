"""The groups of staff. What each may do is the table in settings/staff.py, so a group is only its name."""

from django.db import migrations

ROLES = ("support", "moderator", "finance", "verifier", "operator")


def make_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.bulk_create([groups.model(name=name) for name in ROLES], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_tables"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
