from dataclasses import dataclass

from superapp.core.events import Event


@dataclass(frozen=True)
class PhotoStored(Event):
    """The photo can be sent and seen at full size; its smaller variants are still to be made."""

    asset_id: int
    owner_id: int


@dataclass(frozen=True)
class AssetReady(Event):
    """Every variant is there."""

    asset_id: int
    owner_id: int
