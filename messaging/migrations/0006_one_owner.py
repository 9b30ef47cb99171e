"""A group has one owner at most: by an index that is built beside the busy table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0005_every_kind_of_message")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    model_name="membership",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("left_seq", None), ("role", "owner")),
                        fields=("conversation",),
                        name="membership_one_owner",
                    ),
                )
            ],
            database_operations=[
                migrations.RunSQL(
                    """
                    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS membership_one_owner
                    ON messaging_membership (conversation_id) WHERE left_seq IS NULL AND role = 'owner'
                    """,
                    "DROP INDEX CONCURRENTLY IF EXISTS membership_one_owner",
                )
            ],
        ),
    ]
