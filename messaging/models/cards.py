"""Where the cards of products are, and how new each is."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class NewestCard(models.Model):
    """What a card says now, for all its copies. A directory: the copies are in conversations, each a row of its log."""

    pk = models.CompositePrimaryKey("reference", "kind")
    reference = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    version = models.BigIntegerField()
    data = models.JSONField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "messaging_card"
        constraints = [models.CheckConstraint(condition=Q(version__gte=1), name="card_version")]


class CardCopy(models.Model):
    """Where a card was posted or forwarded to, and which version stands there."""

    pk = models.CompositePrimaryKey("reference", "kind", "conversation_id", "seq")
    reference = models.CharField(max_length=100)
    kind = models.CharField(max_length=40)
    conversation_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    version = models.BigIntegerField()

    class Meta:
        db_table = "messaging_card_copy"
        constraints = [models.CheckConstraint(condition=Q(version__gte=1, seq__gte=1), name="card_copy_numbers")]
