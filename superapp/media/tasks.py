from datetime import timedelta

from celery import shared_task
from django.conf import settings

from superapp.media import selectors, services

DELETIONS_PER_RUN, DELETIONS_PER_BATCH = 1000, 50


@shared_task
def make_variants(asset_id: int) -> None:
    # The name stands in queues and is older than sound and film.
    services.make_variants(asset_id=asset_id)


@shared_task
def resume_processing() -> None:
    """Queues again what a broker lost or a worker did not finish. What still waits in the queue is queued twice, which
    costs the second worker one statement."""
    for asset_id in selectors.assets_left_behind(overdue=timedelta(minutes=1), limit=100):
        make_variants.delay(asset_id)


@shared_task
def delete_unused() -> None:
    """As many as there is time for; the next run goes on."""
    for _ in range(DELETIONS_PER_RUN // DELETIONS_PER_BATCH):
        if not services.delete_orphans(older_than=settings.MEDIA_UNUSED_KEPT_FOR, batch=DELETIONS_PER_BATCH):
            break
