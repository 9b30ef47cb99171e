"""Whatever would hold a busy table up: an index that is built beside it, and the look at rows that were there before."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0003_fill_last_shown")]
    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                fields=["conversation", "quote_seq"],
                condition=models.Q(("quote_seq__isnull", False)),
                name="message_quotes",
            ),
        ),
        ValidateConstraint(model_name="membership", name="membership_left_at_a_row"),
        ValidateConstraint(model_name="message", name="message_refers_back"),
        ValidateConstraint(model_name="message", name="message_quotes_back"),
        ValidateConstraint(model_name="message", name="message_recalled_says_nothing"),
    ]
