from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("messaging", "0008_what_people_allow")]

    operations = [ValidateConstraint(model_name="preferences", name="preferences_are_choices")]
