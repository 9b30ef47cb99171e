from dataclasses import dataclass

from superapp.core.events import Event


@dataclass(frozen=True)
class AssetStored(Event):
    """An upload is there and waits for a worker. A photo can be sent and seen at full size already."""

    asset_id: int
    owner_id: int


@dataclass(frozen=True)
class AssetReady(Event):
    """Every variant is there."""

    asset_id: int
    owner_id: int


@dataclass(frozen=True)
class FileLeft(Event):
    """No row names this file any more."""

    asset_id: int
    storage_key: str
