"""What happens after an upload."""

from superapp.core.events import at_least_once
from superapp.media import services, tasks
from superapp.media.events import AssetStored, FileLeft


@at_least_once(AssetStored)
def queue_variants(event: AssetStored) -> None:
    # Raises when the broker is away, so that the outbox tries again.
    tasks.make_variants.delay(event.asset_id)


@at_least_once(FileLeft)
def delete_file(event: FileLeft) -> None:
    """What a clean copy replaced knows where it was recorded. Raises while storage is away."""
    services.delete_file(storage_key=event.storage_key)
