"""What the relay would do, done now and in this test's transaction."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from superapp.core import leases, outbox
from superapp.core.models import OutboxEvent


def deliver() -> None:
    """Every event that waits, with all its handlers. A handler that fails fails the test."""
    # This transaction's now() is its beginning, before anything was due.
    OutboxEvent.objects.filter(done_at=None).update(due_at=timezone.now() - timedelta(days=1))
    for shard in range(settings.OUTBOX_SHARDS):
        lease = leases.claim(name="outbox", shard=str(shard), ttl=timedelta(hours=1), owner="test")
        assert lease is not None
        while outbox.relay(lease):
            pass
    assert list(OutboxEvent.objects.filter(done_at=None).values_list("handler", "error")) == []
