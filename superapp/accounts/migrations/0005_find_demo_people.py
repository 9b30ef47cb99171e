"""So that a deployment can ask whether anybody of the demo is here without reading everybody."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0004_find_codes_by_phone")]
    operations = [
        AddIndexConcurrently(
            model_name="user",
            index=models.Index(condition=models.Q(("is_demo", True)), fields=["id"], name="user_of_the_demo"),
        ),
    ]
