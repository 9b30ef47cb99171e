from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parents[1] / "sql"


def run(*names):
    # There is no way back: a ledger is not taken out from under its money.
    return migrations.RunSQL("\n".join((SQL / f"{name}.sql").read_text() for name in names))


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0001_tables'),
    ]

    operations = [
        # Room beside each row for its next version: balances then change without touching an index.
        migrations.RunSQL("ALTER TABLE ledger_account SET (fillfactor = 70)"),
        run("0001_guards", "0002_accounts", "0003_fold", "0004_transfer", "0005_entries", "0006_holds"),
        run("0007_privileges"),
    ]
