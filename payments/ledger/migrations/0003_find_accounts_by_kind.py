"""So that staff can list the accounts of a kind, and those that are frozen or closed, without reading all of them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0002_functions")]
    operations = [
        AddIndexConcurrently(
            model_name="account", index=models.Index(fields=["kind", "id"], name="ledger_account_by_kind")
        ),
        AddIndexConcurrently(
            model_name="account",
            index=models.Index(
                condition=models.Q(("status", "open"), _negated=True),
                fields=["status", "id"],
                name="ledger_account_not_open",
            ),
        ),
    ]
