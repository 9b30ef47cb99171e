from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_ceilings_are_for_what_is_new'),
    ]

    operations = [
        ValidateConstraint(model_name='account', name='ledger_account_ceiling'),
    ]
