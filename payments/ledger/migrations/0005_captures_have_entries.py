from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0004_checks'),
    ]

    operations = [
        ValidateConstraint(model_name='hold', name='ledger_hold_captured_by'),
    ]
