"""Rows from before know their last row as the last that was shown, and its time as that of their place in lists."""

from typing import Any

from django.db import migrations


def fill(apps: Any, schema_editor: Any) -> None:
    """Batch by batch, each a transaction of its own; what was done is not done again."""
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(
                """
                UPDATE messaging_conversation SET last_shown_seq = last_seq, last_at = changed_at
                WHERE id IN (
                    SELECT id FROM messaging_conversation WHERE last_shown_seq = 0 AND last_seq > 0
                    ORDER BY id LIMIT 5000 FOR NO KEY UPDATE SKIP LOCKED)
                """
            )
            if not cursor.rowcount:
                return


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0002_groups_and_changes")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
