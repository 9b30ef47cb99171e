"""What a right PIN is worth: one payment, and no other."""

from django.db import models
from django.db.models import Q


class Approval(models.Model):
    """A payer has shown their PIN for exactly this payment. It is used up by the payment's own transaction."""

    pk = models.CompositePrimaryKey("user_id", "digest")
    user_id = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=40)
    payee = models.CharField(max_length=120)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payments_approval"
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="approval_amount")]
