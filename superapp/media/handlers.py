"""What happens after an upload."""

from superapp.core.events import at_least_once
from superapp.media import tasks
from superapp.media.events import PhotoStored


@at_least_once(PhotoStored)
def queue_variants(event: PhotoStored) -> None:
    # Raises when the broker is away, so that the outbox tries again.
    tasks.make_variants.delay(event.asset_id)
